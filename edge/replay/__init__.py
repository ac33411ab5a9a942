"""Captured frames once more, and what another judge says of them."""
