"""A PLC, in both roles, through pymodbus: what it reads of a station, and what it writes."""

import asyncio
import threading

from pymodbus.client import ModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

TRIGGER, RESULTS_ACK, CHANGEOVER = 16, 17, 18
COUNT, RECIPE = 18, 20


class Plc:
    """Bits 0 to 8 and words 0 to 7 are the station's; from 16 on they are its own."""

    def acknowledge(self, wait_until):
        """One turn of RESULTS_VALID and RESULTS_ACK; gives the words."""
        wait_until(lambda: self.bits()[6])
        words = self.words()
        self.write_bit(RESULTS_ACK, True)
        wait_until(lambda: not self.bits()[6])
        self.write_bit(RESULTS_ACK, False)
        return words

    def trigger(self, wait_until, part=0):
        """One turn of TRIGGER and TRIGGER_ACK; gives the sequence."""
        self.write_words(TRIGGER, [part >> 16, part & 0xFFFF])
        self.write_bit(TRIGGER, True)
        wait_until(lambda: self.bits()[7])
        high, low = self.words()[4:6]
        self.write_bit(TRIGGER, False)
        wait_until(lambda: not self.bits()[7])
        return high << 16 | low

    def change_over(self, wait_until, number):
        """One turn of CHANGEOVER and CHANGEOVER_DONE; gives the recipe in use, and what became of it."""
        self.write_words(RECIPE, [number])
        self.write_bit(CHANGEOVER, True)
        wait_until(lambda: self.bits()[8])
        words = self.words()[6:8]
        self.write_bit(CHANGEOVER, False)
        wait_until(lambda: not self.bits()[8])
        return words

    def write_count(self, count):
        """How far the belt has gone by its own counter."""
        self.write_words(COUNT, [count >> 16, count & 0xFFFF])


class PlcAsClient(Plc):
    def __init__(self, port, source=None):
        self._client = ModbusTcpClient("127.0.0.1", port=port, timeout=5, source_address=source)
        assert self._client.connect()

    def bits(self):
        return self._client.read_discrete_inputs(0, count=9).bits[:9]

    def words(self):
        return self._client.read_input_registers(0, count=8).registers

    def write_bit(self, address, level):
        assert not self._client.write_coil(address, level).isError()

    def write_words(self, address, words):
        assert not self._client.write_registers(address, words).isError()

    def close(self):
        self._client.close()


class PlcAsServer(Plc):
    """Runs on a port of its own; `stop` and `start` are a cable that is pulled and plugged in."""

    def __init__(self):
        self.port = 0
        self._bits, self._words = [False] * 32, [0] * 32
        self.start()

    def start(self):
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        assert started.wait(10)

    def stop(self):
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(10)

    close = stop

    def bits(self):
        return self._bits[:9]

    def words(self):
        return self._words[:8]

    def write_bit(self, address, level):
        self._bits[address] = level

    def write_words(self, address, words):
        self._words[address : address + len(words)] = words

    async def _serve(self, started):
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        bits = SimData(0, values=[False] * 32, datatype=DataType.BITS)
        words = SimData(0, count=32, datatype=DataType.REGISTERS)
        device = SimDevice(1, simdata=([bits], [bits], [words], [words]), action=self._exchange)
        server = ModbusTcpServer(device, address=("127.0.0.1", self.port))
        await server.serve_forever(background=True)
        self.port = server.transport.sockets[0].getsockname()[1]
        started.set()
        await self._ending.wait()
        await server.shutdown()

    async def _exchange(self, function, start, address, count, stored, values):
        if function == 15:
            self._bits[address : address + len(values)] = values
        elif function == 16:
            self._words[address : address + len(values)] = values
        elif function == 1:
            packed = [
                sum(bit << place for place, bit in enumerate(self._bits[first : first + 16])) for first in (0, 16)
            ]
            stored[:2] = packed
        elif function == 3:
            stored[:32] = self._words
