"""Bridges as processes of their own, each what `okng bridge mqtt` is, forked from one that has its imports already.

python -m benchmarks.fleet.bridges < COMMANDS

COMMANDS is a JSON list of what follows `okng bridge`, for each; prints their process ids as JSON. SIGTERM ends all.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import paho.mqtt.client  # noqa: F401 what a bridge would import

import edge.bridge.mqtt
import edge.bridge.relay
import edge.client.configured
import edge.daemon.config  # noqa: F401
from edge.bridge.commands import bridge


def main() -> None:
    """Until SIGTERM."""
    commands = json.load(sys.stdin)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    pids = [_fork(command) for command in commands]
    try:
        print(json.dumps(pids), flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        for pid in pids:
            os.waitpid(pid, 0)


def _fork(command: list[str]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            bridge.main(command, standalone_mode=False)
        finally:
            os._exit(1)
    return pid


if __name__ == "__main__":
    main()
