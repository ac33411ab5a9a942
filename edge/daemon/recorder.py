"""The record thread: journal first, then publish. What is published is on the disk."""

from __future__ import annotations

import logging
import queue
import threading
import time

import msgspec

from edge.contract.bundle import Bundle
from edge.contract.cam import Thresholds
from edge.contract.events import ChangeoverEvent, Event
from edge.contract.preprocess import Region
from edge.contract.reading import Reading
from edge.contract.types import Inspection
from edge.daemon.happened import announce
from edge.daemon.life import Life
from edge.daemon.process import Process
from edge.daemon.quality import QualityWatch, measure_quality
from edge.daemon.results import Results
from edge.daemon.shadow import Shadow
from edge.daemon.trial import Trial
from edge.journal.images import ImageFormat, ImageRule, encode_image
from edge.journal.journal import Journal
from edge.journal.rows import Entry, OtherFrame, Recorded
from edge.wire.messages import Counters, ImageReference, Topic
from edge.wire.publisher import Publisher

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
LOOK_S = 1.0
"""How often the journal is looked after, whatever happens."""
IDLE_S = 0.05
BATCH = 32
"""Results that may share one commit."""


class Recorder:
    """Takes inspections from the queue, journals and publishes them, and publishes the state. Only its thread runs it.

    Images are encoded here too, so that the line never waits for that.
    """

    name = "record"

    def __init__(
        self, results: Results, journal: Journal, publisher: Publisher, bundle: Bundle, life: Life,
        quality: QualityWatch, trial: Trial, shadow: Shadow | None,
        *, rule: ImageRule, publish_images: bool, recipe: str = "",
    ) -> None:  # fmt: skip
        self._results, self._journal, self._publisher = results, journal, publisher
        self._bundle, self._recipe = bundle, recipe
        self._next: Bundle | Event | None = None
        """What ended the last batch: it counts for all that follows."""
        self._life, self._rule, self._publish_images = life, rule, publish_images
        self._quality, self._trial, self._shadow = quality, trial, shadow
        self._process = Process(journal, publisher, bundle, recipe)
        life.show_alarms(*self._process.alarms)
        self._next_heartbeat = self._next_look = 0.0

    def run(self, source: threading.Thread) -> None:
        """Until the daemon ends, the thread that fills the queue has ended too or is stuck, and the queue is empty."""
        while not self._life.ending.is_set() or self._goes_on(source) or not self._results.empty():
            self._life.progress(self.name)
            self._publish_events()
            self._publisher.keep_out_revoked()
            self._greet(self._publisher.newcomers())
            if batch := self._next_batch():
                self._record(batch)
                if self._results.empty():
                    self._journal.settle()
            if self._next:
                self._follow(self._next)
                self._next = None
            if time.monotonic() >= self._next_look:  # not with the heartbeat: each change of state puts that off
                self._keep_passed()
                self._look_after_journal()
                self._process.publish_again()
                self._next_look = time.monotonic() + LOOK_S
            if self._life.changed.is_set() or time.monotonic() >= self._next_heartbeat:
                self.publish_state()
        self._keep_passed()
        self._publish_events()
        self.publish_state()

    def _goes_on(self, source: threading.Thread) -> bool:
        return source.is_alive() and source.name not in self._life.stuck

    def _follow(self, change: Bundle | Event) -> None:
        if isinstance(change, Bundle):
            self._bundle = change
            self._process.use(self._bundle, self._recipe)
        else:
            noted = self._journal.note(change)
            if isinstance(change, ChangeoverEvent):
                self._recipe = change.recipe
                self._process.use(self._bundle, self._recipe)
            self._publisher.event(change, noted.happened_ns, bundle=self._bundle.digest)
        self._life.show_alarms(*self._process.alarms)
        self._life.changed.set()

    def _keep_passed(self) -> None:
        """Triggers that were not taken; a clock may trigger a station that is stopped all night: no commit for each."""
        passed = [self._life.passed.get() for _ in range(self._life.passed.qsize())]
        if passed:
            self._journal.pass_over(passed)

    def _publish_events(self) -> None:
        while not self._life.events.empty():
            noted = self._life.events.get()
            self._publisher.event(noted.event, noted.happened_ns, bundle=noted.event.bundle)
        while not self._life.alarms.empty():
            alarm = msgspec.structs.replace(self._life.alarms.get(), bundle=self._bundle.digest)
            announce(self._journal, self._publisher, alarm)
        while not self._life.decisions.empty():
            news = self._life.decisions.get()
            self._publisher.decision(
                news.said, inspection=news.inspection, operator=news.operator, changed_ns=news.changed_ns,
                undone=news.undone, bundle=self._bundle.digest,
            )  # fmt: skip

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
        counters = Counters(now.triggers, now.results, **now.untaken)
        self._publisher.state(
            now.state, bundle=self._bundle.digest, counters=counters, reason=now.reason, ended=now.ended,
            quality=now.quality, warnings=now.warnings, faults=now.faults, recipe=self._recipe,
            since_ns=now.since_ns,
        )  # fmt: skip
        self._next_heartbeat = time.monotonic() + HEARTBEAT_S

    def _next_batch(self) -> list[Inspection]:
        """Results up to what changes something for those that follow, such as another bundle."""
        try:
            item = self._results.get(timeout=IDLE_S)
        except queue.Empty:
            return []
        batch: list[Inspection] = []
        while isinstance(item, Inspection):
            batch.append(item)
            if len(batch) == BATCH or self._results.empty():
                return batch
            item = self._results.get()
        self._next = item
        return batch

    def _record(self, batch: list[Inspection]) -> None:
        """All results go out before any of what people look at."""
        entries = [self._entry(inspection) for inspection in batch]
        for inspection, done in zip(batch, self._journal.record(entries), strict=True):
            self._life.count_result(inspection)
            self._publish(inspection, done)
        for inspection, entry in zip(batch, entries, strict=True):
            self._publish_pictures(inspection, entry)
            self._watch_quality(inspection)
            self._trial.see(self._bundle.digest, inspection)
            if self._shadow:
                self._shadow.offer(inspection, self._bundle.digest)
        self._process.see(inspection for inspection in batch if not inspection.golden)
        self._life.show_alarms(*self._process.alarms)

    def _watch_quality(self, inspection: Inspection) -> None:
        """After all that matters more, and never part of it."""
        if inspection.frame is not None:
            found = measure_quality(inspection.frame.pixels, self._region(inspection))
            self._quality.add(found, inspection.recipe)
            self._life.show_quality(self._quality.average, self._quality.warnings)

    def _region(self, inspection: Inspection) -> Region:
        return inspection.judgement.region or self._bundle.card.preprocess.region

    def _entry(self, inspection: Inspection) -> Entry:
        frame, form = inspection.frame, self._rule.form
        if frame is None or not self._rule.keeps(inspection.judgement.verdict, inspection.sequence):
            return Entry(inspection, self._bundle.digest, reading=self._reading(inspection))
        image, decisive = encode_image(frame.pixels, form), inspection.judgement.frame
        others = tuple(
            OtherFrame(position, each.captured_ns, encode_image(each.pixels, form))
            for position, each in enumerate(inspection.frames)
            if position != decisive
        )
        return Entry(inspection, self._bundle.digest, image, form.suffix, self._reading(inspection), others)

    def _reading(self, inspection: Inspection) -> bytes:
        """What `_publish` says beside the inspection, for the journal: from it a result can be published again."""
        card = self._bundle.card
        return msgspec.json.encode(Reading.of(card.output, self._thresholds(inspection), card.kinds))

    def _thresholds(self, inspection: Inspection) -> Thresholds:
        card, recipe = self._bundle.card, inspection.recipe
        return recipe.thresholds(card) if recipe else card.thresholds

    def _publish(self, inspection: Inspection, done: Recorded) -> None:
        judgement = inspection.judgement
        if log.isEnabledFor(logging.DEBUG):
            about = {"inspection": inspection.id, "part": inspection.part, "verdict": judgement.verdict}
            log.debug("%s %s %s score %s", *about.values(), judgement.score, extra={"fields": about})
        reference = ImageReference(done.image.sha256, done.image.path) if done.image else None
        card = self._bundle.card
        self._publisher.result(
            inspection, bundle=self._bundle.digest, output=card.output, image=reference, classes=card.kinds,
            thresholds=self._thresholds(inspection),
        )  # fmt: skip

    def _publish_pictures(self, inspection: Inspection, entry: Entry) -> None:
        card = self._bundle.card
        if inspection.judgement.map_units is not None:
            self._publisher.map(
                inspection, bundle=self._bundle.digest, output=card.output, region=self._region(inspection),
                classes=card.kinds,
            )  # fmt: skip
        if self._publish_images and inspection.frame is not None:
            kept = entry.image if entry.suffix == ImageFormat.JPEG.suffix else None
            jpeg = kept or encode_image(inspection.frame.pixels, ImageFormat.JPEG)
            self._publisher.image(inspection, jpeg, bundle=self._bundle.digest)
