"""Writing so that nothing is ever half there: to a neighbour first, to the disk, then renamed into place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edge.contract import interrupts
from edge.errors import HardwareError, UsageError


def refuse_taken(out: Path) -> None:
    """Raises UsageError when `out` is a file, or a folder with anything in it; long work asks before it begins."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is already there; name a new folder or remove it")


@contextmanager
def new_folder(out: Path, state: Path | None = None) -> Iterator[Path]:
    """A folder to fill; it becomes `out` when the block ends well, and is gone when it does not.

    `state` is the file, if any, from which the work goes on after a failure: then the message names it. Raises
    UsageError when `out` is there and not empty, or when the place cannot be written or is full.
    """
    out = out.absolute()
    partial = out.parent / f".{out.name}.partial-{os.getpid()}"
    try:
        refuse_taken(out)
        partial.mkdir(parents=True)
        yield partial
        interrupts.heed()
        _settle(partial)
        if out.exists():
            out.rmdir()
        partial.rename(out)
        sync_folder(out.parent)
    except (HardwareError, FileNotFoundError):  # OSErrors too, but none of this place's making
        raise
    except OSError as error:
        kept = f"only {state} was kept, from which the same command goes on" if state and state.exists() else ""
        raise UsageError(f"{out}: cannot be written: {error.strerror or error}; {kept or 'nothing was kept'}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def new_file(out: Path) -> Iterator[BinaryIO]:
    """A file to fill; it becomes `out` when the block ends well, and is gone when it does not.

    Raises UsageError when `out` is there, or when the place cannot be written or is full.
    """
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    if out.exists():
        raise UsageError(f"{out}: is already there; name a new file or remove it")
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        with _by_way_of(partial, out) as file:
            yield file
            interrupts.heed()
    except (HardwareError, FileNotFoundError):  # OSErrors too, but none of this place's making
        raise
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror or error}; nothing was kept") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_file(path: Path, data: bytes) -> None:
    """`data` at `path`, whole or not at all, and on the disk when this returns. Raises OSError."""
    write_files({path: data})


def write_files(files: Mapping[Path, bytes]) -> None:
    """As `write_file`, each of them; their folders are synced once. After an OSError some may be there."""
    partials = {path: path.with_name(f".{path.name}.partial") for path in files}
    try:
        for path, data in files.items():
            with partials[path].open("wb") as file, _synced(file):
                file.write(data)
        for path, partial in partials.items():
            partial.rename(path)
    except OSError:
        for partial in partials.values():
            partial.unlink(missing_ok=True)
        raise
    for folder in {path.absolute().parent for path in files}:
        sync_folder(folder)


@contextmanager
def _by_way_of(partial: Path, path: Path) -> Iterator[BinaryIO]:
    """A file to fill, which takes its place once its content is on the disk."""
    with partial.open("wb") as file, _synced(file):
        yield file
    partial.rename(path)
    sync_folder(path.absolute().parent)


@contextmanager
def _synced(file: BinaryIO) -> Iterator[None]:
    """What is written inside is on the disk at the end."""
    yield
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Puts the names in `folder` on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _settle(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(Path(parent) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(parent))
