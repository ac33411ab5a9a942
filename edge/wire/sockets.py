"""Binding so that nobody else gets in, and nobody is pushed out."""

from __future__ import annotations

import errno
import os
import socket as unix
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from edge.errors import WireError
from edge.wire.addresses import check_address
from edge.wire.guard import Guard, introduce
from edge.wire.keys import ClientKeys

_IN_USE = "already in use; stop the program that has it, or choose another address"
_umask_guard = threading.Lock()


def bind(socket: zmq.Socket[bytes], address: str, guard: Guard | None = None) -> str:
    """Binds, on tcp behind the `guard` if there is one, and gives the address with the port that it got.

    An ipc socket is its owner's alone (0600), its folder is made (0700) if absent, and a socket file that nobody
    listens on any more is replaced. Raises WireError: not allowed (see `check_address`), in use, cannot be made.
    """
    endpoint = check_address(address, keys=guard is not None)
    try:
        if endpoint.path is None:
            if guard:
                guard.protect(socket)
            socket.setsockopt(zmq.IPV6, int(endpoint.ipv6))
            socket.bind(endpoint.location)
        else:
            endpoint.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_taken(endpoint.path, address)
            with _owner_only():
                socket.bind(endpoint.location)
    except OSError as error:  # zmq.ZMQError is none of these
        raise WireError(f"{address}: cannot be made: {error.strerror or error}") from error
    except zmq.ZMQError as error:
        raise WireError(f"{address}: {_said(error)}") from error
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def connect(socket: zmq.Socket[bytes], address: str, keys: ClientKeys | None = None) -> None:
    """Connects, on tcp with the `keys` if there are any.

    Raises WireError when the address is not allowed; that nobody listens there shows only in silence.
    """
    endpoint = check_address(address, keys=keys is not None)
    if endpoint.any_port:
        raise WireError(f"{address}: a port * is for the side that listens; name the port it got")
    if endpoint.path is not None and endpoint.path.exists() and not os.access(endpoint.path, os.W_OK):
        raise WireError(f"{address}: belongs to another user; run this as the user that okng runs as")
    if endpoint.path is None and keys:
        introduce(socket, keys)
    socket.setsockopt(zmq.IPV6, int(endpoint.ipv6))
    try:
        socket.connect(endpoint.location)
    except zmq.ZMQError as error:
        raise WireError(f"{address}: {_said(error)}") from error


def _refuse_taken(path: Path, address: str) -> None:
    """ZeroMQ would take the place of a listener without a word, so ask first whether there is one."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise WireError(f"{address}: there is a file of that name that is no socket; remove it or choose another")
    with unix.socket(unix.AF_UNIX, unix.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
        except BlockingIOError:
            pass  # it listens, and is busy
    raise WireError(f"{address}: {_IN_USE}")


@contextmanager
def _owner_only() -> Iterator[None]:
    """Files made inside are their owner's alone. The mask is the process's: other threads have it for that moment."""
    with _umask_guard:
        before = os.umask(0o077)
        try:
            yield
        finally:
            os.umask(before)


def _said(error: zmq.ZMQError) -> str:
    if error.errno == errno.EADDRINUSE:
        return _IN_USE
    return f"cannot be used: {error.strerror}"
