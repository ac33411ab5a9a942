from __future__ import annotations

import hashlib
import random
import subprocess
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract.bundle import CARD, SIGNATURE, SUMS, read_bundle, sign_bundle, write_bundle
from edge.contract.card import decode_card
from edge.contract.keys import make_key, read_signing_key
from edge.contract.signature import (
    PublicKey,
    Signature,
    check_signature,
    decode_public_key,
    decode_signature,
    encode_public_key,
    encode_signature,
    read_public_key,
)
from edge.errors import BundleError, UsageError

# RFC 8032, section 7.1, test 3: the public key, the message of two bytes, and its signature.
RFC_KEY = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
RFC_MESSAGE = bytes.fromhex("af82")
RFC_SIGNATURE = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Two signing keys, "ours" and "theirs"."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ours", "theirs"):
        make_key(folder, name)
    return {name: read_signing_key(folder / f"{name}.key", bytes) for name in ("ours", "theirs")}


@pytest.fixture
def signed(bundle_copy, keys):
    sign_bundle(bundle_copy, keys["ours"])
    return bundle_copy


def refusal(folder, trusted) -> str:
    with pytest.raises(BundleError) as caught:
        read_bundle(folder, trusted)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_rfcs_signature_holds_and_one_changed_bit_of_anything_does_not(tmp_path) -> None:
    key = PublicKey(RFC_KEY, "rfc")
    good = Signature(key.fingerprint, RFC_SIGNATURE)
    assert check_signature(tmp_path, RFC_MESSAGE, good, [key]) is key
    for bit in range(8 * 64):
        changed = (int.from_bytes(RFC_SIGNATURE) ^ 1 << bit).to_bytes(64)
        with pytest.raises(BundleError, match="does not fit its SHA256SUMS"):
            check_signature(tmp_path, RFC_MESSAGE, Signature(key.fingerprint, changed), [key])
    with pytest.raises(BundleError, match="does not fit its SHA256SUMS"):
        check_signature(tmp_path, RFC_MESSAGE + b"\0", good, [key])


def test_a_signed_bundle_is_its_signers_and_has_the_digest_it_had(bundle, signed, keys) -> None:
    opened = read_bundle(signed, [keys["theirs"].public, keys["ours"].public])
    assert opened.signer is keys["ours"].public
    assert opened.signature == Signature(keys["ours"].public.fingerprint, opened.signature.value)
    assert opened.digest == read_bundle(bundle).digest == hashlib.sha256((signed / SUMS).read_bytes()).hexdigest()
    unchecked = read_bundle(signed)
    assert (unchecked.signer, unchecked.signature) == (None, opened.signature)


def test_without_trusted_keys_all_is_as_it_was(bundle) -> None:
    opened = read_bundle(bundle)
    assert opened.signature is opened.signer is None


def test_an_unsigned_bundle_is_refused_and_says_whose_would_be_taken(bundle, keys) -> None:
    ours = keys["ours"].public
    assert refusal(bundle, [ours]).endswith(
        f"is not signed; trusted are only bundles signed by {ours.short} ({ours.name})"
    )


def test_a_bundle_signed_by_another_is_refused(signed, keys) -> None:
    message = refusal(signed, [keys["theirs"].public])
    assert f"is signed by {keys['ours'].public.short}, which is not trusted" in message
    sign_bundle(signed, keys["theirs"])
    assert read_bundle(signed, [keys["theirs"].public]).signer == keys["theirs"].public


def test_a_listing_changed_after_signing_is_refused_before_anything_else_is_looked_at(signed, keys, seal) -> None:
    (signed / CARD).write_bytes(b"[" * 100_000)
    signature = (signed / SIGNATURE).read_bytes()
    (signed / SIGNATURE).unlink()
    seal(signed)
    (signed / SIGNATURE).write_bytes(signature)
    assert "was changed after it was signed" in refusal(signed, [keys["ours"].public])


def test_a_file_changed_after_signing_is_found_by_its_digest(signed, keys) -> None:
    (signed / CARD).write_bytes(b"{}")
    assert f"{CARD}: not the file" in refusal(signed, [keys["ours"].public])


def test_a_fingerprint_lent_to_another_keys_signature_is_refused(signed, keys) -> None:
    forged = keys["theirs"].sign((signed / SUMS).read_bytes())
    lent = Signature(keys["ours"].public.fingerprint, forged.value)
    (signed / SIGNATURE).write_bytes(encode_signature(lent))
    assert "does not fit" in refusal(signed, [keys["ours"].public])


