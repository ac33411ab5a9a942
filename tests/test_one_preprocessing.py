"""One frame, one spec: trainer, converter and board give the network the very same bytes."""

import ast
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.contract.bundle import Bundle
from edge.contract.cam import BINARY, Pooling, Thresholds
from edge.contract.card import Card, Parity, Tensor
from edge.contract.images import read_image
from edge.contract.preprocess import CENTRE, Clahe, PreprocessSpec, Region, preprocess
from edge.contract.types import Frame
from edge.inference.judge import Judge, is_blank
from trainer import session
from trainer.dataset import Sample, load_images
from trainer.evaluate import keras_judge
from trainer.golden import keep_golden
from trainer.plan import Plan
from trainer.run import Run, RunRecord, read_run

ROOT = Path(__file__).parents[1]
THRESHOLDS = Thresholds(ok_below=0.3, ng_from=0.7)
SIDE = 64


def flat_field(*channels: int) -> bytes:
    """A blank whose light falls off differently in each of the channels."""
    falls_off = [np.linspace(90, 230, 80)[:, None] * np.linspace(0.5 + 0.1 * c, 1.0, 100) for c in channels]
    return cv2.imencode(".png", np.stack(falls_off, axis=2).astype(np.uint8))[1].tobytes()


SPECS = {
    "plain": {},
    "as it is": {"normalise": "none"},
    "region": {"region": Region(0.1, 0.2, 0.55, 0.7)},
    "region smaller than the input": {"region": Region(0.3, 0.3, 0.2, 0.2)},
    "clahe": {"clahe": Clahe(clip_limit=3.0, tiles=4)},
    "grey flat field": {"flat_field": flat_field(0)},
    "coloured flat field": {"flat_field": flat_field(1, 2, 3)},
    "all": {"region": Region(0.05, 0.1, 0.8, 0.8), "clahe": Clahe(), "flat_field": flat_field(0)},
}


