"""The station file: TOML, read typed and bounded; an unknown key is an error."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec

from edge.contract.quality import QualityReference
from edge.errors import ConfigError, WireError
from edge.wire.addresses import check_address

Pin = Annotated[int, msgspec.Meta(ge=0, le=27)]
"""A GPIO line of the 40-pin header, by its BCM number."""
PathText = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]+\Z")]
"""A path: not empty, no zero byte."""


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


class TriggerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a part is inspected: "free" takes every frame, "command" one frame for each `okng trigger`."""

    kind: Literal["free", "command"] = "free"
    start: Literal["auto", "command"] = "auto"
    """Free run begins by itself, or waits for the command `start`."""


class SignalConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What drives the reject gate. PASS is an active pulse; no pulse means reject."""

    kind: Literal["none", "gpio"] = "none"
    pass_pin: Pin | None = None
    reject_pin: Pin | None = None
    pulse_ms: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    factory: Literal["auto", "mock"] = "auto"
    """"mock" drives gpiozero's mock pins where there is no GPIO."""

    def __post_init__(self) -> None:
        if self.kind == "gpio" and self.pass_pin is None:
            raise ValueError('kind "gpio" needs pass_pin')


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


class StationConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One station: one board with its camera."""

    station: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,40}\Z")]
    bundle: PathText
    camera: CameraConfig
    journal: JournalConfig
    trusted_keys: Annotated[tuple[PathText, ...], msgspec.Meta(min_length=1)] | None = None
    """Files of public keys: only bundles signed by one of them are run. None: any bundle that proves itself is."""
    inference: InferenceConfig = InferenceConfig()
    trigger: TriggerConfig = TriggerConfig()
    signal: SignalConfig = SignalConfig()
    wire: WireConfig = WireConfig()

    quality: QualityReference | None = None
    """What the images are like when all is well; None: nothing is compared."""

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
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        config = msgspec.toml.decode(data, type=StationConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error, data)}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, a number of 5000 digits, nested too deep
        raise ConfigError(f"{path}: not TOML: {error}") from None
    here = path.absolute().parent
    journal = msgspec.structs.replace(config.journal, folder=str(here / config.journal.folder))
    keys = config.trusted_keys and tuple(str(here / key) for key in config.trusted_keys)
    wire = msgspec.structs.replace(
        config.wire, key=_beside(here, config.wire.key), allowed=_beside(here, config.wire.allowed)
    )
    return msgspec.structs.replace(
        config, bundle=str(here / config.bundle), journal=journal, trusted_keys=keys, wire=wire
    )


def _beside(here: Path, path: str | None) -> str | None:
    return None if path is None else str(here / path)


def _explain(error: msgspec.ValidationError, data: bytes) -> str:
    """msgspec's message, turned round: key first, then its value, then what is allowed."""
    message = str(error)
    match = re.fullmatch(r"(?s)(.*?)(?: - at `\$\.?(.*)`)?", message)
    assert match is not None
    text, key = match[1], match[2] or ""
    if unknown := re.search(r"unknown field `(.*?)`", text):
        allowed = ", ".join(_fields(key))
        full = f"{key}.{unknown[1]}" if key else unknown[1]
        return f"{full}: no such key; allowed here: {allowed}"
    if missing := re.search(r"missing required field `(.*?)`", text):
        full = f"{key}.{missing[1]}" if key else missing[1]
        return f"{full}: is missing"
    value = _value_at(data, key)
    shown = f" = {value!r}" if value is not None else ""
    if text.startswith("Invalid enum value"):
        text = f"must be one of {', '.join(get_args(_field_type(key)))}"
    return f"{key or 'station file'}{shown}: {text[:1].lower()}{text[1:]}"


def _fields(key: str) -> tuple[str, ...]:
    return _field_type(key).__struct_fields__


def _field_type(key: str) -> Any:
    """The type that a dotted key of the station file has; of a table that may be left out, the table's."""
    found: Any = StationConfig
    for step in filter(None, key.split(".")):
        found = next(field.type for field in msgspec.structs.fields(found) if field.name == step)
        found = next((kind for kind in get_args(found) if hasattr(kind, "__struct_fields__")), found)
    return found


def _value_at(data: bytes, key: str) -> object:
    value = msgspec.toml.decode(data)
    for step in filter(None, key.split(".")):
        value = value.get(step) if isinstance(value, dict) else None
    return value if not isinstance(value, dict) else None
