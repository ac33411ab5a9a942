"""A shadow bundle beside the station's own: it changes nothing, and what it says otherwise is on record."""

from __future__ import annotations

import io
import json
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge.contract.bundle import MODEL, read_bundle
from edge.contract.cam import Thresholds
from edge.contract.images import read_image
from edge.contract.recipe import Recipe, RecipeSettings
from edge.contract.types import Frame, Inspection, Judgement, Signal, Verdict
from edge.daemon.life import Life
from edge.daemon.shadow import WAITING, Shadow
from edge.inference.judge import Judge
from edge.inspection.pipeline import PartJudge
from edge.inspection.recipes import read_recipe
from edge.inspection.shadow import Said, ask, serve
from edge.journal.journal import Journal
from edge.journal.reader import JournalReader
from edge.journal.rows import DROPPED, Entry, Shadowed
from edge.wire.requests import Changeover, Start, Status, Trigger
from tests.edge.running import BY_COMMAND, GATE, ON_START, Running, station_file
from tests.edge.test_changeover import SCENARIOS, recipes
from tests.edge.test_rollback import digest
from tests.edge.variants import write_variant


@pytest.fixture
def strict(bundle, tmp_path) -> Path:
    """A bundle that judges alike, and calls all of it NG."""
    return write_variant(bundle, tmp_path / "strict", thresholds=Thresholds(ok_below=0.0, ng_from=0.0))


def until_shadowed(daemon: Running, frames: int) -> dict:
    while (told := daemon.station.request(Status())["shadow"])["judged"] + told["dropped"] < frames:
        threading.Event().wait(0.02)
    return told


@pytest.mark.slow
def test_a_shadow_drives_nothing_and_its_disagreements_are_journaled_and_summarised(
    tmp_path, bundle, strict, capture, okng
) -> None:
    shadow = f'shadow = "{strict}"'
    config = station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?rate=20", ON_START, GATE, images=False)
    config.write_text(f"{shadow}\n{config.read_text()}")
    with Running(config) as daemon:
        daemon.station.request(Start())
        daemon.collect(12)
        seen = [message.header for message in daemon.results if message.header.frame_name]
        told = until_shadowed(daemon, len(seen))
        assert (told["bundle"], told["judged"] + told["dropped"]) == (digest(strict), len(seen))
        assert daemon.station.request(Status())["faults"] == {}
        assert daemon.end() == 0, daemon.log.read_text()
    verdicts = {message.header.verdict for message in daemon.results}
    assert {Verdict.OK, Verdict.NG} <= verdicts
    for row in daemon.rows():
        assert row.bundle == digest(bundle)
        assert row.signal is (Signal.ACCEPT if row.verdict is Verdict.OK else Signal.REJECT)
    with JournalReader(daemon.folder / "journal") as reader:
        counts, found = reader.shadow_counts(), reader.disagreements()
    assert {(each.bundle, each.shadow) for each in counts} == {(digest(bundle), digest(strict))}
    assert sum(each.inspections for each in counts) == len(seen)
    assert all(each.said in {"ng", "fault", DROPPED} for each in counts)
    differing = Counter(each.verdict for each in counts for _ in range(each.inspections) if each.said == "ng")
    assert len(found) == told["disagreements"] == differing["ok"] + differing["review"]
    ours = {row.id: row for row in daemon.rows()}
    assert found
    for each in found:
        assert (each.verdict, each.score) == (ours[each.id].verdict, ours[each.id].score)
        assert (each.said, each.said_score) == ("ng", pytest.approx(each.score, abs=1e-5))
    done = okng("journal", "shadow", "--config", config)
    assert f"{len(found)} ok where the shadow says ng" in done.out or differing["review"]
    assert len([line for line in done.out.splitlines() if " -> ng " in line]) == len(found)
    assert len(json.loads(okng("journal", "shadow", "--json", "--config", config).out)["disagreements"]) == len(found)


@pytest.fixture
def twin_bundle(bundle, tmp_path) -> Path:
    """A bundle that judges alike."""
    return write_variant(bundle, tmp_path / "twin", name="twin")


@pytest.mark.slow
def test_the_shadow_judges_by_the_recipe_in_use(tmp_path, bundle, twin_bundle) -> None:
    """So one that judges alike differs nowhere, though what its card alone says is otherwise."""
    folder = recipes(tmp_path / "d", all_ng='thresholds = {ok_below = 0.0, ng_from = 0.0}\nreview = "ng"')
    camera = f"{(SCENARIOS / 'two-of-three' / 'frames').as_uri()}?loop=true&rate=20"
    lines = ('recipe = "two-of-three"', f'shadow = "{twin_bundle}"', BY_COMMAND)
    config = station_file(folder, bundle, camera, *lines, images=False)
    with Running(config) as daemon:
        while daemon.station.request(Status())["shadow"]["judged"] == 0:  # it is at work
            daemon.station.request(Trigger())
            daemon.collect(len(daemon.results) + 1)
        daemon.station.request(Changeover("all_ng"))
        first = len(daemon.results)
        for _ in range(4):
            daemon.station.request(Trigger())
            daemon.collect(len(daemon.results) + 1)
            told = until_shadowed(daemon, sum(1 for message in daemon.results if message.header.frame_name))
        assert (told["judged"] > 1, told["disagreements"]) == (True, 0)
        assert daemon.end() == 0, daemon.log.read_text()
    verdicts = [message.header.verdict for message in daemon.results[first:]]
    assert set(verdicts) <= {Verdict.NG, Verdict.FAULT}, "one frame is damaged"
    with JournalReader(daemon.folder / "journal") as reader:
        counts = reader.shadow_counts()
    both = sum(each.inspections for each in counts if (each.verdict, each.said) == ("ng", "ng"))
    assert both >= verdicts.count(Verdict.NG) > 0


