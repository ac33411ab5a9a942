"""Answers to those who ask the journal, each from a bounded part of it."""

from __future__ import annotations

import sqlite3

import cv2
import numpy as np

from edge.contract.cam import Thresholds
from edge.contract.images import decode_image
from edge.contract.reading import Reading
from edge.contract.survey import Survey
from edge.contract.typed import decode_json
from edge.contract.types import Pixels
from edge.control.memory import Normal, decode_memory
from edge.control.survey import Seen, Surveyor
from edge.daemon.deciding import fact
from edge.daemon.recovery import published, reading_of
from edge.errors import DataError, JournalError, UsageError
from edge.journal.images import ImageFormat, encode_image
from edge.journal.past import PastReader, Wanted
from edge.journal.rows import Row
from edge.wire.messages import DecidedFact
from edge.wire.queries import (
    FetchImage,
    Find,
    FindAnswer,
    History,
    HistoryAnswer,
    ImageAnswer,
    Past,
    TakeSurvey,
)

SURVEYED = 100_000
"""Inspections, at most, that a survey looks at."""
THUMBNAIL_PX = 160
LARGEST_IMAGE = 8 << 20
"""Bytes of an image file that is sent as it is; a larger one is sent smaller."""


class NoImageError(UsageError):
    """The journal has no image of this inspection, and here is why."""


class UnknownError(UsageError):
    """The journal does not have this inspection."""


def history(reader: PastReader, asked: History) -> HistoryAnswer:
    """A page, newest first."""
    wanted = Wanted(asked.since_ns, asked.until_ns, asked.verdicts, asked.part, asked.kind, asked.recipe)
    found = reader.page(wanted, asked.below, asked.limit)
    results = [
        Past(
            published(row, reading_of(reader, row), maps=False).header,
            _said(row),
            row.protected_ns is not None,
            _thumbnail(reader, row) if asked.thumbnails else None,
        )
        for row in found.rows
    ]
    return HistoryAnswer(results, found.next, found.reached_ns)


def find(reader: PastReader, asked: Find) -> FindAnswer:
    """One inspection."""
    row = _row(reader, asked.inspection)
    again = published(row, reading_of(reader, row), maps=True)
    return FindAnswer(again.header, again.map, _said(row), row.protected_ns is not None)


def image(reader: PastReader, asked: FetchImage) -> ImageAnswer:
    """The frame of one inspection. Raises NoImageError."""
    row = _row(reader, asked.inspection)
    data = reader.image(row)
    if data is None:
        gone = "the journal has let it go to make room" if row.image_removed_ns else "none was kept"
        raise NoImageError(f"{row.id}: there is no image: {gone}")
    pixels = _decoded(data, row)
    height, width = pixels.shape[:2]
    if asked.size == "full" and len(data) <= LARGEST_IMAGE:
        encoding = "png" if str(row.image_path).endswith(ImageFormat.PNG.suffix) else "jpeg"
        return ImageAnswer(encoding, height, width, True, data)
    shown, smaller = as_jpeg(pixels, THUMBNAIL_PX if asked.size == "thumbnail" else None)
    return ImageAnswer("jpeg", shown.shape[0], shown.shape[1], False, smaller)


def as_jpeg(pixels: Pixels, longest: int | None = None) -> tuple[Pixels, bytes]:
    """What fits into an answer, no side longer than `longest`: its pixels, and the file."""
    longest = longest or max(pixels.shape[:2])
    while True:
        shown = _within(pixels, longest)
        data = encode_image(shown, ImageFormat.JPEG)
        if len(data) <= LARGEST_IMAGE:
            return shown, data
        longest //= 2


def survey(reader: PastReader, asked: TakeSurvey) -> Survey:
    """What a span says."""
    surveyor, more, thresholds = Surveyor(), False, None
    wanted = Wanted(asked.since_ns, asked.until_ns, recipe=asked.recipe)
    for rows, older in reader.columns(wanted, SURVEYED):
        more = older
        surveyor.add([_seen(row) for row in rows])
        if rows and thresholds is None:
            thresholds = _thresholds(reader, rows[0]["reading"])
    return surveyor.survey(
        complete=not more, thresholds=thresholds, normal=_normal(reader, surveyor.judges), asked=asked.thresholds
    )


def _row(reader: PastReader, inspection: str) -> Row:
    row = reader.find(inspection)
    if row is None:
        raise UnknownError(f"no inspection {inspection!r} in the journal")
    return row


def _said(row: Row) -> DecidedFact | None:
    return fact(row.decision) if row.decision else None


def _decoded(data: bytes, row: Row) -> Pixels:
    try:
        return decode_image(data, str(row.image_path))
    except DataError as error:
        raise JournalError(str(error)) from None


def _within(pixels: Pixels, longest: int) -> Pixels:
    """No side longer than `longest`."""
    scale = longest / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _thumbnail(reader: PastReader, row: Row) -> bytes | None:
    """None too where the image was spoilt: then asking for it says so."""
    try:
        data = reader.image(row)
        return encode_image(_within(_decoded(data, row), THUMBNAIL_PX), ImageFormat.JPEG) if data else None
    except JournalError:
        return None


def _seen(row: sqlite3.Row) -> Seen:
    return Seen(
        row["boot_id"], row["triggered_ns"], row["verdict"], row["score"], row["kind"], row["reason"],
        f"{row['bundle']} {row['recipe_name']}".rstrip(), row["judging_ms"], row["decision"], row["decision_reason"],
    )  # fmt: skip


def _thresholds(reader: PastReader, digest: str) -> Thresholds | None:
    found = reader.reading(digest)
    return decode_json(found, Reading).thresholds if found else None


def _normal(reader: PastReader, judges: set[str]) -> Normal | None:
    """What process control learned to be usual, where one bundle and recipe judged all."""
    found = reader.remembered(*judges) if len(judges) == 1 else None
    memory = decode_memory(found.memory) if found else None
    return memory.normal if memory else None
