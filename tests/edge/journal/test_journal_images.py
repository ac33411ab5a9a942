from __future__ import annotations

import numpy as np
import pytest

from edge.contract.images import decode_image
from edge.contract.types import Verdict
from edge.errors import JournalError
from edge.journal.images import FOLDER_SIZE, ImageFormat, ImagePolicy, ImageRule, ImageStore, encode_image
from edge.journal.rows import Entry


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
def test_png_loses_nothing_and_jpeg_little(shape) -> None:
    ramp = np.linspace(0, 255, 600).astype(np.uint8).reshape(20, 30)
    pixels = ramp if len(shape) == 2 else np.repeat(ramp[..., None], 3, 2)
    np.testing.assert_array_equal(decode_image(encode_image(pixels), "png"), pixels)
    jpeg = decode_image(encode_image(pixels, ImageFormat.JPEG), "jpeg")
    assert jpeg.shape == shape
    assert np.abs(jpeg.astype(int) - pixels).max() < 16


def test_what_jpeg_cannot_hold_is_an_error() -> None:
    with pytest.raises(JournalError, match="cannot be encoded"):
        encode_image(np.zeros((1, 70_000), np.uint8), ImageFormat.JPEG)


@pytest.mark.parametrize(
    ("policy", "kept"),
    [("all", set(Verdict)), ("ng", set(Verdict) - {Verdict.OK}), ("none", set())],
)
def test_the_policy_says_which_frames_are_kept(policy: str, kept: set[Verdict]) -> None:
    assert {verdict for verdict in Verdict if ImageRule(ImagePolicy(policy)).keeps(verdict, 1)} == kept


def test_each_nth_frame_is_kept_whatever_its_verdict() -> None:
    rule = ImageRule(ImagePolicy.NONE, every=3)
    assert [number for number in range(1, 10) if rule.keeps(Verdict.OK, number)] == [3, 6, 9]
    assert ImageRule(ImagePolicy.NG, every=3).keeps(Verdict.NG, 4)


def test_folders_stay_small_and_names_sort(tmp_path) -> None:
    store = ImageStore(tmp_path)
    paths = [store.place("00000000", n, ".png", b"x").path for n in (1, FOLDER_SIZE - 1, FOLDER_SIZE, 12_345_678)]
    assert paths == sorted(paths)
    assert len({path.rsplit("/", 1)[0] for path in paths}) == 3


def test_only_known_suffixes_make_file_names(make_entry) -> None:
    with pytest.raises(ValueError, match="suffix"):
        Entry(make_entry("00000000", 1).inspection, "b", b"", "/../../x")
