"""The station's daemon: its parts, its threads, its file."""
