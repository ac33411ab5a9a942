"""What the inspections of a span say together, from the columns of a journal: pure, in bounded memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.contract.cam import Thresholds
from edge.contract.statistics import Spread
from edge.contract.survey import SCORE_BINS, Group, Overruled, Supposed, Survey, Tally
from edge.contract.types import Decision, Verdict
from edge.control.chart import p_limits
from edge.control.control import GROUP, spread
from edge.control.drift import Reference, reference, stability_index
from edge.control.interval import exact_interval
from edge.control.memory import Normal

MOST_GROUPS, FEW_GROUPS, LEAST_GROUP = 60, 10, 50
MOST_TALLIES = 12
VERDICTS = tuple(Verdict)
DECISIONS = tuple(Decision)
VERDICT_CODES: dict[str, int] = {verdict: code for code, verdict in enumerate(VERDICTS)}
NOT_DECIDED = -1
DECISION_CODES: dict[str | None, int] = {None: NOT_DECIDED} | {each: code for code, each in enumerate(DECISIONS)}
_NUMBERS = re.compile(r"\d+([.,]\d+)*")
Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Seen:
    """One inspection. `score` and `judging_ms` are None for a fault, `decision` where nobody decided."""

    boot_id: str
    triggered_ns: int
    verdict: str
    score: float | None
    kind: str | None
    reason: str
    judge: str
    """Bundle and recipe."""
    judging_ms: float | None
    decision: str | None
    decision_reason: str | None


class Surveyor:
    """`add` inspections, newest first; `survey` says what they are together."""

    def __init__(self) -> None:
        self._columns: list[tuple[NDArray[np.int64], Codes, Numbers, Numbers, Codes, NDArray[np.int64]]] = []
        self._tallies: dict[str, Counter[str]] = {"reasons": Counter(), "kinds": Counter(), "decisions": Counter()}
        self._said: dict[str, str] = {}
        self._boots: dict[str, int] = {}
        self.judges: set[str] = set()
        """Bundles and recipes that judged."""

    def add(self, found: Sequence[Seen]) -> None:
        """Older ones than those before."""
        for each in found:
            if each.verdict == Verdict.FAULT:
                self._tally("reasons", each.reason)
            elif each.verdict != Verdict.OK and each.kind:
                self._tally("kinds", each.kind)
            if each.decision_reason:
                self._tally("decisions", each.decision_reason)
        self.judges.update(each.judge for each in found)
        self._columns.append((
            np.array([each.triggered_ns for each in found], np.int64),
            np.array([VERDICT_CODES[each.verdict] for each in found], np.int64),
            _numbers(each.score for each in found),
            _numbers(each.judging_ms for each in found),
            np.array([DECISION_CODES[each.decision] for each in found], np.int64),
            np.array([self._boots.setdefault(each.boot_id, len(self._boots)) for each in found], np.int64),
        ))  # fmt: skip

    def survey(
        self, *, complete: bool, thresholds: Thresholds | None, normal: Normal | None, asked: Thresholds | None
    ) -> Survey:
        """`normal` is what is usual, where one bundle and recipe judged all; `asked` are the thresholds to suppose."""
        if not self._columns:
            self.add([])
        columns: list[NDArray[Any]] = [np.concatenate(each)[::-1] for each in zip(*self._columns, strict=True)]
        times, verdicts, scores, judging, decided, boots = columns
        cycles = np.where(np.diff(boots) == 0, np.diff(times) / 1e6, np.nan)
        cycles = np.concatenate([[np.nan], np.where(cycles >= 0, cycles, np.nan)])[: len(times)]
        judged = verdicts != VERDICTS.index(Verdict.FAULT)
        usual = normal.ng_rate if normal else _ng_rate(verdicts, judged)
        known = normal.scores if normal else _first(scores)
        groups = [
            _group(times[part], verdicts[part], scores[part], cycles[part], judging[part], usual, known)
            for part in np.array_split(np.arange(len(times)), _groups(len(times)))
            if len(part)
        ]
        return Survey(
            inspections=len(times),
            complete=complete,
            first_ns=int(times[0]) if len(times) else None,
            last_ns=int(times[-1]) if len(times) else None,
            verdicts=_counts(verdicts),
            usual=usual,
            learned=normal is not None,
            groups=groups,
            reasons=self._most("reasons"),
            kinds=self._most("kinds"),
            decision_reasons=self._most("decisions"),
            scores={
                verdict: _histogram(scores[verdicts == code]) for code, verdict in enumerate(VERDICTS) if code != 3
            },
            thresholds=thresholds,
            bundles=len(self.judges),
            cycle_ms=_spread(cycles),
            judging_ms=_spread(judging),
            overruled={
                verdict: _overruled(verdict, decided[verdicts == code]) for code, verdict in enumerate(VERDICTS)
            },
            supposed=_supposed(asked, scores[judged], decided[judged]) if asked else None,
        )

    def _tally(self, what: str, said: str) -> None:
        """Texts in which only numbers differ are one; the newest is shown."""
        key = _NUMBERS.sub("#", said)
        self._said.setdefault(key, said)
        self._tallies[what][key] += 1

    def _most(self, what: str) -> list[Tally]:
        return [Tally(self._said[key], count) for key, count in self._tallies[what].most_common(MOST_TALLIES)]


def _numbers(found: Iterable[float | None]) -> Numbers:
    return np.array([np.nan if each is None else each for each in found], np.float64)


def _groups(count: int) -> int:
    """How many: of GROUP inspections or more where that makes a chart, of fewer where there are few."""
    if count >= FEW_GROUPS * GROUP:
        return min(MOST_GROUPS, count // GROUP)
    return max(1, min(2 * FEW_GROUPS, count // LEAST_GROUP))


def _first(scores: Numbers) -> Reference | None:
    """The span's own first scores, where nothing is known of what is usual and enough came after them."""
    judged = scores[np.isfinite(scores)]
    return reference(judged[:GROUP].tolist()) if len(judged) >= 3 * GROUP else None


