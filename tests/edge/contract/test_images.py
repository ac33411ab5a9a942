from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from edge.contract.images import decode_image, read_image
from edge.errors import DataError


def picture(*shape: int, dtype=np.uint8, seed: int = 0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def encoded(suffix: str, image) -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def refusal(path) -> str:
    with pytest.raises(DataError) as caught:
        read_image(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize("shape", [(1, 1), (13, 17), (13, 17, 3)])
def test_what_was_written_is_read(tmp_path, suffix, shape) -> None:
    path = tmp_path / f"one{suffix}"
    path.write_bytes(encoded(suffix, picture(*shape)))
    image = read_image(path)
    assert np.array_equal(image, picture(*shape))
    assert image.flags.c_contiguous


def test_jpeg_is_read_whole_and_in_bgr() -> None:
    blue = np.zeros((32, 32, 3), np.uint8)
    blue[..., 0] = 250
    image = decode_image(encoded(".jpg", blue), "blue")
    assert abs(image.astype(int) - blue).max() < 8


def test_an_alpha_channel_that_hides_nothing_is_dropped() -> None:
    image = picture(9, 9, 4)
    image[..., 3] = 255
    assert np.array_equal(decode_image(encoded(".png", image), "one"), image[..., :3])


@pytest.mark.parametrize("alpha", [0, 254])
def test_a_transparent_pixel_is_refused(tmp_path, alpha) -> None:
    image = np.full((9, 9, 4), 255, np.uint8)
    image[4, 4, 3] = alpha
    (tmp_path / "one.png").write_bytes(encoded(".png", image))
    assert "transparent" in refusal(tmp_path / "one.png")


@pytest.mark.parametrize("shape", [(9, 9), (9, 9, 3), (9, 9, 4)])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_more_than_8_bits_are_refused(tmp_path, shape, suffix) -> None:
    (tmp_path / "one").write_bytes(encoded(suffix, picture(*shape, dtype=np.uint16)))
    assert "16 bits" in refusal(tmp_path / "one")


def test_floating_point_is_refused(tmp_path) -> None:
    (tmp_path / "one").write_bytes(encoded(".tif", picture(9, 9).astype(np.float32)))
    assert "32 bits" in refusal(tmp_path / "one")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(tmp_path, suffix, kept) -> None:
    data = encoded(suffix, picture(64, 64, 3))
    (tmp_path / "one").write_bytes(data[: int(len(data) * kept)])
    assert "cut short" in refusal(tmp_path / "one")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_file_whose_end_never_reached_the_disk_is_refused(tmp_path, suffix) -> None:
    data = encoded(suffix, picture(64, 64, 3))
    (tmp_path / "one").write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    assert "cut short" in refusal(tmp_path / "one")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_padding_behind_the_end_is_no_damage(suffix) -> None:
    data = encoded(suffix, picture(16, 16, 3))
    assert np.array_equal(decode_image(data + bytes(100), "one"), decode_image(data, "one"))


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_a_png_with_one_changed_byte_is_refused(tmp_path, place) -> None:
    data = bytearray(encoded(".png", picture(64, 64, 3)))
    data[int(len(data) * place)] ^= 1
    (tmp_path / "one.png").write_bytes(data)
    assert "not an image" in refusal(tmp_path / "one.png")


def giant() -> bytes:
    data = bytearray(encoded(".png", picture(8, 8)))
    data[16:24] = struct.pack(">2I", 200_000, 200_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"not an image", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\nIEND", bytes(5000), giant()], ids=len
)
def test_what_is_no_image_is_refused(tmp_path, data) -> None:
    (tmp_path / "one.png").write_bytes(data)
    assert "not an image" in refusal(tmp_path / "one.png")


def test_random_bytes_are_refused_or_read_never_more() -> None:
    draw = np.random.default_rng(0)
    heads = [encoded(suffix, picture(8, 8, 3))[:40] for suffix in (".png", ".jpg", ".bmp", ".tif", ".webp")]
    for index in range(200):
        data = heads[index % len(heads)] + draw.bytes(200) + (b"IEND", b"\xff\xd9")[index % 2]
        try:
            image = decode_image(data, "random")
        except DataError:
            continue
        assert image.dtype == np.uint8


@pytest.mark.parametrize("name", ["absent.png", "folder", "file/below.png"])
def test_a_place_without_a_file_is_refused(tmp_path, name) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert "cannot be read" in refusal(tmp_path / name)
