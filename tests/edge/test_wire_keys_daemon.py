"""The real daemon behind keys, set up by `okng keys` as a person would."""

from __future__ import annotations

import re
import socket
import subprocess

import pytest

from edge.client import ClientKeys, CommandRefused, Station, Topic
from edge.daemon.config import read_config
from edge.errors import WireError
from edge.wire.requests import Status
from tests.edge.running import BY_COMMAND, PROGRAM, WAIT_S, station_file


@pytest.fixture
def config(tmp_path, bundle, capture, okng):
    """A station file with keys; `gateway` is a viewer, `ann` an operator."""
    path = station_file(tmp_path / "station", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)
    text = path.read_text()
    for socket_file in "rc":
        text = text.replace(f"ipc://{path.parent}/{socket_file}", f"tcp://0.0.0.0:{free_port()}")
    path.write_text(text.replace("images = true}", 'images = true, key = "one.wire-secret", allowed = "allowed"}'))
    for name in ("one", "gateway", "ann"):
        assert okng("keys", "new", name, "--folder", path.parent).status == 0
    for name, role in (("gateway", "viewer"), ("ann", "operator")):
        done = okng("keys", "allow", name, "--role", role, "--folder", path.parent, "--config", path)
        assert (done.status, done.out) == (0, f"{name}: {role}\n")
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def client(config, name: str) -> Station:
    wire = read_config(config).wire
    keys = ClientKeys.read(config.parent / f"{name}.wire-secret", config.parent / "one.wire-public")
    addresses = [address.replace("0.0.0.0", "localhost") for address in (wire.results, wire.commands)]
    return Station(*addresses, keys=keys, topics=(Topic.RESULT,), timeout_s=WAIT_S)


def test_a_station_beyond_its_machine_is_for_those_it_allows(config, okng) -> None:
    with (
        (config.parent / "log").open("wb") as log,
        subprocess.Popen([*PROGRAM, str(config)], stderr=log) as process,
        client(config, "gateway") as gateway,
        client(config, "ann") as ann,
    ):
        try:
            gateway.wait_joined()
            with pytest.raises(CommandRefused, match="needs the role operator, and this key has viewer"):
                gateway.trigger("A-1")
            asked = ann.trigger("A-1")
            assert next(gateway.results(WAIT_S)).header.id == asked
            assert okng("status", "--config", config).status == 0
            shown = okng("keys", "list", "--config", config).out.splitlines()
            assert [line.split()[:2] for line in shown] == [["ann", "operator"], ["gateway", "viewer"]]
            assert okng("keys", "revoke", "ann", "--config", config).out == "ann: revoked\n"
            with pytest.raises(CommandRefused, match="not allowed any more"):
                ann.trigger("A-2")
            with client(config, "ann") as again, pytest.raises(WireError, match="no answer"):
                again.request(Status(), timeout_s=0.5)
            asked = gateway.status().triggers
            assert asked == 1
            gateway.wait_joined()
        finally:
            process.terminate()
    assert process.returncode == 0, (config.parent / "log").read_text()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder, text: text.replace(', key = "one.wire-secret", allowed = "allowed"', ""),
         r"toml: wire: results = 'tcp://0.0.0.0:\d+': is open to the network; .* only with keys .*`okng keys new`"),
        (lambda folder, text: text.replace(', allowed = "allowed"', ""),
         "station.toml: wire: key and allowed belong together"),
        (lambda folder, text: (folder / "one.wire-secret").chmod(0o640),
         r"one.wire-secret: others can read it \(mode 0640\); chmod 600"),
        (lambda folder, text: (folder / "allowed").chmod(0o666), r"allowed: others can write it \(mode 0666\)"),
        (lambda folder, text: (folder / "allowed").unlink(), "allowed: cannot be read: No such file"),
        (lambda folder, text: (folder / "one.wire-secret").write_text("x"), "has no secret-key of the wire"),
    ],
)  # fmt: skip
def test_it_does_not_start_otherwise(config, spoil, said) -> None:
    changed = spoil(config.parent, config.read_text())
    if isinstance(changed, str):
        config.write_text(changed)
    done = subprocess.run([*PROGRAM, str(config)], capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert re.search(said, line), line


def test_keys_are_not_given_twice_or_taken_from_nobody(config, okng) -> None:
    folder = config.parent
    listed = okng("keys", "list", "--folder", folder).out.splitlines()
    assert [line.split()[:5] for line in listed] == [
        [name, "wire", "secret", "and", "public"] for name in ("ann", "gateway", "one")
    ]
    (folder / "other.wire-public").write_bytes((folder / "ann.wire-public").read_bytes())
    for arguments, said in (
        (["allow", "other", "--role", "viewer"], "allowed as 'ann' already"),
        (["allow", "nobody", "--role", "viewer"], "nobody.wire-public: cannot be read"),
        (["revoke", "nobody"], "no 'nobody' there; there are ann, gateway"),
    ):
        extra = ["--folder", folder] if arguments[0] == "allow" else []
        done = okng("keys", *arguments, "--config", config, *extra)
        assert (done.status, said in done.err, done.err.count("\n")) == (2, True, 1), done.err
    assert okng("keys", "allow", "ann", "--role", "viewer", "--config", config, "--folder", folder).status == 0
    assert "ann                  viewer" in okng("keys", "list", "--config", config).out
