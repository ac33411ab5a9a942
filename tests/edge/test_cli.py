from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import msgspec
import pytest

from edge import __version__
from edge.cli import NEEDS_TRAINING_EXTRA
from edge.cli import okng as program
from edge.client import Station
from edge.commands.watch import shown
from edge.contract.types import Signal, Verdict
from edge.errors import BundleError, CameraError, ConfigError, JournalError, OkngError
from edge.wire.messages import ResultHeader, ResultMessage

PROGRAM = [sys.executable, "-m", "edge.cli"]
BOARD = [
    "accept", "keys", "load", "reject", "replay", "run", "sign", "start", "status", "stop", "trigger", "verify",
    "watch",
]  # fmt: skip


def commands(group: click.Group, path: tuple[str, ...] = ()):
    """Every command there is, with its path."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def test_the_boards_commands_are_there() -> None:
    assert {path[0] for path, _ in commands(program)} >= set(BOARD)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_command(okng, option) -> None:
    done = okng(option)
    assert (done.status, done.err) == (0, "")
    assert all(f"\n  {name} " in done.out for name in BOARD)


def test_every_command_says_what_it_does_and_shows_how_where_it_takes_arguments(okng) -> None:
    for path, command in commands(program):
        done = okng(*path, "--help")
        assert (done.status, done.err) == (0, "")
        assert command.help
        if any(isinstance(each, click.Argument) for each in command.params) and not isinstance(command, click.Group):
            assert f"Example: okng {' '.join(path)} " in done.out, path
        if path[0] in BOARD:
            assert all(isinstance(each, click.Argument) or each.help for each in command.params), path


def test_the_version_is_the_packages(okng) -> None:
    assert okng("--version").out == f"okng, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "Error: No such command 'nonsense'"),
        (["replay"], "Error: Missing argument 'CAPTURE'"),
        (["replay", "x"], "okng: no bundle: add --bundle, or a --recipe that names one"),
        (["status", "--nonsense"], "Error: No such option"),
        (["watch", "--count", "0"], "Error: Invalid value for '--count'"),
        (["replay", "x", "--bundle", "y", "--tolerance", "256"], "Error: Invalid value for '--tolerance'"),
    ],
)
def test_bad_use_is_said_with_status_2(okng, arguments, said) -> None:
    done = okng(*arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith(said)


@pytest.mark.parametrize("name", NEEDS_TRAINING_EXTRA)
def test_a_command_of_the_training_extra_says_how_to_get_it(name) -> None:
    code = "import sys; sys.modules['tensorflow'] = None; from edge.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, name, "data"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith(f"okng {name} needs the training extra: pip install 'okng[train]'")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OkngError("it is so"), 1),
        (ConfigError("it is so"), 2),
        (BundleError("it is so"), 3),
        (CameraError("it is so"), 4),
        (JournalError("it is so"), 4),
    ],
    ids=repr,
)
def test_an_error_of_ours_is_one_line_and_a_status(okng, monkeypatch, error, status) -> None:
    def fail(_path) -> None:
        raise error

    monkeypatch.setattr("edge.daemon.config.read_config", fail)
    done = okng("status")
    assert (done.status, done.out, done.err) == (status, "", "okng: it is so\n")


def test_a_crash_in_a_librarys_own_code_leaves_a_trace() -> None:
    code = """
