"""The devices of the line that a station file asks for, and what they are told."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from edge.camera import Camera
from edge.contract.line import EncoderConfig, PartsConfig, SignalConfig, TriggerConfig
from edge.contract.types import State
from edge.daemon.config import StationConfig
from edge.daemon.inspector import Inspector
from edge.daemon.life import WORKING, Life
from edge.daemon.plc import PlcRecipes
from edge.errors import CameraError
from edge.inspection.triggers import MS, Times, way_times
from edge.line import (
    Encoder,
    Gate,
    GpioEncoder,
    GpioOutputs,
    GpioTrigger,
    Health,
    LineSignal,
    Output,
    Outputs,
    SimulatedEncoder,
    SimulatedOutputs,
    TimedTrigger,
    Timing,
    TriggerSource,
)
from edge.line.code import CodeReader
from edge.line.modbus import ModbusLink, ModbusOutputs, ModbusTrigger
from edge.line.modbus_client import ModbusClient
from edge.line.modbus_encoder import ModbusEncoder
from edge.line.modbus_image import ModbusImage
from edge.line.modbus_server import ModbusServer
from edge.line.presence import Presence

SILENCE_S = 1.0
"""Of the line thread, beyond what it may wait for a frame: then the heartbeat stops."""


def modbus_link(config: StationConfig) -> ModbusLink | None:
    """The exchange with the PLC, not yet open; None where trigger and signal do without."""
    modbus = config.modbus
    kinds = {config.trigger.kind, config.signal.kind, config.encoder and config.encoder.kind}
    if modbus is None or not ("modbus" in kinds or modbus.recipes):
        return None
    image = ModbusImage(acknowledged=modbus.results_ack)
    if modbus.role == "server":
        return ModbusServer(modbus.host, modbus.port, image, modbus.allow)
    return ModbusClient(modbus.host, modbus.port, image, modbus.unit, modbus.poll_ms / 1000)


def plc_recipes(config: StationConfig, link: ModbusLink | None, life: Life) -> PlcRecipes | None:
    """The changeovers that the PLC may ask for; None where it may not."""
    recipes = config.modbus.recipes if config.modbus else {}
    return PlcRecipes(link.image, recipes, life) if link and recipes else None


def belt_encoder(config: EncoderConfig | None, link: ModbusLink | None = None) -> Encoder | None:
    """What counts how far the belt has gone, not yet open; None where nothing does."""
    if config is None:
        return None
    if config.kind == "gpio" and config.pin_a is not None:
        return GpioEncoder(config.pin_a, config.pin_b, pull=config.pull, factory=config.factory)
    if config.kind == "modbus" and link:
        return ModbusEncoder(link)
    return SimulatedEncoder(config.per_s)


def line_signal(
    config: StationConfig, health: Callable[[], Health], link: ModbusLink | None = None, encoder: Encoder | None = None
) -> LineSignal:
    """The signal, not yet open."""
    signal = config.signal
    timing = Timing(signal.pulse_ms * MS, signal.delay_ms * MS, signal.delay_counts, signal.heartbeat_ms * MS)
    return Gate(_outputs(signal, link), timing, health, encoder)


def trigger_times(config: StationConfig) -> Times:
    """From a trigger to its frame and its verdict, which is to be there before its part is at the gate."""
    trigger, gate_ms = config.trigger, config.signal.delay_ms
    deadline_ms = min(trigger.deadline_ms, gate_ms or trigger.deadline_ms)
    return way_times(deadline_ms * MS, trigger)


def trigger_source(config: TriggerConfig, link: ModbusLink | None = None) -> TriggerSource | None:
    """Where triggers come from, not yet open; None where they come from the frames or by command alone."""
    if config.kind == "gpio" and (gpio := config.gpio):
        return GpioTrigger(
            gpio.pin, rising=gpio.edge == "rising", pull=gpio.pull, debounce_s=gpio.debounce_ms / 1000,
            factory=gpio.factory,
        )  # fmt: skip
    if config.kind == "timed" and (timed := config.timed):
        return TimedTrigger(timed.period_ms / 1000)
    if config.kind == "modbus" and link:
        return ModbusTrigger(link)
    return None


def part_presence(config: TriggerConfig) -> Presence | None:
    """What looks for parts in the frames, where these trigger."""
    if config.kind == "presence" and (presence := config.presence):
        return Presence(presence.region, presence.level, presence.share)
    return None


def part_ids(config: PartsConfig, inspected: int) -> Iterator[str] | None:
    """The counted ids of parts, after so many that were `inspected` before; None where they are not counted."""
    return map(str, itertools.count(inspected + 1)) if config.ids == "counter" else None


def code_reader(config: PartsConfig) -> CodeReader | None:
    """What reads ids in the frames, where they are read there."""
    return CodeReader(config.code, config.region) if config.ids == "code" else None


def station_health(config: StationConfig, life: Life, camera: Camera) -> Callable[[], Health]:
    """How the station is, for whoever stands at the line; looks without waiting."""
    patience_s = config.camera.timeout_s + config.trigger.delay_ms / 1000 + SILENCE_S

    def look() -> Health:
        state = life.state
        working = state in WORKING and not life.ending.is_set()
        trouble = working and _in_trouble(camera)
        return Health(
            ready=working and not trouble,
            error=state is State.ERROR or trouble,
            alive=life.silent_s(Inspector.name) < patience_s,
        )

    return look


def _in_trouble(camera: Camera) -> bool:
    try:
        return bool(camera.check())
    except CameraError:
        return True


def _outputs(config: SignalConfig, link: ModbusLink | None) -> Outputs:
    if config.kind == "modbus" and link:
        return ModbusOutputs(link)
    if config.kind == "gpio":
        return GpioOutputs({Output(name): pin for name, pin in config.pins.items()}, config.factory)
    return SimulatedOutputs()
