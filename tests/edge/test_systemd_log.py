"""The daemon's log as systemd's journal takes it, over a socket of the test's own."""

from __future__ import annotations

import logging
import os
import socket

import pytest

from edge.daemon.systemd import JournalHandler, log_handler


@pytest.fixture
def journal(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.bind(str(tmp_path / "socket"))
        found.settimeout(10)
        yield found


@pytest.fixture
def log(journal, tmp_path):
    found = logging.getLogger("edge.daemon.of-this-test")
    found.propagate = False
    found.setLevel(logging.DEBUG)
    handler = JournalHandler("press3", str(tmp_path / "socket"))
    found.addHandler(handler)
    yield found
    found.removeHandler(handler)
    handler.close()


def fields(data: bytes) -> dict[str, str]:
    """As the journal reads a message."""
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + size], data[9 + size :]
        found[name.decode()] = value.decode()
    return found


def test_a_record_has_its_fields(log, journal) -> None:
    log.warning("inspection %d: FAULT", 7, extra={"fields": {"sequence": 7, "part": "A-1"}})
    found = fields(journal.recv(65536))
    assert (found["MESSAGE"], found["PRIORITY"], found["SYSLOG_IDENTIFIER"]) == ("inspection 7: FAULT", "4", "okng")
    assert (found["OKNG_STATION"], found["OKNG_SEQUENCE"], found["OKNG_PART"]) == ("press3", "7", "A-1")
    assert (found["OKNG_LOGGER"], found["CODE_FUNC"]) == (log.name, "test_a_record_has_its_fields")


def test_a_part_named_by_a_stranger_forges_no_field(log, journal) -> None:
    log.error("a\nPRIORITY=7", extra={"fields": {"part": "x\nOKNG_VERDICT=ok\n\udcff"}})
    found = fields(journal.recv(65536))
    assert (found["MESSAGE"], found["PRIORITY"]) == ("a\nPRIORITY=7", "3")
    assert (found["OKNG_PART"], "OKNG_VERDICT" in found) == ("x\nOKNG_VERDICT=ok\n\\udcff", False)


def test_an_error_brings_its_traceback(log, journal) -> None:
    try:
        raise ValueError("why")
    except ValueError:
        log.exception("it failed")
    lines = fields(journal.recv(65536))["MESSAGE"].splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("it failed", "Traceback (most recent call last):", "ValueError: why")


def test_what_the_journal_does_not_take_goes_to_stderr(log, journal, capfd) -> None:
    log.handlers[0]._beside.setStream(os.fdopen(os.dup(2), "w", buffering=1))
    log.info("long" * 1_000_000)
    journal.close()
    log.error("gone")
    said = capfd.readouterr().err.splitlines()
    assert (said[0][:7], said[1]) == ("<6>long", "<3>gone")


def test_elsewhere_the_log_goes_to_stderr(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stderr.fileno", lambda: 2, raising=False)
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert type(log_handler("press3")) is logging.StreamHandler
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")  # of a parent, whose stderr ours is not
    assert type(log_handler("press3")) is logging.StreamHandler
