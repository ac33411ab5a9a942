"""The record thread: journal first, then publish. What is published is on the disk."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time

import msgspec

from edge.contract.bundle import Bundle
from edge.contract.reading import Reading
from edge.contract.types import Inspection
from edge.journal.images import ImageFormat, ImageRule, encode_image
from edge.journal.journal import Journal
from edge.journal.rows import Entry, Recorded
from edge.life import Life
from edge.process import Process
from edge.quality import QualityWatch, measure_quality
from edge.wire.messages import Counters, ImageReference, Topic
from edge.wire.publisher import Publisher

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
IDLE_S = 0.05
BATCH = 32
"""Results that may share one commit."""


class Recorder:
    """Takes inspections from the queue, journals and publishes them, and publishes the state. Only its thread runs it.

    Images are encoded here too, so that the line never waits for that.
    """

    name = "record"

    def __init__(
        self, results: queue.Queue[Inspection | Bundle], journal: Journal, publisher: Publisher, bundle: Bundle,
        life: Life, quality: QualityWatch, *, rule: ImageRule, publish_images: bool,
    ) -> None:  # fmt: skip
        self._results, self._journal, self._publisher = results, journal, publisher
        self._bundle = self._following = bundle
        self._life, self._rule, self._publish_images = life, rule, publish_images
        self._quality = quality
        self._process = Process(journal, publisher, bundle)
        self._next_heartbeat = 0.0

    def run(self, source: threading.Thread) -> None:
        """Until the daemon ends, the thread that fills the queue has ended too, and the queue is empty."""
        while not self._life.ending.is_set() or source.is_alive() or not self._results.empty():
            self._life.progress(self.name)
            self._publisher.keep_out_revoked()
            self._greet(self._publisher.newcomers())
            if batch := self._next_batch():
                self._record(batch)
            if self._bundle is not self._following:
                self._bundle = self._following
                self._process.use(self._bundle)
            if time.monotonic() >= self._next_heartbeat:
                self._look_after_journal()
                self._process.publish_again()
            if self._life.changed.is_set() or time.monotonic() >= self._next_heartbeat:
                self.publish_state()
        self.publish_state()

    def _look_after_journal(self) -> None:
        self._journal.tidy()
        for name, text in self._journal.faults.items():
            self._life.fault(name, text)

    def _greet(self, newcomers: frozenset[Topic]) -> None:
        """Whoever has just subscribed gets the last state and the last statistics at once."""
        if Topic.STATE in newcomers:
            self.publish_state()
        if Topic.STATISTICS in newcomers:
            self._process.publish_again(at_once=True)

    def publish_state(self) -> None:
        """Publishes how the station is now."""
        self._life.changed.clear()
        now = self._life.condition()
        counters = Counters(now.triggers, now.results)
        self._publisher.state(
            now.state, bundle=self._bundle.digest, counters=counters, reason=now.reason, ended=now.ended,
            quality=now.quality, warnings=now.warnings, faults=now.faults,
        )  # fmt: skip
        self._next_heartbeat = time.monotonic() + HEARTBEAT_S

    def _next_batch(self) -> list[Inspection]:
        """Results that one bundle judged: it ends before another one takes over."""
        batch: list[Inspection] = []
        with contextlib.suppress(queue.Empty):
            item = self._results.get(timeout=IDLE_S)
            while isinstance(item, Inspection):
                batch.append(item)
                if len(batch) == BATCH:
                    return batch
                item = self._results.get_nowait()
            self._following = item
            self._life.changed.set()
        return batch

    def _record(self, batch: list[Inspection]) -> None:
        recorded = self._journal.record([self._entry(inspection) for inspection in batch])
        for inspection, done in zip(batch, recorded, strict=True):
            self._life.count_result(inspection)
            self._publish(inspection, done)
            self._watch_quality(inspection)
        self._process.see(batch)

    def _watch_quality(self, inspection: Inspection) -> None:
        """After all that matters more, and never part of it."""
        if inspection.frame is not None:
            self._quality.add(measure_quality(inspection.frame.pixels, self._bundle.card.preprocess.region))
            self._life.show_quality(self._quality.average, self._quality.warnings)

    def _entry(self, inspection: Inspection) -> Entry:
        frame, form = inspection.frame, self._rule.form
        if frame is None or not self._rule.keeps(inspection.judgement.verdict, inspection.sequence):
            return Entry(inspection, self._bundle.digest, reading=self._reading())
        image = encode_image(frame.pixels, form)
        return Entry(inspection, self._bundle.digest, image, form.suffix, self._reading())

    def _reading(self) -> bytes:
        """What `_publish` says beside the inspection, for the journal: from it a result can be published again."""
        card = self._bundle.card
        return msgspec.json.encode(Reading.of(card.output, card.thresholds, card.kinds))

    def _publish(self, inspection: Inspection, done: Recorded) -> None:
        judgement = inspection.judgement
        log.debug("%s %s %s score %s", inspection.id, inspection.part, judgement.verdict, judgement.score)
        reference = ImageReference(done.image.sha256, done.image.path) if done.image else None
        card = self._bundle.card
        self._publisher.result(
            inspection, bundle=self._bundle.digest, output=card.output, thresholds=card.thresholds, image=reference,
            classes=card.kinds,
        )  # fmt: skip
        if self._publish_images and inspection.frame is not None:
            jpeg = encode_image(inspection.frame.pixels, ImageFormat.JPEG)
            self._publisher.image(inspection, jpeg, bundle=self._bundle.digest)
