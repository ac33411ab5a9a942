"""What operators decide: into the journal first, then to the line where a part waits for it, then published."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec

from edge.contract.events import ProtectEvent
from edge.contract.reasons import Reasons
from edge.contract.typed import convert
from edge.contract.types import Decision, Inspection, Signal
from edge.daemon.happened import note
from edge.daemon.life import DecisionNews, Life
from edge.errors import UsageError
from edge.journal.journal import Journal
from edge.journal.rows import Decided, parse_id
from edge.line import LineSignal
from edge.wire.messages import DecidedFact
from edge.wire.requests import Decide, Protect, Undo


class Decider:
    """Belongs to the command thread. Raises UsageError where a request is not carried out, and JournalError."""

    def __init__(self, journal: Journal, line: LineSignal, life: Life, reasons: Reasons) -> None:
        self._journal, self._line, self._life, self._reasons = journal, line, life, reasons

    def decide(self, asked: Decide, request_id: str) -> dict[str, Any]:
        """The decision is on the disk, and the line was told where it held the part, when this returns."""
        codes = self._reasons.of(asked.decision)
        if asked.code and asked.code not in codes:
            raise UsageError(
                f"code = {asked.code!r}: this station's reasons to {asked.decision} are {', '.join(codes)}"
            )
        made = self._journal.decide(
            asked.inspection, asked.decision, asked.operator, asked.reason, request_id,
            code=asked.code, replaces=asked.replaces,
        )  # fmt: skip
        told = msgspec.structs.replace(fact(made), signal=self._tell_line(made) or made.signal)
        self._publish(asked.inspection, made.operator, made.decided_ns)
        return msgspec.to_builtins(told)

    def undo(self, asked: Undo, request_id: str) -> dict[str, Any]:
        """The decision does not stand any more, and that is on the disk, when this returns. The line hears nothing."""
        undone = self._journal.withdraw(asked.decision, asked.operator, request_id)
        assert undone.withdrawn_ns is not None
        said = self._publish(undone.inspection_id, asked.operator, undone.withdrawn_ns, asked.decision)
        return {"inspection": undone.inspection_id, "said": said and msgspec.to_builtins(said)}

    def held(self) -> list[dict[str, Any]]:
        """Parts that wait at the line for a decision, and for how long at most."""
        return [
            {"inspection": Inspection.name(self._journal.boot_id, sequence), "left_s": round(left_s, 2)}
            for sequence, left_s in self._line.held.items()
        ]

    def history(self, inspection: str) -> dict[str, Any]:
        """All that was decided on it."""
        found = self._journal.reader.decisions(inspection)
        if not found and self._journal.find(inspection) is None:
            raise UsageError(f"no inspection {inspection!r} in the journal")
        return {"inspection": inspection, "decisions": [asdict(each) for each in found]}

    def protect(self, asked: Protect, digest: str) -> dict[str, Any]:
        """It is kept from retention, or no longer so, when this returns. `digest` is that of the bundle that judges."""
        self._journal.protect([asked.inspection], on=asked.on)
        event = ProtectEvent(
            inspection=asked.inspection, protected=asked.on, operator=asked.operator, bundle=digest
        )  # fmt: skip
        note(self._journal, self._life, event)
        return {"inspection": asked.inspection, "protected": asked.on}

    def _tell_line(self, made: Decided) -> Signal | None:
        """What the line got from this decision; None where it did not wait for one (any more)."""
        boot, sequence = parse_id(made.inspection_id) or ("", 0)
        if boot != self._journal.boot_id:
            return None
        told = self._line.release(sequence, Signal.ACCEPT if made.decision is Decision.ACCEPT else Signal.REJECT)
        if told:
            self._journal.signalled(made.request_id, told)
        return told

    def _publish(self, inspection: str, operator: str, changed_ns: int, undone: str = "") -> DecidedFact | None:
        row = self._journal.find(inspection)
        said = fact(row.decision) if row and row.decision else None
        self._life.decisions.put(DecisionNews(inspection, said, operator, changed_ns, undone))
        return said


def fact(made: Decided | DecidedFact) -> DecidedFact:
    """As the wire says it."""
    return convert(made, DecidedFact, from_attributes=True)
