"""What a kill or a power cut has left of a station: what was acknowledged is there, and all fits together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from edge.contract.bundle import read_bundle
from edge.daemon.bundles import BundleStore
from edge.errors import OkngError
from edge.journal.journal import Journal
from edge.journal.schema import FILE, open_reader


def wrong(folder: Path, lines: Sequence[str]) -> list[str]:
    """What of `lines`, all that was said so far, does not hold of the journal in `folder`, and what does not fit."""
    with Journal.open(folder, station="check") as journal:  # as the station does when it starts again
        found = [text for text in journal.faults.values() if text]
    query = "SELECT boot_id || '-' || sequence, image_path, image_sha256, image_removed_ns FROM inspections"
    with closing(open_reader(folder / FILE)) as connection:
        rows = {name: (path, digest, removed) for name, path, digest, removed in connection.execute(query)}
        others = dict(tuple(found) for found in connection.execute("SELECT path, sha256 FROM frames"))
    said = [line.split() for line in lines]
    for name, digest in (rest for kind, *rest in said if kind == "row"):
        if name not in rows:
            found.append(f"{name}: was published, and is lost")
        elif (rows[name][1] or "-") != digest:
            found.append(f"{name}: was published with another image")
    kept = {path: digest for path, digest, removed in rows.values() if path and removed is None} | others
    files = {path.relative_to(folder).as_posix() for path in (folder / "images").rglob("*") if path.is_file()}
    found += [f"{path}: nobody's" for path in files - kept.keys()]
    found += [f"{path}: not there" for path in kept.keys() - files]
    for path in files & kept.keys():
        if hashlib.sha256((folder / path).read_bytes()).hexdigest() != kept[path]:
            found.append(f"{path}: another content")
    return found + wrong_bundle(folder, [(kind, rest[0]) for kind, *rest in said if kind in ("asked", "active")])


def wrong_bundle(folder: Path, said: Sequence[tuple[str, str]]) -> list[str]:
    """What is wrong with the active bundle: it is the last one answered, or one asked for since, and is whole."""
    answered = max((number for number, (kind, _) in enumerate(said) if kind == "active"), default=-1)
    if answered < 0:  # the station file's, or the first one asked for
        return []
    store = BundleStore(folder)
    if store.record is None:
        return ["no bundle is active"]
    if store.record.active not in {digest for _, digest in said[answered:]}:
        return [f"{store.record.active[:12]} is active, {said[answered][1][:12]} was answered"]
    try:
        whole = read_bundle(store.path(store.record.active)).digest == store.record.active
    except OkngError as error:
        return [str(error)]
    return [] if whole else ["the active bundle is another one"]
