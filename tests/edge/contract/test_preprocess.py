from __future__ import annotations

import struct
import zlib

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.preprocess import Clahe, PreprocessSpec, Region, flat_field_gain, preprocess, standardise

PLAIN = PreprocessSpec(width=32, height=32, normalise="none")


def png(image) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def noise(*shape: int, seed: int = 0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def gradient(size: int = 64):
    return np.tile(np.linspace(60, 220, size).astype(np.uint8), (size, 1))


def giant_png() -> bytes:
    """Says it is 200000 pixels wide and high; OpenCV raises where it returns None for other damage."""
    data = bytearray(png(noise(8, 8)))
    data[16:24] = struct.pack(">2I", 200_000, 200_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


fractions = st.floats(0, 1)
regions = st.builds(
    lambda left, top, width, height: Region(left * 0.9, top * 0.9, 0.1 * width + 0.001, 0.1 * height + 0.001),
    fractions, fractions, st.floats(0, 0.9), st.floats(0, 0.9),
) | st.just(Region())  # fmt: skip
specs = st.builds(
    PreprocessSpec,
    width=st.sampled_from([32, 47, 160]),
    height=st.sampled_from([32, 61, 160]),
    colour=st.sampled_from(["grey", "bgr"]),
    region=regions,
    normalise=st.sampled_from(["standardise", "none"]),
    clahe=st.none() | st.builds(Clahe, clip_limit=st.floats(0.1, 40), tiles=st.sampled_from([1, 8, 64])),
    flat_field=st.sampled_from([None, png(gradient()), png(noise(9, 70, 3)), png(np.zeros((5, 5), np.uint8))]),
)


@given(spec=specs, height=st.integers(1, 300), width=st.integers(1, 300), colour=st.booleans(), seed=st.integers(0, 9))
def test_any_frame_becomes_the_models_input(spec, height, width, colour, seed) -> None:
    pixels = noise(height, width, 3, seed=seed) if colour else noise(height, width, seed=seed)
    before = pixels.copy()
    image = preprocess(pixels, spec)
    assert image.shape == spec.shape == (spec.height, spec.width, 3 if spec.colour == "bgr" else 1)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert np.array_equal(pixels, before)
    assert np.array_equal(preprocess(before, spec), image)


@given(spec=specs)
def test_a_spec_survives_its_card(spec) -> None:
    again = msgspec.json.decode(msgspec.json.encode(spec), type=PreprocessSpec)
    assert again == spec
    assert np.array_equal(preprocess(noise(50, 60), again), preprocess(noise(50, 60), spec))


def test_a_frame_of_the_right_size_is_left_as_it_is() -> None:
    assert np.array_equal(preprocess(noise(32, 32), PLAIN)[..., 0], noise(32, 32))


def test_a_view_of_another_array_is_read_as_what_it_shows() -> None:
    wide = noise(64, 128, 3)
    turned = wide[::-1, ::2]
    assert np.array_equal(preprocess(turned, PLAIN), preprocess(np.ascontiguousarray(turned), PLAIN))


def test_only_the_region_counts() -> None:
    pixels = noise(100, 200)
    spec = msgspec.structs.replace(PLAIN, region=Region(0.5, 0.25, 0.5, 0.5))
    assert np.array_equal(preprocess(pixels, spec), preprocess(pixels[25:75, 100:200], PLAIN))
    outside = pixels.copy()
    outside[:, :100] = 0
    assert np.array_equal(preprocess(outside, spec), preprocess(pixels, spec))


@given(regions, st.integers(1, 300), st.integers(1, 300))
def test_a_region_is_at_least_one_pixel_and_within_the_frame(region, height, width) -> None:
    x, y, w, h = region.pixels(height, width)
    assert 0 <= x < x + w <= width
    assert 0 <= y < y + h <= height


def test_colour_becomes_grey_and_grey_becomes_colour() -> None:
    colour, bgr = noise(32, 32, 3), msgspec.structs.replace(PLAIN, colour="bgr")
    assert np.array_equal(preprocess(colour, PLAIN)[..., 0], cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY))
    assert np.array_equal(preprocess(colour, bgr), colour)
    assert np.array_equal(preprocess(colour[..., 0], bgr), np.dstack([colour[..., 0]] * 3))


def test_standardising_puts_mean_at_128_and_sigma_at_32() -> None:
    image = np.full((4, 4), 100, np.uint8)
    image[:, 2:] = 140
    assert np.unique(standardise(image)).tolist() == [96, 160]
    assert np.array_equal(standardise(image), standardise(image // 2 + 30))


def test_standardising_keeps_colours_apart() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[...] = (80, 120, 160)
    sigma = np.std([80, 120, 160])
    assert standardise(image)[0, 0].tolist() == [round(128 - 40 * 32 / sigma), 128, round(128 + 40 * 32 / sigma)]


def test_standardising_clips_and_blows_up_no_noise() -> None:
    spot = np.zeros((64, 64), np.uint8)
    spot[5, 5] = 255
    assert standardise(spot).max() == 255
    assert np.unique(standardise(np.full((4, 4), 77, np.uint8))).tolist() == [128]
    faint = np.tile(np.array([119, 121], np.uint8), (4, 2))
    assert np.unique(standardise(faint)).tolist() == [112, 144]


def test_a_flat_field_evens_out_the_light() -> None:
    light = gradient(64)
    spec = PreprocessSpec(width=64, height=64, normalise="none", flat_field=png(light))
    assert int(np.ptp(light)) > 150
    assert int(np.ptp(preprocess(light, spec))) <= 2
    assert abs(float(preprocess(light, spec).mean()) - float(light.mean())) < 2


def test_a_flat_field_is_cut_and_resized_as_the_frame_is() -> None:
    light = cv2.resize(gradient(64), (256, 128))
    spec = PreprocessSpec(
        width=64, height=64, normalise="none", region=Region(0.25, 0, 0.5, 1), flat_field=png(gradient(512))
    )
    assert int(np.ptp(preprocess(light, spec))) <= 4


def test_a_flat_field_works_on_each_colour() -> None:
    light = np.dstack([gradient(64), gradient(64)[:, ::-1], gradient(64).T])
    spec = PreprocessSpec(width=64, height=64, colour="bgr", normalise="none", flat_field=png(light))
    assert np.ptp(preprocess(light, spec), axis=(0, 1)).max() <= 2
    assert flat_field_gain(spec).shape == (64, 64, 3)


def test_clahe_raises_contrast_and_keeps_grey_grey() -> None:
    dull = (noise(64, 64) // 16 + 100).astype(np.uint8)
    spec = PreprocessSpec(width=64, height=64, normalise="none", clahe=Clahe())
    assert preprocess(dull, spec).std() > 2 * dull.std()
    colour = preprocess(np.dstack([dull] * 3), msgspec.structs.replace(spec, colour="bgr")).astype(int)
    assert np.ptp(colour, axis=2).max() <= 2
    assert colour.std() > 2 * dull.std()


@pytest.mark.parametrize(
    "bad",
    [
        {"width": 31},
        {"height": 2049},
        {"width": 64.5},
        {"colour": "rgb"},
        {"normalise": "minmax"},
        {"region": {"left": 0.5, "width": 0.6}},
        {"region": {"top": -0.1}},
        {"region": {"height": 0}},
        {"clahe": {"clip_limit": 0}},
        {"clahe": {"tiles": 65}},
        {"flat_field": "not base64"},
        {"flat_field": ""},
        {"flat_field": b"not a PNG"},
        {"flat_field": giant_png()},
        {"sharpen": True},
    ],
    ids=str,
)
def test_a_bad_spec_is_refused(bad) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(bad), type=PreprocessSpec)
