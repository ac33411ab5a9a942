"""What the journal kept, as a capture: frames, their results, and with what they were judged."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from edge import __version__
from edge.contract.recording import FILE, FRAMES, RecordedFrame, Recording
from edge.contract.storage import new_folder
from edge.errors import UsageError
from edge.journal.reader import JournalReader
from edge.journal.rows import Row


def to_capture(
    reader: JournalReader, rows: Iterable[Row], out: Path, most_bytes: int | None = None
) -> tuple[int, bool]:
    """Makes the folder `out` of the frames that are kept of `rows`, in order, as `okng replay` reads them.

    It ends before the frame that would take it beyond `most_bytes`. Gives the number of frames, and whether it is all
    of them. Raises UsageError when there is no frame or `out` cannot be written; JournalError when an image is not
    what was recorded: a capture is whole.
    """
    frames: list[RecordedFrame] = []
    station, size, whole = "", 0, True
    with new_folder(out) as folder:
        (folder / FRAMES).mkdir()
        for row in rows:
            if (data := reader.image(row)) is None:
                continue
            size += len(data)
            if most_bytes is not None and size > most_bytes:
                whole = False
                break
            frames.append(_frame(row))
            station = row.station
            (folder / frames[-1].file).write_bytes(data)
        if not frames:
            raise UsageError("the journal kept no frame there, or the first one is larger than what is allowed")
        record = Recording(
            station=station, made_by=f"okng {__version__}", recipes=_recipes(reader, frames), frames=tuple(frames)
        )
        (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1))
    return len(frames), whole


def _frame(row: Row) -> RecordedFrame:
    return RecordedFrame(
        file=f"{FRAMES}/{row.number:09d}{Path(row.image_path or '').suffix}",
        sha256=row.image_sha256 or "",
        inspection=row.id,
        part=row.part,
        captured_ns=row.captured_ns,
        verdict=row.verdict,
        score=row.score,
        kind=row.kind,
        bundle=row.bundle,
        recipe=row.recipe,
        triggered_ns=row.triggered_ns,
        signal=row.signal,
        reason=row.reason,
    )


def _recipes(reader: JournalReader, frames: Iterable[RecordedFrame]) -> dict[str, msgspec.Raw]:
    digests = sorted({frame.recipe for frame in frames if frame.recipe})
    found = {digest: reader.recipe(digest) for digest in digests}
    return {digest: msgspec.Raw(text.encode()) for digest, text in found.items() if text}
