"""The real daemon, as a process of its own, over ipc sockets, with captured frames."""

from __future__ import annotations

import os
import queue
import random
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera import FileCamera
from edge.client import CommandRefused, Station
from edge.contract.bundle import read_bundle
from edge.contract.images import read_image
from edge.contract.triggers import Untaken
from edge.contract.types import Decision, Frame, Inspection, Signal, State, Verdict
from edge.daemon.inspector import Inspector
from edge.daemon.life import Life
from edge.errors import WireError
from edge.inference.judge import Judge
from edge.inspection.pipeline import Pipeline
from edge.inspection.triggers import Triggers
from edge.journal.reader import JournalReader
from edge.line import NoSignal
from edge.wire.messages import ImageMessage
from edge.wire.requests import Decide, Start, Status, Stop, Trigger
from tests.edge.running import (
    BRIGHTER,
    BY_COMMAND,
    GATE,
    ON_START,
    PROGRAM,
    WAIT_S,
    Running,
    refused,
    refused_alone,
    station_file,
)


@pytest.fixture(scope="module")
def free(tmp_path_factory, bundle, capture) -> Iterator[Running]:
    """A free-running station that has inspected the whole capture once."""
    config = station_file(tmp_path_factory.mktemp("free"), bundle, capture.as_uri(), ON_START)
    with Running(config) as daemon:
        assert daemon.station.request(Start())["state"] == State.CONTINUOUS_EXECUTION
        daemon.collect(12)
        yield daemon
        assert daemon.end() == 0, daemon.log.read_text()


@pytest.fixture(scope="module")
def triggered(tmp_path_factory, bundle, capture) -> Iterator[Running]:
    """A station that waits for triggers, and drives simulated pins."""
    camera = f"{capture.as_uri()}?loop=true"
    config = station_file(tmp_path_factory.mktemp("triggered"), bundle, camera, BY_COMMAND, GATE, BRIGHTER)
    with Running(config) as daemon:
        yield daemon
        assert daemon.end() == 0, daemon.log.read_text()


def test_every_frame_has_one_result_and_one_row_that_say_the_same(free, bundle) -> None:
    assert free.drain() == free.collect(12)
    assert len(free.results) == 12
    rows = free.rows()
    assert [row.sequence for row in rows] == list(range(1, 13))
    for message, row in zip(free.results, rows, strict=True):
        header = message.header
        for name in ("id", "part", "frame_name", "verdict", "score", "signal", "reason", "captured_ns", "triggered_ns"):
            assert getattr(header, name) == getattr(row, name), name
        assert (header.bundle, header.boot) == (row.bundle, row.boot_id) == (read_bundle(bundle).digest, free.boot)
        assert header.timings_ms == row.timings_ms
        assert np.array_equal(message.map_units, row.map_units)


def test_a_gap_would_show(free) -> None:
    assert [message.header.number for message in free.results] == list(range(1, 13))
    images = [message for message in free.messages if isinstance(message, ImageMessage)]
    assert [message.header.number for message in images] == list(range(1, len(images) + 1))


def test_the_daemon_judges_as_the_bundle_does(free, bundle, capture) -> None:
    judge = Judge(read_bundle(bundle))
    for index, message in enumerate(free.results):
        if index in (5, 7):
            continue
        name = f"{index:02}.png"
        expected = judge.judge(Frame(read_image(capture / name), index, 0, 0, name))
        header = message.header
        assert (header.frame_name, header.verdict, header.score) == (name, expected.verdict, expected.score)
        assert np.array_equal(message.map_units, expected.map_units)
        assert header.signal == (Signal.ACCEPT if expected.verdict is Verdict.OK else Signal.REJECT)


@pytest.mark.parametrize(("index", "reason"), [(5, "05.png: the file is cut short"), (7, "the frame is blank")])
def test_a_frame_that_cannot_be_judged_is_a_fault_and_a_reject(free, index, reason) -> None:
    header, row = free.results[index].header, free.rows()[index]
    assert (header.verdict, header.score, header.map, header.signal) == (Verdict.FAULT, None, None, Signal.REJECT)
    assert reason in header.reason
    assert reason in row.reason
    assert (row.verdict, row.signal) == (Verdict.FAULT, Signal.REJECT)


