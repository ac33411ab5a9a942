"""Means and spreads over the folds, as results.json and as a table for the docs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.trials import METHODS
from edge.contract.bundle import read_bundle
from edge.inference.engine import Engine

FIGURES = {"auroc": "auroc", "ap": "ap", "peak_hit": "peak_hit_rate", "pixel_ap": "pixel_ap", "escape": "escape_rate",
           "false_reject": "false_reject_rate", "review": "review_rate"}  # fmt: skip
TINY = ("blowhole", "crack")
"""Kinds of magnetic_tile whose faults are smallest: the test of a method."""
INVOKES = 200


def summarise(work: Path) -> dict[str, Any]:
    """What `results.json` holds: the default settings first, the other methods below `baselines`."""
    methods = {method: _sets(work, method) for method in METHODS}
    results: dict[str, Any] = {"sets": methods.pop("default"), "baselines": {k: v for k, v in methods.items() if v}}
    bundles = sorted(work.glob("*/fold*/default/bundle"))
    if bundles:
        results |= {"int8": _int8(work), **_cost(work), **_speed(bundles[0])}
    return results


def _sets(work: Path, method: str) -> dict[str, Any]:
    found = {}
    for folder in sorted(path for path in work.iterdir() if path.is_dir() and path.name != "sets"):
        files = sorted(folder.glob(f"fold*/{method}/evaluation/metrics.json"))
        if files:
            found[folder.name] = _folds([json.loads(file.read_text()) for file in files])
    return found


def _folds(folds: list[dict[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {name: _spread(fold.get(key) for fold in folds) for name, key in FIGURES.items()}
    table["tiny_peak_hit"] = _spread(_tiny_hit(fold) for fold in folds)
    table["intervals"] = {
        name: [fold["intervals"].get(FIGURES[name]) for fold in folds] for name in ("auroc", "ap", "peak_hit")
    }
    kinds = sorted({kind for fold in folds for kind in fold["kinds"]})
    table["kinds"] = {
        kind: {
            name: _spread(fold["kinds"].get(kind, {}).get(key) for fold in folds)
            for name, key in (("auroc", "auroc"), ("caught", "caught"), ("peak_hit", "peak_hit_rate"))
        }
        for kind in kinds
    }
    table["sizes"] = _sizes(folds)
    table["folds"] = len(folds)
    return table


def _tiny_hit(fold: dict[str, Any]) -> float | None:
    """Peak hit rate over all images of the kinds with the smallest faults."""
    return _over_images([fold["kinds"][kind] for kind in TINY if kind in fold["kinds"]], "peak_hit_rate")


def _sizes(folds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By the fault's share of the image, over the images of all folds together."""
    merged: dict[str, list[dict[str, Any]]] = {}
    for fold in folds:
        for row in fold["sizes"]:
            merged.setdefault(json.dumps([row["from"], row["below"]]), []).append(row)
    return [
        {"from": json.loads(key)[0], "below": json.loads(key)[1], "images": images,
         "caught": _over_images(rows, "caught"), "peak_hit": _over_images(rows, "peak_hit_rate")}
        for key, rows in merged.items() if (images := sum(row["images"] for row in rows))
    ]  # fmt: skip


def _over_images(rows: list[dict[str, Any]], key: str) -> float | None:
    """Mean of a rate over all images of these rows; None where it is known of none."""
    known = [(row["images"], row[key]) for row in rows if row[key] is not None]
    total = sum(images for images, _ in known)
    return sum(images * rate for images, rate in known) / total if total else None


def _int8(work: Path) -> dict[str, float | None]:
    """What int8 loses against the float network on held-out images: means over all folds of all sets, of verdicts over
    all images."""
    rows = [json.loads(f.read_text())["int8"] for f in sorted(work.glob("*/fold*/default/evaluation/metrics.json"))]
    means = {key: float(np.mean([row[key] for row in rows])) for key in ("auroc_loss", "ap_loss", "map_correlation")}
    worst = {f"{key}_worst": min(row[key] for row in rows) for key in ("equal_verdicts", "map_correlation")}
    return {**means, "equal_verdicts": _over_images(rows, "equal_verdicts"), **worst}


def _cost(work: Path) -> dict[str, float]:
    costs = [json.loads(file.read_text()) for file in sorted(work.glob("magnetic_tile/fold*/default/cost.json"))]
    if not costs:
        return {}
    return {"training_s": float(np.mean([cost["wall_s"] for cost in costs])),
            "training_peak_mib": max(cost["peak_mib"] for cost in costs)}  # fmt: skip


def _speed(path: Path) -> dict[str, float]:
    bundle = read_bundle(path)
    engine = Engine(bundle.model)
    image = np.zeros(bundle.card.preprocess.shape, np.uint8)
    times = []
    for _ in range(INVOKES):
        started = time.perf_counter()
        engine.invoke(image)
        times.append(time.perf_counter() - started)
    return {"invoke_ms": 1e3 * float(np.median(times)), "weights": bundle.card.training["weights"],
            "weights_bytes": len(bundle.model)}  # fmt: skip


def _spread(values: Iterable[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {"mean": float(np.mean(known)), "std": float(np.std(known, ddof=1)) if len(known) > 1 else 0.0}


def render_table(results: dict[str, Any]) -> str:
    """Markdown: a row per set and method, mean ± standard deviation over the folds."""
    lines = ["| set | method | folds | AUROC | AP | peak hit | pixel AP |", "|---|---|---|---|---|---|---|"]
    for method, sets in {"default": results["sets"], **results["baselines"]}.items():
        for name, row in sets.items():
            cells = (_shown(row[key]) for key in ("auroc", "ap", "peak_hit", "pixel_ap"))
            lines.append(f"| {name} | {method} | {row['folds']} | {' | '.join(cells)} |")
    tiles = results["sets"].get("magnetic_tile")
    if tiles:
        lines += ["", "| kind of magnetic_tile | AUROC | peak hit |", "|---|---|---|"]
        lines += [f"| {k} | {_shown(row['auroc'])} | {_shown(row['peak_hit'])} |" for k, row in tiles["kinds"].items()]
        lines += ["", "| fault's share of the image | images | caught | peak hit |", "|---|---|---|---|"]
        lines += [
            f"| {_bin(row)} | {row['images']} | {_rate(row['caught'])} | {_rate(row['peak_hit'])} |"
            for row in tiles["sizes"]
        ]
    if "int8" in results:
        lines += ["", "| | |", "|---|---|"]
        lines += [f"| {key.replace('_', ' ')} | {value:.4g} |" for key, value in results["int8"].items()]
        single = ("training_s", "training_peak_mib", "invoke_ms", "weights", "weights_bytes")
        lines += [f"| {key.replace('_', ' ')} | {results[key]:.4g} |" for key in single if key in results]
    return "\n".join(lines) + "\n"


def _shown(spread: dict[str, float] | None) -> str:
    return f"{spread['mean']:.3f} ± {spread['std']:.3f}" if spread else "–"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _bin(row: dict[str, Any]) -> str:
    return f"{row['from']:.1%} to {row['below']:.1%}"
