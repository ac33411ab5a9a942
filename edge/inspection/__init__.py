"""One inspection, from trigger and frames to a result: the same in the daemon and in a replay."""
