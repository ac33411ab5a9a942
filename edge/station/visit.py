"""What the views of one browser share: the feed, the words, who is signed in; and the one place that checks roles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from nicegui import background_tasks, events, ui

from edge.station.audit import Audit
from edge.station.feed import Feed
from edge.station.live import Shown
from edge.station.pictures import Pictures
from edge.station.sessions import Session, Sessions
from edge.station.words import Words
from edge.wire.allowed import Role

Args = dict[str, str]
Handler = Callable[[Args], Awaitable[None] | None]
LONGEST_ARGUMENT = 1000


@dataclass
class Visit:
    """One browser. `say` is its language, `where` the address that it comes from."""

    feed: Feed
    pictures: Pictures
    sessions: Sessions
    audit: Audit
    say: Words
    where: str = ""
    session: Session | None = None
    opened: str = ""
    """The inspection that Decide shows instead of the queue."""

    @property
    def role(self) -> Role:
        """What may be done here now."""
        return self.sessions.role(self.session)

    @property
    def name(self) -> str:
        """Who is signed in; empty for a viewer."""
        return self.session.name if self.session and self.role is not Role.VIEWER else ""

    def on(self, event: str, needs: Role, do: Handler) -> None:
        """`do` is called when the browser says `event`, unless the role does not cover `needs`.

        The browser does so at a click on `<button data-event="EVENT" data-ANY="...">`, with all of its data.
        """

        def checked(said: events.GenericEventArguments) -> None:
            if not self.role.covers(needs):
                return
            if self.session:
                self.sessions.touch(self.session)
            done = do(_read(said.args))
            if done is not None:
                background_tasks.create(done)

        ui.on(f"okng-{event}", checked)

    def note(self, did: str, **details: object) -> None:
        """Who did what, for the page's log."""
        self.audit(self.name, did, role=self.role, where=self.where, **details)


class View:
    """One tab. Made inside its `<section>`; its words are in the catalogue's tables, `view.NAME` on the tab."""

    name: ClassVar[str]
    icon: ClassVar[str]
    """Path of lines in a box of 24 x 24."""
    needs: ClassVar[Role] = Role.VIEWER
    """Who may open it; what is done in it is checked by `Visit.on`."""
    always: ClassVar[bool] = False
    """Brought up to date while another is open, too."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit

    def refresh(self, shown: Shown) -> None:
        """Brings it up to now; what has not changed is not sent again."""
        raise NotImplementedError

    def badge(self) -> str:
        """HTML beside the name on the tab."""
        return ""


def place(classes: str, content: str = "") -> ui.html:
    """A place for HTML, which is escaped where it is made."""
    return ui.html(content, sanitize=False).classes(classes)


def _read(args: Any) -> Args:
    """What a browser sent: only short text is let through."""
    found = args if isinstance(args, dict) else {}
    return {str(key): value[:LONGEST_ARGUMENT] for key, value in found.items() if isinstance(value, str)}
