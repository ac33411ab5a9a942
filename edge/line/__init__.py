"""Triggers and signals of the line. gpiozero and pymodbus are imported when a device is opened, never before."""

from __future__ import annotations

from edge.line.gate import Gate, Health, Timing
from edge.line.gpio import GpioOutputs
from edge.line.outputs import Output, Outputs, SimulatedOutputs
from edge.line.signal import LineSignal, NoSignal

__all__ = [
    "Gate",
    "GpioOutputs",
    "Health",
    "LineSignal",
    "NoSignal",
    "Output",
    "Outputs",
    "SimulatedOutputs",
    "Timing",
]
