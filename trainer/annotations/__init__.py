"""Masks and boxes that people drew in other tools, as masks of a set."""
