"""How a shadow bundle and the station's own judged the same frames, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge.journal.log import Disagreement, ShadowCount
from edge.journal.rows import DROPPED


def lines(counts: Sequence[ShadowCount], disagreements: Sequence[Disagreement]) -> Iterator[str]:
    """For each pair of bundles a line of sums and one for each way they differ, then the inspections, oldest first."""
    if not counts:
        yield "no shadow bundle has judged here"
    for bundle, shadow in dict.fromkeys((each.bundle, each.shadow) for each in counts):
        found = [each for each in counts if (each.bundle, each.shadow) == (bundle, shadow)]
        both = sum(each.inspections for each in found if each.said != DROPPED)
        alike = sum(each.inspections for each in found if each.said == each.verdict)
        dropped = sum(each.inspections for each in found if each.said == DROPPED)
        share = f", {alike / both:.2%}" if both else ""
        yield (
            f"{bundle[:12]} and its shadow {shadow[:12]}: {both} frames judged by both, {alike} with the same "
            f"verdict{share}; {dropped} frames the shadow had no time for"
        )
        for each in found:
            if each.said not in {DROPPED, each.verdict}:
                yield f"  {each.inspections} {each.verdict} where the shadow says {each.said}"
    for one in disagreements:
        ours = _named(one.verdict, one.kind, one.score)
        yield f"{one.id}  {one.part}  {ours} -> {_named(one.said, one.said_kind, one.said_score)}"


def _named(verdict: str, kind: str | None, score: float | None) -> str:
    return " ".join(filter(None, (verdict, kind, "" if score is None else f"{score:.3f}")))
