"""Single variations do what their strength says, on grey and colour, and leave the given image alone."""

import cv2
import numpy as np
import pytest

from trainer.augment import parts

SHAPES = [(40, 48), (40, 48, 1), (40, 48, 3)]
RNG = np.random.default_rng(0)
PARTS = {
    "brightness": lambda image: parts.brightness(image, 12.0),
    "contrast": lambda image: parts.contrast(image, 1.3),
    "gamma": lambda image: parts.gamma(image, 0.8),
    "blur": lambda image: parts.blur(image, 1.5),
    "noise": lambda image: parts.noise(image, 5.0, np.random.default_rng(0)),
    "jpeg": lambda image: parts.jpeg(image, 50),
    "shift": lambda image: parts.shift(image, 2.5, -1.0),
    "illuminate": lambda image: parts.illuminate(image, np.array([[0.0, 40.0], [0.0, -40.0]])),
    "erase": lambda image: parts.erase(image, 3, 4, 10, 8),
}


def picture(shape: tuple[int, ...]) -> np.ndarray:
    return cv2.GaussianBlur(RNG.integers(0, 256, shape, np.uint8), (0, 0), 1.0).reshape(shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", PARTS)
def test_the_form_stays_and_so_does_the_given_image(name, shape):
    image = picture(shape)
    kept = image.copy()
    varied = PARTS[name](image)
    assert (varied.shape, varied.dtype) == (shape, np.uint8)
    assert not np.array_equal(varied, image)
    assert np.array_equal(image, kept)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_strength_changes_nothing(shape):
    image = picture(shape)
    for same in (
        parts.brightness(image, 0), parts.contrast(image, 1), parts.gamma(image, 1), parts.blur(image, 0),
        parts.shift(image, 0, 0), parts.noise(image, 0, RNG), parts.illuminate(image, np.zeros((2, 2))),
    ):  # fmt: skip
        assert np.array_equal(same, image)


def test_brightness_and_contrast_clip_at_black_and_white():
    image = np.array([[0, 64, 128, 250]], np.uint8)
    assert parts.brightness(image, 10).tolist() == [[10, 74, 138, 255]]
    assert parts.contrast(image, 2.0).tolist() == [[0, 0, 128, 255]]


def test_gamma_keeps_black_and_white():
    dark = parts.gamma(np.array([[0, 128, 255]], np.uint8), 2.0)[0]
    assert (dark[0], dark[2]) == (0, 255)
    assert dark[1] == round(255 * (128 / 255) ** 2)


def test_noise_has_the_strength_asked_for():
    grey = np.full((200, 200, 3), 128, np.uint8)
    values = parts.noise(grey, 6.0, np.random.default_rng(1)).astype(float)
    assert abs(values.mean() - 128) < 0.1
    assert abs(values.std() - 6) < 0.2
    assert abs(np.corrcoef(values[..., 0].ravel(), values[..., 1].ravel())[0, 1]) < 0.02


def test_a_shift_moves_to_the_right_and_down():
    image = np.zeros((20, 20), np.uint8)
    image[5, 6] = 255
    assert np.argwhere(parts.shift(image, 3, 2) == 255).tolist() == [[7, 9]]


def test_light_falls_where_it_is_said_to():
    image = np.full((50, 50), 128, np.uint8)
    lit = parts.illuminate(image, np.array([[40.0, 40.0], [-40.0, -40.0]]))
    assert lit[0].mean() > 160
    assert lit[-1].mean() < 96
    assert np.abs(np.diff(lit.astype(int), axis=0)).max() <= 8, "smoothly"


def test_a_hue_turns_and_a_saturation_of_nothing_is_grey():
    red = np.full((4, 4, 3), (40, 40, 160), np.uint8)
    turned = cv2.cvtColor(parts.colour(red, 20, 1.0), cv2.COLOR_BGR2HSV)[0, 0]
    back = parts.colour(parts.colour(red, 20, 1.0), -20, 1.0)
    assert turned[0] not in {0, 179}
    assert np.abs(back.astype(int) - red).max() <= 2
    assert np.ptp(parts.colour(red, 0, 0.0)[0, 0]) <= 1
    assert np.array_equal(parts.colour(red[..., :1], 20, 0.5), red[..., :1])


def test_what_is_erased_is_flat_and_the_rest_is_as_it_was():
    image = picture((40, 48, 3))
    erased = parts.erase(image, 5, 6, 10, 8)
    assert np.ptp(erased[6:14, 5:15], axis=(0, 1)).max() == 0
    erased[6:14, 5:15] = image[6:14, 5:15]
    assert np.array_equal(erased, image)
