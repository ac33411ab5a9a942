"""Runs the stages, listens as a client would, and says what came of it."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.client import Station
from edge.contract.bundle import Bundle, read_bundle
from edge.contract.cam import dequantise, heatmap, ng_map, overlay, peak
from edge.contract.images import decode_image, read_image
from edge.contract.types import Pixels, State, Verdict
from edge.errors import OkngError, UsageError
from edge.journal.reader import JournalReader
from edge.wire.messages import ImageMessage, ResultHeader, ResultMessage, StateMessage, Topic
from edge.wire.requests import Start
from trainer.dataset import Sample, read_samples
from trainer.demo.screen import contact_sheet, screen
from trainer.demo.stages import TRAIN_PARTS, TRAIN_SEED, UNSEEN_PARTS, UNSEEN_SEED, Stages
from trainer.metrics import auroc, peak_hit
from trainer.page import embed_pair, render_page

MARK = ".okng-demo"
START_TIMEOUT_S = 30.0
SILENCE_S = 20.0
THUMBNAIL_PX = 240


@dataclass(slots=True)
class Seen:
    """One part as the client saw it: its truth, the result's header, the logits of ng against ok, the frame."""

    sample: Sample
    header: ResultHeader
    logits: np.ndarray | None
    frame: Pixels | None = None

    def heat(self, bundle: Bundle) -> np.ndarray | None:
        """The map laid over the frame, None without either."""
        if self.logits is None or self.frame is None:
            return None
        return heatmap(self.logits, bundle.card.preprocess, *self.frame.shape[:2])


