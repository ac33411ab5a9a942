"""What a head alone is shown: features of the images, computed once, so without variation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np

from trainer.augment import NONE
from trainer.batches import Batch, Batches, Part, target
from trainer.networks.network import Network, cached_features
from trainer.plan import Plan


class FeatureBatches(Batches):
    """Balanced batches of a part whose inputs are features (n, rows, columns, channels) float16."""

    def __init__(self, part: Part, plan: Plan) -> None:
        super().__init__(part, part.inputs.shape[1:3], msgspec.structs.replace(plan, recipe=NONE))

    def batch(self, step: int) -> Batch:
        """Batch `step`, from 0: features (batch, rows, columns, channels) float32 and targets as of `Batches`."""
        ok, ng = self._chosen(step)
        part = self._part
        targets = [
            target(bool(part.truth[i]), part.masks[i], self._grid, self._places_known, part.kind(i)) for i in (*ok, *ng)
        ]
        return part.inputs[[*ok, *ng]].astype(np.float32), np.stack(targets)


def as_features(network: Network, part: Part, progress: Callable[[int, int], None] | None = None) -> Part:
    """The part as the network's head sees it. Raises UsageError when its features would not fit into memory."""
    return replace(part, inputs=cached_features(network, part.inputs, progress))
