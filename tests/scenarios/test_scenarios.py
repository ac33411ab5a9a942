"""Every scenario of this folder, replayed through the real pipeline: see `draw`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from edge.contract.bundle import read_bundle

HERE = Path(__file__).parent
BUNDLE = HERE.parents[1] / "models" / "metal"
SCENARIOS = sorted(path.parent for path in HERE.glob("*/expected.toml"))


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 6


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_a_scenario_comes_out_as_expected(scenario: Path, okng, monkeypatch) -> None:
    monkeypatch.setattr(
        "edge.inference.verify.verify_in_child", read_bundle
    )  # proved by other tests; it takes a second
    recipe = [f"--recipe={path}" for path in scenario.glob("recipe.toml")]
    done = okng("replay", scenario / "frames", "--bundle", BUNDLE, *recipe)
    assert done.status == 0, done.err
    found = [json.loads(line) for line in done.out.splitlines()]
    expected = tomllib.loads((scenario / "expected.toml").read_text())["parts"]
    assert [(each["frame"], each["verdict"]) for each in found] == [
        (part["frame"], part["verdict"]) for part in expected
    ]
    for each, part in zip(found, expected, strict=True):
        assert part.get("reason", "") in each["reason"]
        assert bool(each["reason"]) == ("reason" in part)
        assert (each["region"] or {}).get("name") == part.get("region")
        assert each["signal"] == ("accept" if part["verdict"] == "ok" else "reject")
