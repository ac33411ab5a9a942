"""Pictures to look at: the worst misses, the worst false alarms, and what is typical of each kind."""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.cam import heatmap
from edge.contract.images import read_image
from edge.contract.types import Verdict
from trainer.dataset import read_mask
from trainer.evaluate import Evaluation, Judged
from trainer.page import embed_pair

THUMBNAIL_PX = 260
WORST = 8
KINDS = 11
"""Kinds of which a typical image is shown, the most frequent first; and one ok image."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame beside the same under its map, as a data URI."""

    source: str
    verdict: str
    caption: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures under one heading; `empty` is said where there are none."""

    title: str
    note: str
    empty: str
    pictures: list[Picture]


def galleries(evaluation: Evaluation) -> list[Gallery]:
    """Worst misses, worst false alarms, and the image with the median score of each kind."""
    ng = sorted((item for item in evaluation.judged if item.sample.is_ng), key=lambda item: item.opinion.score)
    ok = sorted((item for item in evaluation.judged if not item.sample.is_ng), key=lambda item: -item.opinion.score)
    missed = [item for item in ng if item.opinion.verdict is Verdict.OK]
    alarms = [item for item in ok if item.opinion.verdict is Verdict.NG]
    return [
        Gallery(title, note, empty, [_picture(item, evaluation) for item in items])
        for title, note, empty, items in (
            ("Worst misses", _worst("ng images judged OK", missed), "No ng image was judged OK.", missed[:WORST]),
            ("Worst false alarms", _worst("ok images judged NG", alarms), "No ok image was judged NG.", alarms[:WORST]),
            ("Typical images", "Of each kind the image with the median score.", "", _medians(ok, ng)),
        )
    ]


def _worst(what: str, items: list[Judged]) -> str:
    return f"The worst {WORST} of {len(items)} {what}." if len(items) > WORST else f"All {what}, the worst first."


def _medians(ok: list[Judged], ng: list[Judged]) -> list[Judged]:
    by_kind: dict[str, list[Judged]] = {}
    for item in ng:
        by_kind.setdefault(item.sample.kind, []).append(item)
    frequent = sorted(by_kind.values(), key=len, reverse=True)[:KINDS]
    return [items[len(items) // 2] for items in [ok, *frequent] if items]


def _picture(item: Judged, evaluation: Evaluation) -> Picture:
    pixels, sample = read_image(item.sample.path), item.sample
    heat = heatmap(item.opinion.logits, evaluation.subject.spec, *pixels.shape[:2])
    where = {True: " · peak on the fault", False: " · peak elsewhere", None: ""}[item.hit]
    named = f" · named {item.opinion.kind}" if item.opinion.kind else ""
    return Picture(
        embed_pair(pixels, heat, THUMBNAIL_PX, read_mask(sample)),
        item.opinion.verdict.value,
        f"{sample.kind} · score {item.opinion.score:.3f}{named}{where} · {sample.name}",
    )
