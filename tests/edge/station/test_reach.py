"""How far the page reaches: this machine, unless there are PINs and a certificate; a real https request."""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.station.people import Person, write_people
from edge.wire.allowed import Role
from tests.edge.running import WAIT_S, station_file

pytest.importorskip("nicegui", reason="needs the station extra")


@pytest.fixture
def config(tmp_path, bundle, capture) -> Path:
    return station_file(tmp_path, bundle, capture.as_uri())


@pytest.fixture
def files(tmp_path) -> list[str]:
    """Ann has a PIN."""
    write_people(tmp_path / "people.toml", {"Ann": Person(Role.OPERATOR, "scrypt:00:11")})
    return ["--people", str(tmp_path / "people.toml"), "--log", str(tmp_path / "people.log")]


@pytest.fixture
def tls(tmp_path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "station")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    certificate, secret = tmp_path / "page.crt", tmp_path / "page.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.touch(0o600)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return certificate, secret


def test_beyond_this_machine_it_takes_pins_and_a_certificate(okng, config, files, tls) -> None:
    everywhere = ["station", "--config", config, "--host", "0.0.0.0", "--port", "0"]
    nobody = okng(*everywhere, "--people", config.parent / "absent.toml")
    assert (nobody.status, "nobody has a PIN yet; set one: okng people set" in nobody.err) == (2, True)
    clear = okng(*everywhere, *files)
    assert (clear.status, "in the clear; give --certificate and --key" in clear.err) == (2, True)
    half = okng(*everywhere, *files, "--certificate", tls[0])
    assert (half.status, "belong together" in half.err) == (2, True)


def test_a_key_that_others_can_read_and_a_strangers_key_are_refused(okng, config, files, tls) -> None:
    certificate, key = tls
    asked = ["station", "--config", config, "--port", "0", *files, "--certificate", certificate, "--key"]
    key.chmod(0o644)
    assert "others can read it" in okng(*asked, key).err
    other = config.parent / "other.key"
    other.touch(0o600)
    other.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    done = okng(*asked, other)
    assert (done.status, "cannot be used" in done.err) == (2, True)
    other.write_text("no key")
    assert "cannot be used" in okng(*asked, other).err


def test_people_can_be_set_listed_and_removed(okng, tmp_path) -> None:
    pin, people = tmp_path / "pin", ["--people", tmp_path / "new" / "people.toml"]
    pin.write_text("271828\n")
    assert okng("people", "set", "Ann", "--role", "operator", "--pin-file", pin, *people).out == "Ann: operator\n"
    made = okng("people", "set", "Eve", "--role", "engineer", "--token", *people).out
    assert made.startswith("Eve: engineer, token ")
    assert len(made.split()[-1]) == 24
    assert okng("people", "list", *people).out.split() == ["Ann", "operator", "Eve", "engineer"]
    assert okng("people", "remove", "Ann", *people).status == 0
    gone = okng("people", "remove", "Ann", *people)
    assert (gone.status, "there are Eve" in gone.err) == (2, True)
    pin.write_text("12345\n")
    assert (
        "a PIN or token is 6 to 200"
        in okng("people", "set", "Ann", "--role", "operator", "--pin-file", pin, *people).err
    )


@pytest.mark.slow
def test_a_real_request_over_https_and_none_without_or_for_a_foreign_name(config, files, tls) -> None:
    certificate, key = tls
    command = [sys.executable, "-m", "edge.cli", "station", "--config", str(config), "--port", "0", *files]
    with subprocess.Popen(
        [*command, "--certificate", str(certificate), "--key", str(key)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            url = process.stdout.readline().strip()
            assert url.startswith("https://127.0.0.1:")
            port = int(url.rstrip("/").rpartition(":")[2])
            trusted = ssl.create_default_context(cafile=str(certificate))
            answers = {}
            for host in (f"127.0.0.1:{port}", "evil.example"):
                connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusted, timeout=WAIT_S)
                connection.request("GET", "/", headers={"Host": host, "Accept-Language": "de"})
                answer = connection.getresponse()
                answers[host] = answer.status, answer.read().decode()
                connection.close()
            status, page = answers[f"127.0.0.1:{port}"]
            assert (status, "Anmelden" in page) == (200, True)
            assert answers["evil.example"][0] == 400
            plain = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
            plain.request("GET", "/")
            with pytest.raises((http.client.HTTPException, OSError)):
                plain.getresponse()
        finally:
            process.terminate()
