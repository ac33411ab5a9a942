"""From a run to a bundle: quantised as a board wants it, proved, whole or not there at all."""

import csv
import errno
import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from converters.remedies import Attempt
from edge.contract.bundle import read_bundle
from edge.contract.cam import dequantise, pool
from edge.contract.card import Target
from edge.contract.images import read_image
from edge.contract.preprocess import CENTRE, centred
from edge.contract.types import Frame
from edge.inference.engine import Engine
from edge.inference.judge import Judge
from edge.inference.verify import verify_in_child
from trainer.run import read_run


@pytest.fixture(scope="module")
def bundle(tiny_run):
    return read_bundle(tiny_run.bundle)


@pytest.fixture(scope="module")
def tensors(bundle):
    interpreter = Interpreter(model_content=bundle.model)
    interpreter.allocate_tensors()
    return interpreter.get_tensor_details()


@pytest.fixture
def copied(tiny_run, tmp_path) -> Path:
    """The run, to spoil."""
    return Path(shutil.copytree(tiny_run.run, tmp_path / "run"))


@pytest.fixture
def ready(tiny_run, bundle, monkeypatch):
    """Quantises in no time: the model was made before."""
    made = Attempt("", 100.0, b"", bundle.model, bundle.card.parity)
    monkeypatch.setattr("converters.convert.quantise_well", lambda *_, **__: made)


def test_the_input_is_the_image_as_it_is(bundle):
    tensor = Engine(bundle.model).input
    assert tensor == bundle.card.input
    assert (tensor.shape, tensor.dtype, tensor.scale, tensor.zero_point) == ((1, 64, 64, 1), "uint8", 1.0, CENTRE)


def test_the_output_is_one_int8_map(bundle):
    tensor = Engine(bundle.model).output
    assert tensor == bundle.card.output
    assert (tensor.shape, tensor.dtype) == ((1, 8, 8, 1), "int8")
    assert tensor.scale > 0


def test_all_of_the_model_is_int8(tensors):
    assert {np.dtype(tensor["dtype"]).name for tensor in tensors} <= {"uint8", "int8", "int32"}


def test_weights_are_quantised_per_channel(tiny_run, tensors):
    scales = {}
    for tensor in tensors:
        found = tensor["quantization_parameters"]["scales"]
        if np.dtype(tensor["dtype"]) == np.int8 and len(found) > 1:
            shape = tuple(int(size) for size in tensor["shape"])
            scales.setdefault(shape, []).append(found)
            assert len(found) == max(shape[0], shape[-1] if shape[0] == 1 else 0)
            assert not tensor["quantization_parameters"]["zero_points"].any()
    assert all(len(set(found)) > 1 for same in scales.values() for found in same), "each channel has its own"
    expected = []
    for layer in read_run(tiny_run.run).model().layers:
        kind = type(layer).__name__
        if kind in {"Conv2D", "DepthwiseConv2D"}:
            height, width, inside, outside = layer.kernel.shape
            if kind == "Conv2D" and outside > 1:
                expected.append((outside, height, width, inside))
            elif kind == "DepthwiseConv2D":
                expected.append((1, height, width, inside))
    assert sorted(shape for shape, same in scales.items() for _ in same) == sorted(expected)
    assert len(expected) == 8, "all but the head, which has one channel"


def test_calibration_holds_both_classes_and_only_training_images(tiny_run):
    from edge.contract.preprocess import preprocess

    run = read_run(tiny_run.run)
    rows = [line.split(",") for line in run.provenance().decode().splitlines()[1:]]
    known = {}
    for image, label, _, _, part, _ in rows:
        known[preprocess(read_image(tiny_run.parts / image), run.record.preprocess).tobytes()] = (label, part)
    calibration = [known[image.tobytes()] for image in run.inputs().calibration]
    assert {part for _, part in calibration} == {"train"}
    labels = [label for label, _ in calibration]
    assert min(labels.count("ok"), labels.count("ng")) >= 15
    assert labels.count("ok") <= 64
    validation = [known[image.tobytes()] for image in run.inputs().validation]
    assert {part for _, part in validation} == {"validation"}
    assert [label == "ng" for label, _ in validation] == run.inputs().validation_truth.tolist()


def test_the_bundle_proves_itself(tiny_run, bundle):
    proof = verify_in_child(tiny_run.bundle)
    assert proof.digest == bundle.digest
    assert proof.golden == len(bundle.card.golden) == len(list((tiny_run.run / "golden").iterdir()))
    assert proof.worst_units == 0, "the same machine made it"