def run_demo(out: Path, given: Path | None, *, shown: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """The whole loop in the folder `out`, which an earlier demo may have made; `given` is a bundle to use.

    Returns the summary. Raises OkngError when a stage fails or a part got not exactly one result.
    """
    _claim(out)
    stages = Stages(out, shown=shown)
    with stages.timed("synthesize"):
        parts = None if given else stages.synthesize("parts", TRAIN_PARTS, TRAIN_SEED)
        unseen = stages.synthesize("unseen", UNSEEN_PARTS, UNSEEN_SEED)
    bundle_path = stages.train(parts) if parts else given
    assert bundle_path is not None
    bundle = read_bundle(bundle_path)
    samples = {s.path.relative_to(unseen / "images").as_posix(): s for s in read_samples(unseen)}
    say(f"inspecting {len(samples)} parts with bundle {bundle.card.name} ({bundle.short})")
    with stages.timed("inspect"), tempfile.TemporaryDirectory(prefix="okng-") as sockets:
        addresses = (f"ipc://{sockets}/results", f"ipc://{sockets}/commands")
        with stages.daemon(bundle_path, unseen, Path(sockets)):
            seen = _listen(addresses, samples, bundle)
    summary = _summary(out, samples, seen, bundle)
    with stages.timed("page"):
        summary["seconds"] = stages.seconds
        _write_page(out, summary, seen, bundle)
    return summary


def _claim(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not (out / MARK).exists():
        raise UsageError(f"{out}: is there, and not from an earlier demo; name another folder with --out")
    try:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True, exist_ok=True)
        (out / MARK).touch()
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from None


def _listen(addresses: tuple[str, str], samples: dict[str, Sample], bundle: Bundle) -> list[Seen]:
    """Subscribes, starts the station, and gathers its results until its source has ended."""
    output, kinds, found = bundle.card.output, bundle.card.kinds, dict[str, Seen]()
    with Station(*addresses, topics=(Topic.RESULT, Topic.IMAGE, Topic.STATE)) as station, screen(len(samples)) as live:
        station.wait_joined(START_TIMEOUT_S)
        station.request(Start())
        for message in station.messages(silence_s=SILENCE_S):
            if isinstance(message, ResultMessage):
                header, units = message.header, message.map_units
                if header.id in found:
                    raise OkngError(f"inspection {header.id} was published twice")
                logits = None if units is None else ng_map(dequantise(units, output.scale, output.zero_point), kinds)
                found[header.id] = Seen(samples[header.frame_name], header, logits)
            elif isinstance(message, ImageMessage):
                part = found[message.header.id]
                part.frame = decode_image(message.data, message.header.id)
                if live:
                    _show(live, part, bundle)
            elif isinstance(message, StateMessage) and _done(message, found):
                return list(found.values())
    raise OkngError("the station fell silent")


def _done(message: StateMessage, found: dict[str, Seen]) -> bool:
    if message.header.state is State.ERROR:
        raise OkngError(f"the station failed: {message.header.reason}")
    results = sum(message.header.counters.results.values())
    return message.header.ended and results == message.header.counters.triggers and len(found) >= results


def _show(live: Any, part: Seen, bundle: Bundle) -> None:
    heat = part.heat(bundle)
    picture = overlay(part.frame, heat) if part.frame is not None and heat is not None else None
    live.show(Path(part.header.frame_name).name, part.header.verdict, part.header.score, picture)


def _summary(out: Path, samples: dict[str, Sample], seen: list[Seen], bundle: Bundle) -> dict[str, Any]:
    counts = Counter(part.header.verdict for part in seen)
    with JournalReader(out / "journal") as journal:
        rows = journal.count()
    if not len(samples) == len(seen) == rows:
        raise OkngError(f"{len(samples)} parts, but {len(seen)} results and {rows} journal rows; see {out}/daemon.log")
    judged = [part for part in seen if part.header.score is not None]
    truth = np.array([part.sample.is_ng for part in judged])
    hits = [_hit(part, bundle) for part in judged if part.sample.is_ng]
    return {
        "parts": len(samples),
        "results": len(seen),
        "journal_rows": rows,
        **{verdict.value: counts[verdict] for verdict in Verdict},
        "auroc": round(auroc(truth, np.array([part.header.score for part in judged])), 4),
        "peak_hit_rate": round(float(np.mean(hits)), 4) if hits else None,
    }


def _hit(part: Seen, bundle: Bundle) -> bool:
    assert part.logits is not None
    assert part.sample.mask is not None
    mask = read_image(part.sample.mask)
    cell = max(mask.shape) / part.logits.shape[0]
    return peak_hit(peak(part.logits, bundle.card.preprocess, *mask.shape[:2]), mask, cell)


def _write_page(out: Path, summary: dict[str, Any], seen: list[Seen], bundle: Bundle) -> None:
    table = {label: dict.fromkeys((v.value for v in Verdict), 0) for label in ("ok", "ng")}
    for part in seen:
        table[part.sample.label][part.header.verdict.value] += 1
    page = render_page(
        "demo.html.j2",
        summary=summary,
        verdicts=table,
        bundle=f"{bundle.card.name} ({bundle.short})",
        galleries=_galleries(seen, bundle),
    )
    (out / "index.html").write_text(page, encoding="utf-8")
    shown = [part for part in seen if part.sample.is_ng and part.logits is not None][:18]
    heats = [(part.frame, part.heat(bundle)) for part in shown]
    pictures = [overlay(frame, heat, 0.6) for frame, heat in heats if frame is not None and heat is not None]
    if pictures:
        cv2.imwrite(str(out / "overlays.png"), contact_sheet(pictures))


def _galleries(seen: list[Seen], bundle: Bundle) -> list[dict[str, Any]]:
    def parts(verdict: Verdict, *, ng: bool) -> list[Seen]:
        return [part for part in seen if part.header.verdict is verdict and part.sample.is_ng is ng]

    unsure = [part for part in seen if part.header.verdict is Verdict.REVIEW]
    chosen = [
        ("Missed: ng parts judged OK", parts(Verdict.OK, ng=True)),
        ("False alarms: ok parts judged NG", parts(Verdict.NG, ng=False)),
        ("Unsure: an operator decides", unsure[:12]),
        ("Found", parts(Verdict.NG, ng=True)[:24]),
        ("Good parts", parts(Verdict.OK, ng=False)[:8]),
    ]
    return [
        {"title": title, "items": [_item(p, bundle) for p in some if p.frame is not None]} for title, some in chosen
    ]


def _item(part: Seen, bundle: Bundle) -> dict[str, str]:
    heat = part.heat(bundle)
    assert part.frame is not None
    shown = heat if heat is not None else np.zeros(part.frame.shape[:2], np.float32)
    score = "no score" if part.header.score is None else f"score {part.header.score:.3f}"
    return {
        "source": embed_pair(part.frame, shown, THUMBNAIL_PX),
        "verdict": part.header.verdict.value,
        "caption": f"{part.header.frame_name} · truly {part.sample.kind} · {score}",
    }
