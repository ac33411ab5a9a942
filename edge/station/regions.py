"""Which region of the frame a bundle's map covers: the wire does not say, the bundle's card does."""

from __future__ import annotations

from pathlib import Path

from edge.contract.bundle import read_bundle
from edge.contract.preprocess import Region
from edge.errors import BundleError

KNOWN = 100


class Regions:
    """Knows the bundle of the station file; read again when a result names one that is not known."""

    def __init__(self, bundle: Path) -> None:
        self._path, self._known = bundle, dict[str, Region | None]()

    def find(self, digest: str) -> Region | None:
        """The region of the bundle with this digest; None where that is not the one of the station file."""
        if digest not in self._known:
            self._known = dict(list(self._known.items())[-KNOWN:]) | {digest: self._read(digest)}
        return self._known[digest]

    def _read(self, digest: str) -> Region | None:
        try:
            bundle = read_bundle(self._path)
        except BundleError:
            return None
        return bundle.card.preprocess.region if bundle.digest == digest else None