def test_frames_are_kept_with_their_checksum_and_published(free, capture) -> None:
    images = {message.header.id: message for message in free.messages if isinstance(message, ImageMessage)}
    with JournalReader(free.folder / "journal") as reader:
        for index, (message, row) in enumerate(zip(free.results, free.rows(), strict=True)):
            if index == 5:
                assert row.image_path is message.header.image is None
                continue
            reference = message.header.image
            assert (reference.path, reference.sha256) == (row.image_path, row.image_sha256)
            pixels = read_image(capture / f"{index:02}.png")
            kept = cv2.imdecode(np.frombuffer(reader.image(row), np.uint8), cv2.IMREAD_UNCHANGED)
            assert np.array_equal(kept, pixels)
            assert images[row.id].header.height == pixels.shape[0]


def test_the_state_says_that_the_source_has_ended(free) -> None:
    status = free.station.request(Status())
    assert (status["state"], status["ended"], status["triggers"]) == (State.HALTED, True, 12)
    found = [message.header.verdict for message in free.results]
    assert status["results"] == {verdict: found.count(verdict) for verdict in {*found}}
    assert (status["station"], status["boot"]) == ("one", free.boot)


@pytest.mark.parametrize(("command", "code"), [(Start(), "wrong_state"), (Trigger("A-7"), "wrong_state")], ids=repr)
def test_a_command_at_the_wrong_time_is_refused_and_does_nothing(free, command, code) -> None:
    with pytest.raises(CommandRefused) as caught:
        free.station.request(command)
    assert caught.value.code == code
    assert len(free.rows()) == 12


def test_decisions_are_journaled_once_for_each_request_and_the_latest_counts(free) -> None:
    inspection = free.results[0].header.id
    accept = Decide(inspection, Decision.ACCEPT, "ann", "only dust")
    first = free.station.request(accept, request_id="mine")
    assert free.station.request(accept, request_id="mine") == first
    free.station.request(Decide(inspection, Decision.REJECT, "bob"))
    with JournalReader(free.folder / "journal") as reader:
        found = reader.decisions(inspection)
        assert [(each.decision, each.operator, each.reason) for each in found] == [
            (Decision.ACCEPT, "ann", "only dust"),
            (Decision.REJECT, "bob", ""),
        ]
        assert found[0].decided_ns == first["decided_ns"]
        assert reader.find(inspection).decision.decision is Decision.REJECT


def test_a_decision_that_cannot_be_is_refused(free) -> None:
    for name in (f"{free.boot}-999", "00000000-1"):
        with pytest.raises(CommandRefused) as caught:
            free.station.request(Decide(name, Decision.ACCEPT, "ann"))
        assert caught.value.code == "unknown_inspection"
    inspection = free.results[1].header.id
    free.station.request(Decide(inspection, Decision.ACCEPT, "ann"), request_id="taken")
    with pytest.raises(CommandRefused) as caught:
        free.station.request(Decide(inspection, Decision.REJECT, "ann"), request_id="taken")
    assert caught.value.code == "refused"
    with JournalReader(free.folder / "journal") as reader:
        assert [each.decision for each in reader.decisions(inspection)] == [Decision.ACCEPT]


def test_the_command_line_asks_and_decides(free, okng) -> None:
    option = ("--config", free.config)
    assert '"state": "halted"' in okng("status", *option).out
    inspection = free.results[2].header.id
    done = okng("reject", inspection, "--operator", "ann", "--reason", "scratched", *option)
    assert (done.status, done.out) == (0, f"{inspection}: rejected by ann\n")
    assert free.rows()[2].decision.reason == "scratched"
    for done in (okng("accept", f"{free.boot}-999", *option), okng("start", *option)):
        assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
        assert done.err.startswith("okng: ")


