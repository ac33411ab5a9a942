"""What is made of the samples, and a short run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.memory import Sample, found, run


def samples(kb_per_s: float = 0.0, files: int = 20, more: int = 0) -> list[Sample]:
    """Half an hour; the first sixth grows whatever comes then, and has more open files."""
    late = [Sample(float(s), round(90_000 + kb_per_s * s), files + more * s // 1800, 12) for s in range(300, 1801)]
    return [Sample(float(s), 50_000 + 100 * s, 40, 12) for s in range(300)] + late


def test_a_flat_station_does_not_grow() -> None:
    flat = found(samples(), 54_000, 1800)
    assert (flat.slope_mb_per_hour, flat.files_first, flat.files_last, flat.frames_per_s) == (0, 20, 20, 30)
    assert not flat.grows


def test_one_megabyte_an_hour_and_a_file_left_open_are_seen() -> None:
    assert found(samples(kb_per_s=1024 / 3600 * 1.1), 54_000, 1800).grows
    assert not found(samples(kb_per_s=1024 / 3600 * 0.9), 54_000, 1800).grows
    assert found(samples(more=10), 54_000, 1800).grows


def test_what_is_under_way_is_not_what_is_kept() -> None:
    steady = samples()
    waiting = [
        replace(each, resident_kb=each.resident_kb + 20 * int(each.at_s) * (number % 7 > 0))
        for number, each in enumerate(steady)
    ]
    outcome = found(waiting, 54_000, 1800)
    assert outcome.slope_mb_per_hour > 10
    assert outcome.floor_mb_per_hour == 0


@pytest.mark.slow
def test_a_short_run_tells_what_a_long_one_would(tmp_path) -> None:
    short = run(tmp_path, 0.1)
    assert short.results > 0
    assert short.files_first > 0
    assert short.resident_mb > 10
