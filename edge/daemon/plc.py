"""Changeovers that a PLC asks for over Modbus, by number."""

from __future__ import annotations

import logging
import queue
from collections.abc import Mapping

from edge.contract.bundle import Bundle
from edge.daemon.life import Life
from edge.daemon.orders import InFlightError
from edge.line.modbus_image import Changed, ModbusImage

log = logging.getLogger(__name__)


class PlcRecipes:
    """Belongs to the command thread; the Modbus thread only puts numbers into its queue."""

    def __init__(self, image: ModbusImage, names: Mapping[int, str], life: Life) -> None:
        """`names` are those of recipes by the PLC's numbers."""
        self._image, self._names, self._life = image, names, life
        self._numbers = {name: number for number, name in names.items()}
        self._asked: queue.SimpleQueue[int] = queue.SimpleQueue()
        image.on_changeover = self._asked.put

    def show(self, recipe: str) -> None:
        """Which one is in use; the PLC sees its number, 0 where it has none."""
        self._image.show_recipe(self._numbers.get(recipe, 0))

    def wanted(self) -> str | None:
        """The recipe that the PLC asks for now; a number that is nobody's is answered here."""
        if self._asked.empty():
            return None
        number = self._asked.get()
        if number not in self._names:
            known = ", ".join(map(str, sorted(self._names)))
            self._conclude(Changed.UNKNOWN, f"no recipe has number {number} in modbus.recipes; there are: {known}")
        return self._names.get(number)

    def answer(self, recipe: str, outcome: Bundle | Exception | None) -> None:
        """What came of the changeover to it, as an `Answer` tells it."""
        if isinstance(outcome, Bundle):
            self.show(recipe)
            self._conclude(Changed.DONE)
        else:
            self.refuse(str(outcome or "the station is stopping"), busy=isinstance(outcome, InFlightError))

    def refuse(self, reason: str, *, busy: bool = False) -> None:
        """It is not done; `busy`: the PLC may ask again soon, and no person needs to know."""
        self._conclude(Changed.BUSY if busy else Changed.REFUSED, reason)

    def _conclude(self, changed: Changed, reason: str = "") -> None:
        if reason:
            log.warning("the PLC's changeover is refused: %s", reason)
        if changed is not Changed.BUSY:
            self._life.fault("changeover", reason)
        self._image.changed_over(changed)
