"""How a verdict looks: by its shape and colour; its word is in the catalogue. Never colour alone."""

from __future__ import annotations

from edge.contract.types import Decision, Verdict

_CIRCLE = "M50 4a46 46 0 1 0 .01 0Z"
_OCTAGON = "M31 4h38l27 27v38l-27 27H31L4 69V31Z"
SHAPES: dict[Verdict, str] = {
    Verdict.OK: f"{_CIRCLE}M24 52l18 18 34-36",
    Verdict.NG: f"{_OCTAGON}M34 34l32 32M66 34L34 66",
    Verdict.REVIEW: "M50 2L98 50 50 98 2 50ZM37 39a13 13 0 1 1 19 11c-5 3-6 5-6 10M50 73v1",
    Verdict.FAULT: "M50 5L97 92H3ZM50 36v26M50 77v1",
}
"""The path of each shape in a box of 100 x 100: circle, octagon, diamond, triangle."""
DECIDED: dict[Decision, Verdict] = {Decision.ACCEPT: Verdict.OK, Decision.REJECT: Verdict.NG}
"""A part that somebody decided on looks like one that was judged so."""


def shape(verdict: Verdict) -> str:
    """The verdict's shape, as SVG."""
    return f'<svg class="shape" viewBox="0 0 100 100" aria-hidden="true"><path d="{SHAPES[verdict]}"/></svg>'