def test_golden_frames_hold_what_the_board_judges(tiny_run, bundle):

    judge = Judge(bundle)
    assert {golden.label for golden in bundle.card.golden} == {"ok", "ng"}
    for golden in bundle.card.golden:
        found = judge.judge(Frame(read_image(tiny_run.bundle / golden.file), 0, 0, 0))
        assert (found.score, found.verdict) == (golden.score, golden.verdict)
        assert found.map_units.tobytes() == golden.map


def held_logits(run, card, inputs, maps):
    """Of parts that the network had not learned from, with what int8 changes."""
    before = run.model().predict_on_batch(centred(inputs.validation))
    return inputs.validation_logits + pool(np.stack(maps), card.pooling) - pool(before, card.pooling)


def test_parity_is_measured_on_the_validation_images(tiny_run, bundle):
    run, card = read_run(tiny_run.run), bundle.card
    inputs, parity = run.inputs(), card.parity
    told = {name: getattr(parity, name) for name in parity.__struct_fields__}
    assert tiny_run.convert.json == json.loads(json.dumps({**told, "remedy": ""}))
    assert parity.images == len(inputs.validation)
    engine = Engine(bundle.model)
    maps = np.stack(
        [dequantise(engine.invoke(i), card.output.scale, card.output.zero_point) for i in inputs.validation]
    )
    before, heat = run.model().predict_on_batch(centred(inputs.validation)), card.pooling.temperature
    logits = [inputs.validation_logits, held_logits(run, card, inputs, maps)]
    scores = [1 / (1 + np.exp(-side[:, 0].astype(float) / heat)) for side in logits]
    gaps = np.abs(scores[0] - scores[1])
    assert parity.score_difference_max == pytest.approx(gaps.max(), abs=1e-5)
    assert parity.score_difference_mean == pytest.approx(gaps.mean(), abs=1e-5)
    assert parity.map_correlation == pytest.approx(np.corrcoef(before.ravel(), maps.ravel())[0, 1], abs=1e-3)
    verdicts = [[card.thresholds.verdict(score) for score in side] for side in scores]
    assert parity.equal_verdicts == np.mean([a == b for a, b in zip(*verdicts, strict=True)])


def test_int8_says_what_float_says(bundle):
    parity = bundle.card.parity
    assert parity.map_correlation > 0.85, "barely trained, the map's range is narrow; a trained one reaches 0.99"
    assert parity.score_difference_max < 0.05
    assert 0 <= parity.equal_verdicts <= 1, "its scores all lie about the thresholds"


def test_the_card_carries_the_run(tiny_run, bundle):
    record, card = read_run(tiny_run.run).record, bundle.card
    assert (card.name, card.preprocess, card.training) == (record.name, record.preprocess, record.training)
    assert msgspec.structs.replace(card.pooling, temperature=record.pooling.temperature) == record.pooling
    assert card.made_by.startswith("okng ")
    age = datetime.now(UTC) - datetime.fromisoformat(card.created)
    assert 0 <= age.total_seconds() < 3600
    assert (tiny_run.bundle / "provenance.csv").read_bytes() == (tiny_run.run / "provenance.csv").read_bytes()


def test_thresholds_are_those_of_held_scores_as_int8_gives_them_by_part(tiny_run, bundle):
    from trainer.calibrate import Held, calibrate

    run, card = read_run(tiny_run.run), bundle.card
    inputs, engine = run.inputs(), Engine(bundle.model)
    maps = [dequantise(engine.invoke(i), card.output.scale, card.output.zero_point) for i in inputs.validation]
    rows = csv.DictReader((tiny_run.run / "provenance.csv").open())
    groups = [row["group"] for row in rows if row["part"] == "validation"]
    held = Held(held_logits(run, card, inputs, maps), inputs.validation_truth, groups)
    expected = calibrate(held, Target(), run.record.pooling, "int8")
    assert (card.calibration, card.thresholds) == (expected.calibration, expected.thresholds)
    assert card.pooling.temperature == expected.pooling.temperature
    assert run.record.calibration.scores == "float"
    judge = Judge(bundle)
    for golden in card.golden:
        assert judge.judge(Frame(read_image(tiny_run.bundle / golden.file), 0, 0, 0)).verdict is golden.verdict


