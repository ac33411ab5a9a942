"""A run: the folder that `okng train` leaves and `okng convert`, `okng evaluate` read.

run.json  model.keras  inputs.npz  golden/{ok,ng}-N.png  provenance.csv  metrics.json  report.html
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edge.contract.cam import BINARY, Classes, Pooling, Thresholds
from edge.contract.card import Calibration
from edge.contract.preprocess import PreprocessSpec
from edge.contract.typed import decode_json
from edge.errors import DataError
from trainer.split import Split

RECORD, MODEL, INPUTS, PROVENANCE, LOGS = "run.json", "model.keras", "inputs.npz", "provenance.csv", "tensorboard"


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What `run.json` holds: all that the network needs to be used, and how it came to be."""

    schema: int = 1
    name: str
    preprocess: PreprocessSpec
    pooling: Pooling
    thresholds: Thresholds
    calibration: Calibration | None = None
    classes: Classes = BINARY
    training: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Model inputs kept for conversion: some of the training part to calibrate with, all of the validation part.

    Each is (n, height, width, channels) uint8. `validation_logits` (n, 1) are what a network gave that had not learned
    from the validation part, pooled: what thresholds are chosen on.
    """

    calibration: np.ndarray
    validation: np.ndarray
    validation_truth: np.ndarray
    validation_logits: np.ndarray


@dataclass(frozen=True, slots=True)
class Run:
    """A run on disk."""

    path: Path
    record: RunRecord

    def model(self) -> Any:
        """The Keras network. Raises DataError when its file cannot be read."""
        import keras

        import trainer.networks.rounded_values  # noqa: F401  a layer that Keras does not know by itself

        try:
            with zipfile.ZipFile(self.path / MODEL) as archive:
                if damaged := archive.testzip():  # Keras reads past a wrong checksum
                    raise ValueError(f"{damaged} is damaged")
            return keras.models.load_model(self.path / MODEL, compile=False)
        except Exception as error:  # zip, HDF5 and Keras each raise their own
            raise DataError(f"{self.path / MODEL}: cannot be read: {_first_line(error)}; train again") from None

    def inputs(self) -> Inputs:
        """What was kept for conversion."""
        try:
            with np.load(self.path / INPUTS) as arrays:
                return Inputs(*(arrays[each.name] for each in fields(Inputs)))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{self.path / INPUTS}: cannot be read: {_first_line(error)}; train again") from None

    def provenance(self) -> bytes:
        """The file that names the images of this run."""
        try:
            return (self.path / PROVENANCE).read_bytes()
        except OSError as error:
            raise DataError(f"{self.path / PROVENANCE}: cannot be read: {error.strerror}; train again") from None

    def validation_groups(self, count: int) -> list[str]:
        """Names of the parts that the `count` validation inputs show, in their order.

        Raises DataError when the file that names the images is damaged, or names another number of them.
        """
        try:
            rows = list(csv.DictReader(io.StringIO(self.provenance().decode())))
            groups = [row["group"] for row in rows if row["part"] == "validation" and row["sha256"]]
        except (KeyError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{self.path / PROVENANCE}: damaged: {error}; train again") from None
        if len(groups) != count:
            found = f"names {len(groups)} validation images, there are {count}"
            raise DataError(f"{self.path / PROVENANCE}: {found}; train again")
        return groups

    def golden(self) -> list[tuple[str, Path]]:
        """(label, file) of the frames that may prove a bundle. Raises DataError when there are none."""
        found = [(path.stem.split("-")[0], path) for path in sorted((self.path / "golden").glob("*.png"))]
        if not found:
            raise DataError(f"{self.path / 'golden'}: holds no frame that could prove a bundle; train again")
        return found


def is_run(path: Path) -> bool:
    """Whether this folder is a run."""
    return (path / RECORD).is_file()


def read_run(path: Path) -> Run:
    """Raises DataError when the folder is no run."""
    try:
        return Run(path, decode_json((path / RECORD).read_bytes(), RunRecord))
    except OSError as error:
        raise DataError(f"{path}: is no run of okng train: {RECORD}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path / RECORD}: damaged: {error}; train again") from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def provenance(split: Split) -> bytes:
    """CSV of every image that had a part in the run: image, label, kind, group, part, sha256."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "label", "kind", "group", "part", "sha256"))
    for part, samples in (("train", split.train), ("validation", split.validation), ("test", split.test)):
        for sample in samples:
            writer.writerow((sample.name, sample.label, sample.kind, sample.group, part, sample.sha256))
    return text.getvalue().encode()


def seen_in_training(file: Path) -> set[str]:
    """SHA-256 of the images that trained or chose, from a provenance file."""
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            return {row["sha256"] for row in csv.DictReader(lines) if row["part"] != "test"}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read: {error}") from None
