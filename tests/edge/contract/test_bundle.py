from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from edge.contract.bundle import CARD, MODEL, SUMS, read_bundle, write_bundle
from edge.contract.cam import BINARY, Classes
from edge.contract.card import SCHEMA, decode_card, encode_card
from edge.errors import BundleError, UsageError


def refusal(folder: Path) -> str:
    """The reason, which names a file of the bundle in one line."""
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    message = str(caught.value)
    assert message.startswith(str(folder))
    assert "\n" not in message
    return message


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in files(folder) if path.name != SUMS}


def edit_card(folder: Path, **changes) -> None:
    card = msgspec.json.decode((folder / CARD).read_bytes())
    (folder / CARD).write_bytes(msgspec.json.encode(card | changes))


def test_a_shipped_bundle_is_read(bundle) -> None:
    found = read_bundle(bundle)
    assert found.digest == hashlib.sha256((bundle / SUMS).read_bytes()).hexdigest()
    assert found.digest.startswith(found.short)
    assert found.model == (bundle / MODEL).read_bytes()
    assert found.card.golden
    assert {golden.label for golden in found.card.golden} == {"ok", "ng"}


def test_what_is_written_is_read(bundle, tmp_path) -> None:
    write_bundle(tmp_path / "again", contents(bundle))
    again = read_bundle(tmp_path / "again")
    assert (again.digest, again.card, again.model) == tuple(
        getattr(read_bundle(bundle), name) for name in ("digest", "card", "model")
    )
    assert contents(tmp_path / "again") == contents(bundle)


def test_a_card_survives_its_file(bundle) -> None:
    card = read_bundle(bundle).card
    assert decode_card(encode_card(card), "again") == card


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="there is no sha256sum here")
def test_sha256sum_agrees(bundle, bundle_copy) -> None:
    check = ["sha256sum", "--strict", "-c", SUMS]
    assert subprocess.run(check, cwd=bundle, capture_output=True).returncode == 0
    (bundle_copy / CARD).write_bytes(b"{}")
    assert subprocess.run(check, cwd=bundle_copy, capture_output=True).returncode == 1


def test_one_changed_byte_in_any_file_is_found(bundle_copy) -> None:
    changed = 0
    for path in files(bundle_copy):
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            damaged = bytearray(whole)
            damaged[place] ^= 1
            path.write_bytes(damaged)
            message = refusal(bundle_copy)
            assert str(path) in message or path.name == SUMS
            changed += 1
        path.write_bytes(whole)
    assert changed >= 12
    read_bundle(bundle_copy)


def test_one_changed_byte_anywhere_is_found(bundle_copy) -> None:
    draw = random.Random(0)
    for _ in range(100):
        path = draw.choice(files(bundle_copy))
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        refusal(bundle_copy)
        path.write_bytes(whole)


def test_a_shorter_or_longer_file_is_found(bundle_copy) -> None:
    for path in files(bundle_copy):
        whole = path.read_bytes()
        for damaged in (b"", whole[:-1], whole + b"\n"):
            path.write_bytes(damaged)
            refusal(bundle_copy)
        path.write_bytes(whole)


def test_a_missing_file_is_named(bundle_copy) -> None:
    for path in files(bundle_copy):
        path.rename(bundle_copy.parent / "away")
        assert refusal(bundle_copy).startswith(f"{path}: cannot be read")
        (bundle_copy.parent / "away").rename(path)


def test_a_folder_in_place_of_a_file_is_named(bundle_copy) -> None:
    (bundle_copy / MODEL).unlink()
    (bundle_copy / MODEL).mkdir()
    assert MODEL in refusal(bundle_copy)


@pytest.mark.parametrize("name", ["notes.txt", "golden/extra.png", ".hidden", "new/below"])
def test_a_stranger_is_named(bundle_copy, name) -> None:
    (bundle_copy / name).parent.mkdir(exist_ok=True)
    (bundle_copy / name).touch()
    assert f"{bundle_copy / name}: does not belong" in refusal(bundle_copy)


@pytest.mark.parametrize("name", [MODEL, SUMS])
def test_what_is_no_plain_file_is_refused_at_once(bundle_copy, name) -> None:
    for put in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
        (bundle_copy / name).unlink()
        put(bundle_copy / name)
        assert refusal(bundle_copy).startswith(f"{bundle_copy / name}: is not a file")


def test_a_link_that_leads_nowhere_is_a_stranger(bundle_copy) -> None:
    (bundle_copy / "link").symlink_to("nowhere")
    assert "link: does not belong" in refusal(bundle_copy)


@pytest.mark.parametrize("name", ["absent", "empty", "file"])
def test_what_is_no_bundle_is_refused(tmp_path, name) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    assert "is this a bundle?" in refusal(tmp_path / name)


@pytest.mark.parametrize("left_out", [MODEL, CARD])
def test_a_bundle_without_model_or_card_is_refused(bundle, tmp_path, left_out) -> None:
    write_bundle(tmp_path / "part", {name: data for name, data in contents(bundle).items() if name != left_out})
    assert left_out in refusal(tmp_path / "part")


def test_a_golden_frame_that_the_bundle_does_not_list_is_refused(bundle_copy, seal) -> None:
    golden = read_bundle(bundle_copy).card.golden[0].file
    (bundle_copy / golden).unlink()
    seal(bundle_copy)
    assert golden in refusal(bundle_copy)


def test_a_card_of_a_newer_okng_says_what_to_do(bundle_copy, seal) -> None:
    edit_card(bundle_copy, schema=SCHEMA + 1, news={"from": "the future"})
    seal(bundle_copy)
    message = refusal(bundle_copy)
    assert f"schema {SCHEMA + 1}" in message
    assert "update okng" in message


