"""The command thread: what others ask of the station."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from edge import __version__
from edge.contract.bundle import Bundle
from edge.contract.types import Inspection
from edge.errors import BundleError, JournalError, UsageError
from edge.inspector import Inspector
from edge.journal.journal import Journal
from edge.life import Life
from edge.loader import Loader
from edge.recovery import replay
from edge.triggers import Triggers
from edge.wire.commands import CommandServer
from edge.wire.requests import Decide, ErrorCode, Load, Replay, Request, Start, Status, Stop, Trigger

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
        self, server: CommandServer, journal: Journal, triggers: Triggers, inspector: Inspector, bundle: Bundle,
        life: Life, loader: Loader, *, station: str, free_run: bool,
    ) -> None:  # fmt: skip
        self._server, self._journal, self._triggers, self._inspector = server, journal, triggers, inspector
        self._bundle, self._life, self._station, self._free_run = bundle, life, station, free_run
        self._loader = loader
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
        if self._load_asked:
            self._server.refuse(self._load_asked, ErrorCode.WRONG_STATE, "the station is stopping")
        self._loader.close()

    def _answer(self, request: Request) -> None:
        try:
            if isinstance(request.command, Load):
                self._load(request, Path(request.command.bundle))
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
            case Replay() as asked:
                return self._replay(asked)
        raise Refused(ErrorCode.UNKNOWN_COMMAND, "not a command of this station")

    def _status(self) -> dict[str, Any]:
        now = self._life.condition()
        return {
            "station": self._station,
            "boot": self._journal.boot_id,
            "okng": __version__,
            "bundle": self._bundle.digest,
            "bundle_name": self._bundle.card.name,
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
        trigger = self._triggers.ask(part)
        if trigger is None:
            raise Refused(ErrorCode.BUSY, "too many triggers wait for their frame, or the station is stopping")
        self._life.count_trigger()
        return {"inspection": Inspection.name(self._journal.boot_id, trigger.sequence)}

    def _replay(self, asked: Replay) -> dict[str, Any]:
        found = replay(self._journal, asked)
        if found is None:
            raise Refused(ErrorCode.UNKNOWN_INSPECTION, f"the journal has no boot {asked.after[:8]}")
        return msgspec.structs.asdict(found)

    def _load(self, request: Request, path: Path) -> None:
        """Begins; the answer comes when the bundle judges, or is refused."""
        if not path.is_absolute():
            raise Refused(ErrorCode.REFUSED, f"{path}: give the whole path, from /")
        if self._load_asked:
            raise Refused(ErrorCode.BUSY, "another bundle is being loaded")
        self._loader.begin(path)
        self._load_asked = request

    def _go_on_loading(self, request: Request) -> None:
        if self._proven is None:
            try:
                judge = self._loader.outcome()
            except BundleError as error:
                if self._life.ending.is_set():
                    return  # it was given up; `run` answers
                log.warning("bundle refused, the station keeps %s: %s", self._bundle.short, error)
                self._server.refuse(request, ErrorCode.BAD_BUNDLE, str(error))
                self._load_asked = None
                return
            if judge:
                self._inspector.use(judge)
                self._proven = judge.bundle
        elif not self._inspector.changing:
            log.info("bundle %s (%s) took over from %s", self._proven.card.name, self._proven.short, self._bundle.short)
            self._bundle, self._proven, self._load_asked = self._proven, None, None
            self._server.reply(request, {"bundle": self._bundle.digest, "bundle_name": self._bundle.card.name})

    def _decide(self, decide: Decide, request_id: str) -> dict[str, Any]:
        try:
            found = self._journal.decide(
                decide.inspection, decide.decision, decide.operator, decide.reason, request_id
            )  # fmt: skip
        except UsageError as error:
            unknown = self._journal.find(decide.inspection) is None
            raise Refused(ErrorCode.UNKNOWN_INSPECTION if unknown else ErrorCode.REFUSED, str(error)) from None
        return asdict(found)
