"""What commands of all packages have in common."""

from __future__ import annotations

from pathlib import Path

import click

config_option = click.option(
    "--config", type=click.Path(path_type=Path), default="station.toml", envvar="OKNG_CONFIG", show_default=True,
    show_envvar=True, help="The station file.",
)  # fmt: skip
