"""The command thread: what others ask of the station."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from edge import __version__
from edge.contract.bundle import Bundle
from edge.contract.cam import Thresholds
from edge.contract.reasons import Reasons
from edge.contract.triggers import Untaken
from edge.contract.types import Frame, Inspection, Label, State
from edge.daemon import present
from edge.daemon.activator import Activator, Answer
from edge.daemon.deciding import Decider
from edge.daemon.inspector import Inspector
from edge.daemon.life import Life
from edge.daemon.orders import InFlightError
from edge.daemon.pause import Pause as PauseKeeper
from edge.daemon.plc import PlcRecipes
from edge.daemon.queries import Queries
from edge.daemon.recovery import replay, waiting
from edge.daemon.shadow import Shadow
from edge.daemon.thresholds import NewThresholds, as_last_set
from edge.errors import BundleError, ConfigError, DecidedMeanwhile, JournalError, OkngError, UsageError
from edge.inspection.recipes import read_recipe, recipe_file, recipe_names
from edge.inspection.triggers import Triggers
from edge.journal.journal import Journal
from edge.wire.answers import ReplayAnswer, WaitingAnswer
from edge.wire.commands import CommandServer
from edge.wire.present import FetchFrame, Recipes
from edge.wire.queries import FetchImage, Find, History, TakeSurvey
from edge.wire.requests import (
    Changeover,
    Decide,
    Decisions,
    ErrorCode,
    Golden,
    Interlock,
    Load,
    Pause,
    Protect,
    Replay,
    Request,
    Resume,
    Rollback,
    SetThresholds,
    Start,
    Status,
    Stop,
    Trigger,
    Undo,
    Waiting,
)

log = logging.getLogger(__name__)

POLL_MS = 100
SOON_MS = 2
"""Where an answer from the journal is awaited."""
IN_FLIGHT = "a part is in flight; ask again once it has its result"
STOPPING = "the station is stopping"
ENDED = "the source of frames has ended; restart the station"


class Refused(Exception):
    """The request is not carried out; `code` is for the program that asked, the message for its user."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Commander:
    """Answers each request once. Only the command thread calls `run`."""

    name = "command"

    def __init__(
        self, server: CommandServer, journal: Journal, triggers: Triggers, inspector: Inspector,
        activator: Activator, life: Life, shadow: Shadow | None, plc: PlcRecipes | None, decider: Decider,
        pause: PauseKeeper, *, station: str, free_run: bool, recipes: Path, reasons: Reasons,
    ) -> None:  # fmt: skip
        """`recipes` is the station's folder of recipes, `reasons` what operators choose from."""
        self._server, self._journal, self._triggers, self._inspector = server, journal, triggers, inspector
        self._activator, self._life, self._station, self._free_run = activator, life, station, free_run
        self._shadow, self._plc, self._recipes, self._reasons = shadow, plc, recipes, reasons
        self._decider, self._pause = decider, pause
        self._thresholds: tuple[Request, NewThresholds] | None = None
        """On their way to the line thread: no other bundle takes over meanwhile."""
        self._orders: list[tuple[Request, Future[dict[str, Any]] | Future[Frame | None]]] = []
        """What the line thread was asked to do, and has not said yet what came of it."""
        self._queries = Queries(server, journal.folder)
        self._began = time.monotonic()

    def run(self) -> None:
        """Until the daemon ends."""
        while not self._life.ending.is_set():
            self._life.progress(self.name)
            if request := self._server.poll(SOON_MS if self._queries.waiting else POLL_MS):
                self._answer(request)
            if self._plc:
                self._serve_plc(self._plc)
            self._queries.answer()
            if self._thresholds:
                self._answer_thresholds(*self._thresholds)
            else:
                self._activator.step()
            self._answer_orders()
        for request, _ in [*self._orders, *([self._thresholds] if self._thresholds else [])]:
            self._server.refuse(request, ErrorCode.WRONG_STATE, STOPPING)
        self._queries.close()
        self._activator.close()

    def _answer(self, request: Request) -> None:
        try:
            match request.command:
                case Load() | Rollback() as command:
                    self._change_bundle(request, command)
                case Changeover(recipe=recipe):
                    self._change_over(recipe, self._answer_of(request, ErrorCode.BAD_RECIPE, {"recipe": recipe}))
                case SetThresholds() as command:
                    self._set_thresholds(request, command)
                case Interlock():
                    self._orders.append((request, self._inspector.order(self._check)))
                case Golden(label=label):
                    self._orders.append((request, self._inspector.order(lambda: self._show_golden(label))))
                case History() | Find() | FetchImage() | TakeSurvey():
                    self._queries.ask(request)
                case FetchFrame():
                    self._orders.append((request, self._inspector.order(self._inspector.newest_frame)))
                case _:
                    self._server.reply(request, self._carry_out(request))
        except Refused as error:
            self._server.refuse(request, error.code, str(error))
        except JournalError as error:
            log.error("%s", error)
            self._server.refuse(request, ErrorCode.INTERNAL, str(error))

    def _carry_out(self, request: Request) -> dict[str, Any]:
        match request.command:
            case Status():
                return self._status()
            case Recipes():
                return {"recipes": recipe_names(self._recipes), "recipe": self._recipe_name}
            case Start():
                return self._start()
            case Stop():
                self._inspector.stop("stopped by command")
                return {"state": self._life.condition().state}
            case Pause(operator=operator, reason=reason):
                return self._pause_for(operator, reason)
            case Resume(operator=operator):
                return self._resume(operator)
            case Trigger(part=part):
                return self._trigger(part)
            case Replay() as asked:
                return self._read(replay(self._journal, asked), asked.after)
            case Waiting() as asked:
                return self._read(waiting(self._journal, asked), asked.after)
            case Decide() | Undo() | Protect() | Decisions() as command:
                return self._about(command, request.request_id)
        raise Refused(ErrorCode.UNKNOWN_COMMAND, "not a command of this station")

    def _status(self) -> dict[str, Any]:
        now = self._life.condition()
        return {
            "station": self._station,
            "boot": self._journal.boot_id,
            "okng": __version__,
            **_facts(self._activator.bundle),
            "recipe": self._recipe_name,
            "state": now.state,
            "reason": now.reason,
            "ended": now.ended,
            "triggers": now.triggers,
            "missed": now.untaken.get(Untaken.MISSED, 0),
            "overrun": now.untaken.get(Untaken.OVERRUN, 0),
            "results": now.results,
            "quality": now.quality and msgspec.to_builtins(now.quality),
            "warnings": now.warnings,
            "faults": now.faults,
            "since_ns": now.since_ns,
            "shadow": self._shadow and self._shadow.told(),
            "reasons": self._reasons,
            "held": self._decider.held(),
            "thresholds": self._thresholds_now(),
            "uptime_s": round(time.monotonic() - self._began, 1),
        }

    @property
    def _recipe_name(self) -> str:
        recipe = self._inspector.recipe
        return recipe.name if recipe else ""

    def _thresholds_now(self) -> Thresholds:
        card, recipe = self._activator.bundle.card, self._inspector.recipe
        return recipe.thresholds(card) if recipe else card.thresholds

    def _start(self) -> dict[str, Any]:
        if why := self._pause.reason:
            raise Refused(ErrorCode.WRONG_STATE, f"{why}; send resume first")
        if not self._inspector.start():
            raise Refused(ErrorCode.WRONG_STATE, ENDED)
        return {"state": self._life.condition().state}

    def _trigger(self, part: str) -> dict[str, Any]:
        if self._free_run:
            raise Refused(ErrorCode.WRONG_STATE, 'the station runs free; set trigger.kind = "command" to trigger it')
        if self._inspector.blocked:
            raise Refused(ErrorCode.WRONG_STATE, self._inspector.blocked)
        trigger = self._inspector.trigger(part)
        if trigger is Untaken.MISSED:
            raise Refused(ErrorCode.WRONG_STATE, "the station is halted or stopping; send start first")
        if trigger is Untaken.OVERRUN:
            raise Refused(ErrorCode.BUSY, "too many triggers wait for their frame")
        return {"inspection": Inspection.name(self._journal.boot_id, trigger.sequence)}

    def _pause_for(self, operator: str, reason: str) -> dict[str, Any]:
        if why := self._pause.reason:
            raise Refused(ErrorCode.WRONG_STATE, why)
        if not self._inspector.enabled.is_set():
            raise Refused(ErrorCode.WRONG_STATE, "the station does not inspect, so there is nothing to pause")
        self._pause.pause(operator, reason)
        return {"state": self._life.condition().state}

    def _resume(self, operator: str) -> dict[str, Any]:
        if not self._pause.reason:
            raise Refused(ErrorCode.WRONG_STATE, "the station is not paused")
        if self._life.condition().ended:
            raise Refused(ErrorCode.WRONG_STATE, ENDED)
        self._pause.resume(operator)
        return self._start()

    def _read(self, found: ReplayAnswer | WaitingAnswer | None, after: str) -> dict[str, Any]:
        if found is None:
            raise Refused(ErrorCode.UNKNOWN_INSPECTION, f"the journal has no boot {after[:8]}")
        return msgspec.structs.asdict(found)

    def _set_thresholds(self, request: Request, asked: SetThresholds) -> None:
        """Begins; the answer comes when parts are judged by them, or it is refused."""
        recipe = self._inspector.recipe
        if recipe is None:
            why = "the station has no recipe, and thresholds belong to one: write one, and send changeover"
            raise Refused(ErrorCode.WRONG_STATE, why)
        if self._thresholds or not self._activator.idle:
            raise Refused(ErrorCode.BUSY, self._activator.busy or "judging is being changed; ask again")
        try:
            change = NewThresholds(
                self._inspector, self._activator.judge, recipe, self._journal,
                asked.thresholds, asked.operator, asked.reason,
            )  # fmt: skip
        except OkngError as error:
            raise Refused(ErrorCode.BAD_RECIPE, str(error)) from None
        change.begin()
        self._thresholds = request, change

    def _answer_thresholds(self, request: Request, change: NewThresholds) -> None:
        if not change.done:
            return
        self._thresholds = None
        if (found := change.found) and not found.passed:
            self._server.refuse(request, ErrorCode.BAD_RECIPE, f"all stays as it was: {found.reason}")
            return
        self._server.reply(request, {"recipe": self._recipe_name, "thresholds": self._thresholds_now()})

    def _change_bundle(self, request: Request, command: Load | Rollback) -> None:
        """Begins; the answer comes when the bundle judges, or is refused."""
        if isinstance(command, Load) and not Path(command.bundle).is_absolute():
            raise Refused(ErrorCode.REFUSED, f"{command.bundle}: give the whole path, from /")
        self._refuse_another()
        answer = self._answer_of(request, ErrorCode.BAD_BUNDLE, {})
        if isinstance(command, Load):
            self._activator.load(Path(command.bundle), answer)
            return
        try:
            self._activator.roll_back(answer)
        except BundleError as error:
            raise Refused(ErrorCode.REFUSED, str(error)) from None

    def _serve_plc(self, plc: PlcRecipes) -> None:
        plc.show(self._recipe_name)
        if name := plc.wanted():
            try:
                self._change_over(name, partial(plc.answer, name))
            except Refused as error:
                plc.refuse(str(error), busy=error.code is ErrorCode.BUSY)

    def _change_over(self, name: str, answer: Answer) -> None:
        """Begins; the answer comes when parts are inspected by the recipe, or it is refused."""
        self._refuse_another()
        in_flight = self._triggers.waiting or self._life.condition().state is State.SINGLE_EXECUTION
        if in_flight and not self._free_run:  # the line thread asks again, when it comes to it
            raise Refused(ErrorCode.BUSY, IN_FLIGHT)
        try:
            recipe = as_last_set(read_recipe(recipe_file(self._recipes, name)), self._journal)
            self._triggers.check(recipe)
        except ConfigError as error:
            raise Refused(ErrorCode.BAD_RECIPE, str(error)) from None
        self._activator.change_over(recipe, answer)

    def _refuse_another(self) -> None:
        if busy := self._activator.busy:
            raise Refused(ErrorCode.BUSY, busy)

    def _answer_of(self, request: Request, bad: ErrorCode, facts: dict[str, Any]) -> Answer:
        """Answers a request once another bundle judges; `bad` is the code where a setting is why it does not."""

        def answer(outcome: Bundle | Exception | None) -> None:
            if isinstance(outcome, Bundle):
                self._server.reply(request, facts | _facts(outcome))
            elif outcome is None:
                self._server.refuse(request, ErrorCode.WRONG_STATE, STOPPING)
            elif isinstance(outcome, InFlightError):
                self._server.refuse(request, ErrorCode.BUSY, IN_FLIGHT)
            else:
                code = ErrorCode.BAD_BUNDLE if isinstance(outcome, BundleError) else bad
                self._server.refuse(request, code, str(outcome))

        return answer

    def _check(self) -> dict[str, Any]:
        """In the line thread."""
        event = self._inspector.check("command")
        return {"passed": event.passed, "frames": event.frames, "wrong": event.wrong}

    def _show_golden(self, label: Label) -> dict[str, Any]:
        """In the line thread."""
        inspection, event = self._inspector.show_golden(label)
        return {"inspection": inspection.id, "passed": event.passed, "wrong": event.wrong}

    def _answer_orders(self) -> None:
        for order in [each for each in self._orders if each[1].done()]:
            self._orders.remove(order)
            request, future = order
            try:
                found = future.result()
            except InFlightError:
                self._server.refuse(request, ErrorCode.BUSY, IN_FLIGHT)
            else:
                self._answer_order(request, found)

    def _answer_order(self, request: Request, found: dict[str, Any] | Frame | None) -> None:
        if found is None:
            self._server.refuse(request, ErrorCode.WRONG_STATE, "the camera has given no picture yet")
        elif isinstance(found, Frame):
            self._queries.work(request, partial(present.frame, found))
        else:
            self._server.reply(request, found)

    def _about(self, command: Decide | Undo | Protect | Decisions, request_id: str) -> dict[str, Any]:
        """What is said or asked of one inspection."""
        try:
            match command:
                case Decide():
                    return self._decider.decide(command, request_id)
                case Undo():
                    return self._decider.undo(command, request_id)
                case Decisions(inspection=inspection):
                    return self._decider.history(inspection)
                case Protect():
                    return self._decider.protect(command, self._activator.bundle.digest)
        except DecidedMeanwhile as error:
            raise Refused(ErrorCode.DECIDED, str(error)) from None
        except UsageError as error:
            known = isinstance(command, Undo) or self._journal.find(command.inspection)
            raise Refused(ErrorCode.REFUSED if known else ErrorCode.UNKNOWN_INSPECTION, str(error)) from None


def _facts(bundle: Bundle) -> dict[str, Any]:
    return {"bundle": bundle.digest, "bundle_name": bundle.card.name}
