"""Kinds from the photos to the board, by the real commands: two good products, three faults."""

import csv
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from edge.contract.bundle import read_bundle
from edge.contract.cam import Classes, dequantise, name_kind
from edge.contract.images import read_image
from edge.contract.types import Frame
from edge.inference.judge import Judge
from edge.inference.verify import verify
from trainer.dataset import read_samples
from trainer.run import read_run
from trainer.synthesize import write_dataset

KINDS = Classes(ok=("metal", "plastic"), ng=("dent", "scratch", "spot"))


def network_of_two_layers(shape: tuple[int, int, int], classes: int) -> keras.Model:
    inputs = keras.Input(shape)
    x = keras.layers.Conv2D(8, 8, strides=8, padding="same", activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1, name="cam")(x))


@pytest.fixture
def shallow(monkeypatch):
    """A network of two layers in the place of house-m."""

    def network(shape, classes, size):
        del size
        return network_of_two_layers(shape, classes)

    monkeypatch.setattr("trainer.networks.house.house", network)
    monkeypatch.setattr("trainer.networks.weights.shipped_weights", lambda _name: None)


@pytest.fixture
def products(tmp_path) -> Path:
    """80 parts of two products in one manifest; a good part is of the kind of its product."""
    folder, rows = tmp_path / "products", []
    for product in KINDS.ok:
        write_dataset(folder / product, count=40, ng_share=0.5, seed=3, product=product)
        with (folder / product / "manifest.csv").open() as file:
            for row in csv.DictReader(file):
                kind = product if row["kind"] == "good" else row["kind"]
                mask = row["mask"] and f"{product}/{row['mask']}"
                rows.append((f"{product}/{row['image']}", row["label"], kind, f"{product} {row['group']}", mask))
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label", "kind", "group", "mask"), *rows])
    return folder


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("tuning", [None, "frozen-cached"])
def test_kinds_from_photos_to_the_board(products, shallow, okng, tmp_path, tuning):
    run, bundle, report = tmp_path / "run", tmp_path / "bundle", tmp_path / "report"
    command = [
        "train",
        products,
        "--classes",
        "kinds",
        "--network",
        "house-m",
        "--out",
        run,
        "--size",
        64,
        "--steps",
        30,
    ]
    if tuning:
        keras.utils.set_random_seed(0)
        start = tmp_path / "start.keras"
        network_of_two_layers((64, 64, 3), 1).save(start)
        command += ["--weights", start, "--tuning", tuning]
    done = okng(*command)
    assert done.status == 0, done.err
    assert read_run(run).record.classes == KINDS
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics["validation"]["naming"]["confusion"]) == {*KINDS.names}
    assert all(0 <= row["validation_named"] <= 1 for row in metrics["history"])
    assert 'id="naming"' in (run / "report.html").read_text()

    done = okng("convert", run, "--out", bundle, "--json")
    assert done.status == 0, done.err
    assert done.json["equal_kinds"] > 0.8
    opened = read_bundle(bundle)
    assert (opened.card.kinds, opened.card.output.shape) == (KINDS, (1, 8, 8, 5))
    assert {golden.kind for golden in opened.card.golden} <= {*KINDS.names}
    assert verify(bundle).golden == len(opened.card.golden)

    fresh = tmp_path / "fresh"
    write_dataset(fresh, count=60, ng_share=0.5, seed=9)
    done = okng("evaluate", bundle, fresh, "--run", run, "--out", report, "--json")
    assert done.status == 0, done.err
    assert set(done.json["naming"]["confusion"]) <= {*KINDS.names, "good"}
    assert done.json["int8"]["equal_kinds"] > 0.8
    lines = [json.loads(line) for line in (report / "predictions.jsonl").read_text().splitlines()]
    judge, card = Judge(opened), opened.card
    for line, sample in zip(lines, read_samples(fresh), strict=True):
        found = judge.judge(Frame(read_image(sample.path), 0, 0, 0))
        logits = dequantise(found.map_units, card.output.scale, card.output.zero_point)
        assert line["named"] == found.kind == name_kind(logits, card.pooling, KINDS, found.verdict)

    image = read_samples(fresh)[-1].path
    for name in KINDS.names:
        done = okng("explain", run, image, "--class", name, "--out", tmp_path / "a.png", "--json")
        assert (done.status, done.json["kind"] in KINDS.names) == (0, True), done.err


def test_a_set_whose_kinds_cannot_be_told_apart_is_refused_before_any_work(photos, photograph, okng, tmp_path):
    photograph(photos / "rust" / "1.png")
    done = okng("train", photos, "--classes", "kinds", "--out", tmp_path / "run", "--steps", 1)
    assert done.status == 2
    assert "kind rust: only one image shows it, rust/1.png" in done.complaint
    assert not (tmp_path / "run").exists()
    shutil.rmtree(photos / "rust")


def test_a_network_of_other_maps_than_its_run_tells_of_is_refused(tiny_run, okng, tmp_path):
    run = Path(shutil.copytree(tiny_run.run, tmp_path / "run"))
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"classes": {"ok": ["ok"], "ng": ["dent", "spot"]}}))
    done = okng("convert", run, "--out", tmp_path / "bundle")
    assert done.status == 2
    assert "not a map (rows, columns, 3)" in done.complaint
    (run / "run.json").write_text(json.dumps(record | {"classes": {"ok": [], "ng": ["dent", "spot"]}}))
    assert "several maps need an ok kind" in okng("convert", run, "--out", tmp_path / "bundle").complaint


def test_int8_is_compared_on_the_one_map_and_on_the_names():
    from converters.convert import compare
    from edge.contract.cam import Pooling, Thresholds, ng_map, pool

    def alike(before, after, classes=KINDS):
        logits = tuple(pool(ng_map(maps, classes), Pooling()) for maps in (before, after))
        return compare((before, after), logits, Pooling(), Thresholds(0.5, 0.5), classes)

    maps = np.random.default_rng(0).normal(0, 3, (6, 4, 4, 5)).astype(np.float32)
    shared = maps + np.random.default_rng(1).normal(0, 9, (6, 4, 4, 1)).astype(np.float32)
    found = alike(maps, shared)
    assert found.map_correlation == pytest.approx(1)
    assert (found.equal_kinds, found.equal_verdicts) == (1.0, 1.0)
    swapped = maps[..., [0, 1, 3, 2, 4]]
    found = alike(maps, swapped)
    assert found.equal_kinds is not None
    assert found.equal_kinds < 1
    assert found.map_correlation == pytest.approx(1)
    assert alike(maps[..., :1], maps[..., :1], Classes()).equal_kinds is None
