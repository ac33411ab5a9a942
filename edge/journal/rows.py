"""The values a journal takes and gives."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass

import msgspec
import numpy as np

from edge.contract.recipe import NamedRegion
from edge.contract.typed import decode_json
from edge.contract.types import Decision, Inspection, Label, LookResult, MapUnits, Signal, Verdict, plain
from edge.errors import JournalError
from edge.journal.images import SUFFIXES, StoredImage

_ID = re.compile(r"([0-9a-f]{8})-([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class OtherFrame:
    """A frame of a part that was not the decisive one, encoded; `position` counts the part's frames from 0."""

    position: int
    captured_ns: int
    image: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One inspection to record, judged by the bundle with this digest. `image` is the frame, already encoded.

    `reading` is how to read map and score (`edge.contract.reading`), as JSON. `others` are the part's other frames.
    """

    inspection: Inspection
    bundle: str
    image: bytes | None = None
    suffix: str = ".png"
    reading: bytes = b""
    others: tuple[OtherFrame, ...] = ()

    @property
    def images(self) -> list[bytes]:
        """Of all frames that are to be kept, the decisive one first."""
        return [] if self.image is None else [self.image, *(each.image for each in self.others)]

    def __post_init__(self) -> None:
        if self.suffix not in SUFFIXES:
            raise ValueError(f"an image's suffix is one of {', '.join(sorted(SUFFIXES))}; got {self.suffix!r}")


@dataclass(frozen=True, slots=True)
class Recorded:
    """An inspection that is on the disk, so may be published. `image` is None where none was kept.

    `others` are the images of the part's other frames.
    """

    id: str
    boot_id: str
    sequence: int
    recorded_ns: int
    image: StoredImage | None
    others: tuple[StoredImage, ...] = ()

    @property
    def images(self) -> list[StoredImage]:
        """As `Entry.images`."""
        return [self.image, *self.others] if self.image else []


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A frame of a part that was not the decisive one, as the journal has it; see `OtherFrame` and `Row`."""

    position: int
    captured_ns: int | None
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Decided:
    """An operator's decision that is on the disk. Times are Unix, in nanoseconds.

    `code` is one of the station's reasons, `reason` free text; both may be empty. `signal` is what it told the line,
    None where the line did not wait for it. `withdrawn_by` took it back; empty while it stands.
    """

    inspection_id: str
    decision: Decision
    operator: str
    reason: str
    request_id: str
    decided_ns: int
    code: str = ""
    signal: Signal | None = None
    withdrawn_by: str = ""
    withdrawn_ns: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One inspection as the journal has it; `number` counts all of them from 1, over all boots, in order.

    Times are Unix, in nanoseconds; `map_units` is (rows, columns, classes) int8; `image_path` is relative to the
    journal's folder, and the file is there until `image_removed_ns`. `recipe` is the digest of the settings it was
    inspected with (`JournalReader.recipe`), `reading` that of how to read map and score (`JournalReader.reading`); both
    are empty in rows from before there were any. `recipe_name` is the product's, empty where there was none. `region`,
    `looks` and `golden` are as in `edge.contract.types`. `kind` is what the part was named as, None where the bundle
    tells no kinds apart. `decision` is the latest one. For FAULT, `score`, `kind` and `map_units` are None, and where
    no frame came `frame_index` and `captured_ns` are too.
    """

    number: int
    station: str
    boot_id: str
    sequence: int
    part: str
    frame_name: str
    frame_index: int | None
    verdict: Verdict
    score: float | None
    kind: str | None
    map_units: MapUnits | None
    signal: Signal
    reason: str
    timings_ms: dict[str, float]
    bundle: str
    captured_ns: int | None
    triggered_ns: int
    recorded_ns: int
    image_path: str | None
    image_sha256: str | None
    decision: Decided | None
    recipe: str
    image_removed_ns: int | None
    protected_ns: int | None
    recipe_name: str
    region: NamedRegion | None
    looks: tuple[LookResult, ...]
    golden: Label | None
    reading: str

    @property
    def id(self) -> str:
        """As `edge.contract.types.Inspection.id`."""
        return f"{self.boot_id}-{self.sequence}"


@dataclass(frozen=True, slots=True)
class Shadowed:
    """What a shadow bundle said of an inspection by `bundle`; `said` is its verdict, or `DROPPED`."""

    inspection: Inspection
    bundle: str
    shadow: str
    said: str
    score: float | None = None
    kind: str | None = None

    @property
    def differs(self) -> bool:
        """Another verdict, or another kind where both bundles tell kinds apart."""
        ours = self.inspection.judgement
        if self.said == DROPPED:
            return False
        return self.said != ours.verdict or (None not in {self.kind, ours.kind} and self.kind != ours.kind)


DROPPED = "dropped"
"""The shadow had no time for the frame."""


def parse_id(inspection_id: str) -> tuple[str, int] | None:
    """Boot id and sequence of an inspection's id; None when it cannot be one."""
    match = _ID.fullmatch(inspection_id)
    return (match[1], int(match[2])) if match else None


