"""Which addresses okng may use: sockets in the file system and the loopback network; with keys, all others too."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

from edge.errors import WireError

LONGEST_PATH = 107
"""Bytes of an ipc path: what Linux takes (sun_path), less the closing zero."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that is allowed. `location` is it in ZeroMQ's words; `path` is that of an ipc socket."""

    location: str
    path: Path | None = None
    ipv6: bool = False
    any_port: bool = False


_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\Z")


def check_address(address: str, *, keys: bool = False) -> Endpoint:
    """`ipc:///absolute/path`, `tcp://127.0.0.1:5555`, `tcp://[::1]:5555` or `tcp://localhost:5555`.

    With `keys`, tcp to any IP address too (`tcp://0.0.0.0:5555` is all that this machine has), or to a host by name.
    A port `*` stands for any free one. Raises WireError, naming the address and what is allowed, for anything else.
    """
    scheme, separator, rest = address.partition("://")
    if separator and scheme == "ipc":
        return _ipc(address, rest)
    if separator and scheme == "tcp":
        return _tcp(address, rest, keys)
    raise _refusal(address, "starts with neither ipc:// nor tcp://")


def is_tcp(address: str) -> bool:
    """Whether it is one that keys may protect; the file system protects the other kind."""
    return address.startswith("tcp://")


def _ipc(address: str, name: str) -> Endpoint:
    path = Path(name)
    if not name.startswith("/") or "\0" in name or name.endswith("/"):
        raise _refusal(address, "has no absolute path after ipc://")
    if len(os.fsencode(name)) > LONGEST_PATH:
        raise _refusal(address, f"has a path of more than {LONGEST_PATH} bytes, the most a socket may have")
    return Endpoint(address, path)


def _tcp(address: str, rest: str, keys: bool) -> Endpoint:
    host, separator, port = rest.rpartition(":")
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    if not separator or (port != "*" and not 1 <= number <= 65535):
        raise _refusal(address, "has no port from 1 to 65535, or *, at its end")
    host = "127.0.0.1" if host == "localhost" else host
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        number_of_host = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        if keys and _HOST.match(host) and not re.fullmatch(r"[0-9.]+", host):
            return Endpoint(f"tcp://{host}:{port}", any_port=port == "*")
        raise _refusal(address, "is open to the network" if host in {"*", ""} else "names no loopback host") from None
    ipv6 = number_of_host.version == 6
    if ipv6 != bracketed:
        raise _refusal(address, "must have brackets around an IPv6 host, and around no other")
    loopback = number_of_host == ipaddress.ip_address("::1") if ipv6 else number_of_host.is_loopback
    if not loopback and not keys:
        raise _refusal(address, "is open to the network")
    return Endpoint(f"tcp://{host}:{port}", ipv6=ipv6, any_port=port == "*")


def _refusal(address: str, why: str) -> WireError:
    allowed = "ipc:///absolute/path or tcp:// on loopback (127.0.0.1, ::1, localhost)"
    return WireError(f"{address!r}: {why}; only {allowed} is allowed, and beyond it only with keys")
