"""What a station file says of triggers and signals."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

import msgspec

from edge.contract.region import Region
from edge.contract.settings import RecipeName

Pin = Annotated[int, msgspec.Meta(ge=0, le=27)]
"""A GPIO line of the 40-pin header, by its BCM number."""


DelayMs = Annotated[int, msgspec.Meta(ge=0, le=600_000)]
DelayCounts = Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]
"""Of the encoder."""
WindowMs = Annotated[int, msgspec.Meta(ge=1, le=600_000)]


def check_way(delay_ms: int, delay_counts: int) -> None:
    """A way is a time or a distance. Raises ValueError."""
    if delay_ms and delay_counts:
        raise ValueError(f"delay_ms = {delay_ms} and delay_counts = {delay_counts}: give one of the two")


class GpioTriggerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sensor on a pin. `pull` connects the board's own resistor, towards the level at rest."""

    pin: Pin
    edge: Literal["rising", "falling"] = "rising"
    pull: bool = True
    debounce_ms: Annotated[float, msgspec.Meta(ge=0.0, le=1000.0)] = 2.0
    """A level that does not last so long is no edge; nor is a gap between two parts that does not."""
    factory: Literal["auto", "mock"] = "auto"


class TimedTriggerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The station's own clock."""

    period_ms: Annotated[int, msgspec.Meta(ge=10, le=86_400_000)]


class PresenceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part that comes into a region of the image, which is empty when the station starts.

    It is there when `share` of the region differs from the empty background by `level` grey levels or more.
    """

    region: Region = Region()
    level: Annotated[int, msgspec.Meta(ge=1, le=255)] = 25
    share: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.1


class ModbusConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The PLC. Role "server": it comes to the station at `host` and `port`; "client": the station goes there to it."""

    role: Literal["server", "client"] = "server"
    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)] = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 5020
    allow: tuple[str, ...] = ()
    """Of a server: the addresses from which a PLC may come. None: from this machine alone."""
    unit: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    """Of a client: the PLC's unit id."""
    poll_ms: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    """Of a client: how often the PLC's bits are read."""
    results_ack: bool = True
    """A result waits until the PLC has acknowledged the one before."""
    recipes: dict[Annotated[int, msgspec.Meta(ge=1, le=65_535)], RecipeName] = {}
    """By which number the PLC asks for each recipe."""

    def __post_init__(self) -> None:
        for peer in self.allow:
            ip_address(peer)
        if self.role == "server" and not self.allow and not ip_address(self.host).is_loopback:
            raise ValueError(f"host {self.host}: beyond this machine, allow must name the PLC's address")


class EncoderConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What counts how far the belt has gone: an encoder on pins, the PLC's own counter, or none, at so many a second.

    With `pin_a` alone its rising edges are counted; with `pin_b` each edge of both, and the direction.
    """

    kind: Literal["gpio", "modbus", "simulated"]
    pin_a: Pin | None = None
    pin_b: Pin | None = None
    pull: bool = True
    factory: Literal["auto", "mock"] = "auto"
    per_s: Annotated[float, msgspec.Meta(ge=0.0, le=100_000.0)] = 0.0
    """Of a simulated one."""

    def __post_init__(self) -> None:
        if self.kind == "gpio" and self.pin_a is None:
            raise ValueError('kind "gpio" needs pin_a')
        if self.pin_b is not None and self.pin_b == self.pin_a:
            raise ValueError(f"pin_b {self.pin_b}: is pin_a too; give it a pin of its own")


class TriggerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a part is inspected.

    "free" takes every frame, "command" one frame for each `okng trigger`; "gpio", "timed" and "presence" have a table
    of their own, "modbus" needs the station's; they take `okng trigger` too.
    """

    kind: Literal["free", "command", "gpio", "timed", "presence", "modbus"] = "free"
    start: Literal["auto", "command"] = "auto"
    """The station inspects at once, or waits for the command `start`."""
    deadline_ms: Annotated[int, msgspec.Meta(ge=1, le=600_000)] = 5_000
    """From the trigger; a verdict that comes later is a FAULT, and its part has been rejected by then."""
    delay_ms: DelayMs = 0
    """From the trigger until the part is before the camera: a frame exposed earlier is not used."""
    delay_counts: DelayCounts = 0
    """The same as a way of the belt, in counts of the encoder."""
    window_ms: WindowMs | None = None
    """From then on; a frame exposed later is not used, for the part has moved on. None: any later frame is."""
    gpio: GpioTriggerConfig | None = None
    timed: TimedTriggerConfig | None = None
    presence: PresenceConfig | None = None

    def __post_init__(self) -> None:
        if self.kind in ("gpio", "timed", "presence") and getattr(self, self.kind) is None:
            raise ValueError(f'kind "{self.kind}" needs the table trigger.{self.kind}')
        check_way(self.delay_ms, self.delay_counts)


class SignalConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the line gets. All outputs are active high and low at rest; no PASS pulse means reject.

    `delay_ms`, or `delay_counts` of the encoder, is the way of a part from its trigger to the gate: its pulse begins
    when it is there. 0: it begins with the verdict.
    """

    kind: Literal["none", "gpio", "modbus"] = "none"
    pass_pin: Pin | None = None
    reject_pin: Pin | None = None
    busy_pin: Pin | None = None
    ready_pin: Pin | None = None
    error_pin: Pin | None = None
    heartbeat_pin: Pin | None = None
    pulse_ms: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    delay_ms: DelayMs = 0
    delay_counts: DelayCounts = 0
    heartbeat_ms: Annotated[int, msgspec.Meta(ge=20, le=10_000)] = 500
    """From one change of the heartbeat to the next."""
    factory: Literal["auto", "mock"] = "auto"
    """"mock" drives gpiozero's mock pins where there is no GPIO."""

    def __post_init__(self) -> None:
        if self.kind == "gpio" and self.pass_pin is None:
            raise ValueError('kind "gpio" needs pass_pin')
        check_way(self.delay_ms, self.delay_counts)
        taken: dict[int, str] = {}
        for name, pin in self.pins.items():
            if pin in taken:
                raise ValueError(f"{name}_pin {pin}: is the {taken[pin]}_pin too; give it a pin of its own")
            taken[pin] = name

    @property
    def pins(self) -> dict[str, int]:
        """BCM numbers of the outputs that are wired, by their names."""
        names = ("pass", "reject", "busy", "ready", "error", "heartbeat")
        return {name: pin for name in names if (pin := getattr(self, f"{name}_pin")) is not None}


class PartsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The id of a part whose trigger brings none: "trigger" leaves it empty, "counter" counts all of the station's
    inspections, "code" reads it in the image, after the verdict.
    """

    ids: Literal["trigger", "counter", "code"] = "trigger"
    code: Literal["qr", "barcode"] = "qr"
    region: Region = Region()
    """Where the code is."""
