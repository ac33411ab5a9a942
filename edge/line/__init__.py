"""Triggers and signals of the line. gpiozero and pymodbus are imported when a device is opened, never before."""

from __future__ import annotations

from edge.line.encoder import Encoder, SimulatedEncoder
from edge.line.gate import Gate, Health, Timing
from edge.line.gpio import GpioOutputs
from edge.line.gpio_encoder import GpioEncoder
from edge.line.gpio_trigger import GpioTrigger
from edge.line.outputs import Output, Outputs, SimulatedOutputs
from edge.line.signal import LineSignal, NoSignal
from edge.line.trigger import SimulatedTrigger, TimedTrigger, TriggerSource

__all__ = [
    "Encoder",
    "Gate",
    "GpioEncoder",
    "GpioOutputs",
    "GpioTrigger",
    "Health",
    "LineSignal",
    "NoSignal",
    "Output",
    "Outputs",
    "SimulatedEncoder",
    "SimulatedOutputs",
    "SimulatedTrigger",
    "TimedTrigger",
    "Timing",
    "TriggerSource",
]
