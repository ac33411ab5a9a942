"""Telling systemd how the daemon is (sd_notify(3)); does nothing when systemd did not start it."""

from __future__ import annotations

import logging
import os
import socket


class _Priority(logging.Formatter):
    """Each line begins with its priority, as sd-daemon(3) has it, so that `journalctl -p warning` finds warnings."""

    LEVELS = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))

    def format(self, record: logging.LogRecord) -> str:
        priority = next(number for level, number in self.LEVELS if record.levelno >= level)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def log_format() -> logging.Formatter:
    """How the daemon's log lines look: for systemd's journal, or for a person."""
    return (
        _Priority("%(message)s") if "JOURNAL_STREAM" in os.environ else logging.Formatter("%(levelname)s %(message)s")
    )


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
