"""What docs/wiring.md tells to write into a station file is right, and so is its table."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from edge.daemon.config import StationConfig
from edge.inspection.triggers import WAITING as TRIGGERS_WAITING
from edge.line.modbus_encoder import BACK, LEAP
from edge.line.modbus_image import (
    BITS,
    CHANGEOVER,
    CHANGEOVER_DONE,
    RESULTS_ACK,
    RESULTS_VALID,
    TRIGGER,
    TRIGGER_ACK,
    VERDICTS,
    WAITING,
    Changed,
)

GUIDE = (Path(__file__).parents[2] / "docs/wiring.md").read_text()
STATION = """
station = "one"
bundle = "b"
camera = {uri = "sim://metal"}
journal = {folder = "j"}
"""


@pytest.mark.parametrize("block", re.findall(r"(?s)```toml\n(.*?)```", GUIDE))
def test_each_example_is_a_station_file(block) -> None:
    msgspec.toml.decode(STATION + block, type=StationConfig)


def test_the_inline_examples_are_too() -> None:
    for kind in ("timed", "presence"):
        (table,) = re.findall(rf"`({kind} = {{.*?}})`[.:]", GUIDE)
        msgspec.toml.decode(f'{STATION}\ntrigger = {{kind = "{kind}", {table}}}', type=StationConfig)


def test_the_modbus_table_is_what_the_code_does() -> None:
    outputs = ", ".join(f"{place} {output.upper()}" for place, output in enumerate(BITS))
    for said in (
        f"| {outputs} |",
        f"| {RESULTS_VALID} RESULTS_VALID |",
        f"| {TRIGGER_ACK} TRIGGER_ACK |",
        f"| {CHANGEOVER_DONE} CHANGEOVER_DONE |",
        f"coil {TRIGGER} TRIGGER, coil {RESULTS_ACK} RESULTS_ACK, coil {CHANGEOVER} CHANGEOVER",
        f"goes back by more than {BACK} or forward by more than {LEAP:,}",
        f"| its verdict: {', '.join(f'{number} {verdict.upper()}' for verdict, number in VERDICTS.items())} |",
        f"While {WAITING} results wait",
        f"{TRIGGERS_WAITING} parts may be between sensor and camera",
        ", ".join(f"{each.value} {each.name.lower()}" for each in Changed if each),
    ):
        assert said in GUIDE
