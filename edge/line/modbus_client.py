"""The station as a Modbus TCP client: it goes to the PLC to write and to read."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from edge.line.modbus import ModbusLink, call_soon
from edge.line.modbus_image import PLC, PLC_BITS, PLC_WORDS, ModbusImage

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusTcpClient

AGAIN_S = 0.5
"""After an exchange that failed."""
ANSWER_S = 1.0
"""Within which the PLC is to answer."""


class ModbusClient(ModbusLink):
    """Writes the station's bits to the PLC's coils and its words to the holding registers; reads the PLC's there."""

    def __init__(self, host: str, port: int, image: ModbusImage, unit: int = 1, poll_s: float = 0.01) -> None:
        """`unit` is the PLC's unit id; the PLC's bits are read each `poll_s` seconds, changes are written at once."""
        super().__init__(f"Modbus server {host}:{port}", image)
        self._address, self._unit, self._poll_s = (host, port), unit, poll_s

    async def _serve(self, ending: asyncio.Event) -> None:
        from pymodbus.client import AsyncModbusTcpClient
        from pymodbus.exceptions import ModbusException

        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        self.image.on_change = lambda: call_soon(loop, changed.set)
        host, port = self._address
        client = AsyncModbusTcpClient(host, port=port, timeout=ANSWER_S, retries=0, reconnect_delay=0)
        self.trouble = f"{self._label}: not connected yet"
        self._opened.set()
        while not ending.is_set():
            try:
                await self._connected(client, changed, ending)
            except (ModbusException, OSError) as error:
                self.trouble = f"{self._label}: {' '.join(str(error).split()) or type(error).__name__}"
                await _wait(ending, AGAIN_S)
            finally:
                client.close()

    async def _connected(self, client: AsyncModbusTcpClient, changed: asyncio.Event, ending: asyncio.Event) -> None:
        """Exchanges as long as it goes well; the last that it writes is how the station ends."""
        if not await client.connect():
            raise OSError("cannot be reached; check its address and the cable")
        self.image.forget()
        shown = None
        while True:
            last = ending.is_set()
            changed.clear()
            shown = await self._write(client, shown)
            if last:
                return
            await self._read(client)
            self.trouble = ""
            await _wait(changed, self._poll_s)

    async def _write(self, client: AsyncModbusTcpClient, before: Any) -> Any:
        """Words first: when RESULTS_VALID rises, they are there."""
        now = bits, words = self.image.show()
        if before is None or before[1] != words:
            _checked(await client.write_registers(0, words, device_id=self._unit))
        if before is None or before[0] != bits:
            _checked(await client.write_coils(0, bits, device_id=self._unit))
        return now

    async def _read(self, client: AsyncModbusTcpClient) -> None:
        """Words last: when TRIGGER has risen, the part's number was there before."""
        bits = _checked(await client.read_coils(PLC, count=PLC_BITS, device_id=self._unit)).bits
        words = _checked(await client.read_holding_registers(PLC, count=PLC_WORDS, device_id=self._unit)).registers
        self.image.receive(bits, words)


def _checked(answer: Any) -> Any:
    if answer.isError():
        raise OSError(f"refuses the exchange ({answer}); check unit, and that coils and registers 0 to 20 are there")
    return answer


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_s)
