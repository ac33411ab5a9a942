from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from edge.contract.types import Decision, Verdict
from edge.errors import UsageError
from edge.journal.export import to_parquet
from edge.journal.journal import Journal


@pytest.fixture
def recorded(tmp_path, make_entry) -> Path:
    """A journal with an OK, an NG, and three REVIEWs, two of them decided; recorded at 1, 2, … s after 1970."""
    folder, clock = tmp_path / "journal", iter(range(10**9, 10**11, 10**9))
    with Journal.open(folder, station="one", clock=lambda: next(clock)) as journal:
        verdicts = [Verdict.OK, Verdict.NG, Verdict.REVIEW, Verdict.REVIEW, Verdict.REVIEW]
        done = [
            journal.record([_entry(make_entry, journal.boot_id, number, verdict)])[0]
            for number, verdict in enumerate(verdicts, 1)
        ]
        journal.decide(done[2].id, Decision.ACCEPT, "ann", 'only "dust", she says', "r1")
        journal.decide(done[3].id, Decision.REJECT, "ann", "", "r2")
    return folder


def _entry(make_entry, boot_id: str, number: int, verdict: Verdict):
    kind = "dent" if verdict is Verdict.NG else None
    return make_entry(boot_id, number, verdict, image=verdict is not Verdict.OK, kind=kind)


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_has_a_line_for_each_inspection(okng, recorded, tmp_path) -> None:
    out = tmp_path / "out.csv"
    done = okng("journal", "export", out, "--journal", recorded)
    assert (done.status, done.out, done.err) == (0, f"{out}: 5 inspections\n", "")
    found = lines(out)
    assert [line["verdict"] for line in found] == ["ok", "ng", "review", "review", "review"]
    assert [line["kind"] for line in found] == ["", "dent", "", "", ""]
    assert [line["decision"] for line in found] == ["", "", "accept", "reject", ""]
    assert found[2]["decision_reason"] == 'only "dust", she says'
    assert found[0]["recorded"].startswith("1970-01-01T00:00:")
    assert json.loads(found[0]["timings_ms"]) == {"invoke": 1.5}
    assert float(found[1]["score"]) == 0.75
    assert found[0]["image_path"] == ""


def test_a_span_of_time_may_be_chosen(okng, recorded, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    __import__("time").tzset()
    span = ("--since", "1970-01-01T00:00:03", "--until", "1970-01-01T00:00:05")
    done = okng("journal", "export", tmp_path / "out.csv", "--journal", recorded, *span)
    assert [int(line["recorded_ns"]) for line in lines(tmp_path / "out.csv")] == [3 * 10**9, 4 * 10**9], done
    wrong = okng("journal", "export", tmp_path / "no.csv", "--journal", recorded, "--since", "1971-01-01", *span[2:])
    assert (wrong.status, wrong.err.count("\n")) == (2, 1)
    assert not (tmp_path / "no.csv").exists()


def test_nothing_is_overwritten_and_nothing_half_written(okng, recorded, tmp_path) -> None:
    name = "out.csv"
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine").touch()
    done = okng("journal", "export", tmp_path / name, "--journal", recorded)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "is already there" in done.err
    (tmp_path / "file").touch()
    done = okng("journal", "export", tmp_path / "file" / name, "--journal", recorded)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert {path.name for path in tmp_path.iterdir()} == {"journal", name, "file"}


def test_a_folder_needs_to_know_as_what(okng, recorded, tmp_path) -> None:
    done = okng("journal", "export", tmp_path / "set", "--journal", recorded)
    assert (done.status, "okng review export" in done.err, done.err.count("\n")) == (2, True, 1)


def test_parquet_without_pyarrow_says_what_to_do(okng, recorded, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = okng("journal", "export", tmp_path / "out.parquet", "--journal", recorded)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "pip install pyarrow" in done.err
    with pytest.raises(UsageError, match="pyarrow"):
        to_parquet([], tmp_path / "x")
    assert not (tmp_path / "out.parquet").exists()


def test_parquet_has_the_maps_too(okng, recorded, tmp_path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    done = okng("journal", "export", tmp_path / "out.parquet", "--journal", recorded)
    assert (done.status, done.err) == (0, "")
    table = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [line["verdict"] for line in table] == ["ok", "ng", "review", "review", "review"]
    assert list(table[0]["map"]) == [253, 254, 255, 0, 1, 2]
    assert table[0]["map_shape"] == [2, 3, 1]
    assert (table[1]["score"], table[0]["image_path"], table[2]["decided_ns"] > 0) == (0.75, None, True)


def test_the_command_line_protects(okng, recorded) -> None:
    name = lines_of(okng, recorded)[0]
    done = okng("journal", "protect", name, "--journal", recorded)
    assert (done.status, done.out) == (0, "1 protected\n")
    assert okng("journal", "protect", name, "--off", "--journal", recorded).out == "1 no longer protected\n"
    wrong = okng("journal", "protect", "00000000-1", "--journal", recorded)
    assert (wrong.status, wrong.err) == (2, "okng: no inspection '00000000-1' in the journal\n")
    assert okng("journal", "protect", name, "--journal", recorded / "nowhere").status == 4


def lines_of(okng, recorded: Path) -> list[str]:
    out = recorded.parent / "ids.csv"
    assert okng("journal", "export", out, "--journal", recorded).status == 0
    return [line["id"] for line in lines(out)]
