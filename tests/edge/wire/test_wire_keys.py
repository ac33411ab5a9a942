"""Files of keys and of who may connect: made once, their owner's alone, and refused when they are not."""

from __future__ import annotations

import stat

import pytest
import zmq.auth

from edge.errors import UsageError
from edge.wire.allowed import Allowed, AllowList, Role, read_allowed, write_allowed
from edge.wire.keys import ClientKeys, list_wire_keys, make_wire_key, read_public, read_wire_key


@pytest.fixture
def keys(tmp_path):
    return {name: make_wire_key(tmp_path, name) for name in ("ann", "bob", "line-3")}


def test_a_pair_is_read_back_and_other_programs_can_read_it(tmp_path, keys) -> None:
    ann = keys["ann"]
    assert read_wire_key(tmp_path / "ann.wire-secret") == ann
    assert read_public(tmp_path / "ann.wire-public") == read_public(tmp_path / "ann.wire-secret") == ann.public
    assert zmq.auth.load_certificate(tmp_path / "ann.wire-secret") == (ann.public.encode(), ann.secret.encode())
    assert stat.S_IMODE((tmp_path / "ann.wire-secret").stat().st_mode) == 0o600
    assert ann.secret not in (tmp_path / "ann.wire-public").read_text()
    assert ann.secret not in repr(ann)
    found = ClientKeys.read(tmp_path / "ann.wire-secret", tmp_path / "line-3.wire-public")
    assert (found.own, found.station) == (ann, keys["line-3"].public)


def test_none_is_overwritten_and_none_half_made(tmp_path, keys) -> None:
    with pytest.raises(UsageError, match="already there"):
        make_wire_key(tmp_path, "ann")
    assert read_wire_key(tmp_path / "ann.wire-secret") == keys["ann"]
    (tmp_path / "carl.wire-secret").write_text("")
    with pytest.raises(UsageError, match="already there"):
        make_wire_key(tmp_path, "carl")
    assert not (tmp_path / "carl.wire-public").exists()
    with pytest.raises(UsageError, match="a key's name"):
        make_wire_key(tmp_path, "../x")


def test_a_secret_that_others_can_read_is_refused(tmp_path, keys) -> None:
    path = tmp_path / "ann.wire-secret"
    for mode in (0o640, 0o604, 0o644):
        path.chmod(mode)
        with pytest.raises(UsageError, match=f"others can read it .mode {mode:04o}.; chmod 600"):
            read_wire_key(path)
    entries = {entry.name: entry for entry in list_wire_keys(tmp_path)}
    assert "others can read it" in entries["ann"].problem
    assert (entries["bob"].public, entries["bob"].secret, entries["bob"].problem) == (keys["bob"].public, True, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "curve\n",
        'curve\n    public-key = "short"\n',
        'secret-key = "' + "a" * 40 + '"',
        'public-key = "' + "~" * 40 + '"',
    ],
)
def test_what_is_no_key_is_refused(tmp_path, keys, text) -> None:
    path = tmp_path / "x.wire-secret"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(UsageError, match="okng keys new"):
        read_wire_key(path)
    path.write_text((tmp_path / "ann.wire-secret").read_text().replace(keys["ann"].public, keys["bob"].public))
    with pytest.raises(UsageError, match="not a pair"):
        read_wire_key(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_public(tmp_path / "nobody.wire-public")


def test_who_is_allowed_comes_back(tmp_path, keys) -> None:
    found = {"ann": Allowed(Role.ENGINEER, keys["ann"].public), "bob": Allowed(Role.VIEWER, keys["bob"].public)}
    write_allowed(tmp_path / "allowed", found)
    assert read_allowed(tmp_path / "allowed") == found
    assert Role.ENGINEER.covers(Role.VIEWER)
    assert Role.OPERATOR.covers(Role.OPERATOR)
    assert not Role.VIEWER.covers(Role.OPERATOR)


@pytest.mark.parametrize(
    "text",
    [
        "x", "[ann]\nrole = 'viewer'", "[ann]\nrole = 'boss'\nkey = '{key}'", "[ann]\nrole = 'viewer'\nkey = 'x'",
        "[ann]\nrole = 'viewer'\nkey = '{key}'\nmore = 1", "['a b']\nrole = 'viewer'\nkey = '{key}'",
        "[ann]\nrole = 'viewer'\nkey = '{key}'\n[bob]\nrole = 'viewer'\nkey = '{key}'", "\xff",
    ],
)  # fmt: skip
def test_a_damaged_list_is_refused(tmp_path, keys, text) -> None:
    (tmp_path / "allowed").write_bytes(text.replace("{key}", keys["ann"].public).encode("latin-1"))
    with pytest.raises(UsageError):
        read_allowed(tmp_path / "allowed")


def test_a_list_that_others_can_write_is_refused(tmp_path) -> None:
    write_allowed(tmp_path / "allowed", {})
    (tmp_path / "allowed").chmod(0o664)
    with pytest.raises(UsageError, match="others can write it"):
        read_allowed(tmp_path / "allowed")


def test_a_list_is_always_as_the_file_is_now(tmp_path, keys) -> None:
    path, ann, bob = tmp_path / "allowed", keys["ann"].public, keys["bob"].public
    write_allowed(path, {"ann": Allowed(Role.VIEWER, ann)})
    allowed = AllowList(path, keys["line-3"].public)
    assert (allowed.role(ann), allowed.role(bob), allowed.role("")) == (Role.VIEWER, None, None)
    assert (allowed.role(keys["line-3"].public), allowed.revocations) == (Role.ENGINEER, 0)
    write_allowed(path, {"ann": Allowed(Role.OPERATOR, ann), "bob": Allowed(Role.VIEWER, bob)})
    assert (allowed.role(ann), allowed.role(bob), allowed.revocations) == (Role.OPERATOR, Role.VIEWER, 0)
    write_allowed(path, {"bob": Allowed(Role.VIEWER, bob)})
    assert (allowed.revocations, allowed.role(ann), allowed.role(bob)) == (1, None, Role.VIEWER)
    path.write_text("half a fi")
    assert (allowed.role(bob), allowed.role(keys["line-3"].public), allowed.revocations) == (None, Role.ENGINEER, 2)
    path.unlink()
    assert allowed.role(bob) is None
    write_allowed(path, {"bob": Allowed(Role.VIEWER, bob)})
    assert allowed.role(bob) is Role.VIEWER
