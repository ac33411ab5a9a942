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
from edge.changeover import Changeover
from edge.contract.bundle import Bundle
from edge.contract.types import Inspection, Label, State
from edge.errors import BundleError, ConfigError, JournalError, UsageError
from edge.inspector import InFlightError, Inspector
from edge.journal.journal import Journal
from edge.life import Life
from edge.loader import Loader
from edge.triggers import Triggers
from edge.wire import requests
from edge.wire.commands import CommandServer
from edge.wire.requests import Decide, ErrorCode, Load, Request, Start, Status, Stop, Trigger

log = logging.getLogger(__name__)

POLL_MS = 100
IN_FLIGHT = "a part is in flight; ask again once it has its result"


class Refused(Exception):
    """The request is not carried out; `code` is for the program that asked, the message for its user."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Commander:
    """Answers each request once. Only the command thread calls `run`."""

    name = "command"

    def __init__(
        self, server: CommandServer, journal: Journal, triggers: Triggers, inspector: Inspector, bundle: Bundle,
        life: Life, loader: Loader, changeover: Changeover, *, station: str, free_run: bool,
    ) -> None:  # fmt: skip
        self._server, self._journal, self._triggers, self._inspector = server, journal, triggers, inspector
        self._bundle, self._life, self._station, self._free_run = bundle, life, station, free_run
        self._loader, self._changeover = loader, changeover
        self._changeover_asked: Request | None = None
        self._changeovers = 0
        """Number of the last one in the journal before the one that is under way."""
        self._orders: list[tuple[Request, Future[dict[str, Any]]]] = []
        """What the line thread was asked to do, and has not said yet what came of it."""
        self._load_asked: Request | None = None
        self._proven: Bundle | None = None
        """Of the load under way: the bundle that proved itself and waits for the line thread."""
        self._began = time.monotonic()

    def run(self) -> None:
        """Until the daemon ends."""
        while not self._life.ending.is_set():
            self._life.progress(self.name)
            if request := self._server.poll(POLL_MS):
                self._answer(request)
            if self._load_asked:
                self._go_on_loading(self._load_asked)
            if self._changeover_asked:
                self._go_on_changing_over(self._changeover_asked)
            self._answer_orders()
        for asked in (self._load_asked, self._changeover_asked, *(request for request, _ in self._orders)):
            if asked:
                self._server.refuse(asked, ErrorCode.WRONG_STATE, "the station is stopping")
        self._loader.close()

    def _answer(self, request: Request) -> None:
        try:
            if isinstance(request.command, Load):
                self._load(request, Path(request.command.bundle))
            elif isinstance(request.command, requests.Changeover):
                self._change_over(request, request.command.recipe)
            elif isinstance(request.command, requests.Interlock):
                self._orders.append((request, self._inspector.order(self._check)))
            elif isinstance(request.command, requests.Golden):
                label = request.command.label
                self._orders.append((request, self._inspector.order(lambda: self._show_golden(label))))
            else:
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
        raise Refused(ErrorCode.UNKNOWN_COMMAND, "not a command of this station")

    def _status(self) -> dict[str, Any]:
        now = self._life.condition()
        return {
            "station": self._station,
            "boot": self._journal.boot_id,
            "okng": __version__,
            **self._bundle_facts(),
            "recipe": recipe.name if (recipe := self._inspector.recipe) else "",
            "state": now.state,
            "reason": now.reason,
            "ended": now.ended,
            "triggers": now.triggers,
            "results": now.results,
            "quality": now.quality and msgspec.to_builtins(now.quality),
            "warnings": now.warnings,
            "faults": now.faults,
            "uptime_s": round(time.monotonic() - self._began, 1),
        }

    def _start(self) -> dict[str, Any]:
        if not self._inspector.start():
            raise Refused(ErrorCode.WRONG_STATE, "the source of frames has ended; restart the station")
        return {"state": self._life.condition().state}

    def _trigger(self, part: str) -> dict[str, Any]:
        if self._free_run:
            raise Refused(ErrorCode.WRONG_STATE, 'the station runs free; set trigger.kind = "command" to trigger it')
        if not self._inspector.enabled.is_set():
            raise Refused(ErrorCode.WRONG_STATE, "the station is halted; send start first")
        if self._inspector.blocked:
            raise Refused(ErrorCode.WRONG_STATE, self._inspector.blocked)
        trigger = self._triggers.ask(part)
        if trigger is None:
            raise Refused(ErrorCode.BUSY, "too many triggers wait for their frame, or the station is stopping")
        self._life.count_trigger()
        return {"inspection": Inspection.name(self._journal.boot_id, trigger.sequence)}

    def _load(self, request: Request, path: Path) -> None:
        """Begins; the answer comes when the bundle judges, or is refused."""
        if not path.is_absolute():
            raise Refused(ErrorCode.REFUSED, f"{path}: give the whole path, from /")
        self._refuse_another()
        self._loader.begin(path)
        self._load_asked = request

    def _refuse_another(self) -> None:
        if self._load_asked:
            raise Refused(ErrorCode.BUSY, "another bundle is being loaded")
        if self._changeover_asked:
            raise Refused(ErrorCode.BUSY, "a changeover is under way")

    def _go_on_loading(self, request: Request) -> None:
        if self._proven is None:
            try:
                if judge := self._loader.outcome():
                    self._inspector.use(judge)
                    self._proven = judge.bundle
            except (BundleError, ConfigError) as error:
                if self._life.ending.is_set():
                    return  # it was given up; `run` answers
                log.warning("bundle refused, the station keeps %s: %s", self._bundle.short, error)
                self._server.refuse(request, ErrorCode.BAD_BUNDLE, str(error))
                self._load_asked = None
        elif not self._inspector.changing:
            log.info("bundle %s (%s) took over from %s", self._proven.card.name, self._proven.short, self._bundle.short)
            self._bundle, self._proven, self._load_asked = self._proven, None, None
            self._changeover.own_bundle = self._bundle.path
            self._server.reply(request, self._bundle_facts())

    def _bundle_facts(self) -> dict[str, Any]:
        return {"bundle": self._bundle.digest, "bundle_name": self._bundle.card.name}

    def _change_over(self, request: Request, name: str) -> None:
        """Begins; the answer comes when parts are inspected by the recipe, or it is refused."""
        self._refuse_another()
        in_flight = self._triggers.waiting or self._life.condition().state is State.SINGLE_EXECUTION
        if in_flight and not self._free_run:  # the line thread asks again, when it comes to it
            raise Refused(ErrorCode.BUSY, IN_FLIGHT)
        self._changeovers = self._journaled_changeovers()
        try:
            self._changeover.begin(name)
        except ConfigError as error:
            raise Refused(ErrorCode.BAD_RECIPE, str(error)) from None
        self._changeover_asked = request

    def _go_on_changing_over(self, request: Request) -> None:
        try:
            done = self._changeover.outcome()
            if done is None:
                return
            bundle, event = done
            if not event.passed:
                raise Refused(ErrorCode.BAD_RECIPE, self._inspector.blocked)
            if self._journaled_changeovers() == self._changeovers:
                return  # what is acknowledged is on the disk
        except (BundleError, ConfigError, InFlightError, Refused) as error:
            if self._life.ending.is_set():
                return  # it was given up; `run` answers
            code, said = _refusal(error)
            log.warning("changeover refused: %s", said)
            self._server.refuse(request, code, said)
        else:
            self._bundle = bundle
            self._server.reply(request, {"recipe": event.recipe, **self._bundle_facts()})
        self._changeover_asked = None

    def _journaled_changeovers(self) -> int:
        """Number of the last one."""
        return max((noted.number for noted in self._journal.reader.events("changeover", last=1)), default=0)

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


def _refusal(error: Exception) -> tuple[ErrorCode, str]:
    """Code and message for whoever asked for a changeover."""
    match error:
        case Refused(code=code):
            return code, str(error)
        case InFlightError():
            return ErrorCode.BUSY, IN_FLIGHT
        case BundleError():
            return ErrorCode.BAD_BUNDLE, str(error)
    return ErrorCode.BAD_RECIPE, str(error)
