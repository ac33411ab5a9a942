"""An interrupted training goes on where it stood: its state in one file, written at each validation."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edge.contract.storage import write_file
from edge.errors import DataError

if TYPE_CHECKING:
    from trainer.batches import Part
    from trainer.plan import Plan
    from trainer.train import _Course


class Checkpoint:
    """The state of one training at `path`; `identity` tells its plan and data from all others."""

    def __init__(self, path: Path, identity: str) -> None:
        self.path, self.identity = path, identity

    def save(self, course: _Course) -> None:
        """Replaces what was there, whole or not at all."""
        facts = {
            "identity": self.identity, "step": course.step, "seconds": course.seconds, "best_step": course.best_step,
            "best_figures": course.best_figures, "history": course.history,
        }  # fmt: skip
        arrays = {f"variable{i:04}": np.asarray(v) for i, v in enumerate(course.variables())}
        arrays |= {f"average{i:04}": v for i, v in enumerate(course.average)}
        arrays |= {f"best{i:04}": v for i, v in enumerate(course.best)}
        buffer = io.BytesIO()
        arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        write_file(self.path, buffer.getvalue())

    def restore(self, course: _Course) -> None:
        """Sets the state to what was saved; does nothing when nothing was. Raises DataError when it does not fit."""
        if not self.path.exists():
            return
        try:
            with np.load(self.path) as file:
                facts = json.loads(file["facts"].tobytes())
                if facts["identity"] != self.identity:
                    raise DataError(
                        f"{self.path}: is of a training with other images or settings; remove it, or name another --out"
                    )
                variables, course.average, course.best = (
                    [file[name] for name in sorted(file.files) if name.startswith(of)]
                    for of in ("variable", "average", "best")
                )
            for variable, value in zip(course.variables(), variables, strict=True):
                variable.assign(value)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"{self.path}: cannot be read: {error}; remove it to begin anew") from None
        course.step, course.seconds, course.best_step = facts["step"], facts["seconds"], facts["best_step"]
        course.best_figures, course.history = tuple(facts["best_figures"]), facts["history"]


def state_of(out: Path) -> Path:
    """Where the state of a training lies whose outcome will be `out`; it is to be removed once that is there."""
    return out.with_name(f".{out.name}.training")


def identity_of(plan: Plan, *parts: Part) -> str:
    """SHA-256 of the plan and of all inputs with their truth, kinds and masks."""
    digest = hashlib.sha256(msgspec.json.encode(plan))
    for part in parts:
        for array in (part.inputs, part.truth, part.kinds, *part.masks):
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
