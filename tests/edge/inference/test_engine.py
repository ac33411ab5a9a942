from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edge.contract.bundle import Bundle, read_bundle
from edge.contract.cam import dequantise, score
from edge.contract.images import read_image
from edge.contract.preprocess import Region, preprocess
from edge.contract.types import Frame, Verdict
from edge.errors import BundleError
from edge.inference.engine import Engine, _tensor
from edge.inference.judge import Judge


def frame(pixels) -> Frame:
    return Frame(pixels, 0, 1, 2)


def noise(*shape: int):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def altered(bundle: Bundle, **changes) -> Bundle:
    card = msgspec.structs.replace(bundle.card, **changes)
    return Bundle(bundle.path, bundle.digest, card, bundle.model)


@pytest.fixture(scope="module")
def opened(bundle) -> Bundle:
    return read_bundle(bundle)


@pytest.fixture(scope="module")
def judge(opened) -> Judge:
    return Judge(opened)


def test_the_engine_is_what_the_card_says(opened) -> None:
    engine = Engine(opened.model)
    assert (engine.input, engine.output) == (opened.card.input, opened.card.output)


def test_a_map_is_a_copy_and_the_same_each_time(opened) -> None:
    engine = Engine(opened.model, threads=2)
    images = [preprocess(noise(50, 60), opened.card.preprocess), np.zeros(opened.card.preprocess.shape, np.uint8)]
    first = engine.invoke(images[0])
    kept = first.copy()
    assert first.shape == opened.card.output.shape[1:]
    assert first.dtype == np.int8
    assert not np.array_equal(engine.invoke(images[1]), kept)
    assert np.array_equal(first, kept)
    assert np.array_equal(engine.invoke(images[0]), kept)


def test_two_engines_in_one_process_agree(opened) -> None:
    image = preprocess(noise(50, 60), opened.card.preprocess)
    assert np.array_equal(Engine(opened.model).invoke(image), Engine(opened.model, threads=4).invoke(image))


def test_loading_writes_nothing_into_the_log(opened, capfd) -> None:
    Engine(opened.model)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("model", [b"", b"garbage", bytes(100_000)], ids=len)
def test_what_is_no_model_is_refused_in_one_line(opened, model) -> None:
    with pytest.raises(BundleError, match="refuses the model") as caught:
        Engine(model)
    assert "\n" not in str(caught.value)
    with pytest.raises(BundleError, match=r"model\.tflite: .* refuses the model"):
        Judge(Bundle(opened.path, opened.digest, opened.card, model))


def test_a_float_model_is_refused() -> None:
    details = {"name": "image", "dtype": np.float32, "shape": np.array([1, 2, 2, 1]), "quantization": (0.0, 0)}
    with pytest.raises(BundleError, match="image is float32; okng runs int8"):
        _tensor(details)


@pytest.mark.parametrize(
    "changes",
    [
        lambda card: {"output": msgspec.structs.replace(card.output, scale=card.output.scale * 1.001)},
        lambda card: {"output": msgspec.structs.replace(card.output, zero_point=card.output.zero_point - 1)},
        lambda card: {"input": msgspec.structs.replace(card.input, dtype="int8")},
        lambda card: {"input": msgspec.structs.replace(card.input, shape=(1, 7, 7, 1))},
        lambda card: {"preprocess": msgspec.structs.replace(card.preprocess, width=card.preprocess.width + 1)},
        lambda card: {"classes": ("good", "scratch"), "ok_classes": ("good",)},
    ],
)
def test_a_card_that_does_not_agree_with_the_model_is_refused(opened, changes) -> None:
    with pytest.raises(BundleError, match=str(opened.path)):
        Judge(altered(opened, **changes(opened.card)))


def test_golden_frames_are_judged_as_recorded(opened, judge) -> None:
    for golden in opened.card.golden:
        found = judge.judge(frame(read_image(opened.path / golden.file)))
        units = np.frombuffer(golden.map, np.int8).astype(int)
        assert found.verdict == golden.verdict
        assert np.abs(found.map_units.ravel() - units).max() <= opened.card.golden_tolerance_units
        assert set(found.timings_ms) == {"preprocess", "invoke", "pool"}


def test_the_verdict_is_the_map(opened, judge) -> None:
    found, card = judge.judge(frame(noise(100, 100))), opened.card
    assert found.score == score(dequantise(found.map_units, card.output.scale, card.output.zero_point), card.pooling)
    assert found.verdict is card.thresholds.verdict(found.score)


@pytest.mark.parametrize("shape", [(2, 1), (300, 7), (480, 640, 3)])
def test_a_frame_of_any_size_is_judged(judge, shape) -> None:
    assert judge.judge(frame(noise(*shape))).verdict is not Verdict.FAULT


@pytest.mark.parametrize("colour", [0, 77, 255, (255, 0, 0), (10, 200, 30)], ids=str)
def test_a_blank_frame_is_a_fault(judge, colour) -> None:
    pixels = np.full((48, 64, 3) if isinstance(colour, tuple) else (48, 64), colour, np.uint8)
    found = judge.judge(frame(pixels))
    assert found.verdict is Verdict.FAULT
    assert "blank" in found.reason


def test_a_frame_that_is_blank_where_it_counts_is_a_fault(opened) -> None:
    spec = msgspec.structs.replace(opened.card.preprocess, region=Region(0.5, 0.0, 0.5, 1.0))
    pixels = noise(64, 64)
    pixels[:, 32:] = 9
    assert Judge(altered(opened, preprocess=spec)).judge(frame(pixels)).verdict is Verdict.FAULT


def test_a_score_that_is_no_number_is_a_fault_without_a_map(opened, monkeypatch) -> None:
    broken = Judge(opened)
    monkeypatch.setattr("edge.inference.judge.score", lambda *_: float("nan"))
    found = broken.judge(frame(noise(64, 64)))
    assert (found.verdict, found.score, found.map_units) == (Verdict.FAULT, None, None)
    assert "not a number" in found.reason
