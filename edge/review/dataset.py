"""What operators decided, as a folder of images with their provenance, that `okng train` reads and that grows."""

from __future__ import annotations

import fcntl
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge.contract.storage import new_folder, write_file
from edge.contract.types import Decision, Verdict
from edge.errors import JournalError, UsageError
from edge.journal.reader import JournalReader
from edge.journal.rows import Row
from edge.review.manifest import Line, describe, read_manifest, write_manifest

LABELS = {Decision.ACCEPT: "ok", Decision.REJECT: "ng"}
IMAGES = "images"


@dataclass(slots=True)
class Exported:
    """What an export did. `labels` counts all that the folder holds now, by label; the rest is for people.

    `changed` are inspections that were decided otherwise since the last export, `conflicts` parts that were both
    accepted and rejected, `damaged` inspections whose image is not what was recorded. `without` counts decided
    inspections of which there is nothing to learn from, by reason.
    """

    labels: dict[str, int] = field(default_factory=dict)
    added: int = 0
    changed: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    without: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        """Whether nobody needs to look at anything."""
        return not (self.conflicts or self.damaged)


def to_dataset(reader: JournalReader, rows: Iterable[Row], out: Path) -> Exported:
    """Makes the folder `out`, or adds to it what is new, of all inspections that an operator decided.

    The label is the decision: the machine's own verdict teaches it nothing. The images of one part are one group, so
    that they never fall on both sides of a split. What a person changed in the manifest of an earlier export (kind,
    fold, mask, columns of their own) stays, unless the decision is another one now.

    An image is on the disk before the manifest names it, and the manifest is replaced whole: whenever this is
    interrupted, the folder is what it was, or what it was to become. Raises UsageError when nothing is there to export,
    when `out` holds something else, or cannot be written.
    """
    done = Exported()
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        with new_folder(out) as folder:
            (folder / IMAGES).mkdir()
            lines = _add(reader, rows, folder, {}, done)
            if not lines:
                raise UsageError(_nothing(done))
            write_manifest(folder, lines.values())
    else:
        with _alone(out):
            known = read_manifest(out)
            try:
                lines = _add(reader, rows, out, known, done)
                write_manifest(out, lines.values())
            except OSError as error:
                raise UsageError(f"{out}: cannot be written: {error.strerror}; its manifest is as it was") from None
    counted = Counter(line["label"] for line in lines.values())
    done.labels = {label: counted[label] for label in LABELS.values()}
    done.conflicts = list(_conflicts(lines.values()))
    return done


def _add(
    reader: JournalReader, rows: Iterable[Row], folder: Path, known: dict[str, Line], done: Exported
) -> dict[str, Line]:
    """The manifest's lines by inspection, those of before first; images that are new are in the folder."""
    lines = dict(known)
    for row in rows:
        before = lines.get(row.id)
        if row.decision is None:
            if before is not None:
                done.changed.append(f"{row.id}: was {before['label']}, its decision was taken back")
                del lines[row.id]
            continue
        label = LABELS[row.decision.decision]
        if before is not None:
            lines[row.id] = _renewed(before, describe(row, label))
            if before["label"] != label:
                done.changed.append(f"{row.id}: was {before['label']}, is {label} by {row.decision.operator}")
            continue
        if (data := _image(reader, row, done)) is None:
            continue
        name = f"{IMAGES}/{row.id}{Path(row.image_path or '').suffix}"
        write_file(folder / name, data)
        lines[row.id] = {"image": name, **describe(row, label)}
        done.added += 1
    return lines


def _renewed(before: Line, now: Line) -> Line:
    """What a person changed stays: the group, and of the same label the kind and the mask."""
    if before["label"] != now["label"]:
        return {**before, **now, "group": before["group"], "mask": ""}
    kind = now["kind"] if before["kind"] == before["code"] else before["kind"]
    return {**before, **now, "group": before["group"], "kind": kind}


def _image(reader: JournalReader, row: Row, done: Exported) -> bytes | None:
    if row.verdict is Verdict.FAULT:  # the operator saw the part, and the frame may show anything
        done.without["FAULT: the frame was not fit to be judged"] += 1
        return None
    try:
        data = reader.image(row)
    except JournalError as error:
        done.damaged.append(f"{row.id}: {error}")
        return None
    if data is None:
        done.without["its image was not kept" if row.image_path is None else "its image made room for newer ones"] += 1
    return data


def _conflicts(lines: Iterable[Line]) -> Iterator[str]:
    """Parts of which one photo is ok and another ng: one of the two may teach the wrong thing."""
    parts: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line["part"].strip():
            parts[line["part"].strip()].append(line)
    for part, found in parts.items():
        if len({line["label"] for line in found}) > 1:
            said = ", ".join(f"{line['label']} in {line['inspection']} by {line['operator']}" for line in found)
            yield f"part {part} was decided both ways: {said}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One export at a time adds to a folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be added to: {error.strerror}; name a new folder") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UsageError(f"{folder}: another export adds to it just now; try again when it has ended") from None
    finally:
        os.close(descriptor)


def _nothing(done: Exported) -> str:
    if done.damaged:
        return f"no decided inspection has an image that is what was recorded, the first: {done.damaged[0]}"
    if done.without:
        reasons = ", ".join(f"{count}: {reason}" for reason, count in done.without.items())
        return f"no decided inspection has an image to learn from ({reasons})"
    return "no inspection there was decided; decide with okng accept and okng reject, then export"
