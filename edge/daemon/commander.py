"""The command thread: what others ask of the station."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from edge import __version__
from edge.contract.bundle import Bundle
from edge.contract.types import Inspection, Label, State
from edge.daemon.activator import Activator, Answer
from edge.daemon.inspector import Inspector
from edge.daemon.life import Life
from edge.daemon.orders import InFlightError
from edge.daemon.queries import Queries
from edge.daemon.recovery import replay
from edge.daemon.shadow import Shadow
from edge.errors import BundleError, ConfigError, JournalError, UsageError
from edge.inspection.recipes import read_recipe, recipe_file
from edge.inspection.triggers import Triggers, Untaken
from edge.journal.journal import Journal
from edge.wire.commands import CommandServer
from edge.wire.queries import FetchImage, Find, History, TakeSurvey
from edge.wire.requests import (
    Changeover,
    Decide,
    ErrorCode,
    Golden,
    Interlock,
    Load,
    Replay,
    Request,
    Rollback,
    Start,
    Status,
    Stop,
    Trigger,
)

log = logging.getLogger(__name__)

POLL_MS = 100
SOON_MS = 2
"""Where an answer from the journal is awaited."""
IN_FLIGHT = "a part is in flight; ask again once it has its result"
STOPPING = "the station is stopping"


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
        activator: Activator, life: Life, shadow: Shadow | None, *, station: str, free_run: bool, recipes: Path,
    ) -> None:  # fmt: skip
        """`recipes` is the station's folder of recipes."""
        self._server, self._journal, self._triggers, self._inspector = server, journal, triggers, inspector
        self._activator, self._life, self._station, self._free_run = activator, life, station, free_run
        self._shadow, self._recipes = shadow, recipes
        self._orders: list[tuple[Request, Future[dict[str, Any]]]] = []
        """What the line thread was asked to do, and has not said yet what came of it."""
        self._queries = Queries(server, journal.folder)
        self._began = time.monotonic()

    def run(self) -> None:
        """Until the daemon ends."""
        while not self._life.ending.is_set():
            self._life.progress(self.name)
            if request := self._server.poll(SOON_MS if self._queries.waiting else POLL_MS):
                self._answer(request)
            self._queries.answer()
            self._activator.step()
            self._answer_orders()
        for request, _ in self._orders:
            self._server.refuse(request, ErrorCode.WRONG_STATE, STOPPING)
        self._queries.close()
        self._activator.close()

    def _answer(self, request: Request) -> None:
        try:
            match request.command:
                case Load() | Rollback() as command:
                    self._change_bundle(request, command)
                case Changeover(recipe=recipe):
                    self._change_over(request, recipe)
                case Interlock():
                    self._orders.append((request, self._inspector.order(self._check)))
                case Golden(label=label):
                    self._orders.append((request, self._inspector.order(lambda: self._show_golden(label))))
                case History() | Find() | FetchImage() | TakeSurvey():
                    self._queries.ask(request)
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
            case Start():
                return self._start()
            case Stop():
                self._inspector.stop("stopped by command")
                return {"state": self._life.condition().state}
            case Trigger(part=part):
                return self._trigger(part)
            case Decide() as decide:
                return self._decide(decide, request.request_id)
            case Replay() as asked:
                return self._replay(asked)
        raise Refused(ErrorCode.UNKNOWN_COMMAND, "not a command of this station")

    def _status(self) -> dict[str, Any]:
        now = self._life.condition()
        return {
            "station": self._station,
            "boot": self._journal.boot_id,
            "okng": __version__,
            **_facts(self._activator.bundle),
            "recipe": recipe.name if (recipe := self._inspector.recipe) else "",
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
            "shadow": self._shadow and self._shadow.told(),
            "uptime_s": round(time.monotonic() - self._began, 1),
        }

    def _start(self) -> dict[str, Any]:
        if not self._inspector.start():
            raise Refused(ErrorCode.WRONG_STATE, "the source of frames has ended; restart the station")
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

    def _replay(self, asked: Replay) -> dict[str, Any]:
        found = replay(self._journal, asked)
        if found is None:
            raise Refused(ErrorCode.UNKNOWN_INSPECTION, f"the journal has no boot {asked.after[:8]}")
        return msgspec.structs.asdict(found)

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

    def _change_over(self, request: Request, name: str) -> None:
        """Begins; the answer comes when parts are inspected by the recipe, or it is refused."""
        self._refuse_another()
        in_flight = self._triggers.waiting or self._life.condition().state is State.SINGLE_EXECUTION
        if in_flight and not self._free_run:  # the line thread asks again, when it comes to it
            raise Refused(ErrorCode.BUSY, IN_FLIGHT)
        try:
            recipe = read_recipe(recipe_file(self._recipes, name))
        except ConfigError as error:
            raise Refused(ErrorCode.BAD_RECIPE, str(error)) from None
        self._activator.change_over(recipe, self._answer_of(request, ErrorCode.BAD_RECIPE, {"recipe": name}))

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
                self._server.reply(request, future.result())
            except InFlightError:
                self._server.refuse(request, ErrorCode.BUSY, IN_FLIGHT)

    def _decide(self, decide: Decide, request_id: str) -> dict[str, Any]:
        try:
            found = self._journal.decide(
                decide.inspection, decide.decision, decide.operator, decide.reason, request_id
            )  # fmt: skip
        except UsageError as error:
            unknown = self._journal.find(decide.inspection) is None
            raise Refused(ErrorCode.UNKNOWN_INSPECTION if unknown else ErrorCode.REFUSED, str(error)) from None
        return asdict(found)


def _facts(bundle: Bundle) -> dict[str, Any]:
    return {"bundle": bundle.digest, "bundle_name": bundle.card.name}
