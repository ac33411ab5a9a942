"""From a station to a peer: each result at least once and in order, whichever of the two is away, and however long.

While the peer is away nothing is held in memory: the station's journal has it all, and the client fetches it from
there once the peer is back, from the position on that the peer has confirmed.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NoReturn, Protocol

from edge.bridge.position import Position
from edge.client import Station, Topic
from edge.errors import OkngError, WireError
from edge.wire.messages import Message, ResultMessage, StateMessage

TOPICS = (Topic.VERDICT, Topic.STATE, Topic.STATISTICS)
STEP_S = 0.5
"""The longest wait before looking at the peer again."""
SILENCE_S = 5.0
"""A station says its state once a second; one that says nothing for so long is away."""
PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""Before trying again: at first, and at most."""

_log = logging.getLogger(__name__)


class PeerAway(OkngError):
    """The peer cannot be reached, or takes no more; what it has not confirmed is sent again."""


class Peer(Protocol):
    """Where a bridge leads to. To enter it is to connect, to leave it may bring the last of `taken`.

    All but `taken` raises PeerAway.
    """

    @property
    def taken(self) -> str:
        """The id of the last result that the peer has for good, with all before it; empty: none yet."""

    def take(self, message: Message) -> None:
        """Passes a message on; waits where the peer is slow."""

    def silent(self) -> None:
        """The station says nothing; may be called again and again."""


class Relay:
    """Carries what a station says to a peer, for ever."""

    def __init__(self, open_station: Callable[[str], Station], position: Position) -> None:
        """`open_station` takes the id of the last known result, and listens to `TOPICS`."""
        self._open_station, self._position = open_station, position
        self._said = ""

    def run(self, open_peer: Callable[[], AbstractContextManager[Peer]]) -> NoReturn:
        """Connects to the peer as often as it takes. Other errors than PeerAway and WireError end it."""
        pause_s = PAUSE_S
        while True:
            peer: Peer | None = None
            try:
                with open_peer() as peer:
                    self._say("the peer takes messages")
                    self._serve(peer)
            except PeerAway as error:
                self._say(f"the peer is away: {error}")
            finally:
                if peer is not None and peer.taken:
                    self._position.move(peer.taken)
                    pause_s = PAUSE_S
                self._position.keep()
            time.sleep(pause_s * random.uniform(0.5, 1.0))  # many bridges do not come back in one moment
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _serve(self, peer: Peer) -> NoReturn:
        """Until the peer is away. A station that is away comes back by itself, so does one that cannot be read."""
        sent = self._position.after
        while True:
            try:
                with self._open_station(sent) as station:
                    lost, heard = 0, time.monotonic()
                    while True:
                        message = station.receive(STEP_S)
                        if message is not None:
                            heard, sent = time.monotonic(), self._pass(peer, message, sent)
                        elif time.monotonic() - heard > SILENCE_S:
                            self._say("the station is silent")
                            peer.silent()
                        if station.lost > lost:
                            _log.warning("%d results are lost: the journal has them no more", station.lost - lost)
                            lost = station.lost
                        self._position.move(peer.taken)
            except WireError as error:
                self._say(f"the station cannot be followed: {error}")
                peer.silent()
                time.sleep(PAUSE_S)

    def _pass(self, peer: Peer, message: Message, sent: str) -> str:
        """Gives the id of the last result that was sent."""
        self._say("the station speaks")
        if not sent and isinstance(message, ResultMessage | StateMessage):  # from here on a new bridge follows
            sent = f"{message.header.boot}-{message.header.sequence - isinstance(message, ResultMessage)}"
            self._position.move(sent)
        peer.take(message)
        return message.header.id if isinstance(message, ResultMessage) else sent

    def _say(self, what: str) -> None:
        """Once, not each time."""
        if what != self._said:
            _log.info("%s", what)
            self._said = what