def test_a_shadow_is_sent_each_recipe_once_and_judges_as_the_station_does(bundle) -> None:
    judge, station, asked = Judge(read_bundle(bundle)), [], io.BytesIO()
    before = None
    for name in ("two-of-three", "two-of-three", "ignored-place", None, "ignored-place", "two-places", "unsure-is-ng"):
        recipe = read_recipe(SCENARIOS / name / "recipe.toml") if name else None
        part = PartJudge(judge, recipe)
        files = sorted((SCENARIOS / (name or "ignored-place") / "frames").glob("*"))[: part.frames + 1]
        frames = [Frame(read_image(file), 0, 0, 0) for file in files if "4" not in file.name][: part.frames]
        station.append(part.judge_part(frames))
        for data in ask(frames, recipe, before):
            asked.write(data)
        before = recipe or before
    said = io.BytesIO()
    serve(read_bundle(bundle), io.BytesIO(asked.getvalue()), said)
    found = [msgspec.json.decode(line, type=Said) for line in said.getvalue().splitlines()]
    assert [(each.verdict, each.score) for each in found] == [(each.verdict, each.score) for each in station]
    assert len({each.verdict for each in found}) > 1


def test_a_recipe_that_does_not_fit_the_shadow_leaves_its_frames_out_and_is_a_fault_that_is_shown(bundle, journal):
    life = Life()
    recipe = Recipe("lost", RecipeSettings(ignore="all.png"), np.full((16, 16), 255, np.uint8))
    shadow = Shadow(read_bundle(bundle), journal, life)
    for sequence in (1, 2):
        shadow._judge(replace(inspection(journal.boot_id, sequence), recipe=recipe), "b" * 64)
    assert shadow.told()["dropped"] == 2
    assert "recipe lost: ignore = 'all.png': leaves no place" in life.condition().faults["shadow"]


@pytest.mark.slow
def test_a_shadow_that_does_not_prove_itself_is_a_fault_and_the_station_goes_on(
    tmp_path, bundle, bundle_copy, capture, seal
) -> None:
    (bundle_copy / MODEL).write_bytes(b"no model")
    seal(bundle_copy)
    config = station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true&rate=50", ON_START, images=False)
    config.write_text(f'shadow = "{bundle_copy}"\n{config.read_text()}')
    with Running(config) as daemon:
        daemon.station.request(Start())
        while "shadow" not in (faults := daemon.station.request(Status())["faults"]):
            daemon.collect(len(daemon.results) + 1)
        assert "refuses the model" in faults["shadow"]
        frames = len(daemon.collect(len(daemon.results) + 20))
        assert until_shadowed(daemon, frames // 2)["dropped"] > 0
        assert daemon.end() == 0, daemon.log.read_text()


def inspection(boot: str, sequence: int, verdict: Verdict = Verdict.OK, kind: str | None = None) -> Inspection:
    frame = Frame(np.full((16, 16), sequence % 200, np.uint8), sequence, 1, 1)
    judgement = Judgement(verdict, 0.5, np.zeros((1, 1, 1), np.int8), kind=kind)
    return Inspection(boot, sequence, f"A-{sequence}", frame, judgement, judgement.signal, 1, frames=(frame,))


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal", station="one") as opened:
        yield opened


def test_what_the_shadow_has_no_time_for_is_left_out_and_counted(bundle, journal) -> None:
    """It is never started here: whoever offers waits for nothing."""
    shadow = Shadow(read_bundle(bundle), journal, Life())
    for sequence in range(1, 11):
        shadow.offer(inspection(journal.boot_id, sequence), "b" * 64)
    assert shadow.told()["dropped"] == 10 - WAITING


@pytest.mark.parametrize(
    ("ours", "said", "differs"),
    [
        ((Verdict.OK, None), ("ok", None), False),
        ((Verdict.OK, None), ("ng", None), True),
        ((Verdict.NG, "dent"), ("ng", "scratch"), True),
        ((Verdict.NG, "dent"), ("ng", None), False),
        ((Verdict.OK, None), (DROPPED, None), False),
    ],
)
def test_only_what_both_said_can_differ(ours, said, differs) -> None:
    assert Shadowed(inspection("3f9a01c2", 1, *ours), "b", "s", said[0], 0.5, said[1]).differs is differs


def test_disagreements_go_with_their_inspections_and_counts_stay(journal) -> None:
    ours = [inspection(journal.boot_id, sequence) for sequence in (1, 2)]
    journal.record([Entry(each, "b" * 64) for each in ours])
    gone = inspection(journal.boot_id, 3)
    journal.compare([Shadowed(each, "b" * 64, "s" * 64, "ng", 0.9) for each in (*ours, gone)])
    journal.compare([Shadowed(ours[0], "b" * 64, "s" * 64, "ok", 0.9)])
    assert [each.id for each in journal.reader.disagreements()] == [each.id for each in ours]
    assert {(each.said, each.inspections) for each in journal.reader.shadow_counts()} == {("ng", 3), ("ok", 1)}
    assert journal._book.retention.drop_rows() == 2
    assert journal.reader.disagreements() == []
    assert len(journal.reader.shadow_counts()) == 2
