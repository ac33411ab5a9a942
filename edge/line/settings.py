"""What a station file says of triggers and signals."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Pin = Annotated[int, msgspec.Meta(ge=0, le=27)]
"""A GPIO line of the 40-pin header, by its BCM number."""


class TriggerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a part is inspected: "free" takes every frame, "command" one frame for each `okng trigger`."""

    kind: Literal["free", "command"] = "free"
    start: Literal["auto", "command"] = "auto"
    """Free run begins by itself, or waits for the command `start`."""
    deadline_ms: Annotated[int, msgspec.Meta(ge=1, le=600_000)] = 5_000
    """From the trigger; a verdict that comes later is a FAULT, and its part has been rejected by then."""
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 0
    """From the trigger until the part is before the camera: a frame exposed earlier is not used."""
    window_ms: Annotated[int, msgspec.Meta(ge=1, le=600_000)] | None = None
    """From then on; a frame exposed later is not used, for the part has moved on. None: any later frame is."""


class SignalConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the line gets. All outputs are active high and low at rest; no PASS pulse means reject.

    `delay_ms` is the way of a part from its trigger to the gate: its pulse begins when it is there. 0: it begins with
    the verdict.
    """

    kind: Literal["none", "gpio"] = "none"
    pass_pin: Pin | None = None
    reject_pin: Pin | None = None
    busy_pin: Pin | None = None
    ready_pin: Pin | None = None
    error_pin: Pin | None = None
    heartbeat_pin: Pin | None = None
    pulse_ms: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 0
    heartbeat_ms: Annotated[int, msgspec.Meta(ge=20, le=10_000)] = 500
    """From one change of the heartbeat to the next."""
    factory: Literal["auto", "mock"] = "auto"
    """"mock" drives gpiozero's mock pins where there is no GPIO."""

    def __post_init__(self) -> None:
        if self.kind == "gpio" and self.pass_pin is None:
            raise ValueError('kind "gpio" needs pass_pin')
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
