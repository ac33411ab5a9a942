"""A station's open Modbus link with the PLC at its other end, in either role."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from edge.line.modbus_client import ModbusClient
from edge.line.modbus_image import ModbusImage
from edge.line.modbus_server import ModbusServer
from tests.doubles.plc import PlcAsClient, PlcAsServer
from tests.edge.line.contract import wait_until


@contextmanager
def link_as(role: str) -> Iterator[SimpleNamespace]:
    """`link` and `plc`; `role` is the station's."""
    image = ModbusImage()
    if role == "server":
        with ModbusServer("127.0.0.1", 0, image) as link:
            plc = PlcAsClient(link.port)
            yield SimpleNamespace(link=link, plc=plc)
            plc.close()
    else:
        plc = PlcAsServer()
        with ModbusClient("127.0.0.1", plc.port, image, poll_s=0.002) as link:
            wait_until(lambda: link.trouble == "")
            yield SimpleNamespace(link=link, plc=plc)
        plc.close()