@pytest.mark.usefixtures("ready")
def test_a_target_is_that_of_the_run_unless_another_is_asked_for(copied, okng, tmp_path):
    record = json.loads((copied / "run.json").read_text())
    record["calibration"]["target"] = {"escape": 0.3}
    (copied / "run.json").write_text(json.dumps(record))
    for name, words in (("first", []), ("second", ["--target", "escape=0.4", "--target", "review=0.5"])):
        done = okng("convert", copied, "--out", tmp_path / name, *words)
        assert done.status == 0, done.err
        assert "escapes: at most " in done.out
        assert "false rejects: " in done.out
    asked = [read_bundle(tmp_path / name).card.calibration.target for name in ("first", "second")]
    assert asked == [Target(escape=0.3), Target(escape=0.4, review=0.5)]


@pytest.mark.usefixtures("ready")
def test_a_run_from_before_calibration_is_converted(copied, okng, tmp_path):
    record = json.loads((copied / "run.json").read_text())
    del record["calibration"], record["pooling"]["temperature"]
    (copied / "run.json").write_text(json.dumps(record))
    done = okng("convert", copied, "--out", tmp_path / "bundle")
    assert done.status == 0, done.err
    assert read_bundle(tmp_path / "bundle").card.calibration.target == Target()


def test_a_bad_target_is_said_before_the_work(tiny_run, okng, tmp_path):
    done = okng("convert", tiny_run.run, "--out", tmp_path / "bundle", "--target", "escape=2")
    assert (done.status, done.complaint) == (2, "okng: --target escape=2: a share lies between 0 and 1, such as 0.02")


def test_sums_are_of_every_other_file(tiny_run, bundle):
    sums = (tiny_run.bundle / "SHA256SUMS").read_bytes()
    files = {
        path.relative_to(tiny_run.bundle).as_posix(): path for path in tiny_run.bundle.rglob("*") if path.is_file()
    }
    del files["SHA256SUMS"]
    assert sums.decode().splitlines() == [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}" for name, path in sorted(files.items())
    ]
    assert bundle.digest == hashlib.sha256(sums).hexdigest()
    assert set(files) >= {"model.tflite", "model.json", "provenance.csv", "golden/ok-1.png", "golden/ng-1.png"}


def test_the_converter_says_how_it_went(copied, okng, tmp_path, ready):
    done = okng("convert", copied, "--out", tmp_path / "bundle")
    assert done.status == 0, done.err
    assert "equal verdicts" in done.out
    assert "maps correlate" in done.out
    assert "quantising" in done.err


def test_a_place_that_is_taken_is_said_before_the_work(tiny_run, okng, tmp_path, monkeypatch):
    (tmp_path / "mine").touch()
    monkeypatch.setattr("converters.convert.quantise_well", lambda *_, **__: pytest.fail("it was at work already"))
    done = okng("convert", tiny_run.run, "--out", tmp_path)
    assert done.status == 2
    assert done.complaint == f"okng: {tmp_path}: is already there; name a new folder or remove it"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.usefixtures("ready")
