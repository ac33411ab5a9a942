from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import WireError
from edge.wire.addresses import check_address


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("ipc:///run/okng/results", "ipc:///run/okng/results"),
        ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5555"),
        ("tcp://127.8.9.10:1", "tcp://127.8.9.10:1"),
        ("tcp://localhost:65535", "tcp://127.0.0.1:65535"),
        ("tcp://[::1]:5555", "tcp://[::1]:5555"),
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"),
    ],
)
def test_loopback_and_ipc_are_allowed(address: str, location: str) -> None:
    endpoint = check_address(address)
    assert endpoint.location == location
    assert endpoint.path == (Path(address[6:]) if address.startswith("ipc") else None)


@pytest.mark.parametrize(
    "address",
    ["tcp://*:5555", "tcp://0.0.0.0:5555", "tcp://192.168.1.2:5555", "tcp://[::]:5555", "tcp://:5555"],
)
def test_what_others_can_reach_is_refused_as_open(address: str) -> None:
    with pytest.raises(WireError, match="open to the network") as caught:
        check_address(address)
    assert address in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "", "ipc", "ipc://", "ipc://relative", "ipc://@abstract", "ipc://*", "ipc:///dir/", "ipc:///a\0b",
        "ipc:///" + "x" * 107, "ipc:///" + "ä" * 60, "inproc://x", "udp://127.0.0.1:1", "TCP://127.0.0.1:1",
        "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:0", "tcp://127.0.0.1:65536", "tcp://127.0.0.1:+1",
        "tcp://127.0.0.1:1_0", "tcp://127.0.0.1:٣", "tcp://127.0.0.1:1 ", "tcp://eth0:5555", "tcp://lo:5555",
        "tcp://127.0.0.1;10.0.0.1:5555", "tcp://example.org:80", "tcp://localhost.example.org:80", "tcp://::1:5555",
        "tcp://[127.0.0.1]:5555", "tcp://[::ffff:127.0.0.1]:5555", "tcp://127.1:5555", "tcp://0177.0.0.1:5555",
        "tcp://[::1%lo]:5555", " tcp://127.0.0.1:5555",
    ],
)  # fmt: skip
def test_everything_else_is_refused_too(address: str) -> None:
    with pytest.raises(WireError, match="is allowed"):
        check_address(address)
