"""Damaged and forged models: refused, or harmless on every golden frame; and whatever they do, only a child dies of it.

The slow tests take 10,000 mutants each, and 2,000 (or OKNG_MUTANTS) where each needs a child; with `-s` they print
what became of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from edge.client import CommandRefused
from edge.contract.bundle import MODEL, SIGNATURE, read_bundle, sign_bundle
from edge.contract.keys import make_key, read_signing_key
from edge.contract.signature import PublicKey
from edge.errors import BundleError
from edge.inference.verify import Proof, verify_in_child
from edge.wire.requests import Load, Status, Trigger
from tests.edge.mutants import KINDS, mutants
from tests.edge.running import BY_COMMAND, Running, station_file

FEW, MANY = len(KINDS) * 4, 10_000
FORKED = int(os.environ.get("OKNG_MUTANTS", "2000"))
"""Of those that each need a child."""
LOADS = 200
"""Mutants that a running daemon is sent, besides all that crash a child."""
REFUSED_FOR = ("does not fit", "not trusted", "not signed")
amounts = pytest.mark.parametrize(
    "count", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(0)])]
)  # fmt: skip

# Loads the runtime once, then verifies each folder that it reads the name of, in a fork of its own.
FORKS = """
import json, os, signal, sys
from edge.inference import judge, verify
for line in sys.stdin:
    read, write = os.pipe()
    if not os.fork():
        signal.alarm(60)
        os.dup2(write, 1)
        sys.argv[1:] = [line.rstrip("\\n"), "0", "{}"]
        status = verify.main()
        sys.stdout.flush()
        os._exit(status)
    os.close(write)
    said = os.fdopen(read, errors="replace").read().strip()
    print(json.dumps([os.waitstatus_to_exitcode(os.wait()[1]), said]), flush=True)
"""

Verify = Callable[[Path], tuple[int, str]]


@contextmanager
def verifier() -> Iterator[Verify]:
    """Gives (exit status, what it printed) of `python -m edge.inference.verify FOLDER 0 {}`, without its start."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", FORKS], text=True, **pipes) as server:

        def verify(folder: Path) -> tuple[int, str]:
            server.stdin.write(f"{folder}\n")
            server.stdin.flush()
            status, said = json.loads(server.stdout.readline())
            return status, said

        yield verify
        server.stdin.close()
        assert server.wait() == 0


@pytest.fixture(scope="module")
def model(bundle) -> bytes:
    return (bundle / MODEL).read_bytes()


def refusal(folder: Path, trusted: Sequence[PublicKey] = ()) -> str:
    with pytest.raises(BundleError) as caught:
        read_bundle(folder, trusted)
    return str(caught.value)


@amounts
def test_no_damaged_model_passes_its_digest(bundle_copy, model, count) -> None:
    """Bit rot and broken transfers leave SHA256SUMS as it was: no runtime ever sees such a model."""
    for kind, mutant in mutants(model, count, seed=1):
        (bundle_copy / MODEL).write_bytes(mutant)
        assert f"{MODEL}: not the file this bundle was made with" in refusal(bundle_copy), kind
    (bundle_copy / MODEL).write_bytes(model)
    read_bundle(bundle_copy)


@amounts
def test_no_forged_model_passes_where_keys_are_trusted(bundle_copy, model, seal, tmp_path, count) -> None:
    """Whoever forges rewrites SHA256SUMS too; keeps the old signature, takes it away, or signs with a key of theirs."""
    trusted = [make_key(tmp_path / "keys", "ours")]
    make_key(tmp_path / "keys", "theirs")
    ours, theirs = (read_signing_key(tmp_path / "keys" / f"{name}.key", bytes) for name in ("ours", "theirs"))
    sign_bundle(bundle_copy, ours)
    good = (bundle_copy / SIGNATURE).read_bytes()
    reasons = Counter()
    for number, (_, mutant) in enumerate(mutants(model, count, seed=2)):
        (bundle_copy / SIGNATURE).unlink(missing_ok=True)
        (bundle_copy / MODEL).write_bytes(mutant)
        seal(bundle_copy)
        match number % 3:
            case 0:
                (bundle_copy / SIGNATURE).write_bytes(good)
            case 1:
                sign_bundle(bundle_copy, theirs)
        said = refusal(bundle_copy, trusted)
        reasons[next(reason for reason in REFUSED_FOR if reason in said)] += 1
    assert {*reasons} == {*REFUSED_FOR}
    assert max(reasons.values()) - min(reasons.values()) <= 1
    (bundle_copy / MODEL).write_bytes(model)
    (bundle_copy / SIGNATURE).unlink(missing_ok=True)
    seal(bundle_copy)
    sign_bundle(bundle_copy, ours)
    assert read_bundle(bundle_copy, trusted).signer == trusted[0]


