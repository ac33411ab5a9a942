"""A station as another program sees it: results without gaps, commands, over the wire. docs/client.md shows it.

`Station` blocks and belongs to one thread; `AsyncStation` is the same for asyncio.
"""

from edge.client.asynchronous import AsyncStation
from edge.client.links import LOAD_TIMEOUT_S, CommandRefused
from edge.client.station import Station
from edge.contract.types import Decision
from edge.wire.keys import ClientKeys
from edge.wire.messages import Topic

__all__ = ["LOAD_TIMEOUT_S", "AsyncStation", "ClientKeys", "CommandRefused", "Decision", "Station", "Topic"]
