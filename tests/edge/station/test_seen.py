"""What Setup shows: what the camera sees, or the last part's frame where that is newer or there is nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from edge.errors import WireError
from edge.station import setup_panels
from edge.station.seen import Seen, newer
from edge.station.words import languages
from tests.edge.station.messages import WALL_NS, image

SAY = languages()["en"]


def of(captured_ns: int):
    made = image(1)
    return replace(made, header=msgspec.structs.replace(made.header, captured_ns=captured_ns))


@pytest.mark.parametrize(
    ("seen", "last", "shown"),
    [(None, None, "of_part"), (None, 3, "of_part"), (3, None, "of_camera"), (3, 3, "of_camera"), (3, 4, "of_part")],
)
def test_the_newer_one_is_shown_and_named(seen, last, shown) -> None:
    pictures = {"of_camera": seen and of(seen), "of_part": last and of(last)}
    assert newer(*pictures.values()) == (pictures[shown], f"setup.{shown}")


def test_what_is_not_of_now_does_not_look_so() -> None:
    assert (
        setup_panels.taken(SAY, "setup.of_camera", 0.2, fresh=True) == '<div class="age live">Camera, taken now</div>'
    )
    assert 'class="age past">Camera, taken 3 min ago' in setup_panels.taken(SAY, "setup.of_camera", 200, fresh=False)


def test_a_station_that_does_not_answer_leaves_no_picture_of_before() -> None:
    class Archive:
        silent = False

        async def ask(self, question):
            if self.silent:
                raise WireError("no answer")
            return image(1)

    async def look() -> None:
        archive = Archive()
        seen = Seen(archive)
        assert seen.due
        await seen.ask()
        assert seen.image == image(1)
        assert seen.image.header.captured_ns == WALL_NS
        assert not seen.due
        archive.silent = True
        await seen.ask()
        assert seen.image is None

    asyncio.run(look())
