from __future__ import annotations

import os
import socket as unix
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import zmq

from edge.errors import WireError
from edge.wire.sockets import bind, connect


def test_an_ipc_socket_and_its_new_folder_are_the_owners_alone(context, tmp_path) -> None:
    before = os.umask(0)
    try:
        bind(context.socket(zmq.PUB), f"ipc://{tmp_path}/new/results")
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "results").stat().st_mode) & 0o077 == 0


def test_a_live_socket_is_never_taken_over(context, any_address) -> None:
    first = context.socket(zmq.PUB)
    address = bind(first, any_address())
    for _ in range(2):
        with pytest.raises(WireError, match="in use") as caught:
            bind(context.socket(zmq.ROUTER), address)
        assert address in str(caught.value)
        assert "\n" not in str(caught.value)
    peer = context.socket(zmq.SUB)
    peer.subscribe(b"")
    connect(peer, address)
    while not peer.poll(10):
        first.send(b"still here")


def test_a_listener_that_is_too_busy_to_answer_is_alive(context, tmp_path) -> None:
    with unix.socket(unix.AF_UNIX) as listener, unix.socket(unix.AF_UNIX) as waiting:
        listener.bind(str(tmp_path / "busy"))
        listener.listen(0)
        waiting.connect(str(tmp_path / "busy"))
        with pytest.raises(WireError, match="in use"):
            bind(context.socket(zmq.PUB), f"ipc://{tmp_path}/busy")


def test_what_a_killed_process_left_is_replaced(context, tmp_path) -> None:
    code = f"import os, zmq; zmq.Context().socket(zmq.PUB).bind('ipc://{tmp_path}/x'); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    assert (tmp_path / "x").is_socket()
    bind(context.socket(zmq.PUB), f"ipc://{tmp_path}/x")


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_text("precious")])
def test_a_file_that_is_no_socket_is_left_alone(context, tmp_path, make) -> None:
    make(tmp_path / "x")
    with pytest.raises(WireError, match="no socket"):
        bind(context.socket(zmq.PUB), f"ipc://{tmp_path}/x")
    assert (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_made_is_an_error(context, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WireError, match="cannot be made"):
        bind(context.socket(zmq.PUB), f"ipc://{tmp_path}/file/x")


@pytest.mark.parametrize("address", ["tcp://*:*", "tcp://0.0.0.0:*", "ipc://@x"])
def test_nothing_open_is_bound_or_connected(context, address) -> None:
    for use in (bind, connect):
        with pytest.raises(WireError, match="allowed"):
            use(context.socket(zmq.PUB), address)


def test_a_client_must_name_the_port(context) -> None:
    with pytest.raises(WireError, match="name the port"):
        connect(context.socket(zmq.SUB), "tcp://127.0.0.1:*")


def test_ipv6_loopback(context) -> None:
    try:
        unix.create_server(("::1", 0), family=unix.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    address = bind(context.socket(zmq.PUB), "tcp://[::1]:*")
    connect(context.socket(zmq.SUB), address)
