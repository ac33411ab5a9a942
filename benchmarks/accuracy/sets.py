"""The sets, each as a folder that `okng train` reads, with the folds that are held out in turn."""

from __future__ import annotations

import csv
from pathlib import Path

SETS = ("magnetic_tile", "cookies")


def prepare(name: str, data: Path, work: Path) -> tuple[Path, list[int]]:
    """The folder of a set and the folds to test on."""
    if name == "magnetic_tile":
        return data / name, [0, 1, 2, 3, 4]
    return _with_manifest(data / name, work / "sets" / name), [1]


def _with_manifest(source: Path, folder: Path) -> Path:
    """`train/` as fold 0 and `test/` as fold 1, as a manifest of links: the set itself stays as it is."""
    manifest = folder / "manifest.csv"
    if manifest.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for fold, part in enumerate(("train", "test")):
        for label in ("ok", "ng"):
            for path in sorted((source / part / label).iterdir()):
                mask = source / "masks" / f"{path.stem}.png"
                has_mask = part == "train" and label == "ng" and mask.is_file()
                rows.append((_link(path, folder / part / label / path.name, folder), label, fold,
                             _link(mask, folder / "masks" / mask.name, folder) if has_mask else ""))  # fmt: skip
    with manifest.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "label", "fold", "mask"))
        writer.writerows(rows)
    return folder


def _link(path: Path, place: Path, folder: Path) -> str:
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        place.symlink_to(path.resolve())
    return place.relative_to(folder).as_posix()
