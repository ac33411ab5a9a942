"""Triggers, each with the number that its one result will have."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from edge.contract.line import TriggerConfig
from edge.contract.recipe import Recipe, WayToCamera
from edge.contract.triggers import Untaken
from edge.errors import ConfigError
from edge.line import Encoder, LineSignal, NoSignal

WAITING = 64
"""Triggers that may wait for their frame; more are refused."""
FOR_EVER_NS = 10**18
MS = 1_000_000
"""Nanoseconds in a millisecond."""


@dataclass(slots=True)
class Way:
    """That of a part to the camera, in counts of the encoder. Any thread may look at it."""

    counts: int
    window_ns: int
    arrived_ns: int | None = None
    """When the belt had gone so far (CLOCK_MONOTONIC); None: it has not yet."""

    def arrive(self, at_ns: int) -> None:
        """It has."""
        self.arrived_ns = at_ns


@dataclass(frozen=True, slots=True)
class Trigger:
    """A request for one inspection. `wall_ns` is Unix time, the others are CLOCK_MONOTONIC in nanoseconds.

    `monotonic_ns` is the same instant as `wall_ns`. The frame is to be exposed from `from_ns` on, and not after
    `until_ns`; the verdict is to be there by `deadline_ns`. Where there is a `way`, it says when these two are.
    """

    sequence: int
    part: str
    wall_ns: int
    monotonic_ns: int
    from_ns: int
    until_ns: int
    deadline_ns: int
    way: Way | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """In nanoseconds: from the trigger to its verdict at the latest, and to its part before the camera; and how long
    that stays there. `delay_counts` of the encoder may take the place of `delay_ns`.
    """

    deadline_ns: int = 5_000_000_000
    delay_ns: int = 0
    window_ns: int = FOR_EVER_NS
    delay_counts: int = 0

    def by(self, recipe: Recipe | None) -> Times:
        """Those of a recipe, where it says how far it is to the camera; else these."""
        found = recipe.settings.trigger if recipe else None
        return way_times(self.deadline_ns, found) if found else self


def way_times(deadline_ns: int, way: TriggerConfig | WayToCamera) -> Times:
    """As a station file, or a recipe, says it."""
    window_ns = FOR_EVER_NS if way.window_ms is None else way.window_ms * MS
    return Times(deadline_ns, way.delay_ms * MS, window_ns, way.delay_counts)


class Triggers:
    """Numbers triggers, has the line expect their parts, and hands them to the line thread."""

    def __init__(
        self, signal: LineSignal | None = None, times: Times | None = None, parts: Iterator[str] | None = None,
        encoder: Encoder | None = None,
    ) -> None:  # fmt: skip
        """`parts` are the ids of those parts whose trigger brings none; `encoder` counts for times that are counts."""
        self._signal, self._station_times, self._encoder = signal or NoSignal(), times or Times(), encoder
        self._times = self._station_times
        self._parts = parts or itertools.repeat("")
        self._guard = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: queue.Queue[Trigger] = queue.Queue(WAITING)
        self._closed = False
        self.newest = 0
        """The number of the last one that was taken."""

    def check(self, recipe: Recipe | None) -> None:
        """Raises ConfigError where this station cannot count what the recipe asks for."""
        if self._station_times.by(recipe).delay_counts and self._encoder is None:
            name, counts = (recipe.name, recipe.settings.trigger) if recipe else ("", None)
            asked = f"recipe {name}: trigger.delay_counts = {counts.delay_counts}" if counts else "trigger.delay_counts"
            raise ConfigError(f"{asked}: needs the table encoder in the station file, or delay_ms in its place")

    def use(self, recipe: Recipe | None) -> bool:
        """Parts from here on come to the camera as this recipe says; False, and nothing is done, while any waits."""
        with self._guard:
            if self.waiting:
                return False
            self._times = self._station_times.by(recipe)
            return True

    def now(self, part: str = "", at_ns: int | None = None) -> Trigger:
        """A trigger at this moment, or at `at_ns` (CLOCK_MONOTONIC, past), to be served at once by the caller."""
        now_ns, wall_ns, times = time.monotonic_ns(), time.time_ns(), self._times
        at_ns = now_ns if at_ns is None else at_ns
        from_ns, way = at_ns + times.delay_ns, None
        if self._encoder and times.delay_counts:
            way = Way(times.delay_counts, times.window_ns)
            self._encoder.call(way.counts, at_ns, way.arrive)
        sequence = self.newest = next(self._numbers)
        trigger = Trigger(
            sequence, part or next(self._parts), wall_ns - (now_ns - at_ns), at_ns,
            from_ns, from_ns + times.window_ns, at_ns + times.deadline_ns, way,
        )  # fmt: skip
        self._signal.expect(trigger.sequence, at_ns, trigger.deadline_ns)
        return trigger

    def ask(self, part: str, at_ns: int | None = None) -> Trigger | Untaken:
        """A trigger for the line thread to serve, unless too many wait already, or none is taken any more."""
        with self._guard:
            if self._closed:
                return self.pass_over(Untaken.MISSED, at_ns)
            if self._waiting.full():
                return self.pass_over(Untaken.OVERRUN, at_ns)
            trigger = self.now(part, at_ns)
            self._waiting.put_nowait(trigger)
            return trigger

    def alone(self) -> Trigger | None:
        """As `now`, unless another one waits: it would get its result after this one, and has the lower number."""
        with self._guard:
            return None if self.waiting else self.now()

    @property
    def waiting(self) -> bool:
        """Whether any is to be served yet."""
        return not self._waiting.empty()

    def pass_over(self, why: Untaken, at_ns: int | None = None) -> Untaken:
        """A trigger that is not taken: its part is rejected."""
        self._signal.pass_over(time.monotonic_ns() if at_ns is None else at_ns)
        return why

    def close(self) -> None:
        """Takes no more; what waits can still be taken out."""
        with self._guard:
            self._closed = True

    def take(self, timeout_s: float) -> Trigger | None:
        """The next trigger to serve; None when none comes in time."""
        try:
            return self._waiting.get(timeout=timeout_s) if timeout_s > 0 else self._waiting.get_nowait()
        except queue.Empty:
            return None
