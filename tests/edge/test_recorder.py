"""The record thread by itself: what goes out when."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from edge.contract.bundle import read_bundle
from edge.contract.images import decode_image
from edge.contract.triggers import PassedOver, Untaken
from edge.contract.types import Frame, Inspection, Judgement, Verdict
from edge.daemon.life import Life
from edge.daemon.quality import QualityWatch
from edge.daemon.recorder import Recorder
from edge.daemon.results import Results
from edge.daemon.trial import Trial
from edge.journal.images import ImageFormat, ImagePolicy, ImageRule
from edge.journal.journal import Journal


class Published(list):
    """In the place of a publisher."""

    def result(self, inspection, *, image, **_) -> None:
        self.append(("result", inspection.sequence, image))

    def image(self, inspection, data, **_) -> None:
        self.append(("image", inspection.sequence, data))

    def map(self, inspection, **_) -> None:
        self.append(("map", inspection.sequence, None))

    def state(self, *_, **__) -> None: ...
    def statistics(self, *_, **__) -> None: ...
    def keep_out_revoked(self) -> None: ...
    def newcomers(self) -> frozenset:
        return frozenset()


def test_all_frames_of_a_kept_part_and_triggers_that_were_not_taken_are_in_the_journal(tmp_path, bundle) -> None:
    results, life, read = Results(), Life(), read_bundle(bundle)
    frames = tuple(Frame(np.full((8, 8), 50 * number, np.uint8), number, 10 + number, 1) for number in (1, 2, 3))
    with Journal.open(tmp_path, station="one") as journal:
        for sequence, verdict in enumerate((Verdict.NG, Verdict.OK), 1):
            judgement = Judgement(verdict, 0.9, np.zeros((16, 16, 1), np.int8), frame=2)
            inspection = Inspection(
                journal.boot_id, sequence, "", frames[2], judgement, judgement.signal, 1, frames=frames
            )
            results.put(inspection)
        life.pass_over(PassedOver(Untaken.OVERRUN, "late", 5, 2))
        recorder = Recorder(
            results, journal, Published(), read, life, QualityWatch(), Trial(read.digest, None), None,
            rule=ImageRule(ImagePolicy.NG), publish_images=False,
        )  # fmt: skip
        life.ending.set()
        recorder.run(SimpleNamespace(is_alive=lambda: False, name="line"))
        bad, good = journal.rows()
        kept = journal.reader.frames(bad)
        shown = [decode_image(journal.reader.frame(each), each.path) for each in kept]
        assert [(each.position, each.captured_ns) for each in kept] == [(0, 11), (1, 12)]
        assert [image.mean() for image in shown] == [50, 100]
        assert decode_image(journal.reader.image(bad), "").mean() == 150
        assert (journal.reader.image(good), journal.reader.frames(good)) == (None, [])
        assert [each.trigger for each in journal.reader.untaken()] == [PassedOver(Untaken.OVERRUN, "late", 5, 2)]
        assert life.condition().untaken == {"overrun": 1}


def test_the_journal_is_looked_after_however_often_the_state_changes(tmp_path, bundle, monkeypatch) -> None:
    monkeypatch.setattr("edge.daemon.recorder.LOOK_S", 0.0)
    monkeypatch.setattr("edge.daemon.recorder.HEARTBEAT_S", 1000.0)
    life, read, rounds, tidied = Life(), read_bundle(bundle), iter(range(3)), []
    life.ending.set()

    def is_alive() -> bool:
        life.changed.set()
        return next(rounds, None) is not None

    with Journal.open(tmp_path, station="one") as journal:
        monkeypatch.setattr(journal, "tidy", lambda: tidied.append(1))
        recorder = Recorder(
            Results(), journal, Published(), read, life, QualityWatch(), Trial(read.digest, None), None,
            rule=ImageRule(), publish_images=False,
        )  # fmt: skip
        recorder.run(SimpleNamespace(is_alive=is_alive, name="line"))
    assert len(tidied) == 3


@pytest.mark.parametrize("form", list(ImageFormat))
def test_all_results_of_a_commit_go_out_before_any_picture_and_a_kept_jpeg_is_that_picture(
    tmp_path, bundle, form
) -> None:
    published, results, life, read = Published(), Results(), Life(), read_bundle(bundle)
    units = np.zeros((16, 16, 1), np.int8)
    with Journal.open(tmp_path, station="one") as journal:
        for number in (1, 2, 3):
            frame = Frame(np.full((8, 8), 50 * number, np.uint8), number, 1, 1)
            judgement = Judgement(Verdict.NG, 0.9, units)
            results.put(Inspection(journal.boot_id, number, "", frame, judgement, judgement.signal, 1))
        recorder = Recorder(
            results, journal, published, read, life, QualityWatch(), Trial(read.digest, None), None,
            rule=ImageRule(ImagePolicy.ALL, form=form), publish_images=True,
        )  # fmt: skip
        life.ending.set()
        recorder.run(SimpleNamespace(is_alive=lambda: False, name="line"))
        assert [(kind, number) for kind, number, _ in published] == [
            ("result", 1), ("result", 2), ("result", 3),
            ("map", 1), ("image", 1), ("map", 2), ("image", 2), ("map", 3), ("image", 3),
        ]  # fmt: skip
        for (_, number, reference), (_, _, picture) in zip(published[:3], published[4::2], strict=True):
            kept = (tmp_path / reference.path).read_bytes()
            assert picture[:2] == b"\xff\xd8", number
            assert (kept == picture) == (form is ImageFormat.JPEG)
