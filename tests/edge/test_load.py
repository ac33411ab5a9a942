"""`load`: a running daemon is given other bundles, good and bad."""

from __future__ import annotations

import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec import UNSET

from edge.client import CommandRefused, Station
from edge.contract.bundle import MODEL, PROVENANCE, read_bundle, sign_bundle
from edge.contract.keys import make_key, read_signing_key
from edge.contract.types import Verdict
from edge.wire.requests import Load, Start, Status, Trigger
from tests.edge.kinds import KINDS
from tests.edge.running import BY_COMMAND, ON_START, WAIT_S, Running, refused, station_file


def another(bundle: Path, folder: Path, seal) -> Path:
    """A bundle that judges alike and has another digest."""
    shutil.copytree(bundle, folder)
    (folder / PROVENANCE).write_bytes(b"path\n")
    seal(folder)
    return folder


@pytest.fixture
def keys(tmp_path) -> Path:
    for name in ("ours", "theirs"):
        make_key(tmp_path / "keys", name)
    return tmp_path / "keys"


def sign(bundle: Path, keys: Path, name: str) -> Path:
    sign_bundle(bundle, read_signing_key(keys / f"{name}.key", bytes))
    return bundle


def said_to(daemon: Running, bundle: Path) -> str:
    """Why the daemon refuses it; its log says so too."""
    with pytest.raises(CommandRefused) as caught:
        daemon.station.request(Load(str(bundle)))
    assert caught.value.code == "bad_bundle"
    assert str(bundle) in str(caught.value)
    assert "bundle_refused: the station keeps" in daemon.log.read_text()
    return str(caught.value)


@pytest.mark.slow
def test_a_bundle_takes_over_between_two_frames_and_each_result_names_its_own(
    tmp_path, bundle, kinds_bundle, capture, okng
) -> None:
    """The second one tells kinds apart, which its results and rows name, and those of the first do not."""
    second = kinds_bundle
    digests = [read_bundle(each).digest for each in (bundle, second)]
    config = station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true&rate=50", ON_START, images=False)
    with Running(config) as daemon:
        daemon.station.request(Start())
        daemon.collect(20)
        loaded = okng("load", second, "--config", config)
        assert loaded.status == 0, loaded.err
        assert loaded.out.endswith(f" ({digests[1][:12]}) judges from now on\n")
        assert daemon.station.request(Status())["bundle"] == digests[1]
        while daemon.collect(len(daemon.results) + 1)[-1].header.bundle != digests[1]:
            pass
        assert daemon.end() == 0, daemon.log.read_text()
        found = [message.header.bundle for message in daemon.results]
        assert found == sorted(found, key=digests.index)
        assert {*found} == {*digests}
        assert [row.bundle for row in daemon.rows()] == found
        assert [row.sequence for row in daemon.rows()] == list(range(1, len(found) + 1))
        for message, row in zip(daemon.results, daemon.rows(), strict=True):
            header = message.header
            named = KINDS.ok if header.verdict is Verdict.OK else KINDS.ng
            if header.bundle == digests[0] or header.verdict is Verdict.FAULT:
                assert (header.kind, row.kind) == (UNSET, None)
            else:
                assert header.kind == row.kind
                assert row.kind in named
            assert header.classes == (UNSET if header.bundle == digests[0] else KINDS)


def test_a_bad_bundle_is_refused_and_the_station_goes_on_with_what_it_has(
    tmp_path, bundle, bundle_copy, capture, seal, okng
) -> None:
    config = station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)
    with Running(config) as daemon:
        model = (bundle / MODEL).read_bytes()
        (bundle_copy / MODEL).write_bytes(model[:-1])
        assert "not the file this bundle was made with" in said_to(daemon, bundle_copy)
        (bundle_copy / MODEL).write_bytes(bytes(len(model)))
        seal(bundle_copy)
        assert "refuses the model" in said_to(daemon, bundle_copy)
        assert "is this a bundle?" in said_to(daemon, tmp_path / "absent")
        done = okng("load", bundle_copy, "--config", config)
        assert (done.status, done.out, done.err.count("\n")) == (3, "", 1)
        with pytest.raises(CommandRefused, match="give the whole path"):
            daemon.station.request(Load("relative"))
        asked = daemon.station.request(Trigger("A-1"))["inspection"]
        header = daemon.collect(1)[0].header
        assert (header.id, header.bundle) == (asked, read_bundle(bundle).digest)
        assert daemon.end() == 0, daemon.log.read_text()


@pytest.mark.slow
def test_a_station_that_trusts_a_key_takes_no_bundle_but_those_it_signed(
    okng, tmp_path, bundle, capture, seal, keys
) -> None:
    first = sign(another(bundle, tmp_path / "first", seal), keys, "ours")
    trusted = f'trusted_keys = ["{keys}/ours.pub"]'
    camera = f"{capture.as_uri()}?loop=true"
    assert "is not signed" in refused(okng, station_file(tmp_path / "d", bundle, camera, trusted), 3)
    config = station_file(tmp_path / "d", first, camera, BY_COMMAND, trusted)
    with Running(config) as daemon:
        unsigned = Path(shutil.copytree(bundle, tmp_path / "unsigned"))
        assert "is not signed" in said_to(daemon, unsigned)
        assert "which is not trusted" in said_to(daemon, sign(unsigned, keys, "theirs"))
        assert daemon.station.request(Status())["bundle"] == read_bundle(first).digest
        sign(unsigned, keys, "ours")
        assert daemon.station.request(Load(str(unsigned)))["bundle"] == read_bundle(bundle).digest
        assert daemon.end() == 0, daemon.log.read_text()


@pytest.mark.slow
def test_a_second_load_waits_its_turn_and_one_under_way_does_not_hold_up_the_end(tmp_path, bundle, capture) -> None:
    config = station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)
    addresses = (f"ipc://{tmp_path}/d/r", f"ipc://{tmp_path}/d/c")
    with Running(config) as daemon, Station(*addresses, timeout_s=WAIT_S) as other, ThreadPoolExecutor(1) as pool:
        first = pool.submit(other.request, Load(str(bundle)))
        child = child_of(daemon.process.pid)
        os.kill(child, signal.SIGSTOP)
        with pytest.raises(CommandRefused, match="another bundle is being loaded"):
            daemon.station.request(Load(str(bundle)))
        assert daemon.end() == 0, daemon.log.read_text()
        assert "the station is stopping" in str(first.exception())
    assert not Path(f"/proc/{child}").exists()


def child_of(parent: int) -> int:
    """Waits for it."""
    for _ in range(60_000):
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                number, rest = stat.read_text().split(" ", 1)
                if rest.rpartition(")")[2].split()[1] == str(parent):
                    return int(number)
        time.sleep(0.001)
    raise AssertionError("no child")


@pytest.mark.slow
def test_a_trusted_key_that_is_none_is_said_at_the_start(okng, tmp_path, bundle, capture, keys) -> None:
    config = station_file(tmp_path / "d", bundle, capture.as_uri(), f'trusted_keys = ["{keys}/ours.key"]')
    assert f"{keys}/ours.key: is a private key; name the public one" in refused(okng, config, 2)