def test_every_damaged_signature_is_refused_also_where_none_is_asked_for(signed, keys) -> None:
    whole, draw = (signed / SIGNATURE).read_bytes(), random.Random(0)
    for damaged in (b"", whole[:-1], whole + b"\n", whole * 2, whole.replace(b"\n", b"\r\n"), whole[8:]):
        (signed / SIGNATURE).write_bytes(damaged)
        assert f"{SIGNATURE}: damaged" in refusal(signed, [])
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << draw.randrange(8)
        (signed / SIGNATURE).write_bytes(damaged)
        refusal(signed, [keys["ours"].public])


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_signature_that_cannot_be_read_is_refused(bundle_copy, kind) -> None:
    path = bundle_copy / SIGNATURE
    path.mkdir() if kind == "folder" else path.symlink_to("nowhere")
    assert SIGNATURE in refusal(bundle_copy, [])


def test_a_bundle_whose_digests_do_not_hold_is_not_signed(bundle_copy, keys) -> None:
    (bundle_copy / CARD).write_bytes(b"{}")
    with pytest.raises(BundleError, match=CARD):
        sign_bundle(bundle_copy, keys["ours"])
    assert not (bundle_copy / SIGNATURE).exists()


def test_a_bundle_may_be_written_signed(bundle, tmp_path, keys) -> None:
    files = {str(path.relative_to(bundle)): path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    del files[SUMS]
    write_bundle(tmp_path / "out", files, keys["ours"])
    assert read_bundle(tmp_path / "out", [keys["ours"].public]).digest == read_bundle(bundle).digest


def test_openssl_agrees(signed, keys, tmp_path) -> None:
    (tmp_path / "key").write_bytes(encode_public_key(keys["ours"].public.raw))
    (tmp_path / "sig").write_bytes(decode_signature((signed / SIGNATURE).read_bytes(), "").value)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", "-inkey", "key", "-sigfile", "sig", "-in"]
    try:
        done = subprocess.run([*command, signed / SUMS], cwd=tmp_path, capture_output=True, text=True)
        der = subprocess.run(
            ["openssl", "pkey", "-pubin", "-in", "key", "-outform", "DER"], cwd=tmp_path, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("there is no openssl here")
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(der.stdout).hexdigest() == keys["ours"].public.fingerprint


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_keys_and_signatures_survive_their_files(raw, value) -> None:
    key = decode_public_key(encode_public_key(raw), "again")
    assert key == PublicKey(raw, "again")
    signature = Signature(key.fingerprint, value)
    assert decode_signature(encode_signature(signature), "again") == signature


@settings(deadline=None)
@given(st.binary() | st.builds(bytes.__add__, st.just(b"ed25519 "), st.binary()))
def test_no_bytes_are_a_signature_but_one_written_here(data) -> None:
    with suppress(BundleError):
        assert encode_signature(decode_signature(data, "fuzzed")) == data


PEM = encode_public_key(RFC_KEY)


@settings(deadline=None)
@given(st.binary() | st.tuples(st.integers(0, len(PEM)), st.binary(max_size=8), st.integers(0, 9)).map(
    lambda cut: PEM[: cut[0]] + cut[1] + PEM[cut[0] + cut[2] :]
))  # fmt: skip
def test_no_bytes_are_a_key_but_pem_of_one(data) -> None:
    with suppress(UsageError):
        key = decode_public_key(data, "fuzzed")
        assert encode_public_key(key.raw).split() == data.split()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not an ed25519 public key"),
        (PEM + PEM, "not an ed25519 public key"),
        (PEM.replace(b"MCow", b"MCox"), "not an ed25519 public key"),
        (b"-----BEGIN PRIVATE KEY-----\n", "is a private key; name the public one"),
        (b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "is a private key; name the public one"),
    ],
)
def test_a_file_that_is_no_public_key_says_what_to_do(tmp_path, data, said) -> None:
    (tmp_path / "key").write_bytes(data)
    with pytest.raises(UsageError, match=f"^{tmp_path}/key: .*{said}"):
        read_public_key(tmp_path / "key")


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(alphabet="0af \n./-é*AZ", max_size=200).map(str.encode))
def test_no_listing_gives_anything_but_a_bundle_error(tmp_path_factory, data) -> None:
    folder = tmp_path_factory.getbasetemp() / "listing"
    folder.mkdir(exist_ok=True)
    (folder / SUMS).write_bytes(data)
    with pytest.raises(BundleError, match="listing"):
        read_bundle(folder)


@settings(deadline=None)
@given(data=st.data())
def test_no_card_gives_anything_but_a_card_or_a_bundle_error(bundle, data) -> None:
    card = (bundle / CARD).read_bytes()
    start = data.draw(st.integers(0, len(card)))
    length = data.draw(st.integers(0, 40))
    fuzzed = data.draw(st.binary(max_size=40) | st.sampled_from([b"[" * 20_000, b"1e999", b"null", b"-1", b'""']))
    with suppress(BundleError):
        decode_card(card[:start] + fuzzed + card[start + length :], "fuzzed")
