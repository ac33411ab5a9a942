"""Process control: whether the parts, the light or the line change. It warns, and never changes a verdict."""
