"""The command thread: what others ask of the station."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from edge import __version__
from edge.activator import Activator
from edge.contract.bundle import Bundle
from edge.contract.types import Inspection
from edge.errors import BundleError, JournalError, UsageError
from edge.inspector import Inspector
from edge.journal.journal import Journal
from edge.life import Life
from edge.shadow import Shadow
from edge.triggers import Triggers
from edge.wire.commands import CommandServer
from edge.wire.requests import Decide, ErrorCode, Load, Request, Rollback, Start, Status, Stop, Trigger

log = logging.getLogger(__name__)

POLL_MS = 100


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
        activator: Activator, life: Life, shadow: Shadow | None, *, station: str, free_run: bool,
    ) -> None:  # fmt: skip
        self._server, self._journal, self._triggers, self._inspector = server, journal, triggers, inspector
        self._activator, self._life, self._station, self._free_run = activator, life, station, free_run
        self._shadow = shadow
        self._began = time.monotonic()

    def run(self) -> None:
        """Until the daemon ends."""
        while not self._life.ending.is_set():
            self._life.progress(self.name)
            if request := self._server.poll(POLL_MS):
                self._answer(request)
            self._activator.step()
        self._activator.close()

    def _answer(self, request: Request) -> None:
        try:
            if isinstance(request.command, Load | Rollback):
                self._change_bundle(request, request.command)
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
            "bundle": self._activator.bundle.digest,
            "bundle_name": self._activator.bundle.card.name,
            "state": now.state,
            "reason": now.reason,
            "ended": now.ended,
            "triggers": now.triggers,
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
        if not self._inspector.enabled.is_set():
            raise Refused(ErrorCode.WRONG_STATE, "the station is halted; send start first")
        trigger = self._triggers.ask(part)
        if trigger is None:
            raise Refused(ErrorCode.BUSY, "too many triggers wait for their frame, or the station is stopping")
        self._life.count_trigger()
        return {"inspection": Inspection.name(self._journal.boot_id, trigger.sequence)}

    def _change_bundle(self, request: Request, command: Load | Rollback) -> None:
        """Begins; the answer comes when the bundle judges, or is refused."""
        if isinstance(command, Load) and not Path(command.bundle).is_absolute():
            raise Refused(ErrorCode.REFUSED, f"{command.bundle}: give the whole path, from /")
        if self._activator.busy:
            raise Refused(ErrorCode.BUSY, "another bundle is being loaded")

        def answer(outcome: Bundle | BundleError | None) -> None:
            if isinstance(outcome, Bundle):
                self._server.reply(request, {"bundle": outcome.digest, "bundle_name": outcome.card.name})
            elif outcome is None:
                self._server.refuse(request, ErrorCode.WRONG_STATE, "the station is stopping")
            else:
                self._server.refuse(request, ErrorCode.BAD_BUNDLE, str(outcome))

        if isinstance(command, Load):
            self._activator.load(Path(command.bundle), answer)
            return
        try:
            self._activator.roll_back(answer)
        except BundleError as error:
            raise Refused(ErrorCode.REFUSED, str(error)) from None

    def _decide(self, decide: Decide, request_id: str) -> dict[str, Any]:
        try:
            found = self._journal.decide(
                decide.inspection, decide.decision, decide.operator, decide.reason, request_id
            )  # fmt: skip
        except UsageError as error:
            unknown = self._journal.find(decide.inspection) is None
            raise Refused(ErrorCode.UNKNOWN_INSPECTION if unknown else ErrorCode.REFUSED, str(error)) from None
        return asdict(found)
