"""The bundles that a station keeps: copies of its own, and the record of which one judges, over restarts.

    JOURNAL/bundles/record.json   JOURNAL/bundles/DIGEST/

The record is replaced whole, and names only copies that were on the disk before: whenever the power goes, exactly one
bundle is active, and it is there.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from edge.contract.bundle import Bundle, read_bundle
from edge.contract.signature import PublicKey
from edge.contract.storage import new_folder, sync_folder, write_file
from edge.contract.typed import decode_json
from edge.errors import BundleError

log = logging.getLogger(__name__)

RECORD = "record.json"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Digests: of the bundle that judges, of the one before it, and of the station file's when this was written.

    `trial` is the share of faults before the active one took over, 0 to 1; None once it has proved no worse. `recipe`
    is the one whose own bundle all this is about, empty where it is the station's; then `own` is what the station's was
    before, which recipes without one go back to.
    """

    schema: Literal[1] = 1
    configured: str
    active: str
    previous: str | None = None
    trial: float | None = None
    recipe: str = ""
    own: Record | None = None

    @property
    def named(self) -> set[str]:
        """Digests of all the bundles that are to be kept."""
        return {*filter(None, (self.active, self.previous)), *(self.own.named if self.own else ())}


class BundleStore:
    """Belongs to one thread at a time. What writes raises OSError too, and then leaves the record as it was."""

    def __init__(self, folder: Path, recipe: str = "") -> None:
        """`folder` is the journal's; nothing is made in it before there is something to keep.

        `recipe` names the one to start with, if it has a bundle of its own.
        """
        self._folder, self._recipe = folder / "bundles", recipe
        found = _read(self._folder / RECORD)
        self._written = found
        self._own = found.own if found and found.recipe else found
        self.record = found if found and found.recipe == recipe else None if recipe else self._own

    def path(self, digest: str) -> Path:
        """Where the copy of that bundle lies, if it is kept."""
        return self._folder / digest

    def candidates(self, configured: Path, digest: str | None) -> list[Path]:
        """Which bundles to try at a start, in order. `digest` is of the station file's, None when it is damaged.

        Once the station file names another bundle than when the record was written, that one is wanted; until then
        the one that judged last.
        """
        if self.record is None:
            return [configured]
        kept = [self.path(each) for each in (self.record.active, self.record.previous) if each]
        if digest is None or digest != self.record.configured:
            return [configured, *kept]
        if digest == self.record.active:
            kept.insert(1, configured)
        return kept if configured in kept else [*kept, configured]

    def keep(self, bundle: Bundle, trusted: Sequence[PublicKey] = ()) -> Path:
        """The station's own copy, on the disk when this returns. Raises BundleError, UsageError."""
        copy = self.path(bundle.digest)
        if copy == bundle.path or _is_whole(copy, bundle.digest, trusted):
            return copy
        self._folder.mkdir(mode=0o700, exist_ok=True)
        shutil.rmtree(copy, ignore_errors=True)
        with new_folder(copy) as partial:
            shutil.copytree(bundle.path, partial, dirs_exist_ok=True, copy_function=shutil.copyfile)
            if not _is_whole(partial, bundle.digest, trusted):
                raise BundleError(f"{bundle.path}: changed while it was being copied; load it again")
        sync_folder(self._folder.parent)
        return copy

    def begin(self, configured: str, active: str) -> None:
        """A start: the kept bundle `active` judges, and the station file's has the digest `configured`."""
        old = self.record
        if old is None:
            own = self._own if self._recipe else None
            self._write(Record(configured=configured, active=active, recipe=self._recipe, own=own))
        elif active == old.active:
            self._write(replace(old, configured=configured))
        elif active == old.previous:
            self._write(replace(old, configured=configured, active=active, previous=None, trial=None))
        else:
            self._write(replace(old, configured=configured, active=active, previous=old.active, trial=0.0))

    def activate(self, digest: str, faults: float) -> None:
        """The kept bundle `digest` judges from now on; `faults` is their share before, 0 to 1."""
        old = self._present()
        if digest != old.active:
            self._write(replace(old, active=digest, previous=old.active, trial=faults))

    def own(self, configured: Path) -> Path:
        """The bundle for recipes that name none: the station's own, in the station file at `configured`."""
        own = self.record.own if self.record and self.record.recipe else self.record
        return self.path(own.active) if own else configured

    def change_over(self, digest: str, recipe: str) -> None:
        """The kept bundle `digest` judges another product: `recipe` names it; empty: the station's own bundle does."""
        old = self._present()
        if (digest, recipe) == (old.active, old.recipe):
            return
        own = old.own if old.recipe else old
        if recipe:
            self._write(Record(configured=digest, active=digest, recipe=recipe, own=own))
        else:
            self._write(own if own and own.active == digest else Record(configured=digest, active=digest))

    def roll_back(self) -> None:
        """The previous bundle judges again, and there is none before it."""
        old = self._present()
        if old.previous is None:
            raise BundleError("there is no bundle before this one")
        self._write(replace(old, active=old.previous, previous=None, trial=None))

    def end_trial(self) -> None:
        """The active one has proved no worse than the one before."""
        self._write(replace(self._present(), trial=None))

    def tidy(self) -> None:
        """Removes what the record does not name: other bundles, and what a kill left half done."""
        if self.record is None or not self._folder.is_dir():
            return
        named = {RECORD, *self.record.named}
        for path in self._folder.iterdir():
            if path.name not in named:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _present(self) -> Record:
        if self.record is None:
            raise BundleError(
                f"{self._folder}: the bundle that judges could not be kept here, so no other may take over"
            )
        return self.record

    def _write(self, record: Record) -> None:
        if record != self._written:
            write_file(self._folder / RECORD, msgspec.json.encode(record))
            self._written = record
        self.record = record


def _read(path: Path) -> Record | None:
    try:
        return decode_json(path.read_bytes(), Record)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        log.error("%s: damaged, so the station file's bundle counts: %s", path, error)
        return None


def _is_whole(path: Path, digest: str, trusted: Sequence[PublicKey]) -> bool:
    try:
        return read_bundle(path, trusted).digest == digest
    except BundleError:
        return False