def test_a_card_from_before_scores_had_a_temperature_is_read(bundle_copy, seal) -> None:
    card = msgspec.json.decode((bundle_copy / CARD).read_bytes())
    card["pooling"].pop("temperature", None)
    card.pop("calibration", None)
    (bundle_copy / CARD).write_bytes(msgspec.json.encode(card | {"schema": 1}))
    seal(bundle_copy)
    found = read_bundle(bundle_copy).card
    assert (found.pooling.temperature, found.calibration) == (1.0, None)


def test_a_card_from_before_there_were_kinds_has_one_map(bundle_copy, seal) -> None:
    card = msgspec.json.decode((bundle_copy / CARD).read_bytes())
    card.pop("ok_classes", None)
    for golden in card["golden"]:
        golden.pop("kind", None)
    (bundle_copy / CARD).write_bytes(msgspec.json.encode(card | {"schema": 2}))
    seal(bundle_copy)
    found = read_bundle(bundle_copy).card
    assert (found.kinds, found.golden[0].kind) == (BINARY, None)


def test_a_card_tells_which_of_its_classes_are_ok(bundle_copy, seal) -> None:
    edit_card(bundle_copy, classes=["a", "b", "dent"], ok_classes=["a", "b"])
    seal(bundle_copy)
    card = read_bundle(bundle_copy).card
    assert card.kinds == Classes(ok=("a", "b"), ng=("dent",))
    assert decode_card(encode_card(card), "card") == card


PROMISE = {"asked": 0.02, "images": 60, "parts": 49, "beyond": 0, "bound": 0.02, "kept": True, "limit": 0.06}
CALIBRATION = {"scores": "int8", "target": {"escape": 0.02}, "escape": PROMISE, "false_reject": PROMISE, "review": 0.1}


def test_a_card_says_what_its_thresholds_promise(bundle_copy, seal) -> None:
    edit_card(bundle_copy, calibration=CALIBRATION)
    seal(bundle_copy)
    found = read_bundle(bundle_copy).card.calibration
    assert found is not None
    assert (found.escape.bound, found.target.escape, found.target.review) == (0.02, 0.02, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"escape": None}, {"escape": PROMISE | {"bound": 1.5}}, {"scores": "int4"}, {"target": {"escape": 0}},
        {"target": {"escape": 0.1, "best_f1": True}},
        {"target": {"escape": 0.1, "false_reject": 0.1, "review": 0.1}}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_promise_that_cannot_be_is_refused(bundle_copy, seal, changes) -> None:
    edit_card(bundle_copy, calibration=CALIBRATION | changes)
    seal(bundle_copy)
    assert CARD in refusal(bundle_copy)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "1"}, {"surprise": 1}, {"name": None}, {"thresholds": {"ok_below": 0.9, "ng_from": 0.1}},
        {"golden_tolerance_units": 99}, {"golden": [{"file": "x"}]}, {"pooling": {"kind": "median"}},
        {"preprocess": {"flat_field": "AAAA"}}, {"classes": ["dent", "spot"]}, {"classes": []}, {"ok_classes": ["ng"]},
        {"classes": ["dent", "good"], "ok_classes": ["good"]}, {"classes": ["a", "a"], "ok_classes": ["a"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_card_that_does_not_hold_what_a_card_holds_is_refused(bundle_copy, seal, changes) -> None:
    edit_card(bundle_copy, **changes)
    seal(bundle_copy)
    assert CARD in refusal(bundle_copy)


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[" * 100_000, b'{"schema":1}', b"\xff\xfe", b'{"schema":1e999}'], ids=len
)
def test_a_card_that_is_no_card_is_refused(bundle_copy, seal, data) -> None:
    (bundle_copy / CARD).write_bytes(data)
    seal(bundle_copy)
    assert CARD in refusal(bundle_copy)


DIGEST = hashlib.sha256(b"secret").hexdigest()


@pytest.mark.parametrize(
    "line",
    [
        f"{DIGEST}  ../secret\n",
        f"{DIGEST}  golden/../../secret\n",
        f"{DIGEST}  ./../secret\n",
        f"{DIGEST}  /tmp/secret\n",
        f"{DIGEST} *{MODEL}\n",
        f"{DIGEST}  {MODEL}\r\n",
        f"{DIGEST.upper()}  {MODEL}\n",
        f"{DIGEST}  {MODEL}\n{DIGEST}  {MODEL}\n",
        f"{DIGEST}  {MODEL}",
        f"{DIGEST}  a b\n",
        f"{DIGEST}  \xff\n",
        "\n",
        "",
    ],
)
def test_a_listing_that_leads_elsewhere_or_is_none_is_refused(bundle_copy, line) -> None:
    (bundle_copy.parent / "secret").write_bytes(b"secret")
    (bundle_copy / SUMS).write_bytes(line.encode("latin-1"))
    assert refusal(bundle_copy) == f"{bundle_copy / SUMS}: damaged; copy the bundle again"


def test_a_failure_while_writing_leaves_nothing(bundle, tmp_path, monkeypatch) -> None:
    write = Path.write_bytes
    monkeypatch.setattr(
        Path, "write_bytes", lambda path, data: write(path, data) if path.suffix != ".png" else _full(path)
    )
    with pytest.raises(UsageError, match="No space left"):
        write_bundle(tmp_path / "out", contents(bundle))
    assert list(tmp_path.iterdir()) == []


def _full(path: Path) -> None:
    raise OSError(28, "No space left on device", str(path))


def test_a_bundle_is_not_written_over_another(bundle, bundle_copy) -> None:
    with pytest.raises(UsageError, match="already there"):
        write_bundle(bundle_copy, contents(bundle))
    read_bundle(bundle_copy)
