from dataclasses import replace

import numpy as np
import pytest

from edge.contract.preprocess import Region
from edge.contract.types import Frame
from edge.line.presence import LEARN, Presence

RNG = np.random.default_rng(0)
SECOND_NS = 1_000_000_000


def frame(part=None, light=80, at_ns=0, shape=(240, 320)):
    """A noisy grey belt, with a bright part at this column."""
    pixels = np.full(shape, light, np.float32)
    if part is not None:
        pixels[60:180, part : part + 80] = 190
    return Frame(np.clip(pixels + RNG.normal(0, 4, shape), 0, 255).astype(np.uint8), 0, 0, at_ns)


@pytest.fixture
def presence():
    found = Presence(Region(), 25, 0.05)
    assert not any(found.arrived(frame()) for _ in range(LEARN))
    return found


def test_each_part_arrives_once_and_only_once_it_has_gone_before(presence):
    views = [None, 0, 40, 120, None, None, 200, 200, None]
    assert [presence.arrived(frame(part)) for part in views] == [
        part in (0, 200) and n in (1, 6) for n, part in enumerate(views)
    ]


def test_what_lies_outside_the_region_is_not_seen():
    presence = Presence(Region(left=0.5, width=0.5), 25, 0.05)
    assert not any(presence.arrived(frame()) for _ in range(LEARN))
    assert [presence.arrived(frame(part)) for part in (0, 60, 200)] == [False, False, True]


def test_the_background_follows_the_light(presence):
    assert not any(presence.arrived(frame(light=80 + step / 2)) for step in range(120))
    assert presence.arrived(frame(part=100, light=140))


def test_colour_is_seen_too():
    presence = Presence(Region(), 25, 0.05)
    plain = Frame(np.dstack([frame().pixels] * 3), 0, 0, 0)
    assert not any(presence.arrived(plain) for _ in range(LEARN))
    assert presence.arrived(Frame(np.dstack([frame(50).pixels] * 3), 0, 0, 0))


def test_where_a_camera_gives_a_small_picture_that_is_looked_at(presence):
    views = [replace(frame(), small=frame(part, shape=(120, 160)).pixels) for part in [None] * (LEARN + 1) + [0, 40]]
    assert [presence.arrived(view) for view in views] == [False] * (LEARN + 1) + [True, False]


def test_what_never_goes_is_told(presence):
    for at_s in (0, 30, 59):
        presence.arrived(frame(part=100, at_ns=at_s * SECOND_NS))
        assert presence.trouble == ""
    presence.arrived(frame(part=100, at_ns=61 * SECOND_NS))
    assert "clear the belt" in presence.trouble
    presence.forget()
    assert presence.trouble == ""


def test_a_frame_of_another_size_begins_anew(presence):
    assert not presence.arrived(frame(part=100, shape=(480, 640)))
