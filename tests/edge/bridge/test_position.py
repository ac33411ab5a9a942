"""Where a bridge goes on: what is in the file, and what may not be."""

from __future__ import annotations

import pytest

from edge.bridge import position
from edge.bridge.position import Position
from edge.errors import UsageError


def test_it_goes_on_where_it_was(tmp_path) -> None:
    file = tmp_path / "position"
    first = Position(file)
    assert first.after == ""
    first.move("3f9a01c2-17")
    first.move("")
    first.keep()
    assert Position(file).after == "3f9a01c2-17"
    assert [path.name for path in tmp_path.iterdir()] == ["position"]


def test_it_is_not_written_for_each_result(tmp_path, monkeypatch) -> None:
    written = []
    monkeypatch.setattr(position, "write_file", lambda file, data: written.append(data))
    monkeypatch.setattr(position.time, "monotonic", lambda: 100.0)
    here = Position(tmp_path / "position")
    for number in range(1, 100):
        here.move(f"3f9a01c2-{number}")
    here.keep()
    assert written == [b"3f9a01c2-1\n", b"3f9a01c2-99\n"]


@pytest.mark.parametrize("data", [b"", b"monday\n", b"\xff\xfe", b"3f9a01c2-17\n" * 100])
def test_a_file_that_holds_no_id_is_refused(tmp_path, data) -> None:
    file = tmp_path / "position"
    file.write_bytes(data)
    with pytest.raises(UsageError, match=r"position: .*; remove the file"):
        Position(file)


def test_a_folder_that_is_not_there_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="its folder is not there"):
        Position(tmp_path / "absent" / "position")
    with pytest.raises(UsageError, match="cannot be read"):
        Position(tmp_path)


def test_a_full_disk_ends_no_bridge(tmp_path, monkeypatch, caplog) -> None:
    def full(file: object, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(position, "write_file", full)
    here = Position(tmp_path / "position")
    here.move("3f9a01c2-17")
    here.move("3f9a01c2-18")
    assert here.after == "3f9a01c2-18"
    assert [record.message for record in caplog.records] == [
        f"{tmp_path}/position: cannot be written: No space left on device; results may be sent twice"
    ]
