"""Bridges: processes of their own that pass on what a station says, and its clients like any other: docs/bridges.md."""
