"""Process control in the station: over restarts, over a change of bundle, and on the wire."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge.contract.cam import BINARY
from edge.contract.card import Tensor
from edge.contract.recipe import Recipe, RecipeSettings
from edge.contract.types import Frame, Inspection, Judgement, Verdict
from edge.control.memory import decode_memory
from edge.daemon.process import Process
from edge.journal.journal import Journal
from edge.journal.reader import JournalReader
from edge.journal.rows import Entry

GROUP, FIRST = 10, 20


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    monkeypatch.setattr("edge.control.control.GROUP", GROUP)
    monkeypatch.setattr("edge.control.control.FIRST", FIRST)


class Published(list):
    def statistics(self, point, *, bundle) -> None:
        self.append((bundle, point))


def bundle(digest: str):
    card = SimpleNamespace(output=Tensor((1, 2, 2, 1), "int8", 0.1, 0), kinds=BINARY)
    return SimpleNamespace(digest=digest * 64, card=card)


def work(folder: Path, plan: list[tuple[str, int]], published: Published, start: int = 0) -> None:
    """One boot: for each (bundle, count) so many inspections, three at a time; "a screw" is with a recipe."""
    with Journal.open(folder, station="one") as journal:
        process, sequence = None, 0
        for name, count in plan:
            letter, _, product = name.partition(" ")
            recipe = Recipe(product, RecipeSettings()) if product else None
            if process is None:
                process = Process(journal, published, bundle(letter), product)
            else:
                process.use(bundle(letter), product)
            for first in range(0, count, 3):
                batch = []
                for _ in range(min(3, count - first)):
                    sequence += 1
                    units = np.full((2, 2, 1), (start + sequence) % 7 - 40, np.int8)
                    judgement = Judgement(Verdict.OK, 0.01 * ((start + sequence) % 9), units, "", {"invoke": 1.0})
                    frame = Frame(np.zeros((1, 1), np.uint8), 0, 0, 0)
                    batch.append(
                        Inspection(
                            journal.boot_id, sequence, "", frame, judgement, judgement.signal, 10**9 * sequence, recipe
                        )
                    )
                journal.record([Entry(inspection, letter * 64) for inspection in batch])
                process.see(batch)


def kept(folder: Path, letter: str):
    with JournalReader(folder) as reader:
        found = reader.remembered(letter[0] * 64 + letter[1:])
    return found and decode_memory(found.memory)


@pytest.mark.parametrize("cut", [4, 10, 25, 38])
def test_a_restart_anywhere_loses_and_repeats_nothing(tmp_path, cut: int) -> None:
    published = Published()
    work(tmp_path, [("a", cut)], published)
    work(tmp_path, [("a", 60 - cut)], published, start=cut)
    assert [point.group for _, point in published] == [1, 2, 3, 4, 5, 6]
    memory = kept(tmp_path, "a")
    assert memory.verdicts == {Verdict.OK: 60}
    assert [point.ng_limits is None for _, point in published] == [True, True, False, False, False, False]


def test_each_bundle_has_a_memory_of_its_own_and_is_known_again(tmp_path) -> None:
    published = Published()
    work(tmp_path, [("a", 12), ("b", 30), ("a", 10)], published)
    assert [(name[0], point.group) for name, point in published] == [("a", 1), ("b", 1), ("b", 2), ("b", 3), ("a", 2)]
    assert (kept(tmp_path, "a").groups, kept(tmp_path, "b").groups) == (2, 3)


def test_so_has_each_recipe_of_a_bundle_also_over_a_restart(tmp_path, okng) -> None:
    published = Published()
    work(tmp_path, [("a", 14), ("a screw", 14), ("a nut", 4)], published)
    work(tmp_path, [("a screw", 6), ("a", 6)], published)
    assert [kept(tmp_path, name).groups for name in ("a", "a screw")] == [2, 2]
    assert kept(tmp_path, "a nut") is None  # no whole group yet
    assert "aaaaaaaaaaaa screw: 20 inspections in 2 groups" in okng("journal", "summary", "--journal", tmp_path).out
    with JournalReader(tmp_path) as reader:
        rows = reader.rows()
    assert [row.recipe_name for row in rows[12:16]] == ["", "", "screw", "screw"]
    assert rows[0].recipe == ""
    assert len({row.recipe for row in rows}) == 3


def test_the_last_point_is_published_again_after_a_restart(tmp_path) -> None:
    work(tmp_path, [("a", 10)], Published())
    with Journal.open(tmp_path, station="one") as journal:
        published = Published()
        process = Process(journal, published, bundle("a"))
        process.publish_again()
        process.publish_again()
        assert [point.group for _, point in published] == [1]


def test_the_summary_prints_it(tmp_path, okng) -> None:
    work(tmp_path, [("a", 30)], Published())
    done = okng("journal", "summary", "--journal", tmp_path)
    assert done.status == 0
    first, *lines = done.out.splitlines()
    assert first == "30 ok, 0 ng, 0 review, 0 fault; 0 wait for a decision, 0 protected; 0 images, 0.0 MB"
    assert lines[0] == "aaaaaaaaaaaa: 30 inspections in 3 groups"
    assert any("stability index" in line for line in lines)
    as_json = okng("journal", "summary", "--json", "--journal", tmp_path)
    assert '"ng_rate":0.0' in as_json.out


def test_each_point_is_kept_with_its_bundle_and_recipe_and_printed_over_time(tmp_path, okng) -> None:
    published = Published()
    work(tmp_path, [("a", 30), ("b screw", 25)], published)
    work(tmp_path, [("b screw", 5)], published)
    with JournalReader(tmp_path) as reader:
        kept = reader.points()
    assert [(each.bundle, each.point) for each in kept] == published
    assert [each.recipe for each in kept] == ["", "", "", "screw", "screw", "screw"]
    assert len({each.boot_id for each in kept}) == 2
    done = okng("journal", "statistics", "--journal", tmp_path)
    assert len(done.out.splitlines()) == 6
    assert "bbbbbbbbbbbb screw: 10 inspections: 100.0% accepted, 0.0% NG (0.0% to " in done.out.splitlines()[-1]
    assert "cycle 1000 ms; judging 1 ms" in done.out
    (last,) = okng("journal", "statistics", "--last", 1, "--json", "--journal", tmp_path).out.splitlines()
    assert json.loads(last)["point"]["group"] == 3
    assert okng("journal", "statistics", "--until", "2001-01-01", "--journal", tmp_path).out == ""


def test_a_point_that_a_crash_kept_from_the_disk_is_made_up_for(tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "remember", lambda *_: None)
        work(tmp_path, [("a", 10)], Published())
    work(tmp_path, [("a", 1)], Published(), start=10)
    with JournalReader(tmp_path) as reader:
        assert [each.point.inspections for each in reader.points()] == [10]


def test_the_summary_of_an_empty_journal_and_of_none(tmp_path, okng) -> None:
    Journal.open(tmp_path / "journal", station="one").close()
    assert okng("journal", "summary", "--journal", tmp_path / "journal").out.startswith("0 ok, 0 ng")
    done = okng("journal", "summary", "--journal", tmp_path / "none")
    assert (done.status, done.err.count("\n")) == (4, 1)
