"""A station that only speaks: results, frames and states on a real socket, as many and as fast as a test wants."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import zmq

from edge.contract.types import Verdict
from edge.wire.frames import encode_message
from edge.wire.messages import Counters, ImageMessage, Message, ResultMessage, StateMessage
from tests.edge.station import messages


class Twin:
    """Publishes at `results` in the folder; counts what it says as a station does."""

    def __init__(self, folder: Path, boot: str = messages.BOOT) -> None:
        self.results, self.commands = f"ipc://{folder}/r", f"ipc://{folder}/c"
        self.boot, self.sequence, self.counts = boot, 0, dict.fromkeys(Verdict, 0)
        self._numbers: dict[type, int] = {}
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUB)
        self._socket.sndhwm = 0  # a twin cannot be asked for what was dropped
        self._socket.bind(self.results)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.destroy(linger=0)

    def part(self, verdict: Verdict, captured_ns: int, data: bytes = b"", **details: object) -> ResultMessage:
        """One inspection, and its frame where there is `data`; `details` are for the result's header."""
        self.sequence += 1
        self.counts[verdict] += 1
        made = messages.result(self.sequence, verdict, boot=self.boot, hot=(1, 2))
        known = captured_ns if verdict is not Verdict.FAULT else None
        header = msgspec.structs.replace(made.header, captured_ns=known, triggered_ns=captured_ns, **details)
        self.say(ResultMessage(header, made.map_units))
        if data:
            frame = messages.image(self.sequence, 480, 640, self.boot)
            self.say(ImageMessage(frame.header, data))
        return made

    def state(self, **details: object) -> None:
        """How it is; `details` are for the state's header."""
        made = messages.state(boot=self.boot)
        counters = Counters(sum(self.counts.values()), dict(self.counts))
        header = msgspec.structs.replace(made.header, counters=counters, sequence=self.sequence, **details)
        self.say(StateMessage(header))

    def say(self, message: Message) -> None:
        """Numbered as the next of its topic."""
        number = self._numbers[type(message)] = self._numbers.get(type(message), 0) + 1
        header = msgspec.structs.replace(message.header, number=number)
        data = {ResultMessage: "map_units", ImageMessage: "data"}.get(type(message))
        rest = (getattr(message, data),) if data else ()
        self._socket.send_multipart(encode_message(type(message)(header, *rest)))
