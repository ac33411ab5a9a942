from __future__ import annotations

import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.contract.keys import LONGEST_PASSPHRASE, list_keys, make_key, read_signing_key
from edge.contract.signature import read_public_key
from edge.errors import UsageError


def unasked() -> bytes:
    raise AssertionError("asked for a passphrase that nothing needs")


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(path, passphrase=unasked) -> str:
    with pytest.raises(UsageError) as caught:
        read_signing_key(path, passphrase)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_new_pair_is_its_owners_alone_and_signs(tmp_path) -> None:
    made = make_key(tmp_path / "new" / "keys", "one")
    folder = tmp_path / "new" / "keys"
    assert (mode(folder), mode(folder / "one.key"), mode(folder / "one.pub")) == (0o700, 0o600, 0o644)
    assert made == read_public_key(folder / "one.pub")
    key = read_signing_key(folder / "one.key", unasked)
    assert key.public.raw == made.raw
    assert key.sign(b"listing") == key.sign(b"listing") != key.sign(b"another")


def test_the_mode_does_not_depend_on_the_umask(tmp_path) -> None:
    code = "import os, sys; os.umask(0); from edge.contract.keys import make_key; from pathlib import Path; "
    code += "make_key(Path(sys.argv[1]), 'one')"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert mode(tmp_path / "one.key") == 0o600


@pytest.mark.parametrize("there", ["one.key", "one.pub"])
def test_nothing_is_overwritten_and_nothing_left(tmp_path, there) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(UsageError, match=f"{there}: is already there"):
        make_key(tmp_path, "one")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(there, "mine")]


@pytest.mark.parametrize("name", ["", "a b", "../a", "a/b", "a.key", "a\n", "ä", "x" * 41, ".", "-\0"])
def test_a_name_that_is_none_is_refused(tmp_path, name) -> None:
    with pytest.raises(UsageError, match="a key's name is 1 to 40 of"):
        make_key(tmp_path / "keys", name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=f"{tmp_path}/file: cannot be made"):
        make_key(tmp_path / "file", "one")


@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o620, 0o610, 0o601, 0o644])
def test_a_private_key_that_others_can_read_is_refused_until_it_is_closed(tmp_path, open_to) -> None:
    make_key(tmp_path, "one")
    path = tmp_path / "one.key"
    path.chmod(open_to)
    assert refusal(path) == f"{path}: others can read it (mode {open_to:04o}); chmod 600 {path}"
    assert "others can read it" in list_keys(tmp_path)[0].problem
    path.chmod(0o400)
    read_signing_key(path, unasked)


def test_a_locked_key_needs_its_passphrase(tmp_path) -> None:
    made = make_key(tmp_path, "one", "späte Öffnung".encode())
    path = tmp_path / "one.key"
    assert b"ENCRYPTED" in path.read_bytes()
    assert read_signing_key(path, lambda: "späte Öffnung".encode()).public.raw == made.raw
    for wrong in (b"x", b"", b"x" * 5000):
        assert refusal(path, lambda wrong=wrong: wrong).endswith("wrong passphrase, or damaged")


def test_a_passphrase_that_no_one_could_give_again_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match=f"at most {LONGEST_PASSPHRASE}"):
        make_key(tmp_path, "one", b"x" * (LONGEST_PASSPHRASE + 1))
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_private_key_is_refused(tmp_path) -> None:
    make_key(tmp_path, "one")
    public = tmp_path / "one.pub"
    public.chmod(0o600)
    assert "not an ed25519 private key" in refusal(public)
    assert "cannot be read: No such file" in refusal(tmp_path / "absent.key")
    assert "cannot be read: Is a directory" in refusal(tmp_path)
    other = tmp_path / "other.key"
    plain = (form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    other.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(*plain))
    other.chmod(0o600)
    assert "not of ed25519" in refusal(other)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 118), st.binary(max_size=8), st.integers(0, 9))
def test_no_damaged_private_key_gives_anything_but_a_usage_error(tmp_path, start, put, length) -> None:
    if not (tmp_path / "one.key").exists():
        make_key(tmp_path, "one")
    whole = (tmp_path / "one.key").read_bytes()
    fuzzed = tmp_path / "fuzzed.key"
    fuzzed.touch(0o600)
    fuzzed.write_bytes(whole[:start] + put + whole[start + length :])
    said = f"{fuzzed}: "
    try:
        read_signing_key(fuzzed, lambda: b"x")
    except UsageError as error:
        said = str(error)
    assert said.startswith(f"{fuzzed}: ")


def test_a_folder_lists_its_keys_whole_or_not(tmp_path) -> None:
    assert list_keys(tmp_path / "absent") == []
    first, second = make_key(tmp_path, "a"), make_key(tmp_path, "b")
    (tmp_path / "b.key").unlink()
    (tmp_path / "c.pub").write_text("garbage")
    (tmp_path / "d.key").touch()
    (tmp_path / "notes.txt").touch()
    found = list_keys(tmp_path)
    assert [(each.name, each.public, each.private) for each in found] == [
        ("a", first, True), ("b", second, False), ("c", None, False), ("d", None, True),
    ]  # fmt: skip
    assert found[0].problem == found[1].problem == ""
    assert "not an ed25519 public key" in found[2].problem
    assert "d.pub: cannot be read" in found[3].problem
    with pytest.raises(UsageError, match="cannot be read"):
        list_keys(tmp_path / "c.pub")
