"""Telling systemd how the daemon is (sd_notify(3)), and its journal what happens; where there is none, stderr."""

from __future__ import annotations

import logging
import os
import socket
import sys

JOURNAL = "/run/systemd/journal/socket"
LEVELS = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))


class _Priority(logging.Formatter):
    """Each line begins with its priority, as sd-daemon(3) has it, so that `journalctl -p warning` finds warnings."""

    def format(self, record: logging.LogRecord) -> str:
        priority = _priority(record.levelno)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def _priority(level: int) -> int:
    """Of syslog(3)."""
    return next(number for least, number in LEVELS if level >= least)


class JournalHandler(logging.Handler):
    """Sends records to systemd's journal with fields (systemd.io/JOURNAL_NATIVE_PROTOCOL), so that it can be asked.

    Beside the usual ones: OKNG_STATION, OKNG_LOGGER, OKNG_THREAD, and OKNG_NAME for each name in a record's `fields`,
    a dictionary. Where the journal takes none, the record goes to stderr.
    """

    def __init__(self, station: str, address: str = JOURNAL) -> None:
        """Raises OSError where there is no journal."""
        super().__init__()
        self._station = station
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise
        self._beside = logging.StreamHandler()
        self._beside.setFormatter(_Priority("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """As for every handler."""
        try:
            self._socket.send(b"".join(_field(name, str(value)) for name, value in self._fields(record).items()))
        except OSError:  # too long for one message, or the journal starts anew
            self._beside.emit(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """As for every handler."""
        self._socket.close()
        super().close()

    def _fields(self, record: logging.LogRecord) -> dict[str, object]:
        own: dict[str, object] = getattr(record, "fields", {})
        return {
            "MESSAGE": self.format(record),
            "PRIORITY": _priority(record.levelno),
            "SYSLOG_IDENTIFIER": "okng",
            "CODE_FILE": record.pathname,
            "CODE_LINE": record.lineno,
            "CODE_FUNC": record.funcName,
            "OKNG_STATION": self._station,
            "OKNG_LOGGER": record.name,
            "OKNG_THREAD": record.threadName,
            **{f"OKNG_{name.upper()}": value for name, value in own.items()},
        }


def _field(name: str, value: str) -> bytes:
    """One that has several lines is sent with its length."""
    data = value.encode(errors="backslashreplace")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"


def log_handler(station: str) -> logging.Handler:
    """Where the daemon's log goes: with fields into systemd's journal where stderr is that, else to stderr."""
    if _is_journal(sys.stderr.fileno()):
        try:
            return JournalHandler(station)
        except OSError:
            pass
    handler = logging.StreamHandler()
    handler.setFormatter(log_format())
    return handler


def log_format() -> logging.Formatter:
    """How log lines on stderr look: for systemd's journal, or for a person."""
    return (
        _Priority("%(message)s") if "JOURNAL_STREAM" in os.environ else logging.Formatter("%(levelname)s %(message)s")
    )


def _is_journal(stream: int) -> bool:
    found = os.fstat(stream)
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class Notifier:
    """Sends READY, STATUS, WATCHDOG and STOPPING to the socket that systemd names in NOTIFY_SOCKET."""

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address

    @property
    def watchdog_s(self) -> float | None:
        """Seconds within which systemd wants to hear WATCHDOG=1; None where it does not watch (sd_watchdog_enabled)."""
        microseconds, owner = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
        if not microseconds.isdigit() or (owner and owner != str(os.getpid())):
            return None
        return int(microseconds) / 1e6

    def ready(self, status: str) -> None:
        """The daemon can take triggers."""
        self._send(f"READY=1\nSTATUS={status}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """The daemon makes progress."""
        self._send("WATCHDOG=1")

    def stopping(self, status: str) -> None:
        """The daemon is on its way out."""
        self._send(f"STOPPING=1\nSTATUS={status}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            try:
                link.connect(self._address)
                link.sendall(message.encode())
            except OSError:
                return  # systemd is restarting itself; the next message tells it