class Recorder:
    """In the network's place: keeps what reaches it."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.input = Tensor((1, *shape), "uint8", 1.0, CENTRE)
        self.output = Tensor((1, 8, 8, 1), "int8", 0.1, 0)
        self.images: list[np.ndarray] = []

    def invoke(self, image: np.ndarray) -> np.ndarray:
        assert image.flags["C_CONTIGUOUS"]
        self.images.append(image.copy())
        return np.zeros((8, 8, 1), np.int8)

    def predict_on_batch(self, batch: np.ndarray) -> np.ndarray:
        assert (batch == np.rint(batch)).all()
        self.images.extend((batch + CENTRE).astype(np.uint8))
        return np.zeros((len(batch), 8, 8, 1), np.float32)


def card(spec: PreprocessSpec, recorder: Recorder) -> Card:
    return Card(
        name="x", created="", made_by="", preprocess=spec, input=recorder.input, output=recorder.output,
        pooling=Pooling(), thresholds=THRESHOLDS, golden=(), parity=Parity(0, 0, 0, 0, 0),
    )  # fmt: skip


def on_the_board(pixels: np.ndarray, spec: PreprocessSpec, monkeypatch) -> np.ndarray:
    recorder = Recorder(spec.shape)
    monkeypatch.setattr("edge.inference.judge.Engine", lambda *_: recorder)
    judge = Judge(Bundle(Path("x"), "", card(spec, recorder), b""))
    judge.judge(Frame(pixels, 0, 0, 0))
    return recorder.images[0]


def in_the_converter(sample: Sample, spec: PreprocessSpec, folder: Path) -> np.ndarray:
    """By way of the golden frame that the trainer keeps of this image."""
    from converters.convert import _golden_frames

    keep_golden(folder / "golden", [sample], np.array([0.9]), THRESHOLDS, BINARY)
    record = RunRecord(name="x", preprocess=spec, pooling=Pooling(), thresholds=THRESHOLDS, training={})
    recorder = Recorder(spec.shape)
    _golden_frames(Run(folder, record), recorder, record.pooling, record.thresholds)
    return recorder.images[0]


def in_evaluation(pixels: np.ndarray, spec: PreprocessSpec) -> np.ndarray:
    recorder = Recorder(spec.shape)
    keras_judge(recorder, spec, Pooling(), THRESHOLDS)(pixels)
    return recorder.images[0]


def in_training(sample: Sample, request: session.Request) -> tuple[PreprocessSpec, np.ndarray]:
    """What `run_training` stacks up for the network, and the spec it writes into the record."""
    spec = session._spec_for(request, session.Split([sample], [], []))
    return spec, load_images([sample], lambda pixels: preprocess(pixels, spec)).images[0]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("colour", ["grey", "bgr"])
@pytest.mark.parametrize("frame_channels", [1, 3])
@pytest.mark.parametrize("spec_name", SPECS)
def test_the_same_bytes_everywhere(photograph, tmp_path, monkeypatch, spec_name, frame_channels, colour, suffix):
    path = photograph(tmp_path / f"frame{suffix}", (150, 210, frame_channels))
    sample = Sample(path.name, path, "ng", "ng", "x")
    request = session.Request(tmp_path, tmp_path, SIDE, colour, None, False, Plan(), PreprocessSpec(**SPECS[spec_name]))
    spec, expected = in_training(sample, request)
    assert (expected.shape, expected.dtype) == (spec.shape, np.uint8)
    assert expected.shape == (SIDE, SIDE, 1 if colour == "grey" else 3)
    pixels = read_image(path)
    kept = pixels.copy()
    for found in (
        on_the_board(pixels, spec, monkeypatch), in_the_converter(sample, spec, tmp_path), in_evaluation(pixels, spec),
    ):  # fmt: skip
        assert found.shape == expected.shape
        assert found.tobytes() == expected.tobytes()
    assert np.array_equal(pixels, kept), "the frame itself is not changed"


def test_specs_differ_in_what_they_make(photograph, tmp_path):
    pixels = read_image(photograph(tmp_path / "frame.png", (150, 210, 3)))
    made = [preprocess(pixels, PreprocessSpec(64, 64, **changes)).tobytes() for changes in SPECS.values()]
    assert len(set(made)) == len(SPECS)


def test_a_real_run_trained_on_what_its_bundle_sees(tiny_run, monkeypatch):
    """The arrays that a training really used, against what reaches the runtime on the board."""
    run = read_run(tiny_run.run)
    rows = [line.split(",") for line in run.provenance().decode().splitlines()[1:]]
    frames = [read_image(tiny_run.parts / row[0]) for row in rows if row[4] == "validation"]
    used = run.inputs().validation
    assert len(frames) == len(used)
    for pixels, image in zip(frames, used, strict=True):
        assert on_the_board(pixels, run.record.preprocess, monkeypatch).tobytes() == image.tobytes()


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("colour", ["grey", "bgr"])
@pytest.mark.parametrize("shown", [0, 3, 254, 255, (1, 2, 3), (255, 0, 0), (10, 200, 30)], ids=str)
def test_a_blank_frame_is_found_whatever_the_network_is_shown(name, colour, shown):
    spec = PreprocessSpec(width=SIDE, height=SIDE, colour=colour, **SPECS[name])
    for height, width in ((480, 640), (97, 101), (20, 30), (1, 1)):
        pixels = np.full((height, width, 3) if isinstance(shown, tuple) else (height, width), shown, np.uint8)
        assert is_blank(preprocess(pixels, spec), pixels, spec)
    noise = np.random.default_rng(0).integers(0, 255, (97, 101), np.uint8)
    assert not is_blank(preprocess(noise, spec), noise, spec)


def calls(path: Path, names: set[str]) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {f.attr for f in found if isinstance(f, ast.Attribute)} & names


CHANGES_PIXELS = {"resize", "cvtColor", "createCLAHE", "equalizeHist", "normalize", "blobFromImage"}
DRAWN = ("trainer/synthesize/", "trainer/pretrain/", "trainer/augment/")
"""Draws parts, or varies what the network is shown in training, from the preprocessed image on."""
SHOWS_OR_DRAWS = {
    "edge/replay/changes.py", "edge/contract/cam.py", "edge/contract/overlay.py",  # pictures for people
    "edge/contract/sheet.py", "edge/daemon/past.py",
    "trainer/page.py", "trainer/demo/screen.py",  # more of them
    "edge/station/pictures.py",  # and those of the operator page
    "trainer/contact_sheet.py", "trainer/duplicates.py",  # pictures for people, and what they have in common
    "trainer/cli.py",  # makes the flat field, which the card carries
    "trainer/batches.py",  # masks to map cells
    "edge/inspection/recipes.py", "edge/contract/recipe.py",  # ignored and empty places: what becomes of no input
    "edge/line/presence.py",  # whether a part has come, which triggers
    "edge/camera/simulated.py",  # a frame's small picture, for that alone
    "edge/daemon/quality.py",  # brightness and focus, which change no verdict
    "trainer/explain.py",  # Grad-CAM, which is looked at
}  # fmt: skip


def test_no_module_on_the_way_to_the_network_changes_pixels_but_one():
    """A second resize somewhere is how scores begin to differ between training and device."""
    found = {
        name
        for top in ("edge", "trainer", "converters")
        for path in (ROOT / top).rglob("*.py")
        if not (name := path.relative_to(ROOT).as_posix()).startswith(DRAWN) and calls(path, CHANGES_PIXELS)
    }
    assert found - SHOWS_OR_DRAWS == {"edge/contract/preprocess.py"}


def test_a_frames_small_picture_is_for_the_presence_trigger_alone():
    """A capture keeps none, so a verdict that knew it could not be replayed."""
    reads = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "edge").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "small"
    }
    assert reads == {"edge/line/presence.py"}


def test_only_the_judge_and_the_converter_run_the_model():
    runs = {
        path.relative_to(ROOT).as_posix()
        for top in ("edge", "converters", "trainer")
        for path in (ROOT / top).rglob("*.py")
        if "engine.invoke(" in path.read_text(encoding="utf-8")
    }
    assert runs == {"edge/inference/judge.py", "converters/convert.py"}
