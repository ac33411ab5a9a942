"""What happens to a station beside inspections: journaled, then published."""

from __future__ import annotations

from typing import Literal

import msgspec

from edge.contract.cam import Thresholds
from edge.contract.types import plain

Occasion = Literal["start", "changeover", "thresholds", "schedule", "command", "part"]
"""Of all known frames; but "part" is one known part before the camera."""


class InterlockEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="interlock"):
    """The known frames were judged. `bundle` is the digest of the one that judged; `recipe` is empty without one."""

    occasion: Occasion
    recipe: str
    bundle: str
    frames: int
    """How many known frames there are."""
    wrong: tuple[str, ...]
    """Of each that was judged wrong, which and how, for people; none when it passed."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "wrong", tuple(map(plain, self.wrong)))

    @property
    def passed(self) -> bool:
        """Whether the station may be ready."""
        return not self.wrong

    @property
    def reason(self) -> str:
        """Why not, in plain words; empty when it passed."""
        if self.passed:
            return ""
        more = f", and {len(self.wrong) - 1} more" if len(self.wrong) > 1 else ""
        return f"golden interlock: {self.wrong[0]}{more}"

    def __str__(self) -> str:
        """For people."""
        what = "a known part" if self.occasion == "part" else f"{self.frames} known frames"
        named = f", {self.recipe}" if self.recipe else ""
        return f"interlock ({self.occasion}{named}): {what}: {'; '.join(self.wrong) or 'judged right'}"


class ChangeoverEvent(msgspec.Struct, frozen=True, tag_field="kind", tag="changeover"):
    """Another recipe took over from `before`; parts from here on are judged by it."""

    recipe: str
    before: str
    bundle: str
    """Digest."""
    configured: str
    """What the station file names: when that changes, it counts again at the next start."""

    def __str__(self) -> str:
        """For people."""
        return f"changeover: {self.recipe} after {self.before or 'no recipe'}, judged by bundle {self.bundle[:12]}"


class ThresholdsEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="thresholds"):
    """A recipe has other thresholds from here on, over restarts too."""

    recipe: str
    bundle: str
    """Digest."""
    before: Thresholds
    thresholds: Thresholds
    configured: Thresholds | None
    """What the recipe's file says: when that changes, it counts again."""
    operator: str
    reason: str

    def __str__(self) -> str:
        """For people."""
        now = f"OK below {self.thresholds.ok_below:g}, NG from {self.thresholds.ng_from:g}"
        before = f"{self.before.ok_below:g} and {self.before.ng_from:g}"
        return f"thresholds of {self.recipe}: {now} (before {before}), by {_said(self.operator, self.reason)}"


class PauseEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="pause"):
    """Somebody has the station pause, over restarts too, or go on."""

    paused: bool
    operator: str
    reason: str
    bundle: str
    """Digest of the one that judges."""

    def __str__(self) -> str:
        """For people."""
        return f"{'paused' if self.paused else 'resumed'} by {_said(self.operator, self.reason)}"


class ProtectEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="protect"):
    """An inspection and its image are kept whatever the journal's bounds are, or no longer so."""

    inspection: str
    protected: bool
    operator: str
    bundle: str
    """Digest of the one that judges."""

    def __str__(self) -> str:
        """For people."""
        return f"{self.inspection} {'protected' if self.protected else 'no longer protected'} by {self.operator}"


def _said(operator: str, reason: str) -> str:
    return f"{operator}: {reason}" if reason else operator


JudgeNews = Literal["bundle_active", "bundle_rolled_back", "bundle_refused", "delegate_lost", "delegate_back"]


class JudgeEvent(msgspec.Struct, frozen=True, tag_field="kind", tag="judge"):
    """What judges has changed, or was to and did not; `bundle` is the digest of the one that judges from then on."""

    name: str
    """One of JudgeNews, or of what a newer okng has to tell."""
    bundle: str
    text: str
    """For people."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "text", plain(self.text))

    def __str__(self) -> str:
        """For people."""
        return f"{self.name}: {self.text}"


class AlarmEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Something was `raised` under this name, or is over: with an event of its own, or with its boot."""

    name: str
    text: str
    """For people; of what is over, the last that was said."""
    raised: bool
    since_ns: int
    """When it began, Unix in nanoseconds; of what is over, too."""
    bundle: str
    """Digest of the one that judges."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "text", plain(self.text))

    def __str__(self) -> str:
        """For people."""
        return f"{self.name}: {self.text if self.raised else 'over'}"


class FaultEvent(AlarmEvent, frozen=True, kw_only=True, tag="fault"):
    """Something is wrong: the camera, the signal, the disk, a bundle."""


class DriftEvent(AlarmEvent, frozen=True, kw_only=True, tag="drift"):
    """Images or results are not as usual: brightness, focus, clipped; ng_rate, score_drift, map_drift."""


Alarm = FaultEvent | DriftEvent
Event = InterlockEvent | ChangeoverEvent | JudgeEvent | ThresholdsEvent | PauseEvent | ProtectEvent | Alarm


class OtherEvent(msgspec.Struct, frozen=True):
    """An event of a newer okng: of a kind that this one does not know."""

    kind: str

    def __str__(self) -> str:
        """For people."""
        return f"{self.kind}: an event that this okng does not know"
