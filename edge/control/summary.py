"""Process control in lines for people."""

from __future__ import annotations

from edge.contract.statistics import Point, Spread
from edge.control.control import FIRST
from edge.control.memory import Memory


def describe(memory: Memory) -> list[str]:
    """What is known of one bundle: counts over all, its last point, alarms."""
    total = sum(memory.verdicts.values())
    lines = [f"{total} inspections in {memory.groups} groups"]
    if memory.normal is None:
        lines.append(f"what is usual is not known yet: {len(memory.first_scores)} of {FIRST} judged inspections")
    if memory.point:
        lines += _point(memory.point)
    return lines


def in_one_line(point: Point) -> str:
    """One of many points."""
    times = {"cycle": point.cycle_ms, "judging": point.judging_ms}
    middle = [f"{name} {spread.median:g} ms" for name, spread in times.items() if spread]
    alarms = [f"ALARM {', '.join(sorted(point.alarms))}"] if point.alarms else []
    return f"{point.inspections} inspections: " + "; ".join([_shares(point), *_drifts(point), *middle, *alarms])


def _shares(point: Point) -> str:
    told = f"{point.accepted:.1%} accepted"
    if point.ng_rate is None:
        return told
    usual = f" ({point.ng_limits[0]:.1%} to {point.ng_limits[1]:.1%} usual)" if point.ng_limits else ""
    return f"{told}, {point.ng_rate:.1%} NG{usual}"


def _drifts(point: Point) -> list[str]:
    if point.score_drift is None or point.map_drift is None:
        return []
    return [f"stability index: scores {point.score_drift:.3f}, maps {point.map_drift:.3f}"]


def _point(point: Point) -> list[str]:
    lines = [f"last {point.inspections}: {_shares(point)}", *_drifts(point)]
    times = {"cycle": point.cycle_ms, "judging": point.judging_ms}
    lines += [f"{name} ms: {_times(spread)}" for name, spread in times.items() if spread]
    return lines + [f"ALARM {name}: {text}" for name, text in point.alarms.items()]


def _times(spread: Spread) -> str:
    return f"mean {spread.mean:g}, median {spread.median:g}, 95 % within {spread.p95:g}, longest {spread.longest:g}"