import os, signal, sys
import click
from edge import cli
cli.okng.add_command(click.Command("crash", callback=lambda: os.kill(os.getpid(), signal.SIGSEGV)))
sys.argv = ["okng", "crash"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGSEGV
    assert done.stderr.startswith("Fatal Python error: Segmentation fault")


def test_a_broken_pipe_that_is_not_the_output_is_no_quiet_end(okng, monkeypatch) -> None:
    """A daemon whose PLC hangs up must not end with 0 and without a word."""

    def fail(_path) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("edge.daemon.config.read_config", fail)
    with pytest.raises(BrokenPipeError):
        okng("run")


@pytest.mark.parametrize("name", ["run", "status", "start", "stop", "trigger", "watch"])
def test_a_station_file_that_is_absent_is_named(okng, name, tmp_path) -> None:
    done = okng(name, "--config", tmp_path / "absent.toml")
    assert done.status == 2
    assert done.err == f"okng: {tmp_path}/absent.toml: cannot be read: No such file or directory\n"


def test_the_station_file_may_come_from_the_environment(okng, monkeypatch) -> None:
    monkeypatch.setenv("OKNG_CONFIG", "/nowhere/station.toml")
    assert "/nowhere/station.toml" in okng("status").err


def test_a_station_that_does_not_run_is_said_in_one_line(okng, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(Station.__init__.__kwdefaults__, "timeout_s", 0.1)
    config = tmp_path / "station.toml"
    config.write_text(f"""
        station = "one"
        bundle = "bundle"
        camera = {{uri = "file:///capture"}}
        journal = {{folder = "journal"}}
        wire = {{results = "ipc://{tmp_path}/r", commands = "ipc://{tmp_path}/c"}}
    """)
    done = okng("status", "--config", config)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("okng: no answer from ")
    assert done.err.endswith("is okng running?\n")
    assert done.err.count("\n") == 1


def test_verify_says_yes_and_no(okng, bundle, bundle_copy) -> None:
    done = okng("verify", bundle)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"{bundle}: good, not signed. Digest ")
    assert '"golden":' in okng("verify", bundle, "--json").out
    (bundle_copy / "model.tflite").write_bytes(b"")
    done = okng("verify", bundle_copy)
    assert (done.status, done.out, done.err.count("\n")) == (3, "", 1)
    assert done.err.startswith(f"okng: {bundle_copy}/model.tflite: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_ends_with_130_and_one_line(capture, bundle, number) -> None:
    """Nobody reads its output, and there is no room for more, so it is at work when the signal comes."""
    many = [*PROGRAM, "replay", str(capture), "--bundle", str(bundle)]
    read, write = os.pipe()
    os.write(write, bytes(fcntl.fcntl(write, fcntl.F_GETPIPE_SZ)))
    with subprocess.Popen(many, stdout=write, stderr=subprocess.PIPE, text=True) as child:
        try:
            _wait_until_it_writes(child.pid)
            child.send_signal(number)
            _, err = child.communicate(timeout=60)
        finally:
            child.kill()
            os.close(read)
            os.close(write)
    assert child.returncode == 130
    assert err.split("\n") in (["okng: interrupted", ""], ["", "okng: interrupted", ""])


def _wait_until_it_writes(pid: int) -> None:
    """The kernel says what a sleeping process waits for; the full pipe is the end of the work done in silence."""
    for _ in range(600):
        if "pipe" in Path(f"/proc/{pid}/wchan").read_text():
            return
        time.sleep(0.05)
    raise AssertionError("never wrote")


def test_a_reader_that_stops_reading_is_no_error(capture, bundle) -> None:
    command = [*PROGRAM, "replay", str(capture), "--bundle", str(bundle)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout
        child.stdout.close()
        assert child.stderr
        assert child.stderr.read() == ""
    assert child.returncode == 0


@pytest.mark.parametrize("kind", ["dent", msgspec.UNSET])
def test_watch_shows_the_kind_where_there_is_one(kind) -> None:
    header = ResultHeader(
        station="one", boot="3f9a01c2", number=1, sequence=1, captured_ns=5, bundle="b", id="3f9a01c2-1", part="A-7",
        frame_name="", triggered_ns=4, verdict=Verdict.NG, score=0.9, signal=Signal.REJECT, reason="", timings_ms={},
        map=None, thresholds=None, image=None, kind=kind,
    )  # fmt: skip
    line = click.unstyle(shown(ResultMessage(header, None)))
    assert line == f"NG      0.900  {'dent  ' if kind else ''}3f9a01c2-1  A-7"
