"""The candidates as a picture: each frame under its map, the most instructive first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.contract.cam import dequantise, heatmap, ng_map, overlay
from edge.contract.card import decode_card
from edge.contract.images import decode_image
from edge.contract.preprocess import PreprocessSpec
from edge.contract.reading import Reading
from edge.contract.region import Region
from edge.contract.sheet import draw_sheet
from edge.contract.storage import new_file
from edge.contract.typed import decode_json
from edge.contract.types import Pixels
from edge.errors import BundleError, DataError, JournalError
from edge.journal.reader import JournalReader
from edge.journal.rows import Row
from edge.review.ranking import Candidate


def write_sheet(candidates: Sequence[Candidate], reader: JournalReader, folder: Path, out: Path) -> None:
    """A PNG of them, from the journal in `folder`. A tile is grey where the image is not what was recorded.

    The map is laid over the frame where the station still has the bundle that judged it, or the recipe says which
    region it covers. Raises UsageError when `out` is there or cannot be written.
    """
    regions: dict[str, Region | None] = {}
    tiles = [(_picture(one, reader, folder, regions), _text(one)) for one in candidates]
    with new_file(out) as file:
        file.write(draw_sheet(tiles))


def _text(one: Candidate) -> tuple[str, ...]:
    judged = f"{one.verdict} {'' if one.score is None else format(one.score, '.3f')}"
    said = f"{one.decision}ed by {one.operator}" if one.decision else ""
    shadow = f"shadow: {one.said}" if one.said else ""
    return tuple(filter(None, (f"{one.cause} {one.weight:.2f}: {judged}", said or shadow, one.part, one.id)))


def _picture(
    one: Candidate, reader: JournalReader, folder: Path, regions: dict[str, Region | None]
) -> Pixels | None:  # fmt: skip
    row = reader.find(one.id)
    try:
        data = reader.image(row) if row else None
        pixels = decode_image(data, one.id) if data else None
    except (JournalError, DataError):
        return None
    if row is None or pixels is None or row.map_units is None:
        return pixels
    if row.bundle not in regions:
        regions[row.bundle] = _card_region(folder, row.bundle)
    text = reader.reading(row.reading) if row.reading else None
    region = row.region or regions[row.bundle]
    if text is None or region is None:
        return pixels
    return _over(pixels, row, decode_json(text, Reading), region)


def _over(pixels: Pixels, row: Row, reading: Reading, region: Region) -> Pixels:
    assert row.map_units is not None
    logits = ng_map(dequantise(row.map_units, reading.scale, reading.zero_point), reading.classes)
    return overlay(pixels, heatmap(logits, PreprocessSpec(region=region), *pixels.shape[:2]))


def _card_region(folder: Path, digest: str) -> Region | None:
    """Of the station's own copy of a bundle; None when it has let it go."""
    card = folder / "bundles" / digest / "model.json"
    try:
        return decode_card(card.read_bytes(), str(card)).preprocess.region
    except (OSError, BundleError):
        return None
