from __future__ import annotations

import json

import pytest

from edge.contract.bundle import SIGNATURE, read_bundle
from edge.contract.signature import read_public_key
from edge.inference.verify import verify as verify_here


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The user's own folder of keys."""
    monkeypatch.delenv("OKNG_KEYS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "okng" / "keys"


def test_a_key_is_made_listed_shown_and_signs(okng, folder, bundle_copy) -> None:
    assert okng("keys", "list").out == ""
    made = okng("keys", "make", "line")
    key = read_public_key(folder / "line.pub")
    assert (made.status, made.out) == (0, f"{folder}/line.pub: {key.fingerprint}\n")
    assert okng("keys", "list").out.split() == ["line", "signing", "private", "and", "public", key.short]
    assert okng("keys", "show", "line").out == (folder / "line.pub").read_text() + key.fingerprint + "\n"
    assert okng("keys", "show", folder / "line.pub").out == okng("keys", "show", "line").out
    digest = read_bundle(bundle_copy).short
    for name in ("line", folder / "line.key"):
        done = okng("sign", bundle_copy, "--key", name)
        assert (done.status, done.out) == (0, f"{bundle_copy}: {digest} is signed by {key.short}\n")
        (bundle_copy / SIGNATURE).unlink()


def test_a_key_is_never_overwritten(okng, folder) -> None:
    okng("keys", "make", "line")
    before = (folder / "line.key").read_bytes()
    done = okng("keys", "make", "line")
    assert (done.status, done.out) == (2, "")
    assert done.err == f"okng: {folder}/line.pub: is already there; a key is never overwritten: name another\n"
    assert (folder / "line.key").read_bytes() == before


def test_another_folder_may_be_named(okng, tmp_path, monkeypatch) -> None:
    okng("keys", "make", "a", "--folder", tmp_path / "one")
    monkeypatch.setenv("OKNG_KEYS", str(tmp_path / "one"))
    assert okng("keys", "list").out.startswith("a ")


def test_a_locked_key_takes_its_passphrase_from_a_file(okng, folder, bundle_copy, tmp_path) -> None:
    (tmp_path / "secret").write_text("late opening\nsecond line\n")
    (tmp_path / "empty").write_text("\n")
    okng("keys", "make", "line", "--passphrase-file", tmp_path / "secret")
    sign = ("sign", bundle_copy, "--key", "line")
    assert okng(*sign, "--passphrase-file", tmp_path / "secret").status == 0
    for option, said in (
        ([], "is locked, and nobody is here to ask; give --passphrase-file"),
        (["--passphrase-file", tmp_path / "empty"], "its first line is empty"),
        (["--passphrase-file", tmp_path / "absent"], "cannot be read"),
        (["--passphrase-file", bundle_copy / "model.json"], "wrong passphrase, or damaged"),
    ):
        done = okng(*sign, *option)
        assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
        assert said in done.err


def test_a_passphrase_may_be_asked_for(okng, folder, bundle_copy, monkeypatch) -> None:
    monkeypatch.setattr("click.prompt", lambda *_, **__: "late opening")
    okng("keys", "make", "line", "--passphrase")
    assert b"ENCRYPTED" in (folder / "line.key").read_bytes()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert okng("sign", bundle_copy, "--key", "line").status == 0


def test_a_private_key_open_to_others_does_not_sign(okng, folder, bundle_copy) -> None:
    okng("keys", "make", "line")
    (folder / "line.key").chmod(0o644)
    done = okng("sign", bundle_copy, "--key", "line")
    assert (done.status, "others can read it" in done.err) == (2, True)
    assert "others can read it" in okng("keys", "list").out
    assert not (bundle_copy / SIGNATURE).exists()


def test_a_folder_that_is_no_bundle_is_not_signed(okng, tmp_path) -> None:
    okng("keys", "make", "line")
    done = okng("sign", tmp_path, "--key", "line")
    assert (done.status, "is this a bundle?" in done.err) == (3, True)


def test_verify_says_by_whom_and_refuses_all_others(okng, folder, bundle_copy, monkeypatch) -> None:
    monkeypatch.setattr("edge.inference.verify.verify_in_child", verify_here)
    for name in ("line", "other"):
        okng("keys", "make", name)
    line, other = (read_public_key(folder / f"{name}.pub") for name in ("line", "other"))
    verify = ("verify", bundle_copy, "--runs", "5")
    assert ": good, not signed. Digest " in okng(*verify).out
    refused = okng(*verify, "--trusted", "line")
    assert (refused.status, refused.out, "is not signed" in refused.err) == (3, "", True)
    okng("sign", bundle_copy, "--key", "line")
    assert f"says it is signed by {line.short}, not checked" in okng(*verify).out
    good = okng(*verify, "--trusted", "other", "--trusted", folder / "line.pub")
    assert f": good, signed by {line.short} ({folder}/line.pub). Digest " in good.out
    assert "over 13 runs with" in good.out
    refused = okng(*verify, "--trusted", folder / "other.pub")
    assert (refused.status, refused.err.count("\n")) == (3, 1)
    assert f"is signed by {line.short}, which is not trusted; trusted: {other.short}" in refused.err
    proof = json.loads(okng(*verify, "--trusted", folder / "line.pub", "--json").out)
    assert (proof["signed_by"], proof["signature_checked"]) == (line.fingerprint, True)
    assert 0 < proof["invoke_ms"] <= proof["invoke_p95_ms"]
    assert okng(*verify, "--trusted", folder / "line.key").status == 2
