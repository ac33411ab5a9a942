"""What a person sees of a long training: a live bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from trainer.session import Listener
from trainer.train import Progress as Step

LOG_EVERY_S = 10.0


@contextmanager
def listening(quiet: bool = False) -> Iterator[Listener]:
    """A listener that shows progress on standard error."""
    console = Console(stderr=True, quiet=quiet)
    with _live(console) if console.is_terminal and not quiet else _lines(console) as listener:
        yield listener


@contextmanager
def _live(console: Console) -> Iterator[Listener]:
    columns = (TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TimeRemainingColumn(), TextColumn("{task.fields[note]}"))  # fmt: skip
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, int] = {}

        def move(name: str, done: int, total: int, note: str = "") -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total, note="")
            bars.update(tasks[name], completed=done, note=note)  # type: ignore[arg-type]

        yield Listener(
            reading=lambda done, total: move("reading images", done, total),
            training=lambda step: move("training", step.step, step.steps, _note(step)),
            say=bars.console.print,
        )


@contextmanager
def _lines(console: Console) -> Iterator[Listener]:
    last = {"reading": 0.0, "training": 0.0}

    def due(name: str, finished: bool) -> bool:
        now = time.monotonic()
        if not finished and now - last[name] < LOG_EVERY_S:
            return False
        last[name] = now
        return True

    def reading(done: int, total: int) -> None:
        if due("reading", done == total):
            console.print(f"reading images {done}/{total}")

    def training(step: Step) -> None:
        if due("training", step.step == step.steps):
            console.print(f"training {step.step}/{step.steps} after {step.elapsed_s:.0f} s  {_note(step)}")

    yield Listener(reading, training, console.print)


def _note(step: Step) -> str:
    note = f"loss {step.loss:.3f}"
    if (found := step.validation) is None:
        return note
    return f"{note}  validation AUROC {found['validation_auroc']:.3f}  AP {found['validation_ap']:.3f}"
