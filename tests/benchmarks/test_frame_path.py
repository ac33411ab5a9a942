"""A few frames take the path, and capture goes on while the disk does not."""

from __future__ import annotations

import pytest

from benchmarks.frame_path import capture, path, summary
from benchmarks.station import frame
from edge.contract.bundle import read_bundle
from edge.journal.images import ImagePolicy
from edge.shipped import shipped_bundle


def test_the_ratio_is_of_each_frame_to_its_own_bare_parts() -> None:
    taken = {"path": [3.0, 30.0, 3.0], "resize": [1.0, 10.0, 1.0], "invoke": [1.0, 10.0, 1.0], "sync": [1.0, 10.0, 1.0]}
    found = summary(taken)
    assert (found["ratio"], found["ratio_with_sync"], found["path_ms"]) == (1.5, 1.0, 3.0)
    assert found["p99_by_median"] > 9


@pytest.mark.slow
@pytest.mark.parametrize("policy", [ImagePolicy.NONE, ImagePolicy.ALL])
def test_frames_take_the_path(tmp_path, policy) -> None:
    found = path(tmp_path, read_bundle(shipped_bundle()), [frame(0), frame(1)], 5, policy)
    assert found["path_ms"] > found["judged_ms"] > 0
    assert found["cpu_ms"] > 0


@pytest.mark.slow
def test_capture_waits_for_no_disk(tmp_path) -> None:
    """Of a disk that takes 2 s for a commit, the line would see four frames in these 4 s."""
    found = capture(tmp_path, read_bundle(shipped_bundle()), [frame(0), frame(1)], 4.0, 2.0)
    assert found["judged_per_s"] > 2
