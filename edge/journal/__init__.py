"""The journal: every inspection and decision, on the disk before anyone hears of it."""
