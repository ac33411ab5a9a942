"""The simulated camera: a camera like any other, and each fault when it is asked for."""

import importlib.metadata
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge.camera import camera_from_uri
from edge.camera.scenes import DRAWN
from edge.camera.simulated import FAULTS
from edge.errors import CameraError, ConfigError
from tests.edge.camera.contract import PATIENCE_S, CameraContract

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for index in range(3):
        assert cv2.imwrite(str(tmp_path / f"{index}.png"), rng.integers(20, 240, (16, 20), np.uint8))
    return tmp_path


@pytest.fixture
def simulated(folder):
    return lambda options="": camera_from_uri(f"sim://{folder}?rate=1000{options}")


class TestSimulated(CameraContract):
    live = True

    @pytest.fixture
    def camera(self, simulated):
        return simulated()

    @pytest.fixture
    def broken(self, simulated):
        return simulated("&fault=unplug")

    @pytest.fixture
    def blemished(self, simulated):
        return simulated("&fault=error&after=1&lasting=1")

    @pytest.fixture
    def sleeping(self, simulated):
        camera = simulated("&fault=silent&after=1")
        return SimpleNamespace(camera=camera, wake=lambda: setattr(camera._sensor, "fault", None))


def test_a_folder_is_shown_again_and_again(simulated):
    with simulated() as camera:
        names = [camera.read(PATIENCE_S).name for _ in range(5)]
    assert names == ["0.png", "1.png", "2.png", "0.png", "1.png"]


def test_a_folder_that_is_not_there_does_not_open(tmp_path):
    with pytest.raises(CameraError, match="no such folder"):
        camera_from_uri(f"sim://{tmp_path}/absent").open()


def test_a_slow_reader_does_not_get_the_frames_it_missed(folder):
    with camera_from_uri(f"sim://{folder}?rate=20") as camera:
        camera.read(PATIENCE_S)
        time.sleep(0.2)
        late, following = camera.read(PATIENCE_S), camera.read(PATIENCE_S)
    assert following.monotonic_ns - late.monotonic_ns >= 0.04e9


def two(camera):
    """A good frame, and the faulty one after it."""
    with camera:
        return camera.read(PATIENCE_S), camera.read(PATIENCE_S)


def test_a_small_picture_is_the_means_of_the_large_one_in_grey(simulated):
    with simulated("&lores=20x16") as camera:
        frame = camera.read(PATIENCE_S)
    assert np.array_equal(frame.small, frame.pixels if frame.pixels.ndim == 2 else frame.pixels[..., 0])


def test_a_repeated_frame_has_the_old_time(simulated):
    good, bad = two(simulated("&fault=repeat&after=1"))
    assert (good.monotonic_ns, good.captured_ns) == (bad.monotonic_ns, bad.captured_ns)


def test_a_frozen_frame_has_the_old_image_and_a_new_time(simulated):
    good, bad = two(simulated("&fault=freeze&after=1"))
    assert np.array_equal(good.pixels, bad.pixels)
    assert bad.monotonic_ns > good.monotonic_ns


def test_black_and_white_frames_are_not_blank(simulated):
    for fault, least, most in (("black", 0, 16), ("white", 250, 255)):
        _, bad = two(simulated(f"&fault={fault}&after=1"))
        assert least <= bad.pixels.min() < bad.pixels.max() <= most


def test_a_frame_of_another_size(simulated):
    _, bad = two(simulated("&fault=size&after=1"))
    assert bad.pixels.shape == (8, 10)


def test_unplugged_it_gives_nothing_and_does_not_open_until_it_is_plugged_in(simulated):
    camera = simulated("&fault=unplug&after=1&lasting=3")
    with camera:
        camera.read(PATIENCE_S)
        with pytest.raises(CameraError, match="gone"):
            camera.read(PATIENCE_S)
    for _ in range(2):
        with pytest.raises(CameraError, match="plug it in"):
            camera.open()
    with camera:
        assert camera.read(PATIENCE_S).index == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_a_uri(simulated, fault):
    simulated(f"&fault={fault}&after=3&lasting=1")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("&fault=fire", "fault=fire: one of error, silent, hang"),
        ("&after=3", "after or lasting: give fault with it"),
        ("&lasting=1", "after or lasting: give fault with it"),
        ("&fault=hang&lasting=0", "lasting=0: a whole number from 1"),
    ],
)
def test_a_wrong_option_is_named(simulated, options, said):
    with pytest.raises(ConfigError, match=said):
        simulated(options)


class TestDrawn:
    @pytest.fixture(autouse=True)
    def installed(self, monkeypatch):
        """The products of this checkout, whatever was installed."""
        points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["okng.parts"]
        found = [importlib.metadata.EntryPoint(name, value, "okng.parts") for name, value in points.items()]
        monkeypatch.setattr("edge.camera.simulated.entry_points", lambda group: found if group == "okng.parts" else [])

    @pytest.mark.parametrize(("product", "shape"), [("metal", (256, 256)), ("plastic", (256, 256, 3))])
    def test_parts_are_drawn_each_another(self, product, shape):
        with camera_from_uri(f"sim://{product}?rate=1000") as camera:
            first, second = camera.read(PATIENCE_S), camera.read(PATIENCE_S)
        assert first.pixels.shape == second.pixels.shape == shape
        assert not np.array_equal(first.pixels, second.pixels)
        assert (first.name, second.name) == (f"{product}#000000", f"{product}#000001")

    def test_parts_come_again(self, monkeypatch):
        drawn = []
        monkeypatch.setattr(
            "trainer.synthesize.passing.metal", lambda number: drawn.append(number) or np.full((4, 4), number, np.uint8)
        )
        with camera_from_uri("sim://metal?rate=1000") as camera:
            frames = [camera.read(PATIENCE_S) for _ in range(DRAWN + 1)]
        assert drawn == list(range(DRAWN))
        assert np.array_equal(frames[0].pixels, frames[DRAWN].pixels)

    def test_an_unknown_product_is_refused(self):
        with pytest.raises(ConfigError, match="wood: a product that can be drawn: one of metal, plastic; or a folder"):
            camera_from_uri("sim://wood")
