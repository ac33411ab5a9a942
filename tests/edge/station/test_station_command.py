"""`okng station` on the command line."""

from __future__ import annotations

import importlib.util
import socket

import pytest

from edge.station import command
from tests.edge.running import station_file


@pytest.fixture
def config(tmp_path, bundle, capture):
    return station_file(tmp_path, bundle, capture.as_uri())


def test_help_says_what_to_install(okng) -> None:
    done = okng("station", "--help")
    assert done.status == 0
    assert "pip install 'okng[station]'" in done.out
    assert "127.0.0.1" in done.out


def test_without_the_extra_it_says_so(okng, config, monkeypatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda _: None)
    done = okng("station", "--config", config)
    assert (done.status, done.err) == (2, "okng: okng station needs the station extra: pip install 'okng[station]'\n")


def test_a_bad_station_file_is_said_first(okng, tmp_path) -> None:
    done = okng("station", "--config", tmp_path / "absent.toml")
    assert done.status == 2
    assert "absent.toml: cannot be read" in done.err


@pytest.mark.skipif(not importlib.util.find_spec("nicegui"), reason="needs the station extra")
def test_an_address_that_cannot_be_had_is_one_line(okng, config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = okng("station", "--config", config, "--port", str(taken.getsockname()[1]))
    assert done.status == 2
    assert "cannot listen there: Address already in use" in done.err
    done = okng("station", "--config", config, "--host", "no such host")
    assert done.status == 2
    assert "--host no such host" in done.err