def test_sockets_and_journal_are_their_owners_alone(free) -> None:
    for name in ("r", "c", "journal", "journal/journal.sqlite3"):
        assert (free.folder / name).stat().st_mode & 0o077 == 0, name


def test_n_triggers_have_n_results_with_their_ids_and_parts(triggered) -> None:
    before = len(triggered.drain())
    asked = [triggered.station.request(Trigger(f"A-{index}"))["inspection"] for index in range(30)]
    triggered.collect(before + 30)
    found = triggered.drain()[before:]
    assert [message.header.id for message in found] == asked
    assert [message.header.part for message in found] == [f"A-{index}" for index in range(30)]
    rows = triggered.rows()[-30:]
    assert [(row.id, row.part) for row in rows] == [(message.header.id, message.header.part) for message in found]
    for row in rows:
        assert (row.signal is Signal.ACCEPT) == (row.verdict is Verdict.OK)
        assert row.captured_ns is None or row.captured_ns >= row.triggered_ns


def test_images_that_are_not_like_the_reference_are_a_warning_and_no_more(triggered) -> None:
    triggered.collect(30)
    status = triggered.station.request(Status())
    assert 0 < status["quality"]["brightness"] < 200
    assert {*status["warnings"]} == {"brightness"}
    assert Verdict.OK in {message.header.verdict for message in triggered.results}
    with Station(f"ipc://{triggered.folder}/r", f"ipc://{triggered.folder}/c", timeout_s=WAIT_S) as station:
        header = station.wait_joined().header
    assert header.warnings == status["warnings"]
    assert header.quality is not None


def test_a_station_that_is_stopped_takes_no_triggers_until_it_is_started(triggered) -> None:
    before = len(triggered.drain())
    assert triggered.station.request(Stop())["state"] == State.HALTED
    with pytest.raises(CommandRefused) as caught:
        triggered.station.request(Trigger("A-7"))
    assert caught.value.code == "wrong_state"
    assert triggered.station.request(Start())["state"] == State.READY
    asked = triggered.station.request(Trigger("A-8"))["inspection"]
    assert [message.header.id for message in triggered.collect(before + 1)[before:]] == [asked]


def test_the_command_line_triggers_and_watches(triggered, okng) -> None:
    before = len(triggered.drain())
    done = okng("trigger", "A-9", "--config", triggered.config)
    assert triggered.collect(before + 1)[before].header.id == done.out.strip()
    shown = subprocess.Popen(
        [*PROGRAM[:-2], "watch", "--json", "--count", "1", "--config", str(triggered.config)], stdout=subprocess.PIPE
    )
    while shown.poll() is None:
        okng("trigger", "A-10", "--config", triggered.config)
    assert shown.returncode == 0
    assert b'"part":"A-10"' in shown.stdout.read()


def test_nothing_is_inspected_before_the_command_start(tmp_path, bundle, capture) -> None:
    with Running(station_file(tmp_path / "d", bundle, capture.as_uri(), ON_START)) as daemon:
        assert daemon.station.request(Status())["state"] == State.INITIALIZED
        assert daemon.drain() == daemon.rows() == []
        assert daemon.end() == 0


@pytest.mark.slow
def test_more_triggers_than_can_wait_are_refused_and_those_that_wait_at_the_end_are_faults(
    tmp_path, bundle, capture
) -> None:
    camera = f"{capture.as_uri()}?loop=true&rate=0.1"
    with Running(station_file(tmp_path / "d", bundle, camera, BY_COMMAND)) as daemon:
        asked, refused = [], set()
        for index in range(80):
            try:
                asked.append(daemon.station.request(Trigger(f"A-{index}"))["inspection"])
            except CommandRefused as error:
                refused.add(error.code)
        assert refused == {"busy"}
        assert daemon.end() == 0
        assert [message.header.id for message in daemon.results] == asked
        assert [row.id for row in daemon.rows()] == asked
        assert all(message.header.signal is Signal.REJECT for message in daemon.results[1:])
        assert "the station is stopping" in daemon.results[-1].header.reason