def outcome(status: int, said: str, bundle: Path) -> str:
    """What became of a mutant in its child, in a few words; fails where it was accepted and judges otherwise."""
    if status == 0:
        proof, card = msgspec.json.decode(said, type=Proof), read_bundle(bundle).card
        assert proof.golden == len(card.golden)
        assert proof.worst_units <= card.golden_tolerance_units
        return "accepted: every golden map " + ("the same" if proof.worst_units == 0 else "within tolerance")
    if status == 3:
        reasons = ("refuses the model", "the card's", "fails on golden frame", "golden frame", "inputs and", "tensor")
        return f"refused: {next(reason for reason in reasons if reason in said)}"
    return f"child died: {f'signal {-status}' if status < 0 else f'status {status}'}"


@pytest.mark.parametrize("count", [len(KINDS), pytest.param(FORKED, marks=[pytest.mark.slow, pytest.mark.timeout(0)])])
def test_a_forged_model_without_keys_is_refused_or_harmless_on_the_golden_set(
    bundle, capture, model, seal, tmp_path, count
) -> None:
    """No signature is asked for, and SHA256SUMS fits: the card and the golden set are what is left."""
    workers = (os.cpu_count() or 1) if count == MANY else 1
    shares: list[list[tuple[str, bytes]]] = [[] for _ in range(workers)]
    for number, pair in enumerate(mutants(model, count, seed=3)):
        shares[number % workers].append(pair)

    def work(index: int) -> tuple[Counter[tuple[str, str]], list[bytes]]:
        folder = Path(shutil.copytree(bundle, tmp_path / str(index)))
        found, killers = Counter(), []
        with verifier() as verify:
            for kind, mutant in shares[index]:
                (folder / MODEL).write_bytes(mutant)
                seal(folder)
                status, said = verify(folder)
                found[outcome(status, said, bundle), kind] += 1
                if status not in {0, 3}:
                    killers.append(mutant)
            shutil.copy(bundle / MODEL, folder)
            seal(folder)
            assert verify(folder)[0] == 0
        return found, killers

    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(work, range(workers)))
    found = sum((each for each, _ in results), Counter())
    report(found)
    assert found.total() == count
    assert not [kind for (what, kind) in found if what.startswith("accepted") and kind in {"cut", "swap", "longer"}]
    if count == MANY:
        killers = [mutant for _, each in results for mutant in each]
        sent = killers + [mutant for _, mutant in mutants(model, LOADS, seed=4)]
        print(f"{len(killers)} that kill a child and {LOADS} others sent to a running daemon:")
        print(sent_to_a_daemon(tmp_path, bundle, capture, seal, sent))


def report(found: Counter[tuple[str, str]]) -> None:
    """Prints what became of them, most frequent first, and of which kinds those were."""
    print()
    for what in sorted({what for what, _ in found}, key=lambda what: -sum(found[what, kind] for kind in KINDS)):
        kinds = {kind: found[what, kind] for kind in KINDS if found[what, kind]}
        print(f"{sum(kinds.values()):6} {what}: {', '.join(f'{kind} {count}' for kind, count in kinds.items())}")


def sent_to_a_daemon(tmp_path, bundle, capture, seal, models) -> Counter[str]:
    """Has a daemon load each; after each it judges on, with the bundle it should. How often it took one, or not."""
    folder = Path(shutil.copytree(bundle, tmp_path / "sent"))
    said: Counter[str] = Counter()
    with Running(station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)) as daemon:
        digest = daemon.station.request(Status())["bundle"]
        for number, mutant in enumerate(models, 1):
            (folder / MODEL).write_bytes(mutant)
            seal(folder)
            try:
                digest = daemon.station.request(Load(str(folder)))["bundle"]
                said["accepted"] += 1
            except CommandRefused as error:
                crashed = "crashed the runtime" in str(error)
                said[f"{error.code}, the child crashed" if crashed else error.code] += 1
            daemon.station.request(Trigger())
            assert daemon.collect(number)[-1].header.bundle == digest
        assert daemon.end() == 0, daemon.log.read_text()
    assert {*said} <= {"accepted", "bad_bundle", "bad_bundle, the child crashed"}
    return said


def test_a_model_that_asks_for_all_memory_kills_no_other_process(bundle_copy, model, seal, monkeypatch) -> None:
    """Whatever a damaged shape asks for, the child may not have it: here it has no room at all."""
    monkeypatch.setenv("PYTHONPATH", str(bundle_copy.parent), prepend=os.pathsep)
    package = bundle_copy.parent / "ai_edge_litert"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "interpreter.py").write_text("class Interpreter:\n def __init__(*_, **__): bytearray(2 << 30)\n")
    with pytest.raises(BundleError, match="could not be verified: MemoryError"):
        verify_in_child(bundle_copy)
