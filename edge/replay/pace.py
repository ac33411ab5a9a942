"""A recorded capture at the speed that it was recorded at."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edge.contract.recording import Recording
from edge.replay.replay import ReplayLine


def paced(lines: Iterator[ReplayLine], recording: Recording) -> Iterator[ReplayLine]:
    """The results of a replay, each as long after the first one as its trigger's first frame was captured after that.

    A trigger without a frame has its own time. What took longer than that is not waited for; nor is what has no time,
    or one of before the first, as after the clock was set back.
    """
    began_s = time.monotonic()
    times = [trigger.at_ns for trigger in recording.triggers]
    first_ns = next((at_ns for at_ns in times if at_ns is not None), 0)
    for at_ns in times:
        if at_ns is not None:
            time.sleep(max(0.0, (at_ns - first_ns) / 1e9 - (time.monotonic() - began_s)))
        yield from (line for line in (next(lines, None),) if line)
    yield from lines
