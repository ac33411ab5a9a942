from __future__ import annotations

import pytest

from benchmarks.stalled_subscriber import run


@pytest.mark.parametrize("count", [3000, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def test_a_stalled_subscriber_recovers_every_result(tmp_path, monkeypatch, count) -> None:
    if count < 10_000:
        monkeypatch.setattr("edge.wire.publisher.HIGH_WATER", 5)
        monkeypatch.setattr("edge.client.links.HIGH_WATER", 5)
    found = run(tmp_path, count)
    assert found.wrong == 0
    assert found.recovered > count / 2
