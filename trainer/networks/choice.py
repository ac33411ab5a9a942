"""What was chosen on the command line: a network, its first weights, and which of them learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.errors import UsageError
from trainer.networks.registry import checked_options, entry_of, recommended
from trainer.networks.tuning import Tuning, read_tuning


@dataclass(frozen=True, slots=True)
class Choice:
    """`weights` is "none", "start", "imagenet" or a file, as in `trainer.networks.weights.start`."""

    name: str = "efficientnet-lite0"
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: str = "none"
    tuning: Tuning = Tuning()

    def facts(self) -> dict[str, Any]:
        """For the record, as plain values; of a file its name."""
        options = dict(self.options)
        return {"name": self.name, **options, "start": Path(self.weights).name, "tuning": str(self.tuning)}

    def plan_changes(self) -> dict[str, Any]:
        """Fields of a `Plan` that this choice wants otherwise than by default, as a file would say them."""
        return recommended(self.name).changes(fine_tuning=self.weights != "none" and not self.tuning.head_only)


def read_choice(network: str, weights: str = "none", tuning: str | None = None) -> Choice:
    """The choice that --network NAME[,OPTION=VALUE…], --weights and --tuning tell. Raises UsageError."""
    name, *settings = [word.strip() for word in network.split(",")]
    entry_of(name)
    options: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or key in options:
            raise UsageError(f"--network {network}: {setting!r} is no new option; write NAME,OPTION=VALUE,…")
        options[key] = value
    way = read_tuning(tuning) if tuning else Tuning() if weights == "none" else recommended(name).tuning
    return Choice(name, checked_options(name, options), weights, way)
