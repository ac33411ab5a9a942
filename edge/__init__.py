"""okng on the board: capture, judge, signal, publish, journal. Runs without TensorFlow."""

__version__ = "0.1.0"
