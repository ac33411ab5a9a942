"""`okng convert --sign`."""

from __future__ import annotations

import pytest

from edge.contract.bundle import read_bundle
from edge.contract.keys import make_key


def test_a_key_that_cannot_sign_is_said_before_the_work_begins(okng, tmp_path) -> None:
    done = okng("convert", tmp_path / "no run", "--out", tmp_path / "out", "--sign", tmp_path / "absent.key")
    assert done.status == 2
    assert done.complaint == f"okng: {tmp_path}/absent.key: cannot be read: No such file or directory"


@pytest.mark.slow
def test_a_bundle_is_signed_as_it_is_made(okng, tiny_run, tmp_path) -> None:
    trusted = make_key(tmp_path, "one", b"late opening")
    (tmp_path / "secret").write_bytes(b"late opening\n")
    key = ("--sign", tmp_path / "one.key", "--passphrase-file", tmp_path / "secret")
    done = okng("convert", tiny_run.run, "--out", tmp_path / "out", *key)
    assert done.status == 0, done.err
    assert read_bundle(tmp_path / "out", [trusted]).signer == trusted
