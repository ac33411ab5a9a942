"""The station file: TOML, read typed and bounded; an unknown key is an error."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from edge.contract.line import ModbusConfig, PartsConfig, SignalConfig, TriggerConfig
from edge.contract.quality import QualityReference
from edge.contract.reasons import Reasons
from edge.contract.runtime import EDGE_TPU, Delegate, Runtime
from edge.contract.settings import PathText, RecipeName, read_settings
from edge.errors import WireError
from edge.wire.addresses import check_address


class CameraConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where frames come from: a URI, such as `file:///captures/monday?rate=10` or `picamera2://0?width=1280`.

    A live camera that fails is opened anew: `backoff_s` seconds after the trouble, then after twice that, and so on up
    to `backoff_max_s`; after `reopenings` of them that did not help the daemon ends with exit status 5.
    """

    uri: str
    timeout_s: Annotated[float, msgspec.Meta(gt=0.0, le=60.0)] = 2.0
    """No frame within this time is a FAULT. Keep it below the unit's WatchdogSec."""
    repeats: bool = False
    """The source may send one image twice, as compressed streams do; equal frames do not mean that it is frozen."""
    reopenings: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10
    backoff_s: Annotated[float, msgspec.Meta(gt=0.0, le=600.0)] = 0.5
    backoff_max_s: Annotated[float, msgspec.Meta(gt=0.0, le=600.0)] = 30.0


class InferenceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the model is run."""

    threads: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    delegate: PathText = "cpu"
    """"cpu", "edgetpu", or a TFLite delegate's shared library: a path, or a name that the system's loader finds."""
    options: dict[str, str] = {}
    """The delegate's own."""
    hang_s: Annotated[float, msgspec.Meta(gt=0.0, le=600.0)] = 5.0
    """A frame that is judged for longer hangs, and the daemon ends with exit status 6. Less than WatchdogSec."""
    retry_s: Annotated[float, msgspec.Meta(gt=0.0, le=86_400.0)] = 60.0
    """After so long a delegate that failed is tried again."""

    def __post_init__(self) -> None:
        if self.options and self.delegate == "cpu":
            raise ValueError('options are a delegate\'s; delegate is "cpu"')

    @property
    def runtime(self) -> Runtime:
        """What runs the model."""
        if self.delegate == "cpu":
            return Runtime(self.threads)
        edge_tpu = self.delegate == "edgetpu"
        return Runtime(self.threads, Delegate(EDGE_TPU if edge_tpu else self.delegate, self.options, edge_tpu))


class WireConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where results are published and commands taken; empty means ipc in the station's runtime folder."""

    results: str = ""
    commands: str = ""
    images: bool = True
    """Publish each frame as JPEG under the topic `image`."""
    key: PathText | None = None
    """The station's own NAME.wire-secret: tcp is for those in `allowed` alone, and may go beyond this machine."""
    allowed: PathText | None = None
    """The file of who may connect, made by `okng keys allow`."""

    def __post_init__(self) -> None:
        if (self.key is None) != (self.allowed is None):
            raise ValueError("key and allowed belong together: the station's own key, and who may connect")
        for name, address in (("results", self.results), ("commands", self.commands)):
            try:
                if address:
                    check_address(address, keys=self.key is not None)
            except WireError as error:
                raise ValueError(f"{name} = {error} (key and allowed, see `okng keys new`)") from None


class JournalConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the record is kept, which frames with it, and how much of it; None is no bound.

    What is beyond a bound goes, oldest first, but for what is protected or waits for a decision.
    """

    folder: PathText
    images: Literal["all", "ng", "none"] = "ng"
    """Frames that are kept: "all", "ng" (all but OK) or "none"."""
    images_every: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Besides, the frame of each so-many-th inspection."""
    image_format: Literal["png", "jpeg"] = "png"
    keep_gb: Annotated[float, msgspec.Meta(gt=0.0, le=1e6)] | None = None
    """Images and database, in 10^9 bytes: images go first."""
    keep_days: Annotated[float, msgspec.Meta(gt=0.0, le=36_500.0)] | None = None
    """By the board's clock."""
    keep_inspections: Annotated[int, msgspec.Meta(ge=1)] | None = None


class InterlockConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the known frames are judged, beside at the start, at a changeover and on command."""

    at: tuple[Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")], ...] = ()
    """Times of day, "06:00", by the board's clock and its time zone."""
    every_h: Annotated[float, msgspec.Meta(gt=0.0, le=8760.0)] | None = None
    """Hours since they were judged last."""
    parts: tuple[Literal["ok", "ng"], ...] = ()
    """Besides, each time, a known part of each of these labels must be put before the camera and be judged right."""


class StationConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One station: one board with its camera."""

    station: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,40}\Z")]
    bundle: PathText
    camera: CameraConfig
    journal: JournalConfig
    recipe: RecipeName | None = None
    """The product that it starts with: the file NAME.toml in `recipes`. None: the bundle alone says how to judge."""
    recipes: PathText = "recipes"
    """The folder with a recipe for each product."""
    trusted_keys: Annotated[tuple[PathText, ...], msgspec.Meta(min_length=1)] | None = None
    """Files of public keys: only bundles signed by one of them are run. None: any bundle that proves itself is."""
    shadow: PathText | None = None
    """A bundle that judges the same frames beside the other, and drives nothing; not those a recipe inspects."""
    inference: InferenceConfig = InferenceConfig()
    trigger: TriggerConfig = TriggerConfig()
    signal: SignalConfig = SignalConfig()
    modbus: ModbusConfig | None = None
    parts: PartsConfig = PartsConfig()
    wire: WireConfig = WireConfig()
    interlock: InterlockConfig = InterlockConfig()
    reasons: Reasons = Reasons()
    """Codes that operators choose from when they decide."""
    quality: QualityReference | None = None
    """What the images are like when all is well; None: nothing is compared."""

    def __post_init__(self) -> None:
        for table in ("trigger", "signal"):
            if getattr(self, table).kind == "modbus" and self.modbus is None:
                raise ValueError(f'{table}.kind = "modbus" needs the table modbus')
        sensor = self.trigger.gpio
        for name, pin in self.signal.pins.items():
            if sensor and pin == sensor.pin:
                raise ValueError(f"trigger.gpio.pin = {pin}: is signal.{name}_pin too; give it a pin of its own")

    @property
    def results_address(self) -> str:
        """Where results are published."""
        return self.wire.results or default_address(self.station, "results")

    @property
    def commands_address(self) -> str:
        """Where commands are taken."""
        return self.wire.commands or default_address(self.station, "commands")


def default_address(station: str, role: str) -> str:
    """`ipc://` in systemd's runtime folder (/run/okng), else in the user's own."""
    system = Path("/run/okng")
    if "RUNTIME_DIRECTORY" in os.environ or os.access(system, os.X_OK):
        folder = Path(os.environ.get("RUNTIME_DIRECTORY", str(system)))
    elif "XDG_RUNTIME_DIR" in os.environ:
        folder = Path(os.environ["XDG_RUNTIME_DIR"]) / "okng"
    else:
        folder = Path(tempfile.gettempdir()) / f"okng-{os.getuid()}"
    return f"ipc://{folder}/{station}.{role}"


def read_config(path: Path) -> StationConfig:
    """The station file at `path`; relative paths in it are relative to it.

    Raises ConfigError naming file, key, value and what is allowed.
    """
    config = read_settings(path, StationConfig)
    here = path.absolute().parent
    journal = msgspec.structs.replace(config.journal, folder=str(here / config.journal.folder))
    keys = config.trusted_keys and tuple(str(here / key) for key in config.trusted_keys)
    shadow = _beside(here, config.shadow)
    inference = config.inference
    if "/" in inference.delegate:
        inference = msgspec.structs.replace(inference, delegate=str(here / inference.delegate))
    wire = msgspec.structs.replace(
        config.wire, key=_beside(here, config.wire.key), allowed=_beside(here, config.wire.allowed)
    )
    return msgspec.structs.replace(
        config, bundle=str(here / config.bundle), recipes=str(here / config.recipes), journal=journal,
        trusted_keys=keys, shadow=shadow, inference=inference, wire=wire,
    )  # fmt: skip


def _beside(here: Path, path: str | None) -> str | None:
    return None if path is None else str(here / path)
