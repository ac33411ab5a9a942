from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from edge.contract import interrupts
from edge.contract.storage import new_file, new_folder, write_file, write_files
from edge.errors import CameraError, UsageError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")


def fill(out: Path, fail: BaseException | None = None) -> None:
    with new_folder(out) as folder:
        (folder / "below").mkdir()
        (folder / "below" / "one").write_text("one")
        assert not out.exists() or not any(out.iterdir())
        if fail:
            raise fail


def refusal(out: Path) -> str:
    with pytest.raises(UsageError) as caught:
        fill(out)
    message = str(caught.value)
    assert str(out) in message
    assert "\n" not in message
    return message


@pytest.fixture
def small_disk(tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_folder_is_there_whole_and_alone(tmp_path) -> None:
    fill(tmp_path / "a" / "b" / "out")
    assert (tmp_path / "a" / "b" / "out" / "below" / "one").read_text() == "one"
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["out"]


def test_an_empty_folder_may_be_there_and_a_relative_path_given(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    fill(Path("out"))
    assert (tmp_path / "out" / "below" / "one").is_file()


def test_a_place_that_is_taken_is_refused_and_left_alone(tmp_path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "file").touch()
    for name in ("full", "file"):
        assert "already there" in refusal(tmp_path / name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "mine"]


@pytest.mark.parametrize(
    "error", [RuntimeError("mine"), CameraError("mine"), KeyboardInterrupt(), SystemExit(1)], ids=repr
)
def test_a_failure_inside_passes_and_leaves_nothing(tmp_path, error) -> None:
    with pytest.raises(type(error)) as caught:
        fill(tmp_path / "out", error)
    assert caught.value is error
    assert list(tmp_path.iterdir()) == []


def test_a_disk_error_inside_says_so_in_one_line_and_leaves_nothing(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"out: cannot be written: .*; nothing was kept"):
        fill(tmp_path / "out", OSError(5, "Input/output error"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", [True, False])
def test_a_disk_error_names_the_state_that_is_left(tmp_path, there) -> None:
    state = tmp_path / "state"
    if there:
        state.touch()
    with pytest.raises(UsageError) as caught, new_folder(tmp_path / "out", state):
        raise OSError(28, "No space left on device")
    kept = f"only {state} was kept, from which the same command goes on" if there else "nothing was kept"
    assert str(caught.value) == f"{tmp_path / 'out'}: cannot be written: No space left on device; {kept}"
    assert list(tmp_path.iterdir()) == [state] * there


@pytest.fixture
def listening():
    """Signals end a command, as `okng` has it; then as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    interrupts.listen()
    yield
    interrupts.listen()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("new", [new_folder, new_file])
def test_an_interrupt_that_a_library_swallowed_still_leaves_nothing(tmp_path, listening, new, number) -> None:
    swallowed = suppress(BaseException)  # as Keras does in a dozen places
    with pytest.raises(KeyboardInterrupt), new(tmp_path / "out"), swallowed:
        signal.raise_signal(number)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_outlives_a_failure(tmp_path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(ZeroDivisionError):
        fill(tmp_path / "out", ZeroDivisionError())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_places_that_cannot_be_are_refused(tmp_path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be written" in refusal(tmp_path / "file" / "out")
    assert "cannot be written" in refusal(tmp_path / "file" / "out" / "below")
    assert "cannot be written" in refusal(tmp_path / ("a" * 300))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_written_over_whole(tmp_path) -> None:
    for data in (b"first", b"second"):
        write_file(tmp_path / "one", data)
        assert (tmp_path / "one").read_bytes() == data
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_cannot_be_renamed_leaves_nothing(tmp_path) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_file(tmp_path / "one", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@needs_root
@pytest.mark.system
def test_a_full_disk_is_one_line_and_leaves_nothing(small_disk) -> None:
    with pytest.raises(UsageError, match="No space left"), new_folder(small_disk / "out") as folder:
        (folder / "large").write_bytes(bytes(1_000_000))
    assert list(small_disk.iterdir()) == []
    write_file(small_disk / "one", b"first")
    with pytest.raises(OSError, match="No space left"):
        write_file(small_disk / "one", bytes(1_000_000))
    assert (small_disk / "one").read_bytes() == b"first"
    assert len(list(small_disk.iterdir())) == 1


def test_several_files_are_written_whole_or_leave_nothing_half_done(tmp_path) -> None:
    write_files({tmp_path / name: name.encode() for name in ("a", "b")})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"a", "b": b"b"}
    with pytest.raises(OSError):
        write_files({tmp_path / "c": b"c", tmp_path / "absent" / "d": b"d"})
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}
