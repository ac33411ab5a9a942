"""What the journal kept, as a capture: every trigger and its frames, their results, and with what they were judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from heapq import merge
from pathlib import Path

import msgspec

from edge import __version__
from edge.contract.recorded_recipe import picture_file, recorded_recipe
from edge.contract.recording import FILE, FRAMES, RecordedFrame, RecordedTrigger, Recording
from edge.contract.storage import new_folder
from edge.contract.triggers import Outcome
from edge.contract.types import Signal, Verdict
from edge.errors import ConfigError, JournalError, UsageError
from edge.journal.beside import KeptUntaken
from edge.journal.reader import FOR_EVER, JournalReader
from edge.journal.rows import KeptFrame, Row

Kept = list[tuple[KeptFrame, bytes]]
"""The frames of a part, in order, with their files."""


@dataclass(frozen=True, slots=True)
class Captured:
    """How much a capture got; `whole`: that is all there was."""

    triggers: int
    frames: int
    whole: bool


def to_capture(
    reader: JournalReader, out: Path, since_ns: int = 0, until_ns: int = FOR_EVER, *, most_bytes: int | None = None
) -> Captured:
    """Makes the folder `out` of what was recorded in that time, as `okng replay` reads it.

    Every trigger is in it, in order, with all frames of its part that are kept. It ends before the trigger that would
    take it beyond `most_bytes`. Raises UsageError when there is no frame or `out` cannot be written; JournalError when
    an image is not what was recorded: a capture is whole.
    """
    triggers: list[RecordedTrigger] = []
    station, size, frames, whole = "", 0, 0, True
    with new_folder(out) as folder:
        (folder / FRAMES).mkdir()
        for found in _in_order(reader, since_ns, until_ns):
            kept = _kept(reader, found) if isinstance(found, Row) else []
            trigger = _inspected(found, kept) if isinstance(found, Row) else _untaken(found)
            size += sum(len(data) for _, data in kept) + len(msgspec.json.encode(trigger))
            if most_bytes is not None and size > most_bytes:
                whole = False
                break
            triggers.append(trigger)
            frames += len(kept)
            station = found.station if isinstance(found, Row) else station
            for frame, (_, data) in zip(trigger.frames, kept, strict=True):
                (folder / frame.file).write_bytes(data)
        if not frames:
            raise UsageError("the journal kept no frame there, or the first one is larger than what is allowed")
        record = Recording(
            station=station, made_by=f"okng {__version__}", recipes=_recipes(reader, triggers), triggers=tuple(triggers)
        )
        _keep_pictures(record, folder)
        (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1))
    return Captured(len(triggers), frames, whole)


def _in_order(reader: JournalReader, since_ns: int, until_ns: int) -> Iterator[Row | KeptUntaken]:
    """By boot, then by the number of the trigger; one that was not taken comes after the last one that was."""
    boots = {boot: place for place, boot in enumerate(reader.boots())}

    def place(found: Row | KeptUntaken) -> tuple[int, int, bool]:
        number = found.sequence if isinstance(found, Row) else found.trigger.after
        return boots.get(found.boot_id, len(boots)), number, isinstance(found, KeptUntaken)

    return merge(reader.walk(since_ns, until_ns), reader.untaken(since_ns, until_ns), key=place)


def _kept(reader: JournalReader, row: Row) -> Kept:
    """None where they are not kept, or go at this very moment."""
    try:
        others = reader.frames(row)
        if (data := reader.image(row)) is None:
            return []
        found = [(other, reader.frame(other)) for other in others]
    except JournalError:
        if _gone(reader, row):
            return []
        raise
    if not others and any(look.frame for look in row.looks) and _gone(reader, row):
        return []
    positions = {other.position for other in others}
    decisive = next(number for number in range(len(others) + 1) if number not in positions)
    own = KeptFrame(decisive, row.captured_ns, row.image_path or "", row.image_sha256 or "")
    return sorted([*found, (own, data)], key=lambda each: each[0].position)


def _gone(reader: JournalReader, row: Row) -> bool:
    now = reader.find(row.id)
    return now is None or now.image_removed_ns is not None


def _inspected(row: Row, kept: Kept) -> RecordedTrigger:
    return RecordedTrigger(
        outcome=Outcome.FAULT if row.verdict is Verdict.FAULT else Outcome.JUDGED,
        inspection=row.id,
        part=row.part,
        triggered_ns=row.triggered_ns,
        frames=tuple(_frame(row, frame, len(kept)) for frame, _ in kept),
        decisive=next((number for number, (frame, _) in enumerate(kept) if frame.path == row.image_path), 0),
        verdict=row.verdict,
        score=row.score,
        kind=row.kind,
        bundle=row.bundle,
        recipe=row.recipe,
        signal=row.signal,
        reason=row.reason,
        golden=row.golden,
    )


def _frame(row: Row, frame: KeptFrame, count: int) -> RecordedFrame:
    name = f"{row.number:09d}" if count == 1 else f"{row.number:09d}-{frame.position}"
    return RecordedFrame(
        file=f"{FRAMES}/{name}{Path(frame.path).suffix}", sha256=frame.sha256, captured_ns=frame.captured_ns
    )


def _untaken(found: KeptUntaken) -> RecordedTrigger:
    trigger = found.trigger
    return RecordedTrigger(
        outcome=Outcome(trigger.why), part=trigger.part, triggered_ns=trigger.triggered_ns, signal=Signal.REJECT
    )


def _keep_pictures(record: Recording, folder: Path) -> None:
    """Those that recipes name, where they still lie; whether they are those of then, a replay sees."""
    for settings in record.recipes.values():
        with suppress(ConfigError):  # of another okng: a replay says so
            recipe = recorded_recipe(settings)
            for file, digest in recipe.pictures.items() if recipe else ():
                _copy(Path(file), folder / picture_file(digest))


def _copy(picture: Path, place: Path) -> None:
    try:
        data = picture.read_bytes()
    except OSError:
        return
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(data)


def _recipes(reader: JournalReader, triggers: Iterable[RecordedTrigger]) -> dict[str, msgspec.Raw]:
    digests = sorted({trigger.recipe for trigger in triggers if trigger.recipe})
    found = {digest: reader.recipe(digest) for digest in digests}
    return {digest: msgspec.Raw(text.encode()) for digest, text in found.items() if text}