def test_no_trigger_is_taken_once_the_line_has_ended(capture) -> None:
    life, triggers = Life(), Triggers()
    waiting: queue.Queue[Inspection] = queue.Queue()
    with FileCamera(capture) as camera, NoSignal() as line:
        pipeline = Pipeline(None, line, "3f9a01c2")
        inspector = Inspector(camera, pipeline, triggers, life, waiting, free_run=False, timeout_s=0.1)
        triggers.ask("before")
        life.ending.set()
        inspector.run()
    assert [waiting.get_nowait().part] == ["before"]
    assert triggers.ask("after") is Untaken.MISSED


def free_run(daemon: Running, pause_s: float) -> None:
    daemon.station.request(Start())
    time.sleep(pause_s)


def hammer(daemon: Running, pause_s: float) -> None:
    """Triggers as fast as they are answered, beyond the end."""
    asked: list[str] = []

    def ask() -> None:
        addresses = (f"ipc://{daemon.folder}/r", f"ipc://{daemon.folder}/c")
        with Station(*addresses, timeout_s=1.0) as station, suppress(WireError):
            while True:
                with suppress(CommandRefused):
                    asked.append(station.request(Trigger())["inspection"])

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(pause_s)
    status = daemon.end()
    thread.join()
    assert status == 0, daemon.log.read_text()
    assert {message.header.id for message in daemon.results} == {*asked}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "work"),
    [pytest.param(ON_START, free_run, id="free"), pytest.param(BY_COMMAND, hammer, id="triggered")],
)
def test_sigterm_at_any_moment_ends_well_with_all_results_in_the_journal(tmp_path, bundle, capture, kind, work) -> None:
    def one(index: int, pause_s: float) -> tuple[int, list[str], list[str]]:
        camera = f"{capture.as_uri()}?loop=true"
        with Running(station_file(tmp_path / str(index), bundle, camera, kind, images=False)) as daemon:
            work(daemon, pause_s)
            status = daemon.end()
            return status, [message.header.id for message in daemon.results], [row.id for row in daemon.rows()]

    with ThreadPoolExecutor(3) as pool:
        for status, published, rows in pool.map(one, range(5), [random.random() for _ in range(5)]):
            assert status == 0
            assert published == rows
            assert [int(name.split("-")[1]) for name in rows] == list(range(1, len(rows) + 1))


@pytest.mark.slow
def test_sigterm_while_it_starts_is_no_crash(tmp_path, bundle, capture) -> None:
    def one(index: int, pause_s: float) -> tuple[int, str]:
        config = station_file(tmp_path / str(index), bundle, f"{capture.as_uri()}?loop=true")
        with subprocess.Popen([*PROGRAM, str(config)], stderr=subprocess.PIPE, text=True) as process:
            time.sleep(pause_s)
            process.terminate()
            return process.wait(WAIT_S), process.stderr.read()

    with ThreadPoolExecutor(3) as pool:
        for status, said in pool.map(one, range(6), np.linspace(0.05, 1.2, 6)):
            assert status in {0, 130, -15}, said
            assert "Traceback" not in said


@pytest.mark.slow
def test_after_kill_9_every_published_result_is_in_the_journal(tmp_path, bundle, capture) -> None:
    config = station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", ON_START)
    boots = set()
    for _ in range(3):
        with Running(config) as daemon:
            daemon.station.request(Start())
            daemon.collect(random.randrange(1, 60))
            daemon.process.kill()
            daemon.process.wait()
            published = {message.header.id: message for message in daemon.drain()}
            rows = {row.id: row for row in daemon.rows()}
            boots.add(daemon.boot)
        assert set(published) <= set(rows)
        with JournalReader(daemon.folder / "journal") as reader:
            for name, message in published.items():
                assert rows[name].score == message.header.score
                if message.header.image:
                    assert reader.image(rows[name])
    assert len(boots) == 3


