"""Results once more, for who missed them: from the journal, as they were published."""

from __future__ import annotations

import msgspec

from edge.contract.reading import Reading
from edge.contract.typed import decode_json
from edge.contract.types import MapUnits
from edge.journal.journal import Journal
from edge.journal.reader import JournalReader
from edge.journal.rows import Row, parse_id
from edge.wire.answers import ReplayAnswer, Replayed, WaitingAnswer
from edge.wire.messages import ImageReference, MapShape, ResultHeader
from edge.wire.requests import Replay, Waiting

STEP = 50
"""Rows that are read at once."""
LARGEST_MAPS = 1 << 20
"""Bytes of maps in one answer, after which it ends."""


def replay(journal: Journal, asked: Replay) -> ReplayAnswer | None:
    """What was recorded after an inspection, oldest first; None when the journal has never had its boot.

    The answer ends after `asked.limit` results, or where its maps are large enough. Raises JournalError.
    """
    boot, sequence = parse_id(asked.after) or ("", 0)
    reader = journal.reader
    number = reader.number_before(boot, sequence)
    if number is None:
        return None
    more = True
    results: list[Replayed] = []
    size = 0
    while len(results) < asked.limit and size < LARGEST_MAPS:
        rows = reader.rows(after_number=number, limit=min(STEP, asked.limit - len(results)))
        if not rows:
            more = False
            break
        results += [published(row, reading_of(reader, row), maps=asked.maps) for row in rows]
        size += sum(row.map_units.nbytes for row in rows if asked.maps and row.map_units is not None)
        number = rows[-1].number
    return ReplayAnswer(results, more and reader.newest() > number, reader.boots_from(boot))


def waiting(journal: Journal, asked: Waiting) -> WaitingAnswer | None:
    """REVIEW parts that wait for a decision, oldest first; None when the journal has never had the boot of `after`.

    The answer ends after `asked.limit` parts, or where its maps are large enough. Raises JournalError.
    """
    reader, number = journal.reader, 0
    if asked.after:
        boot, sequence = parse_id(asked.after) or ("", 0)
        found = reader.number_before(boot, sequence)
        if found is None:
            return None
        number = found
    results: list[Replayed] = []
    size = 0
    for row in reader.waiting(number, limit=asked.limit):
        results.append(published(row, reading_of(reader, row), maps=asked.maps))
        number = row.number
        size += row.map_units.nbytes if asked.maps and row.map_units is not None else 0
        if size >= LARGEST_MAPS:
            break
    return WaitingAnswer(results, bool(reader.waiting(number, limit=1)), reader.count_waiting())


def reading_of(reader: JournalReader, row: Row) -> Reading | None:
    """How to read its map and score; None in rows of before there was such a thing."""
    found = reader.reading(row.reading) if row.reading else None
    return decode_json(found, Reading) if found else None


def published(row: Row, reading: Reading | None, *, maps: bool) -> Replayed:
    """A row that does not say how to read its map (older journals do not) comes without it."""
    units = row.map_units if reading else None
    header = ResultHeader(
        station=row.station,
        boot=row.boot_id,
        number=row.sequence,
        sequence=row.sequence,
        captured_ns=row.captured_ns,
        bundle=row.bundle,
        id=row.id,
        part=row.part,
        frame_name=row.frame_name,
        triggered_ns=row.triggered_ns,
        verdict=row.verdict,
        score=row.score,
        signal=row.signal,
        reason=row.reason,
        timings_ms=row.timings_ms,
        map=_shape(units, reading) if reading else None,
        thresholds=reading.thresholds if reading else None,
        image=_image(row),
        kind=row.kind or msgspec.UNSET,
        classes=reading.classes if reading and reading.classes.many else msgspec.UNSET,
        recipe=row.recipe_name or msgspec.UNSET,
        region=row.region or msgspec.UNSET,
        looks=row.looks or msgspec.UNSET,
        golden=row.golden or msgspec.UNSET,
    )
    return Replayed(header, units.tobytes() if maps and units is not None else None)


def _shape(units: MapUnits | None, reading: Reading) -> MapShape | None:
    if units is None:
        return None
    rows, columns, classes = units.shape
    return MapShape(rows, columns, classes, reading.scale, reading.zero_point)


def _image(row: Row) -> ImageReference | None:
    if row.image_path is None or row.image_sha256 is None or row.image_removed_ns is not None:
        return None
    return ImageReference(row.image_sha256, row.image_path)
