"""The live picture in a terminal: the last frame with its map, the counts, the last verdicts."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edge.contract.types import Pixels, Verdict

COLUMNS = 48
STYLE = {Verdict.OK: "bold green", Verdict.NG: "bold red", Verdict.REVIEW: "bold yellow", Verdict.FAULT: "bold magenta"}


class Screen:
    """What the operator of the demo sees; `show` adds one result."""

    def __init__(self, live: Live, total: int) -> None:
        self._live, self._total = live, total
        self._counts: Counter[Verdict] = Counter()
        self._last: deque[Text] = deque(maxlen=12)

    def show(self, name: str, verdict: Verdict, score: float | None, picture: Pixels | None) -> None:
        """One result; `picture` is the frame with its heat map, BGR."""
        self._counts[verdict] += 1
        shown = "" if score is None else f"{score:.3f} {'▇' * round(score * 20)}"
        self._last.append(Text.assemble((f"{verdict.upper():<7}", STYLE[verdict]), f"{name:<16} {shown}"))
        counts = Table.grid(padding=(0, 2))
        counts.add_row(*(Text(f"{v.upper()} {self._counts[v]}", STYLE[v]) for v in Verdict),
                       f"{self._counts.total()} of {self._total}")  # fmt: skip
        right = Group(counts, "", *self._last)
        both = Table.grid(padding=(0, 3))
        both.add_row(blocks(picture, COLUMNS) if picture is not None else "", right)
        self._live.update(both)


@contextmanager
def screen(total: int) -> Iterator[Screen | None]:
    """A live screen, or None where standard error is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with Live(console=console, refresh_per_second=15) as live:
        yield Screen(live, total)


def blocks(picture: Pixels, columns: int) -> Text:
    """The picture in half blocks, two pixels to a character."""
    rows = max(2, round(columns * picture.shape[0] / picture.shape[1] / 2) * 2)
    small = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)[..., ::-1]
    text = Text()
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        for top, bottom in zip(upper, lower, strict=True):
            text.append("▀", f"rgb({','.join(map(str, top))}) on rgb({','.join(map(str, bottom))})")
        text.append("\n")
    return text


def contact_sheet(pictures: list[Pixels], columns: int = 6) -> Pixels:
    """Pictures of one size side by side, BGR; the last row is filled with black."""
    missing = -len(pictures) % columns
    padded = [*pictures, *[np.zeros_like(pictures[0])] * missing]
    return np.vstack([np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)])
