"""Pulses, lamps and heartbeat on the outputs, and what of them cannot be driven."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import suppress

from edge.errors import SignalError
from edge.line.outputs import Output, Outputs

log = logging.getLogger(__name__)

RETRY_NS = 20_000_000
"""After an end of a pulse that failed."""


class Panel:
    """What was last written to the outputs, and what is to be. Belongs to whoever holds its gate's lock.

    What cannot be driven is tried again at each call, and stands in `trouble` until it can.
    """

    def __init__(self, outputs: Outputs, pulse_ns: int, beat_ns: int) -> None:
        """`pulse_ns` is the length of a pulse; the heartbeat toggles each `beat_ns`. `outputs` are at rest."""
        self._outputs, self._pulse_ns, self._beat_ns = outputs, pulse_ns, beat_ns
        self._levels: dict[Output, bool | None] = dict.fromkeys(Output, False)
        """None: nobody knows, for the last write failed."""
        self._pulse_ends_ns: int | None = None
        self._beats_ns = 0
        self._failed: dict[Output, str] = {}
        self._untold = ""

    @property
    def trouble(self) -> str:
        """Why an output cannot be driven at this moment; empty when all can."""
        return next(iter(self._failed.values()), "")

    def take_trouble(self) -> str:
        """The same, or else a trouble that is over and that nobody has taken yet."""
        found, self._untold = self.trouble or self._untold, ""
        return found

    def pulse(self, accept: bool) -> None:
        """Ends the pulse that is out and begins another. Raises SignalError; then `advance` ends whatever is out."""
        try:
            self._rest()
            self._pulse_ends_ns = time.monotonic_ns() + self._pulse_ns
            self._write(Output.PASS if accept else Output.REJECT, True)
        except SignalError:
            self._pulse_ends_ns = time.monotonic_ns()
            raise

    def advance(self, now_ns: int, *, alive: bool) -> None:
        """Ends the pulse when it is time, and toggles the heartbeat of a station that is `alive`."""
        if self._pulse_ends_ns is not None and now_ns >= self._pulse_ends_ns:
            try:
                self._rest()
            except SignalError as error:
                self._untold = f"the last pulse outlasted its time, the line may have taken a wrong part: {error}"
                self._pulse_ends_ns = now_ns + RETRY_NS
        if alive and now_ns >= self._beats_ns:
            self._beats_ns = now_ns + self._beat_ns
            self.show({Output.HEARTBEAT: not self._levels[Output.HEARTBEAT]})

    def show(self, levels: Mapping[Output, bool]) -> None:
        """Writes what differs; what fails is tried again at the next call."""
        for output, level in levels.items():
            if self._levels[output] is not level:
                with suppress(SignalError):
                    self._write(output, level)

    @property
    def pulse_ends_ns(self) -> int | None:
        """When `advance` ends the pulse that is out; None when none is."""
        return self._pulse_ends_ns

    def all_low(self) -> None:
        """Everything at rest, as far as it can be driven."""
        for output in Output:
            with suppress(SignalError):
                self._write(output, False)

    def _rest(self) -> None:
        """No pulse: PASS low first; both are tried before the first error is raised."""
        errors: list[SignalError] = []
        for output in (Output.PASS, Output.REJECT):
            if self._levels[output] is not False:
                try:
                    self._write(output, False)
                except SignalError as error:
                    errors.append(error)
        if errors:
            raise errors[0]
        self._pulse_ends_ns = None

    def _write(self, output: Output, level: bool) -> None:
        try:
            self._outputs.write(output, level)
        except SignalError as error:
            if output not in self._failed:
                log.error("%s", error)
            self._levels[output], self._failed[output] = None, str(error)
            raise
        self._levels[output] = level
        self._failed.pop(output, None)
