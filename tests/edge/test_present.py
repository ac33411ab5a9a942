"""What the camera sees now, and what there is to change over to: asked for by people, and nothing inspected for it."""

from __future__ import annotations

import time

import numpy as np
import pytest

from edge.camera import Camera
from edge.client import CommandRefused, Station
from edge.contract.images import decode_image
from edge.contract.types import Frame
from edge.errors import CameraError
from edge.inspection.part import PartFrames
from edge.inspection.triggers import Triggers
from tests.edge.running import BY_COMMAND, Running, station_file


class Next(Camera):
    """Gives the frames it was told of, and waits for none."""

    live = True

    def __init__(self) -> None:
        super().__init__("next")
        self.frames: list[Frame] = []

    def show(self) -> Frame:
        self.frames.append(Frame(np.zeros((4, 4), np.uint8), len(self.frames), time.time_ns(), time.monotonic_ns()))
        return self.frames[-1]

    def _do_open(self) -> None: ...
    def _do_close(self) -> None: ...
    def _do_read(self, timeout_s: float) -> Frame:
        if not self.frames:
            raise CameraError(f"no frame within {timeout_s:g} s")
        return self.frames.pop(0)


@pytest.fixture
def camera():
    with Next() as opened:
        yield opened


def frames_of(camera: Camera) -> PartFrames:
    return PartFrames(camera, 5.0, None, lambda _: None, lambda: None)


def test_a_frame_that_people_looked_at_is_still_the_parts_that_was_triggered_before_it(camera) -> None:
    frames, triggers = frames_of(camera), Triggers()
    trigger = triggers.ask("A-1")
    shown = camera.show()
    assert frames.newest(fresh=True) is shown
    assert frames.after(trigger, 1) == [shown]
    with pytest.raises(CameraError):  # but of one part alone
        frames.after(triggers.ask("A-1"), 1)


def test_one_from_before_the_trigger_is_not_the_parts(camera) -> None:
    frames, triggers = frames_of(camera), Triggers()
    early = camera.show()
    assert frames.newest(fresh=True) is early
    trigger = triggers.ask("A-1")
    late = camera.show()
    assert frames.after(trigger, 1) == [late]
    assert frames.newest(fresh=True) is late


def test_where_there_is_none_it_is_the_last_one_and_an_error_is_nobodys(camera) -> None:
    frames = frames_of(camera)
    assert frames.newest(fresh=True) is None
    shown = camera.show()
    assert frames.newest(fresh=False) is None
    assert frames.newest(fresh=True) is frames.newest(fresh=True) is shown


@pytest.mark.slow
def test_a_live_camera_is_seen_without_any_part_and_halted_too(tmp_path, bundle, noise_frames) -> None:
    recipes = 'recipes = "products"'
    config = station_file(tmp_path / "d", bundle, f"sim://{noise_frames}?rate=5", recipes, BY_COMMAND)
    (tmp_path / "d/products").mkdir()
    with Running(config) as daemon:
        station = daemon.station
        assert station.recipes().recipes == []
        for name in ("screw-m4.toml", "nut.toml", "notes.txt", "no name.toml"):
            (tmp_path / "d/products" / name).write_text("")
        found = station.recipes()
        assert (found.recipes, found.recipe) == (["nut", "screw-m4"], "")
        first = newer(station, 0)
        station.stop()
        second = newer(station, first.captured_ns)
        assert (second.encoding, second.height, second.width) == ("jpeg", 16, 20)
        assert decode_image(second.data, "frame").shape[:2] == (16, 20)
        assert abs(time.time_ns() - second.captured_ns) < 60 * 10**9
        assert station.status().triggers == 0
        assert daemon.end() == 0, daemon.log.read_text()
    assert daemon.rows() == []


def newer(station: Station, than_ns: int):
    """Another frame than the one of that time; the camera gives 5 a second."""
    for _ in range(2000):
        found = station.frame()
        if found.captured_ns > than_ns:
            return found
        time.sleep(0.005)
    raise AssertionError("the camera stands still")


def test_of_a_capture_it_is_the_last_that_was_inspected(tmp_path, bundle, noise_frames) -> None:
    with Running(station_file(tmp_path / "d", bundle, noise_frames.as_uri(), BY_COMMAND)) as daemon:
        with pytest.raises(CommandRefused, match="no picture yet") as refused:
            daemon.station.frame()
        assert refused.value.code == "wrong_state"
        daemon.station.trigger("A-1")
        (result,) = daemon.collect(1)
        assert daemon.station.frame().captured_ns == daemon.station.frame().captured_ns == result.header.captured_ns
        daemon.station.trigger("A-2")
        assert [each.header.frame_name for each in daemon.collect(2)] == ["0.png", "1.png"]
