"""The accept/reject signal that the line gets. gpiozero is imported when a signal is opened, never before."""

from __future__ import annotations

from edge.line.gpio import GpioSignal
from edge.line.signal import LineSignal, NoSignal

__all__ = ["GpioSignal", "LineSignal", "NoSignal"]
