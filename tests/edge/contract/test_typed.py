"""Typed values from any thread: a crash would take the whole process, so the threads have one of their own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from edge.contract.typed import convert, decode_json, decode_toml

THREADS = """
import sys, threading
from pathlib import Path
from edge.contract.card import Card
from edge.contract.typed import decode_json

def read():
    ready.wait()
    found.append(decode_json(data, Card))

sys.setswitchinterval(1e-6)
data, found, ready = Path(sys.argv[1]).read_bytes(), [], threading.Barrier(8)
threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(found) == 8 and all(card == found[0] for card in found)
"""


class Spot(msgspec.Struct):
    x: int


@pytest.mark.parametrize("attempt", range(3))
def test_threads_that_read_a_kind_for_the_first_time_at_once_all_read_it(bundle, attempt) -> None:
    """With msgspec alone two of three such processes crash."""
    done = subprocess.run([sys.executable, "-c", THREADS, bundle / "model.json"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_it_reads_is_what_msgspec_reads() -> None:
    @dataclass
    class Seen:
        x: int

    assert decode_json(b'[{"x": 1}]', list[Spot]) == [Spot(1)]
    assert decode_json(msgspec.Raw(b'{"x": 1}'), Spot) == Spot(1)
    assert decode_json(b'{"x": 1}', Any) == {"x": 1}
    assert decode_toml("x = 1", Spot) == Spot(1)
    assert convert({"x": 1}, Spot) == convert(Seen(1), Spot, from_attributes=True) == Spot(1)


@pytest.mark.parametrize(("read", "data"), [(decode_json, b'{"x": "1"}'), (decode_toml, "x = '1'"), (convert, {})])
def test_its_errors_are_those_of_msgspec(read, data) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(data, Spot)
