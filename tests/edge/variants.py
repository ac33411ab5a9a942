"""Bundles made of a shipped one that judge otherwise, and prove themselves all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from edge.contract.bundle import CARD, MODEL, PROVENANCE, read_bundle, write_bundle
from edge.contract.card import GoldenFrame, encode_card
from edge.contract.images import read_image
from edge.contract.types import Frame
from edge.inference.judge import Judge


def write_variant(source: Path, out: Path, **changes: object) -> Path:
    """One whose card has these changes, with golden frames judged as it judges."""
    opened = read_bundle(source)
    card = msgspec.structs.replace(opened.card, **changes)
    judge = Judge(replace(opened, card=card))

    def golden(before: GoldenFrame) -> GoldenFrame:
        found = judge.judge(Frame(read_image(source / before.file), 0, 0, 0))
        assert found.score is not None
        return GoldenFrame(before.file, before.label, found.verdict, found.score, found.map_units.tobytes())

    card = msgspec.structs.replace(card, golden=tuple(golden(each) for each in card.golden))
    frames = {each.file: (source / each.file).read_bytes() for each in card.golden}
    origin = (source / PROVENANCE).read_bytes()
    write_bundle(out, {MODEL: opened.model, CARD: encode_card(card), PROVENANCE: origin, **frames})
    return out
