"""Faults and drift as events: raised and over, each once, in the journal and on the wire, since when and in words."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

import edge
from edge.client import Station
from edge.contract.events import DriftEvent, FaultEvent
from edge.daemon.life import Life
from edge.daemon.standing import Standing
from edge.station.words import languages
from edge.wire.messages import EventMessage, Topic
from edge.wire.requests import Status, Trigger
from tests.edge.running import BRIGHTER, BY_COMMAND, WAIT_S, Running, station_file

SAID = 200
"""Messages among which there is one that is waited for."""


def test_what_stands_is_raised_once_whatever_the_words_and_over_with_the_last_of_them() -> None:
    times = iter(range(100, 200))
    standing = Standing(FaultEvent, lambda: next(times))
    assert standing.put("disk", "") is None
    assert standing.put("disk", "full") == FaultEvent(name="disk", text="full", raised=True, since_ns=100, bundle="")
    assert standing.put("disk", "fuller") is None
    assert (standing.texts, standing.since_ns) == ({"disk": "fuller"}, {"disk": 100})
    assert standing.put("disk", "") == FaultEvent(name="disk", text="fuller", raised=False, since_ns=100, bundle="")
    assert (standing.texts, standing.since_ns) == ({}, {})
    raised = standing.put("disk", "full", since_ns=7)
    assert raised
    assert raised.since_ns == 7


def test_alarms_of_another_bundle_are_over_and_its_own_are_raised() -> None:
    life = Life()
    life.show_alarms({"ng_rate": "9% NG"}, {"ng_rate": 5})
    life.show_alarms({"ng_rate": "9% NG"}, {"ng_rate": 5})
    life.show_alarms({"map_drift": "other maps"}, {"map_drift": 6})
    told = [life.alarms.get_nowait() for _ in range(3)]
    assert life.alarms.empty()
    assert {(each.name, each.raised, each.since_ns) for each in told} == {
        ("ng_rate", True, 5), ("ng_rate", False, 5), ("map_drift", True, 6),
    }  # fmt: skip


def test_each_fault_that_the_document_names_has_words_on_the_page_and_the_code_has_no_others() -> None:
    folder = Path(edge.__file__).parent
    text = (folder / "wire" / "PROTOCOL.md").read_text(encoding="utf-8")
    lines = text[text.index("Names of faults:") : text.index("`interlock`: known frames")].splitlines()
    named = {
        name for line in lines if line.startswith("| `") for name in re.findall(r"`(\w+)`", line.split("|")[1])
    } - {"name"}
    code = "".join(path.read_text(encoding="utf-8") for path in (folder / "daemon").glob("*.py"))
    assert named >= {*re.findall(r'\.fault\(\s*"(\w+)"', code)} > {"camera", "signal"}
    for words in languages().values():
        assert {f"notice.{name}" for name in named} <= words.texts.keys()


@pytest.mark.slow
def test_a_fault_and_a_drift_are_journaled_and_published_raised_and_over(tmp_path, bundle, capture, okng) -> None:
    config = station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND, BRIGHTER)
    began_ns = time.time_ns()
    with (
        Running(config) as daemon,
        Station(f"ipc://{daemon.folder}/r", f"ipc://{daemon.folder}/c", topics=(Topic.STATE, Topic.EVENT)) as listener,
    ):
        listener.wait_joined(WAIT_S)

        def next_event(kind: type) -> EventMessage:
            for _ in range(SAID):
                message = listener.receive(WAIT_S)
                if isinstance(message, EventMessage) and isinstance(message.header.event, kind):
                    return message
            raise AssertionError(daemon.log.read_text())

        aside = daemon.folder / "journal" / "damaged-2026-01-01T00-00-00Z"
        aside.mkdir()
        raised = next_event(FaultEvent).header
        status = daemon.station.status()
        assert raised.event.name == "journal_damaged"
        assert raised.event.raised
        assert aside.name in raised.event.text
        assert raised.event.text == status.faults["journal_damaged"]
        assert raised.event.bundle == raised.bundle == status.bundle
        assert began_ns < raised.event.since_ns <= raised.happened_ns
        assert (
            listener.wait_joined(WAIT_S).header.since_ns
            == status.since_ns
            == {"journal_damaged": raised.event.since_ns}
        )
        aside.rmdir()
        over = next_event(FaultEvent).header.event
        assert (over.name, over.raised, over.since_ns) == ("journal_damaged", False, raised.event.since_ns)
        for number in range(24):  # some without a frame
            daemon.station.request(Trigger(f"A-{number}"))
            daemon.collect(number + 1)
        drift = next_event(DriftEvent).header.event
        assert (drift.name, drift.raised) == ("brightness", True)
        assert daemon.station.request(Status())["since_ns"] == {"brightness": drift.since_ns}
        assert daemon.end() == 0, daemon.log.read_text()
    told = [json.loads(line) for line in okng("journal", "events", "--json", "--config", config).out.splitlines()]
    kept = [each["event"] for each in told if each["event"]["kind"] in {"fault", "drift"}]
    assert [(each["kind"], each["name"], each["raised"]) for each in kept] == [
        ("fault", "journal_damaged", True), ("fault", "journal_damaged", False), ("drift", "brightness", True),
    ]  # fmt: skip
