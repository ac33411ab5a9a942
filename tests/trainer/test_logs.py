"""The course of a training, as other tools read it."""

import sys
from types import SimpleNamespace

import tensorflow as tf

from trainer.logs import mlflow_run, tensorboard
from trainer.train import Progress

STEP = Progress(1, 2, 0.5, 0.1)
VALIDATED = Progress(2, 2, 0.25, 0.2, {"step": 2, "loss": 0.3, "validation_auroc": 0.75})


def test_tensorboard_files_hold_every_loss_and_the_validations(tmp_path):
    with tensorboard(tmp_path / "logs") as log:
        log(STEP)
        log(VALIDATED)
    (file,) = (tmp_path / "logs").iterdir()
    events = (tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(file)))
    found = {(event.step, value.tag): value.simple_value for event in events for value in event.summary.value}
    assert found == {(1, "loss"): 0.5, (2, "loss"): 0.25, (2, "validation_auroc"): 0.75}


def test_mlflow_gets_settings_and_validations(monkeypatch):
    """Against a double with MLflow's three calls: the real one is not among okng's dependencies."""
    told: list[tuple] = []

    class Run:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            told.append(("end",))

    double = SimpleNamespace(
        __spec__=object(),
        start_run=lambda run_name: told.append(("start", run_name)) or Run(),
        log_params=lambda params: told.append(("params", params)),
        log_metrics=lambda metrics, step: told.append(("metrics", metrics, step)),
    )
    monkeypatch.setitem(sys.modules, "mlflow", double)
    with mlflow_run("first", {"steps": 2}) as log:
        log(STEP)
        log(VALIDATED)
    figures = {"loss": 0.25, "validation_auroc": 0.75}
    assert told == [("start", "first"), ("params", {"steps": 2}), ("metrics", figures, 2), ("end",)]


def test_without_mlflow_nothing_happens(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with mlflow_run("first", {}) as log:
        log(VALIDATED)