def values(entry: Entry, recorded: Recorded, recipe: str, reading: str) -> dict[str, object]:
    """What the table `inspections` gets, by column; `recipe` and `reading` are digests."""
    inspection, judgement, frame = entry.inspection, entry.inspection.judgement, entry.inspection.frame
    units = judgement.map_units
    rows, columns, classes = units.shape if units is not None else (None, None, None)
    return {
        "boot_id": inspection.boot_id,
        "sequence": inspection.sequence,
        "part": plain(inspection.part),
        "frame_name": plain(frame.name) if frame else "",
        "frame_index": frame.index if frame else None,
        "verdict": judgement.verdict.value,
        "score": judgement.score,
        "kind": judgement.kind,
        "map": units.tobytes() if units is not None else None,
        "map_rows": rows,
        "map_columns": columns,
        "map_classes": classes,
        "signal": inspection.signal.value,
        "reason": plain(judgement.reason),
        "timings_ms": msgspec.json.encode(judgement.timings_ms).decode(),
        "bundle": entry.bundle,
        "captured_ns": frame.captured_ns if frame else None,
        "triggered_ns": inspection.triggered_ns,
        "recorded_ns": recorded.recorded_ns,
        "image_path": recorded.image.path if recorded.image else None,
        "image_sha256": recorded.image.sha256 if recorded.image else None,
        "image_bytes": sum(each.size for each in recorded.images) if recorded.image else None,
        "recipe": recipe,
        "recipe_name": inspection.recipe.name if inspection.recipe else "",
        "region": _json(judgement.region),
        "looks": _json(judgement.looks or None),
        "golden": inspection.golden,
        "reading": reading,
    }


def row(found: sqlite3.Row) -> Row:
    """A line of the reading query. Raises JournalError when the disk changed it into what no row can hold."""
    try:
        return _row(found)
    except (ValueError, TypeError, msgspec.DecodeError) as error:
        name = f"{found['boot_id']}-{found['sequence']}"
        raise JournalError(f"inspection {name}: the journal's row is damaged: {error}") from None


def _row(found: sqlite3.Row) -> Row:
    return Row(
        number=found["number"],
        station=found["station"],
        boot_id=found["boot_id"],
        sequence=found["sequence"],
        part=found["part"],
        frame_name=found["frame_name"],
        frame_index=found["frame_index"],
        verdict=Verdict(found["verdict"]),
        score=found["score"],
        kind=found["kind"],
        map_units=_map(found),
        signal=Signal(found["signal"]),
        reason=found["reason"],
        timings_ms=decode_json(found["timings_ms"], dict[str, float]),
        bundle=found["bundle"],
        captured_ns=found["captured_ns"],
        triggered_ns=found["triggered_ns"],
        recorded_ns=found["recorded_ns"],
        image_path=found["image_path"],
        image_sha256=found["image_sha256"],
        decision=decided(found) if found["decision"] is not None else None,
        recipe=found["recipe"],
        image_removed_ns=found["image_removed_ns"],
        protected_ns=found["protected_ns"],
        recipe_name=found["recipe_name"],
        region=decode_json(found["region"], NamedRegion) if found["region"] else None,
        looks=decode_json(found["looks"] or "[]", tuple[LookResult, ...]),
        golden=found["golden"],
        reading=found["reading"],
    )


def decided(found: sqlite3.Row) -> Decided:
    """A line of the table `decisions`, its columns named as in the reading query; with its withdrawal, if asked for."""
    withdrawn = "withdrawn_ns" in found.keys()  # noqa: SIM118
    return Decided(
        inspection_id=f"{found['boot_id']}-{found['sequence']}",
        decision=Decision(found["decision"]),
        operator=found["operator"],
        reason=found["decision_reason"],
        request_id=found["request_id"],
        decided_ns=found["decided_ns"],
        code=found["code"],
        signal=Signal(found["decision_signal"]) if found["decision_signal"] else None,
        withdrawn_by=(found["withdrawn_by"] or "") if withdrawn else "",
        withdrawn_ns=found["withdrawn_ns"] if withdrawn else None,
    )


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _map(found: sqlite3.Row) -> MapUnits | None:
    if found["map"] is None:
        return None
    shape = (found["map_rows"], found["map_columns"], found["map_classes"])
    return np.frombuffer(found["map"], np.int8).reshape(shape)
