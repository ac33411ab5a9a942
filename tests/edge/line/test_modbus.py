"""Triggers and signals over real Modbus TCP, in both roles, with a PLC on the same machine."""

import sys
import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("pymodbus", reason="pip install 'okng[modbus]'")

from pymodbus.exceptions import ModbusException

from edge.contract.types import Signal, Verdict
from edge.errors import HardwareError, SignalError
from edge.line import Output
from edge.line.modbus import ModbusOutputs, ModbusTrigger
from edge.line.modbus_client import ModbusClient
from edge.line.modbus_image import BITS, WAITING, ModbusImage
from edge.line.modbus_server import ModbusServer
from edge.line.outputs import Told
from tests.doubles.plc import TRIGGER, PlcAsClient, PlcAsServer
from tests.edge.line.contract import GateContract, OutputsContract, wait_until
from tests.edge.line.links import link_as
from tests.edge.line.test_triggers import TriggerContract

OK, NG, FAULT = (
    Told(1, Verdict.OK, Signal.ACCEPT),
    Told(70_000, Verdict.NG, Signal.REJECT),
    Told(3, Verdict.FAULT, Signal.REJECT),
)


@pytest.fixture(params=["server", "client"])
def linked(request):
    """A station's open link and the PLC at its other end."""
    with link_as(request.param) as found:
        yield found


@pytest.fixture
def outputs(linked):
    return ModbusOutputs(linked.link)


@pytest.fixture
def level(linked):
    return lambda output: linked.plc.bits()[BITS.index(output)]


class TestOutputs(OutputsContract):
    def test_they_open_again_and_then_all_are_low(self, outputs, level):
        for _ in range(2):
            with outputs:
                wait_until(lambda: not any(level(output) for output in Output))
                for output in Output:
                    outputs.write(output, True)


class TestGate(GateContract):
    def test_closing_leaves_all_low(self, line, level):
        with line:
            self.tell(line, Signal.ACCEPT)
            wait_until(lambda: level(Output.PASS))
        wait_until(lambda: not any(level(output) for output in Output))


class TestTrigger(TriggerContract):
    @pytest.fixture
    def source(self, linked):
        return ModbusTrigger(linked.link)

    @pytest.fixture
    def cause(self, linked):
        """A turn without an answer, as these tests take no triggers."""

        def pulse():
            for up in (True, False):
                linked.plc.write_bit(TRIGGER, up)
                threading.Event().wait(0.05)

        return pulse


def test_each_result_stands_until_the_plc_has_acknowledged_it(linked, outputs):
    with outputs:
        for told in (OK, NG, FAULT):
            outputs.tell(told)
        found = [linked.plc.acknowledge(wait_until)[:4] for _ in range(3)]
        assert found == [[0, 1, 1, 1], [1, 4464, 2, 0], [0, 3, 4, 0]]
        assert not linked.plc.bits()[6]


def test_a_plc_that_does_not_acknowledge_gets_no_more_accepts(linked, outputs):
    with outputs:
        for sequence in range(1 + WAITING):
            outputs.tell(Told(sequence, Verdict.OK, Signal.ACCEPT))
        with pytest.raises(SignalError, match="RESULTS_ACK"):
            outputs.tell(OK)
        assert linked.plc.acknowledge(wait_until)[:2] == [0, 0]
        wait_until(lambda: linked.plc.bits()[6])
        outputs.tell(OK)


def test_without_acknowledgement_the_newest_result_stands():
    image = ModbusImage(acknowledged=False)
    assert image.show()[0][6] is False
    for told in (OK, NG):
        image.tell(told)
    bits, words = image.show()
    assert (bits[6], words[:4]) == (True, [1, 4464, 2, 0])


def test_a_trigger_brings_its_part_and_gets_its_sequence(linked):
    heard = []

    def take(part, at_ns):
        heard.append(part)
        return SimpleNamespace(sequence=100_000 + len(heard))

    with ModbusTrigger(linked.link) as source:
        source.listen(take)
        assert linked.plc.trigger(wait_until, part=1_000_000) == 100_001
        assert linked.plc.trigger(wait_until) == 100_002
    assert heard == ["1000000", ""]


def test_a_trigger_that_is_not_taken_is_not_acknowledged(linked):
    asked = threading.Event()
    with ModbusTrigger(linked.link) as source:
        source.listen(lambda part, at_ns: asked.set())
        linked.plc.write_bit(TRIGGER, True)
        assert asked.wait(10)
        threading.Event().wait(0.05)
        assert not linked.plc.bits()[7]


def test_a_plc_that_goes_and_comes_back_is_told_and_its_old_trigger_is_none():
    plc, fired = PlcAsServer(), []
    with ModbusClient("127.0.0.1", plc.port, ModbusImage()) as link, ModbusOutputs(link) as outputs:
        wait_until(lambda: outputs.trouble == "")
        plc.stop()
        wait_until(lambda: "127.0.0.1" in outputs.trouble)
        outputs.write(Output.READY, True)
        plc.write_bit(TRIGGER, True)
        link.image.on_trigger = fired.append
        plc.start()
        wait_until(lambda: outputs.trouble == "" and plc.bits()[BITS.index(Output.READY)])
        threading.Event().wait(0.1)
        assert not fired
        plc.write_bit(TRIGGER, False)
        threading.Event().wait(0.1)
        plc.write_bit(TRIGGER, True)
        wait_until(lambda: fired)
    plc.close()


def test_without_pymodbus_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymodbus", None)
    with pytest.raises(HardwareError, match=r"okng\[modbus\]"):
        ModbusServer("127.0.0.1", 0, ModbusImage()).open()


def test_a_peer_that_is_not_allowed_is_cut_off():
    with ModbusServer("127.0.0.1", 0, ModbusImage(), allow=["192.0.2.1", "127.0.0.2"]) as link:
        allowed, stranger = PlcAsClient(link.port, ("127.0.0.2", 0)), PlcAsClient(link.port)
        with pytest.raises((ModbusException, OSError)):
            stranger.bits()
        assert allowed.bits() == [False] * 9
        allowed.close()


def test_an_address_that_cannot_be_listened_on_is_one_line():
    with (
        ModbusServer("127.0.0.1", 0, ModbusImage()) as link,
        pytest.raises(HardwareError, match=rf"127.0.0.1:{link.port}: the address cannot be listened on"),
    ):
        ModbusServer("127.0.0.1", link.port, ModbusImage()).open()
