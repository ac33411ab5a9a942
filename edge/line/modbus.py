"""Triggers and signals over Modbus TCP: one link to the PLC, and what of it is the trigger and what the outputs."""

from __future__ import annotations

import asyncio
import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

from edge.contract.lifetime import Device
from edge.errors import HardwareError
from edge.line.modbus_image import ModbusImage
from edge.line.outputs import Output, Outputs, Told
from edge.line.trigger import TriggerSource

END_PATIENCE_S = 3.0


class ModbusLink(Device):
    """The exchange with the PLC, on an event loop in a thread of its own, so that nobody waits for the network."""

    failure = HardwareError

    def __init__(self, label: str, image: ModbusImage) -> None:
        super().__init__(label)
        self.image = image
        self.trouble = ""
        """Why the PLC cannot be reached at this moment; empty when it can, or when it is its turn to come."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._opened = threading.Event()
        self._error: Exception | None = None
        self._ending: asyncio.Event | None = None

    def _do_open(self) -> None:
        try:
            import_module("pymodbus")
        except ImportError as error:
            raise HardwareError(f"pymodbus cannot be imported ({error}); pip install 'okng[modbus]'") from None
        self._opened.clear()
        self._error = None
        self._thread = threading.Thread(target=self._run, name="modbus", daemon=True)
        self._thread.start()
        self._opened.wait()
        if self._error is not None:
            raise HardwareError(f"{self._label}: {self._error}")

    def _do_close(self) -> None:
        if self._thread is not None:
            if self._loop is not None and self._ending is not None:
                call_soon(self._loop, self._ending.set)
            self._thread.join(END_PATIENCE_S)
            self._thread = None

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:
            self._error = error
            self.trouble = f"{self._label}: {error}"
        finally:
            self._opened.set()

    async def _main(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        await self._serve(self._ending)

    @abstractmethod
    async def _serve(self, ending: asyncio.Event) -> None:
        """Sets `_opened` when it is ready, exchanges until `ending`, and leaves no connection."""


def call_soon(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    """From any thread; a loop that has ended does nothing."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(what)


class ModbusOutputs(Outputs):
    """The outputs as bits, and results as words, over an open link."""

    def __init__(self, link: ModbusLink) -> None:
        super().__init__()
        self._link = link

    def tell(self, told: Told) -> None:
        """Shows it in its turn. Raises SignalError while the PLC leaves too many waiting."""
        self._link.image.tell(told)

    @property
    def trouble(self) -> str:
        """Why the PLC cannot be reached."""
        return self._link.trouble

    def _do_open(self) -> None:
        """The link is opened by whoever shares it."""

    def _do_write(self, output: Output, level: bool) -> None:
        self._link.image.write(output, level)

    def _do_close(self) -> None:
        for output in Output:
            self._do_write(output, False)


class ModbusTrigger(TriggerSource):
    """Triggers from the PLC's bit, over an open link."""

    def __init__(self, link: ModbusLink) -> None:
        super().__init__("the Modbus trigger")
        self._link = link

    def _do_open(self) -> None:
        self._link.image.on_trigger = self._take

    def _take(self, part: str) -> int | None:
        return getattr(self._fire(time.monotonic_ns(), part), "sequence", None)

    def _do_close(self) -> None:
        self._link.image.on_trigger = None