def _group(
    times: NDArray[np.int64], verdicts: Codes, scores: Numbers, cycles: Numbers, judging: Numbers,
    usual: float | None, known: Reference | None,
) -> Group:  # fmt: skip
    found = scores[np.isfinite(scores)]
    rate = _ng_rate(verdicts, verdicts != VERDICTS.index(Verdict.FAULT))
    enough = len(found) >= GROUP // 2  # fewer say nothing of a distribution
    return Group(
        ended_ns=int(times[-1]),
        inspections=len(times),
        judged=len(found),
        ng_rate=rate,
        ng_limits=p_limits(usual, len(found)) if usual is not None and len(found) else None,
        score_drift=stability_index(known, found.tolist()) if known and enough else None,
        cycle_ms=_spread(cycles),
        judging_ms=_spread(judging),
    )


def _ng_rate(verdicts: Codes, judged: NDArray[np.bool_]) -> float | None:
    return float(np.mean(verdicts[judged] == VERDICTS.index(Verdict.NG))) if judged.any() else None


def _spread(times: Numbers) -> Spread | None:
    return spread(times[np.isfinite(times)].tolist())


def _histogram(scores: Numbers) -> list[int]:
    return np.histogram(scores[np.isfinite(scores)], SCORE_BINS, (0.0, 1.0))[0].tolist()


def _counts(verdicts: Codes) -> dict[Verdict, int]:
    return dict(zip(VERDICTS, np.bincount(verdicts, minlength=len(VERDICTS)).tolist(), strict=True))


def _overruled(verdict: Verdict, decided: Codes) -> Overruled:
    against = Decision.REJECT if verdict is Verdict.OK else Decision.ACCEPT
    count, total = int(np.sum(decided == DECISIONS.index(against))), int(np.sum(decided != NOT_DECIDED))
    return Overruled(len(decided), total, count, *exact_interval(count, total))


def _supposed(asked: Thresholds, scores: Numbers, decided: Codes) -> Supposed:
    codes = np.array([VERDICTS.index(asked.verdict(score)) for score in scores.tolist()], np.int64)
    by_decision = {each: _counts(codes[decided == code]) for code, each in enumerate(DECISIONS)}
    return Supposed(_counts(codes), by_decision)