def test_a_failure_in_the_middle_leaves_nothing(tiny_run, okng, tmp_path, monkeypatch):
    def full(_folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("edge.contract.storage.sync_folder", full)
    done = okng("convert", tiny_run.run, "--out", tmp_path / "bundle", "--json")
    assert done.status == 2
    assert "No space left on device; nothing was kept" in done.complaint
    assert not list(tmp_path.iterdir())


def cut(name: str, keep: float):
    def spoil(run: Path) -> None:
        data = (run / name).read_bytes()
        (run / name).write_bytes(data[: int(len(data) * keep)])

    return spoil


def garbled(name: str):
    def spoil(run: Path) -> None:
        data = bytearray((run / name).read_bytes())
        middle = len(data) // 2
        data[middle : middle + 400] = bytes(400)
        (run / name).write_bytes(data)

    return spoil


def written(name: str, data: bytes):
    return lambda run: (run / name).write_bytes(data)


def removed(name: str):
    return lambda run: shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()


def without_thresholds(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    del record["thresholds"]
    (run / "run.json").write_text(json.dumps(record))


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (cut("model.keras", 0.5), "model.keras"),
        (garbled("model.keras"), "model.keras"),
        (written("model.keras", b""), "model.keras"),
        (removed("model.keras"), "model.keras"),
        (cut("inputs.npz", 0.5), "inputs.npz"),
        (garbled("inputs.npz"), "inputs.npz"),
        (written("inputs.npz", b""), "inputs.npz"),
        (removed("inputs.npz"), "inputs.npz"),
        (written("run.json", b"garbage"), "run.json"),
        (written("run.json", b"\xff\xfe\x00"), "run.json"),
        (written("run.json", b'{"name": "\xff"}'), "run.json"),
        (written("run.json", b"[" * 100_000), "run.json"),
        (without_thresholds, "run.json"),
        (removed("run.json"), "run.json"),
        (removed("provenance.csv"), "provenance.csv"),
        (cut("provenance.csv", 0.97), "provenance.csv"),
        (written("provenance.csv", b"image,label\nx,ok\n"), "provenance.csv"),
        (written("provenance.csv", b"\xff\xfe"), "provenance.csv"),
        (removed("golden"), "golden"),
        (cut("golden/ok-1.png", 0.5), "golden/ok-1.png"),
    ],
)
def test_a_damaged_run_is_one_line(copied, okng, tmp_path, spoil, named):
    spoil(copied)
    done = okng("convert", copied, "--out", tmp_path / "bundle", "--json")
    assert done.status == 2
    assert done.complaint.startswith("okng: ")
    assert named in done.complaint
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def network(shape=(64, 64, 1), body=lambda x: x, outputs: int = 1):
    """A small one in place of a run's own: its conversion takes no time."""
    import keras
    from keras import layers

    inputs = keras.Input(shape)
    x = body(layers.Conv2D(4, 8, strides=8, padding="same", activation="relu")(inputs))
    maps = [layers.Conv2D(1, 1)(x) for _ in range(outputs)]
    return keras.Model(inputs, maps if outputs > 1 else maps[0])


def test_a_bundle_of_a_float_format_is_one_like_any_other(copied, okng, tmp_path):
    network().save(copied / "model.keras")
    done = okng("convert", copied, "--out", tmp_path / "bundle", "--format", "float16")
    assert done.status == 0, done.err
    assert "float16 against float" in done.out
    made = read_bundle(tmp_path / "bundle")
    assert made.card.format == "float16"
    assert (made.card.input.dtype, made.card.output.dtype) == ("uint8", "int8")
    assert made.card.parity.map_correlation > 0.995
    assert verify_in_child(tmp_path / "bundle").worst_units == 0
    tensors = Interpreter(model_content=made.model).get_tensor_details()
    assert any(np.dtype(tensor["dtype"]) == np.float32 for tensor in tensors)


def test_layers_are_shown_worst_first(copied, okng, tmp_path):
    network().save(copied / "model.keras")
    done = okng("convert", copied, "--out", tmp_path / "bundle", "--layers", "--no-remedies")
    assert done.status == 0, done.err
    rows = [line.split() for line in done.out.splitlines() if "CONV_2D" in line]
    assert len(rows) == 2
    assert float(rows[0][0]) <= float(rows[1][0])
    refused = okng("convert", copied, "--out", tmp_path / "other", "--layers", "--format", "dynamic")
    assert (refused.status, "--layers" in refused.complaint) == (2, True)


def sine(x):
    import keras

    return keras.ops.sin(x)


def own_code(x):
    """Code in a network's file is not run."""
    from keras import layers

    return layers.Lambda(lambda y: y)(x)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"shape": (None, None, 1)}, "its network takes (None, None, 1)"),
        ({"shape": (32, 32, 1)}, "its network takes (32, 32, 1)"),
        ({"outputs": 2}, "its network has several inputs or outputs"),
        ({"body": sine}, "SIN ("),
        ({"body": own_code}, "model.keras: cannot be read"),
    ],
    ids=["open shape", "other shape", "two maps", "float operator", "lambda"],
)
def test_a_network_that_no_board_could_run_is_one_line(copied, okng, tmp_path, options, why):
    network(**options).save(copied / "model.keras")
    done = okng("convert", copied, "--out", tmp_path / "bundle")
    assert done.status == 2
    assert why in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "bundle").exists()


def test_a_network_without_a_map_is_one_line(copied, okng, tmp_path):
    import keras
    from keras import layers

    inputs = keras.Input((64, 64, 1))
    keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D()(inputs))).save(copied / "model.keras")
    done = okng("convert", copied, "--out", tmp_path / "bundle", "--json")
    assert done.status == 2
    assert "not a map (rows, columns, 1)" in done.complaint
