"""What the views of one browser share: the feed, the words, who decides; and the one place that lets events in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from nicegui import events, ui

from edge.station.feed import Feed
from edge.station.pictures import Pictures
from edge.station.words import Words
from edge.wire.allowed import Role

Args = dict[str, str]
LONGEST_ARGUMENT = 1000


@dataclass
class Visit:
    """One browser. `name` is who decides here, empty while nobody has said so."""

    feed: Feed
    pictures: Pictures
    say: Words
    name: str = ""

    @property
    def role(self) -> Role:
        """What may be done here now."""
        return Role.OPERATOR if self.name else Role.VIEWER

    def on(self, event: str, needs: Role, do: Callable[[Args], None]) -> None:
        """`do` is called when the browser says `event`, unless the role does not cover `needs`.

        The browser does so at a click on `<button data-event="EVENT" data-ANY="...">`, with all of its data.
        """

        def checked(said: events.GenericEventArguments) -> None:
            if self.role.covers(needs):
                do(_read(said.args))

        ui.on(f"okng-{event}", checked)

    def note(self, did: str, **details: object) -> None:
        """Who did what; the journal has it."""


class View:
    """One tab. Made inside its `<section>`."""

    name: ClassVar[str]
    icon: ClassVar[str]
    always: ClassVar[bool] = False

    def __init__(self, visit: Visit) -> None:
        self.visit = visit


def place(classes: str, content: str = "") -> ui.html:
    """A place for HTML, which is escaped where it is made."""
    return ui.html(content, sanitize=False).classes(classes)


def _read(args: Any) -> Args:
    """What a browser sent: only short text is let through."""
    found = args if isinstance(args, dict) else {}
    return {str(key): value[:LONGEST_ARGUMENT] for key, value in found.items() if isinstance(value, str)}
