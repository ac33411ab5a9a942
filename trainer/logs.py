"""The course of a training for other tools to draw: TensorBoard event files, and MLflow where it is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.train import Progress

Log = Callable[[Progress], None]


@contextmanager
def tensorboard(folder: Path) -> Iterator[Log]:
    """Writes the loss of each step and the figures of each validation as event files in `folder`.

    They are written as bare summaries, which needs no TensorBoard here: `tensorboard --logdir FOLDER` shows them
    wherever it is installed.
    """
    writer = tf.summary.create_file_writer(str(folder))

    def log(progress: Progress) -> None:
        values = [tf.compat.v1.Summary.Value(tag=tag, simple_value=value) for tag, value in _values(progress).items()]
        with writer.as_default():
            tf.summary.experimental.write_raw_pb(
                tf.compat.v1.Summary(value=values).SerializeToString(), step=progress.step
            )

    try:
        yield log
    finally:
        writer.close()


@contextmanager
def mlflow_run(name: str, settings: Mapping[str, Any]) -> Iterator[Log]:
    """Logs to MLflow as its own settings say (MLFLOW_TRACKING_URI); does nothing where it is not installed."""
    if importlib.util.find_spec("mlflow") is None:
        yield lambda _progress: None
        return
    import mlflow  # type: ignore[import-not-found]

    with mlflow.start_run(run_name=name):
        mlflow.log_params(dict(settings))

        def log(progress: Progress) -> None:
            if progress.validation is not None:
                mlflow.log_metrics(_values(progress), step=progress.step)

        yield log


def _values(progress: Progress) -> dict[str, float]:
    figures = {key: value for key, value in (progress.validation or {}).items() if key not in ("step", "loss")}
    return {"loss": progress.loss, **figures}
