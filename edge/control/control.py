"""Process control of one bundle: the first inspections say what is normal, and each later group is held against it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.contract.cam import BINARY, Classes, dequantise, ng_map, probability
from edge.contract.card import Tensor
from edge.contract.statistics import Point, Spread
from edge.contract.types import MapUnits, Verdict
from edge.control.chart import Watch, p_limits
from edge.control.drift import DRIFT, NO_DRIFT, reference, stability_index
from edge.control.memory import Group, Memory, Normal

GROUP = 200
"""Inspections in a point: large enough that chance alone does not look like drift (about 0.05 then)."""
FIRST = 1000
"""Judged inspections that say what is normal."""


class ProcessControl:
    """Sees each inspection of one bundle once, in order. `output` and `classes` are those of its card."""

    def __init__(self, output: Tensor, memory: Memory | None = None, *, classes: Classes = BINARY) -> None:
        self._output, self._classes, self.memory = output, classes, memory or Memory()

    def see(
        self, *, boot_id: str, triggered_ns: int, verdict: Verdict, score: float | None, map_units: MapUnits | None,
        timings_ms: dict[str, float],
    ) -> Point | None:  # fmt: skip
        """One inspection; the point of the group that it completes, else None."""
        memory, group = self.memory, self.memory.group
        for counts in (memory.verdicts, group.verdicts):
            counts[verdict] = counts.get(verdict, 0) + 1
        boot, before_ns = memory.last_trigger
        if boot == boot_id and triggered_ns >= before_ns:  # a clock that was set back tells nothing
            group.cycles_ms.append(round((triggered_ns - before_ns) / 1e6, 3))
        memory.last_trigger, group.ended_ns = (boot_id, triggered_ns), triggered_ns
        if score is not None and map_units is not None:
            self._judged(verdict, score, self._mass(map_units), sum(timings_ms.values()))
        if group.count < GROUP:
            return None
        return self._complete(group)

    def _judged(self, verdict: Verdict, score: float, mass: float, judging_ms: float) -> None:
        memory, group = self.memory, self.memory.group
        group.scores.append(score)
        group.masses.append(mass)
        group.judging_ms.append(round(judging_ms, 3))
        if memory.normal is None:
            memory.first_scores.append(score)
            memory.first_masses.append(mass)
            memory.first_ng += verdict is Verdict.NG

    def _mass(self, units: MapUnits) -> float:
        logits = dequantise(units, self._output.scale, self._output.zero_point)
        return float(np.mean(probability(ng_map(logits.astype(np.float64), self._classes))))

    def _complete(self, group: Group) -> Point:
        memory = self.memory
        memory.groups += 1
        rate, limits, score_drift, map_drift = _ng_rate(group), None, None, None
        normal = memory.normal
        if normal is None:
            self._learn()
        elif rate is not None and len(group.scores) >= GROUP // 2:  # fewer say nothing
            limits = p_limits(normal.ng_rate, len(group.scores))
            score_drift = stability_index(normal.scores, group.scores)
            map_drift = stability_index(normal.masses, group.masses)
            self._watch(rate, limits, score_drift, map_drift)
        memory.group = Group()
        memory.point = Point(
            group=memory.groups,
            inspections=group.count,
            ended_ns=group.ended_ns,
            verdicts=group.verdicts,
            accepted=group.verdicts.get(Verdict.OK, 0) / group.count,
            ng_rate=rate,
            ng_limits=limits,
            score_drift=score_drift,
            map_drift=map_drift,
            cycle_ms=spread(group.cycles_ms),
            judging_ms=spread(group.judging_ms),
            alarms={name: watch.text for name, watch in memory.watches.items() if watch.text},
            since_ns={name: watch.since_ns for name, watch in memory.watches.items() if watch.text},
        )
        return memory.point

    def _learn(self) -> None:
        """Says what is usual, once there are enough. The rule of succession keeps a rate off zero, where all alarms."""
        memory, count = self.memory, len(self.memory.first_scores)
        if count < FIRST:
            return
        rate = (memory.first_ng + 1) / (count + 2)
        memory.normal = Normal(rate, reference(memory.first_scores), reference(memory.first_masses))
        memory.first_scores, memory.first_masses = [], []

    def _watch(self, rate: float, limits: tuple[float, float], scores: float, masses: float) -> None:
        low, high = limits
        inside = low <= rate <= high
        self._see("ng_rate", f"{rate:.1%} NG where {low:.1%} to {high:.1%} are usual", inside, inside)
        for name, what, drift in (("score_drift", "scores", scores), ("map_drift", "maps", masses)):
            text = f"the {what} are not distributed as they were (stability index {drift:.2f}, alarm from {DRIFT})"
            self._see(name, text, drift < DRIFT, drift < NO_DRIFT)

    def _see(self, name: str, text: str, fair: bool, good: bool) -> None:
        self.memory.watches.setdefault(name, Watch()).see("" if fair else text, good, self.memory.group.ended_ns)


def _ng_rate(group: Group) -> float | None:
    judged = len(group.scores)
    return group.verdicts.get(Verdict.NG, 0) / judged if judged else None


def spread(times: Sequence[float]) -> Spread | None:
    """Of times in milliseconds; None where there are none."""
    if not times:
        return None
    median, p95 = np.quantile(times, (0.5, 0.95)).tolist()
    return Spread(*(round(value, 3) for value in (float(np.mean(times)), median, p95, max(times))))