@pytest.mark.parametrize(
    ("lines", "status", "said"),
    [
        (["surprise = 1"], 2, "surprise: no such key; allowed here: station,"),
        (["signal = {kind = 'gpio', pass_pin = 4, reject_pin = 4}"], 2, "reject_pin 4: is the pass_pin too"),
    ],
    ids=["key", "pins"],
)
def test_a_station_file_that_is_wrong_is_refused(
    okng, tmp_path, bundle, capture, lines: Sequence[str], status, said
) -> None:
    assert said in refused(okng, station_file(tmp_path / "d", bundle, capture.as_uri(), *lines), status)


@pytest.mark.skipif(any(Path("/dev").glob("gpiochip*")), reason="there is GPIO here")
def test_a_signal_without_gpio_is_refused(tmp_path, bundle, capture) -> None:
    gpio = "signal = {kind = 'gpio', pass_pin = 4}"
    assert 'factory = "mock"' in refused_alone(station_file(tmp_path / "d", bundle, capture.as_uri(), gpio), 4)


@pytest.mark.parametrize(
    ("camera", "status", "said"),
    [
        ("file:///nowhere/at/all", 4, "/nowhere/at/all: no such folder or file"),
        ("file:///srv?rat=3", 2, "rat: no such option"),
        ("video://0", 2, "a camera is one of file://, picamera2://"),
    ],
)
def test_a_camera_that_is_not_there_is_refused(okng, tmp_path, bundle, camera, status, said) -> None:
    assert said in refused(okng, station_file(tmp_path / "d", bundle, camera), status)


def test_a_broken_bundle_is_refused(okng, tmp_path, bundle_copy, capture, seal) -> None:
    config = station_file(tmp_path / "d", bundle_copy, capture.as_uri())
    (bundle_copy / "model.tflite").write_bytes(b"garbage")
    assert "model.tflite: not the file this bundle was made with" in refused(okng, config, 3)
    seal(bundle_copy)
    assert "refuses the model" in refused(okng, config, 3)


def test_a_bundle_that_crashes_the_runtime_does_not_crash_the_daemon(tmp_path, bundle, capture, monkeypatch) -> None:
    package = tmp_path / "runtime" / "ai_edge_litert"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "interpreter.py").write_text("import os\nclass Interpreter:\n def __init__(*_, **__): os.abort()\n")
    monkeypatch.setenv("PYTHONPATH", str(package.parent), prepend=os.pathsep)
    assert "crashed the runtime" in refused_alone(station_file(tmp_path / "d", bundle, capture.as_uri()), 3)


def test_a_port_in_use_is_refused(okng, tmp_path, free, capture, bundle) -> None:
    config = station_file(tmp_path / "d", bundle, capture.as_uri())
    config.write_text(config.read_text().replace(f"ipc://{tmp_path}/d/c", f"ipc://{free.folder}/c"))
    assert f"ipc://{free.folder}/c: already in use" in refused(okng, config, 2)


def test_a_second_daemon_on_one_journal_is_refused(okng, tmp_path, free, capture, bundle) -> None:
    journal = str(free.folder / "journal")
    config = station_file(tmp_path / "d", bundle, capture.as_uri(), journal=journal)
    assert f"{journal}: another okng runs on it (process {free.process.pid})" in refused(okng, config, 4)


def test_a_journal_folder_that_is_a_file_is_refused(okng, tmp_path, bundle, capture) -> None:
    (tmp_path / "file").touch()
    config = station_file(tmp_path / "d", bundle, capture.as_uri(), journal=str(tmp_path / "file"))
    assert f"{tmp_path}/file: is not a folder" in refused(okng, config, 4)


@pytest.mark.system
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a disk")
def test_a_journal_on_a_disk_that_is_read_only_is_refused(okng, tmp_path, bundle, capture) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", disk], check=True)
    try:
        config = station_file(tmp_path / "d", bundle, capture.as_uri(), journal=str(disk / "journal"))
        assert "cannot be written" in refused(okng, config, 4)
    finally:
        subprocess.run(["umount", disk], check=True)
