"""A mosquitto with the configuration that docs/fleet.md gives to a plant: TLS, an account for each station, its rights.

Only the paths and the port are others, and the certificate is one of the hour.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
MOSQUITTO = shutil.which("mosquitto", path=PATH)
"""None where it is not installed: apt install mosquitto."""
HOST = "127.0.0.1"


class Broker:
    """Runs while it is entered; its port and what it keeps outlast `stop` and `start`."""

    def __init__(self, folder: Path, users: Iterable[str]) -> None:
        """Each user's password is in `password(user)`."""
        self._folder = folder
        folder.mkdir()
        self.ca = folder / "broker.crt"
        _certificate(self.ca, folder / "broker.key")
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port = free.getsockname()[1]
        for user in users:
            self.password(user).write_text(f"{user}-secret\n")
            self.password(user).chmod(0o600)
        passwords = "".join(f"{file.suffix[1:]}:{file.read_text()}" for file in sorted(folder.glob("password.*")))
        (folder / "okng.passwd").write_text(passwords)
        subprocess.run(["mosquitto_passwd", "-U", str(folder / "okng.passwd")], check=True, env={"PATH": PATH})
        shutil.copy(EXAMPLES / "mosquitto.acl", folder / "okng.acl")
        (folder / "mosquitto.conf").write_text(self._configuration())

    def password(self, user: str) -> Path:
        """The file for `okng bridge mqtt --password-file`."""
        return self._folder / f"password.{user}"

    def start(self) -> None:
        """Returns once it can be connected to."""
        assert MOSQUITTO, "needs mosquitto: apt install mosquitto"
        with (self._folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-c", str(self._folder / "mosquitto.conf")], stderr=log)
        while self.process.poll() is None:
            with socket.socket() as probe:
                if not probe.connect_ex((HOST, self.port)):
                    return
        raise RuntimeError((self._folder / "mosquitto.log").read_text())

    def stop(self) -> None:
        """It keeps what its subscribers have not got yet."""
        self.process.terminate()
        self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _configuration(self) -> str:
        shown = (EXAMPLES / "mosquitto.conf").read_text()
        for there in ("/etc/mosquitto/certs/", "/etc/mosquitto/"):
            shown = shown.replace(f" {there}", f" {self._folder}/")
        shown = shown.replace("listener 8883", f"listener {self.port} {HOST}")
        return f"{shown}persistence true\npersistence_location {self._folder}/\nuser root\n"


def _certificate(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.touch(0o600)
    encoding, none = serialization.Encoding.PEM, serialization.NoEncryption()
    key.write_bytes(private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, none))
