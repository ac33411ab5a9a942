"""Many stations on one MQTT broker: messages, lag from a result to a central subscriber, processor time and memory.

    python -m benchmarks.fleet --stations 200 --seconds 60 --outage 30

Light stations (`benchmarks.fleet.stations`), a real `okng bridge mqtt` for each, a real mosquitto with TLS, accounts
and rights as in docs/fleet.md, and a subscriber, all on this machine. With --outage the broker is away for so long
after that, and nothing may be missing in the end.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
from pathlib import Path

from benchmarks.fleet.plant import run


def main() -> None:
    """Prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", type=int, default=20)
    parser.add_argument("--rate", type=float, default=1.0, help="inspections a second of each (default 1)")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--outage", type=float, default=0.0, help="seconds without the broker, after that")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # all processes end with this one
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # 200 boards have 200 disks, this machine has one
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        found = run(Path(folder), options.stations, options.rate, options.seconds, options.outage)
    print(found)


if __name__ == "__main__":
    main()
