"""Decisions as a dataset: what is in it, that it grows, and what is told."""

from __future__ import annotations

import csv
import fcntl
import os
import shutil
from pathlib import Path

import pytest

from edge.contract.types import Decision, Verdict
from trainer.dataset import read_samples


def lines(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def export(okng, tmp_path):
    """Exports the journal to the folder `set`."""
    return lambda *more: okng("review", "export", tmp_path / "set", "--journal", tmp_path / "journal", *more)


@pytest.fixture
def names(journal, make_entry) -> list[str]:
    """A REVIEW and an NG of part A, an OK and a REVIEW of part B, a REVIEW of a part without id."""
    verdicts = [Verdict.REVIEW, Verdict.NG, Verdict.OK, Verdict.REVIEW, Verdict.REVIEW]
    entries = [make_entry(journal.boot_id, number, verdict) for number, verdict in enumerate(verdicts, 1)]
    for entry, part in zip(entries, ["A", "A ", "B", "B", ""], strict=True):
        object.__setattr__(entry.inspection, "part", part)
    return [each.id for each in journal.record(entries)]


def test_each_line_tells_where_its_image_comes_from(journal, names, export, tmp_path) -> None:
    journal.decide(names[0], Decision.ACCEPT, "ann", 'only "dust", she says', "r1", code="dust")
    journal.decide(names[1], Decision.ACCEPT, "ann", "", "r2")
    journal.decide(names[2], Decision.REJECT, "bob", "", "r3", code="crack")
    journal.decide(names[4], Decision.REJECT, "bob", "", "r4")
    done = export()
    assert (done.status, done.out, done.err) == (0, f"{tmp_path}/set: 2 ok, 2 ng; 4 added, 0 changed\n", "")
    first, second, third, last = lines(tmp_path / "set")
    row = journal.reader.find(names[0])
    assert first == {
        "image": f"images/{names[0]}.png", "label": "ok", "kind": "", "group": "A", "mask": "",
        "inspection": names[0], "station": "one", "boot": journal.boot_id, "sequence": "1", "part": "A",
        "recorded": first["recorded"], "bundle": "b" * 64, "recipe": "", "verdict": "review", "score": "0.75",
        "named": "", "decision": "accept", "operator": "ann", "decided": first["decided"], "code": "dust",
        "reason": 'only "dust", she says', "sha256": row.image_sha256,
    }  # fmt: skip
    assert first["recorded"].endswith("+00:00")
    assert (second["group"], third["group"], last["group"]) == ("A", "B", names[4])
    assert (third["verdict"], third["decision"], third["label"]) == ("ok", "reject", "ng")
    samples = read_samples(tmp_path / "set")
    assert [(sample.label, sample.kind) for sample in samples] == [
        ("ok", "ok"), ("ok", "ok"), ("ng", "crack"), ("ng", "ng"),
    ]  # fmt: skip
    assert samples[0].path.read_bytes() == journal.reader.image(row)


def test_a_second_export_changes_nothing_and_a_third_adds_what_is_new(journal, names, export, tmp_path) -> None:
    journal.decide(names[0], Decision.REJECT, "ann", "", "r1")
    assert export().status == 0
    before = files(tmp_path / "set")
    assert export().out.endswith(": 0 ok, 1 ng; 0 added, 0 changed\n")
    assert files(tmp_path / "set") == before
    place = tmp_path / "set" / "manifest.csv"
    line = {**lines(tmp_path / "set")[0], "kind": "dent", "mask": "masks/1.png", "group": "tray 7", "mine": "yes"}
    with place.open("w", newline="") as file:
        writer = csv.DictWriter(file, line)
        writer.writeheader()
        writer.writerow(line)
    journal.decide(names[3], Decision.ACCEPT, "ann", "", "r2")
    assert export("--json").out.startswith('{"labels":{"ok":1,"ng":1},"added":1,')
    first, second = lines(tmp_path / "set")
    assert first == line
    assert (second["inspection"], second["mine"]) == (names[3], "")


def test_images_that_the_journal_let_go_stay_in_the_dataset(journal, names, export, tmp_path) -> None:
    journal.decide(names[0], Decision.REJECT, "ann", "", "r1")
    assert export().status == 0
    journal._book.retention.drop_images(10**9)
    journal.decide(names[1], Decision.ACCEPT, "ann", "", "r2")
    done = export()
    assert (done.status, done.err) == (0, "1 left out: its image made room for newer ones\n")
    assert [line["inspection"] for line in lines(tmp_path / "set")] == [names[0]]


def test_what_was_decided_otherwise_is_changed_and_said(journal, names, export, tmp_path) -> None:
    journal.decide(names[0], Decision.REJECT, "ann", "", "r1")
    assert export().status == 0
    place = tmp_path / "set" / "manifest.csv"
    place.write_text(place.read_text().replace(",ng,,A,,", ",ng,dent,A,masks/1.png,"))
    assert lines(tmp_path / "set")[0]["mask"]
    journal.decide(names[0], Decision.ACCEPT, "bob", "looked again", "r2")
    done = export()
    assert (done.status, done.err) == (0, f"{names[0]}: was ng, is ok by bob\n")
    assert done.out.endswith(": 1 ok, 0 ng; 0 added, 1 changed\n")
    (line,) = lines(tmp_path / "set")
    assert (line["label"], line["kind"], line["mask"], line["reason"]) == ("ok", "", "", "looked again")


def test_another_code_is_another_kind_unless_a_person_said_one(journal, names, export, tmp_path) -> None:
    for name in names[:2]:
        journal.decide(name, Decision.REJECT, "ann", "", name, code="dent")
    assert export().status == 0
    place = tmp_path / "set" / "manifest.csv"
    head, first, second = place.read_text().splitlines()
    place.write_text("\n".join([head, first, second.replace(",ng,dent,", ",ng,dent-deep,")]) + "\n")
    for name in names[:2]:
        journal.decide(name, Decision.REJECT, "ann", "", f"{name}-again", code="scratch")
    assert export().out.endswith("; 0 added, 0 changed\n")
    found = [(line["kind"], line["code"]) for line in lines(tmp_path / "set")]
    assert found == [("scratch", "scratch"), ("dent-deep", "scratch")]


def test_a_decision_that_was_taken_back_teaches_no_longer(journal, names, export, tmp_path) -> None:
    for name in names[:2]:
        journal.decide(name, Decision.REJECT, "ann", "", name)
    assert export().status == 0
    journal.withdraw(names[0], "ann", "back")
    done = export()
    assert (done.status, done.err) == (0, f"{names[0]}: was ng, its decision was taken back\n")
    assert [line["inspection"] for line in lines(tmp_path / "set")] == [names[1]]
    assert export().out.endswith("; 0 added, 0 changed\n")


def test_a_part_that_was_decided_both_ways_is_told_each_time(journal, names, export) -> None:
    journal.decide(names[0], Decision.REJECT, "ann", "", "r1")
    journal.decide(names[1], Decision.ACCEPT, "bob", "", "r2")
    told = f"part A was decided both ways: ng in {names[0]} by ann, ok in {names[1]} by bob\n"
    assert [(done.status, done.err) for done in (export(), export())] == [(1, told)] * 2
    journal.decide(names[1], Decision.REJECT, "bob", "", "r3")
    done = export()
    assert (done.status, done.err) == (0, f"{names[1]}: was ok, is ng by bob\n")


def test_a_fault_teaches_nothing_whatever_the_operator_saw(journal, names, make_entry, export) -> None:
    (fault,) = journal.record([make_entry(journal.boot_id, 9, Verdict.FAULT)])
    journal.decide(fault.id, Decision.ACCEPT, "ann", "", "r1")
    done = export()
    assert (done.status, "FAULT" in done.err) == (2, True)
    journal.decide(names[0], Decision.REJECT, "ann", "", "r2")
    assert export().err.startswith("1 left out: FAULT")


def test_an_image_that_is_not_what_was_recorded_is_left_out_and_named(journal, names, export, tmp_path) -> None:
    for name in names[:2]:
        journal.decide(name, Decision.REJECT, "ann", "", name)
    row = journal.reader.find(names[0])
    (tmp_path / "journal" / row.image_path).write_bytes(b"other")
    done = export()
    assert (done.status, done.out) == (1, f"{tmp_path}/set: 0 ok, 1 ng; 1 added, 0 changed\n")
    assert done.err.startswith(f"{names[0]}: ")
    assert "not the image that was recorded" in done.err
    assert [line["inspection"] for line in lines(tmp_path / "set")] == [names[1]]


def test_nothing_to_export_says_why_and_makes_no_folder(journal, names, export, tmp_path) -> None:
    done = export()
    assert (done.status, "was decided" in done.err, done.err.count("\n")) == (2, True, 1)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "is no export"),
        ("image,label\n1.png,ok\n", "column kind is missing, so it is no export"),
        ("\0\xff", "is missing"),
        ("TWICE", "line 3: "),
    ],
)
def test_a_folder_of_something_else_is_left_as_it_is(journal, names, export, tmp_path, content, complaint) -> None:
    journal.decide(names[0], Decision.REJECT, "ann", "", "r1")
    place = tmp_path / "set" / "manifest.csv"
    if content == "TWICE":
        assert export().status == 0
        head, line = place.read_text().splitlines()
        content = f"{head}\n{line}\n{line}\n"
    else:
        place.parent.mkdir()
        (place.parent / "mine").touch()
    if content:
        place.write_text(content)
    before = files(place.parent)
    done = export()
    assert (done.status, complaint in done.err, done.err.count("\n")) == (2, True, 1), done.err
    assert files(place.parent) == before
    shutil.rmtree(place.parent)
    place.parent.touch()
    assert export().status == 2


def test_two_exports_into_one_folder_do_not_meet(journal, names, export, tmp_path) -> None:
    journal.decide(names[0], Decision.REJECT, "ann", "", "r1")
    assert export().status == 0
    held = os.open(tmp_path / "set", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    done = export()
    os.close(held)
    assert (done.status, "another export" in done.err) == (2, True)
    assert export().status == 0


def test_a_full_disk_leaves_the_manifest_as_it_was(journal, names, export, tmp_path, monkeypatch) -> None:
    journal.decide(names[0], Decision.REJECT, "ann", "", "r1")
    assert export().status == 0
    before = (tmp_path / "set" / "manifest.csv").read_bytes()
    journal.decide(names[1], Decision.REJECT, "ann", "", "r2")

    def full(_path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    for module in ("dataset", "manifest"):
        with monkeypatch.context() as patch:
            patch.setattr(f"edge.review.{module}.write_file", full)
            done = export()
        assert (done.status, "No space left on device" in done.err, done.err.count("\n")) == (2, True, 1)
        assert (tmp_path / "set" / "manifest.csv").read_bytes() == before
    assert export().out.endswith(": 0 ok, 2 ng; 1 added, 0 changed\n")
