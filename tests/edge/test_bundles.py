"""The bundles that a station keeps: which one is active, whatever happens to the power."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from edge.contract.bundle import PROVENANCE, read_bundle
from edge.daemon.bundles import RECORD, BundleStore
from edge.errors import BundleError


@pytest.fixture
def bundles(bundle, tmp_path, seal) -> list[Path]:
    """Three that judge alike and have different digests."""
    made = [Path(shutil.copytree(bundle, tmp_path / name)) for name in ("first", "second", "third")]
    for path in made:
        (path / PROVENANCE).write_text(f"path\n{path.name}\n")
        seal(path)
    return made


def store_of(tmp_path: Path, first: Path) -> BundleStore:
    (tmp_path / "journal").mkdir()
    store = BundleStore(tmp_path / "journal")
    opened = read_bundle(first)
    store.keep(opened)
    store.begin(opened.digest, opened.digest)
    return store


def take(store: BundleStore, path: Path, faults: float = 0.0) -> str:
    opened = read_bundle(path)
    store.keep(opened)
    store.activate(opened.digest, faults)
    store.tidy()
    return opened.digest


def kept(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "journal" / "bundles").iterdir()}


def test_the_active_one_and_the_one_before_are_kept_and_no_other(tmp_path, bundles) -> None:
    store = store_of(tmp_path, bundles[0])
    digests = [read_bundle(path).digest for path in bundles]
    for path in bundles[1:]:
        take(store, path, 0.25)
    again = BundleStore(tmp_path / "journal")
    assert (again.record.active, again.record.previous, again.record.trial) == (digests[2], digests[1], 0.25)
    assert kept(tmp_path) == {RECORD, digests[1], digests[2]}
    again.end_trial()
    assert BundleStore(tmp_path / "journal").record.trial is None
    again.roll_back()
    again.tidy()
    assert kept(tmp_path) == {RECORD, digests[1]}
    with pytest.raises(BundleError, match="no bundle before"):
        again.roll_back()
    assert (tmp_path / "journal" / "bundles").stat().st_mode & 0o077 == 0


def test_loading_the_active_one_again_keeps_the_one_before(tmp_path, bundles) -> None:
    store = store_of(tmp_path, bundles[0])
    take(store, bundles[1])
    before = store.record
    take(store, bundles[1], 0.5)
    assert store.record == before


def test_the_one_that_judged_last_is_first_until_the_station_file_names_another(tmp_path, bundles) -> None:
    configured, second, third = bundles
    store = store_of(tmp_path, configured)
    digest = read_bundle(configured).digest
    active = take(store, second)
    assert store.candidates(configured, digest) == [store.path(active), store.path(digest), configured]
    wanted = read_bundle(third).digest
    assert store.candidates(third, wanted) == [third, store.path(active), store.path(digest)]
    assert store.candidates(third, None)[0] == third
    store.keep(read_bundle(third))
    store.begin(wanted, wanted)
    assert (store.record.active, store.record.previous) == (wanted, active)
    assert store.candidates(third, wanted) == [store.path(wanted), third, store.path(active)]


def test_a_start_with_the_one_before_is_a_roll_back(tmp_path, bundles) -> None:
    store = store_of(tmp_path, bundles[0])
    digest = read_bundle(bundles[0]).digest
    take(store, bundles[1])
    store.begin(digest, digest)
    assert (store.record.active, store.record.previous, store.record.trial) == (digest, None, None)


def test_a_recipes_own_bundle_stands_beside_the_stations_which_comes_back_with_its_recipes(tmp_path, bundles) -> None:
    configured, loaded, recipes = bundles
    store = store_of(tmp_path, configured)
    assert store.own(configured) == store.path(read_bundle(configured).digest)
    own = take(store, loaded, 0.25)
    before, theirs = store.record, read_bundle(recipes)
    store.keep(theirs)
    store.change_over(theirs.digest, "screw")
    store.tidy()
    assert (store.record.active, store.record.previous, store.record.trial) == (theirs.digest, None, None)
    assert kept(tmp_path) == {RECORD, theirs.digest, before.active, before.previous}
    again = BundleStore(tmp_path / "journal", "screw")
    assert again.candidates(recipes, theirs.digest) == [again.path(theirs.digest), recipes]
    again.begin(theirs.digest, theirs.digest)
    assert again.own(configured) == again.path(own)
    again.change_over(own, "")
    again.tidy()
    assert BundleStore(tmp_path / "journal").record == before
    assert kept(tmp_path) == {RECORD, before.active, before.previous}


def test_no_bundle_of_another_recipe_is_tried_at_a_start(tmp_path, bundles) -> None:
    configured, loaded, recipes = bundles
    store = store_of(tmp_path, configured)
    own = take(store, loaded)
    started = BundleStore(tmp_path / "journal", "screw")
    assert started.record is None
    assert started.candidates(recipes, None) == [recipes]
    digest = read_bundle(recipes).digest
    started.keep(read_bundle(recipes))
    started.begin(digest, digest)
    assert (started.record.recipe, started.record.own) == ("screw", store.record)
    other = BundleStore(tmp_path / "journal", "nut")
    assert other.candidates(recipes, digest) == [recipes]
    back = BundleStore(tmp_path / "journal")
    assert back.candidates(configured, read_bundle(configured).digest)[0] == back.path(own)
    back.begin(read_bundle(configured).digest, own)
    assert BundleStore(tmp_path / "journal").record.recipe == ""


NESTED = b'{"own":' * 100_000


@pytest.mark.parametrize("data", [b"", b"\xff", b'{"schema": 2}', b"[" * 100_000, NESTED], ids=len)
def test_a_damaged_record_leaves_the_station_files_bundle(tmp_path, bundles, data) -> None:
    store_of(tmp_path, bundles[0])
    (tmp_path / "journal" / "bundles" / RECORD).write_bytes(data)
    store = BundleStore(tmp_path / "journal")
    assert store.record is None
    assert store.candidates(bundles[0], "a") == [bundles[0]]


def test_a_damaged_copy_is_made_anew(tmp_path, bundles) -> None:
    store = store_of(tmp_path, bundles[0])
    opened = read_bundle(bundles[0])
    (store.path(opened.digest) / PROVENANCE).write_bytes(b"")
    assert read_bundle(store.keep(opened)).digest == opened.digest


def test_a_bundle_that_changes_while_it_is_copied_is_not_kept(tmp_path, bundles, seal) -> None:
    store = store_of(tmp_path, bundles[0])
    opened = read_bundle(bundles[1])
    (bundles[1] / PROVENANCE).write_text("path\nother\n")
    seal(bundles[1])
    with pytest.raises(BundleError, match="changed while it was being copied"):
        store.keep(opened)
    assert kept(tmp_path) == {RECORD, store.record.active}


CHANGES = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir")


def in_a_child(step: int, work) -> bool:
    """Does `work` in a process that is killed before its `step`th change of the disk; whether it was."""
    child = os.fork()
    if child == 0:
        left = step

        def kill(event: str, arguments: tuple) -> None:
            nonlocal left
            writes = event != "open" or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
            if event in CHANGES and writes:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("again", "stride"),
    [
        pytest.param(False, 6, id="load, each sixth"),
        pytest.param(False, 1, id="load", marks=pytest.mark.slow),
        pytest.param(True, 1, id="roll back"),
    ],
)
def test_kill_9_before_each_change_of_the_disk_leaves_exactly_one_active_bundle_and_it_is_whole(
    tmp_path, bundles, again, stride
) -> None:
    folder = tmp_path / "journal"
    first = store_of(tmp_path, bundles[0])
    digests = [read_bundle(path).digest for path in bundles]
    take(first, bundles[1])

    def work() -> None:
        store = BundleStore(folder)
        if again:
            store.roll_back()
        else:
            opened = read_bundle(bundles[2])
            store.keep(opened)
            store.activate(opened.digest, 0.0)
        store.tidy()

    allowed = {digests[1], digests[0] if again else digests[2]}
    shutil.copytree(folder, tmp_path / "before")
    step, found = 1, set()
    while in_a_child(step, work):
        record = BundleStore(folder).record
        for digest in filter(None, (record.active, record.previous)):
            assert read_bundle(folder / "bundles" / digest).digest == digest, step
        found.add(record.active)
        work() if record.active == digests[1] else BundleStore(folder).tidy()
        after = BundleStore(folder).record
        assert {after.active} == allowed - {digests[1]}
        assert kept(tmp_path) == {RECORD, after.active, *filter(None, [after.previous])}
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "before", folder)
        step += stride
    assert found == allowed
    assert step > 10
