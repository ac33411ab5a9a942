"""The station as a Modbus TCP server: the PLC comes to read and to write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from edge.line.modbus import ModbusLink
from edge.line.modbus_image import PLC, PLC_BITS, PLC_WORDS, STATION_WORDS, ModbusImage

if TYPE_CHECKING:
    from pymodbus.server import ModbusTcpServer

log = logging.getLogger(__name__)

READ_BITS, READ_WORDS, WRITE_BITS, WRITE_WORDS = (2,), (4,), (5, 15), (6, 16)
"""Function codes: of discrete inputs and input registers, and of coils and holding registers."""
SIZE = 32
"""Bits, and words, of each kind."""


class ModbusServer(ModbusLink):
    """Shows the station's bits as discrete inputs and its words as input registers; takes coils and holding registers.

    Modbus knows no passwords: only the peers that are named may connect.
    """

    def __init__(self, host: str, port: int, image: ModbusImage, allow: Sequence[str] = ()) -> None:
        """`host` is the address to listen on, `allow` the addresses of peers; without any, this machine."""
        super().__init__(f"Modbus server {host}:{port}", image)
        self._address, self._allow = (host, port), {ip_address(peer) for peer in allow}
        self._coils, self._registers = [False] * SIZE, [0] * SIZE
        self.port = port
        """The port that is listened on, once it is open; of interest where 0 was asked for."""

    async def _serve(self, ending: asyncio.Event) -> None:
        from pymodbus.server import ModbusTcpServer
        from pymodbus.simulator import DataType, SimData, SimDevice

        bits = SimData(0, values=[False] * SIZE, datatype=DataType.BITS)
        words = SimData(0, count=SIZE, datatype=DataType.REGISTERS)
        device = SimDevice(0, simdata=([bits], [bits], [words], [words]), action=self._exchange)
        server: Any = _guarded(ModbusTcpServer, self._allow)(device, address=self._address)
        try:
            await server.serve_forever(background=True)
        except RuntimeError:
            raise OSError("the address cannot be listened on; is it in use, or not this machine's?") from None
        try:
            self.port = server.transport.sockets[0].getsockname()[1]
            self._opened.set()
            await ending.wait()
        finally:
            await server.shutdown()

    async def _exchange(
        self, function: int, _start: int, address: int, _count: int, stored: list[int],
        values: list[int] | list[bool] | None,
    ) -> None:  # fmt: skip
        """pymodbus calls it before it reads from or writes to `stored`."""
        if function in READ_BITS:
            stored[0] = sum(bit << place for place, bit in enumerate(self.image.show()[0]))
        elif function in READ_WORDS:
            stored[:STATION_WORDS] = self.image.show()[1]
        elif values and function in WRITE_WORDS:
            self._registers[address : address + len(values)] = [int(value) for value in values]
            self._receive()
        elif values and function in WRITE_BITS:
            self._coils[address : address + len(values)] = [bool(value) for value in values]
            self._receive()

    def _receive(self) -> None:
        self.image.receive(self._coils[PLC : PLC + PLC_BITS], self._registers[PLC : PLC + PLC_WORDS])


def _guarded(server: type[ModbusTcpServer], allow: set[Any]) -> type[ModbusTcpServer]:
    """The server class, but for peers that are not allowed."""

    class Guarded(server):  # type: ignore[misc, valid-type]
        def callback_new_connection(self) -> Any:
            handler = super().callback_new_connection()
            made = handler.connection_made

            def connection_made(transport: asyncio.Transport) -> None:
                peer = ip_address(transport.get_extra_info("peername")[0])
                if peer in allow or (not allow and peer.is_loopback):
                    made(transport)
                    return
                log.warning("Modbus: %s is not in modbus.allow, cut off", peer)
                self.active_connections.pop(handler.unique_id, None)
                transport.abort()

            handler.connection_made = connection_made
            return handler

    return Guarded
