"""Charts as SVG, drawn here so that the page needs no library: pure. All text that comes from outside is escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 640, 250
LEFT, RIGHT, TOP, BOTTOM = 54, 626, 14, 218
BAR = 30
"""Height of a bar that lies."""
LONGEST_LABEL = 46


@dataclass
class Plot:
    """A chart with a vertical axis from 0 to `top`; `x` runs from 0 to 1. Add to it, then take its `svg`."""

    top: float
    percent: bool = False
    squared: bool = False
    """Values are square roots, so that the rare are seen beside the frequent."""
    drawn: list[str] = field(default_factory=list)

    def x(self, share: float) -> float:
        """Across, of a share from 0 to 1."""
        return LEFT + share * (RIGHT - LEFT)

    def y(self, value: float) -> float:
        """Down, of a value; beyond the axis it stays at its end."""
        return BOTTOM - min(1.0, max(0.0, value / self.top)) * (BOTTOM - TOP)

    def line(self, kind: str, points: Sequence[tuple[float, float | None]]) -> None:
        """Through the points; broken where a value is None."""
        path, pen = "", "M"
        for share, value in points:
            if value is None:
                pen = "M"
                continue
            path += f"{pen}{self.x(share):.1f} {self.y(value):.1f}"
            pen = "L"
        self.drawn.append(f'<path class="{kind}" d="{path}"/>')

    def dots(self, kind: str, points: Sequence[tuple[float, float | None]], titles: Sequence[str]) -> None:
        """A dot at each point that has a value, with what it says when pointed at."""
        for (share, value), title in zip(points, titles, strict=True):
            if value is not None:
                place = f'cx="{self.x(share):.1f}" cy="{self.y(value):.1f}"'
                self.drawn.append(f'<circle class="{kind}" r="4" {place}><title>{escape(title)}</title></circle>')

    def mark(self, kind: str, share: float, text: str) -> None:
        """An upright line with a word."""
        x = self.x(share)
        anchor = "end" if share > 0.8 else "start"
        self.drawn.append(
            f'<path class="{kind}" d="M{x:.1f} {TOP}V{BOTTOM}"/>'
            f'<text class="{kind}" x="{x + (-5 if share > 0.8 else 5):.1f}" y="{TOP + 12}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def bar(self, kind: str, start: float, end: float, low: float, high: float) -> None:
        """An upright bar between two shares, from one value up to another."""
        x, y = self.x(start), self.y(high)
        size = f'width="{self.x(end) - x:.2f}" height="{max(0.0, self.y(low) - y):.2f}"'
        self.drawn.append(f'<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" {size}/>')

    def svg(self, title: str, below: Sequence[tuple[float, str]]) -> str:
        """The chart; `below` are the words under its horizontal axis."""
        axis = "".join(
            f'<path class="grid" d="M{LEFT} {self.y(tick):.1f}H{RIGHT}"/>'
            f'<text x="{LEFT - 7}" y="{self.y(tick) + 5:.1f}" text-anchor="end">{self._number(tick)}</text>'
            for tick in self._ticks()
        )
        words = "".join(
            f'<text x="{self.x(share):.1f}" y="{HEIGHT - 10}" text-anchor="{_anchor(share)}">{escape(text)}</text>'
            for share, text in below
        )
        return wrap(title, HEIGHT, axis + "".join(self.drawn) + words)

    def _ticks(self) -> list[float]:
        return [each**0.5 for each in ticks(self.top**2)] if self.squared else ticks(self.top)

    def _number(self, tick: float) -> str:
        if self.squared:
            return f"{round(tick**2)}"
        return f"{100 * tick:g} %" if self.percent else f"{tick:g}"


def ticks(top: float) -> list[float]:
    """Up to six round values from 0 to `top`."""
    rough = top / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * each for each in (1, 2, 5, 10) if unit * each >= rough * 0.999)
    return [round(step * number, 12) for number in range(int(top / step + 1e-9) + 1)]


def bars(title: str, rows: Sequence[tuple[str, int]], kind: str) -> str:
    """Bars that lie, the longest above, with the share that they make up so far (Pareto)."""
    total, so_far, drawn = sum(count for _, count in rows), 0, ""
    longest = max((count for _, count in rows), default=1)
    for index, (name, count) in enumerate(rows):
        so_far += count
        y, length = index * 2 * BAR, (WIDTH - 110) * count / longest
        label = name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"
        drawn += (
            f'<text x="4" y="{y + 20}">{escape(label)}<title>{escape(name)}</title></text>'
            f'<text class="soft" x="{WIDTH - 4}" y="{y + 20}" text-anchor="end">{100 * so_far / total:.0f} %</text>'
            f'<rect class="{kind}" x="4" y="{y + 27}" width="{length:.1f}" height="22" rx="4"/>'
            f'<text x="{12 + length:.1f}" y="{y + 44}"><tspan class="strong">{count}</tspan></text>'
        )
    return wrap(title, 2 * BAR * max(1, len(rows)), drawn)


def wrap(title: str, height: int, drawn: str) -> str:
    """One chart, with its name for those who cannot see it."""
    return f'<svg class="chart" role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {height}">{drawn}</svg>'


def _anchor(share: float) -> str:
    return "start" if share < 0.05 else "end" if share > 0.95 else "middle"
