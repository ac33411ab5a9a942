"""The parts that wait for a decision, and the last ones that came: pure. The journal has them all; this holds some."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from edge.contract.types import Verdict
from edge.station.live import Part

LONGEST = 200
"""Parts that are held at once; when few are left, the station is asked for more."""
FEW = 20
KEPT = 300
"""Parts that are remembered, whatever their verdict."""


class Queue:
    """Filled from the journal, then kept up to date by what comes. `begin` to ask, then `fill` with the answers."""

    def __init__(self) -> None:
        self._waits: dict[str, Part] = {}
        self._known: OrderedDict[str, Part] = OrderedDict()
        self._since: dict[str, bool] = {}
        """What has changed since asking began: whether the part waits."""
        self._more = False
        self.total = 0
        """How many wait, in the journal too."""

    @property
    def parts(self) -> list[Part]:
        """Those that wait, oldest first."""
        return sorted(self._waits.values(), key=lambda each: (each.result.header.triggered_ns, each.result.header.id))

    @property
    def short(self) -> bool:
        """Few are left here, and the journal has more."""
        return self._more and len(self._waits) < FEW

    def recent(self, count: int) -> list[Part]:
        """The last parts that came, newest first."""
        return [part for _, part in zip(range(count), reversed(self._known.values()), strict=False)]

    def known(self, inspection: str) -> Part | None:
        """A part that was here lately, or waits."""
        return self._waits.get(inspection) or self._known.get(inspection)

    def begin(self) -> None:
        """The journal is being asked: what changes from now on is newer than its answers."""
        self._since = {}

    def fill(self, parts: Iterable[Part], *, total: int, more: bool) -> None:
        """What the journal said. Frames that came meanwhile, and changes, stay."""
        found = {part.result.header.id: part for part in parts}
        for name, waits in self._since.items():
            if not waits:
                total -= found.pop(name, None) is not None
            elif name not in found and (part := self.known(name)):
                found[name], total = part, total + 1
        self._waits = {name: self.known(name) or part for name, part in found.items()}
        self.total, self._more = total, more

    def put(self, part: Part) -> None:
        """A new part; one that was here before changes nothing."""
        header = part.result.header
        if self.known(header.id):
            return
        self._remember(header.id, part)
        if header.verdict is Verdict.REVIEW:
            self._add(header.id, part)

    def bring(self, part: Part) -> None:
        """A part of the journal is known from now on; whether it waits does not change."""
        if self.known(part.result.header.id) is None:
            self._remember(part.result.header.id, part)

    def attach(self, part: Part) -> None:
        """The same part, with its frame."""
        name = part.result.header.id
        if name in self._waits:
            self._waits[name] = part
        if name in self._known:
            self._known[name] = part

    def take(self, inspection: str) -> None:
        """It does not wait any more, here or in the journal."""
        self._since[inspection] = False
        if part := self._waits.pop(inspection, None):
            self._remember(inspection, part)
            self.total -= 1

    def put_back(self, inspection: str) -> bool:
        """It waits again; False where it is not known any more, and the journal must be asked."""
        part = self.known(inspection)
        if part is None:
            return False
        if inspection not in self._waits and part.result.header.verdict is Verdict.REVIEW:
            self._add(inspection, part)
        return True

    def _add(self, name: str, part: Part) -> None:
        self._since[name] = True
        self.total += 1
        if len(self._waits) >= LONGEST:
            self._more = True  # it stays in the journal until its turn comes
        else:
            self._waits[name] = part

    def _remember(self, name: str, part: Part) -> None:
        self._known[name] = part
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
