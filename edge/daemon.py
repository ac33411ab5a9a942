"""The station's daemon: puts the parts together, runs their threads, ends them in order.

| thread  | owns                                 | waits for                    |
|---------|--------------------------------------|------------------------------|
| main    | life and death, systemd              | the end, a third of a second |
| line    | camera, interpreter, signal          | camera, trigger              |
| record  | PUB socket; writes the journal       | the queue of results, disk   |
| command | ROUTER socket; journals decisions    | requests, disk               |

A live camera has two threads more (edge/camera/watched.py): one sits in its driver, one waits for that with a limit.
"""

from __future__ import annotations

import logging
import queue
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec
import zmq

from edge.camera import Camera, Patience, camera_from_uri, watch_camera
from edge.commander import Commander
from edge.config import CameraConfig, JournalConfig, SignalConfig, StationConfig, WireConfig
from edge.contract.bundle import Bundle, read_bundle
from edge.contract.signature import read_public_key
from edge.contract.types import Inspection, State
from edge.errors import BundleError, ConfigError, HardwareError
from edge.inference.verify import finish_verify, start_verify
from edge.inspector import Inspector
from edge.journal.images import ImageFormat, ImagePolicy, ImageRule
from edge.journal.journal import Journal
from edge.journal.retention import Bounds
from edge.life import Life
from edge.line import GpioSignal, LineSignal, NoSignal
from edge.loader import Loader
from edge.pipeline import Pipeline
from edge.quality import QualityWatch
from edge.recorder import Recorder
from edge.systemd import Notifier
from edge.triggers import Triggers
from edge.wire.allowed import AllowList
from edge.wire.commands import CommandServer
from edge.wire.guard import Guard
from edge.wire.keys import read_wire_key
from edge.wire.publisher import Publisher

log = logging.getLogger(__name__)

RESULTS_WAITING = 256
LOOK_S = 0.3
STUCK_S = 30.0
"""A thread silent for longer is stuck, where systemd says nothing else."""
END_PATIENCE_S = 15.0


class Daemon:
    """One run of a station, from its start to its end."""

    def __init__(self, config: StationConfig) -> None:
        self._config = config
        self._life = Life()
        self._notifier = Notifier()

    def run(self) -> None:
        """Runs until SIGTERM or SIGINT, then ends in order: the line rejects, the journal is whole.

        Raises OkngError when it cannot start or cannot go on; then too the line rejects.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._life.ending.set())
        with ExitStack() as stack:
            try:
                threads = self._assemble(stack)
            except BundleError:
                if self._life.ending.is_set():  # stopped before it was ready
                    return
                raise
            for thread in threads:
                thread.start()
            self._watch()
            self._end(threads)
        if self._life.error:
            raise self._life.error

    def _assemble(self, stack: ExitStack) -> list[threading.Thread]:
        """Opens everything, the child process that verifies the bundle running meanwhile."""
        config, path = self._config, Path(self._config.bundle)
        watchdog_s = self._notifier.watchdog_s
        if watchdog_s and config.camera.timeout_s >= watchdog_s:
            raise ConfigError(
                f"camera.timeout_s = {config.camera.timeout_s:g}: below the unit's WatchdogSec, {watchdog_s:g}"
            )
        trusted = [read_public_key(Path(key)) for key in config.trusted_keys or ()]
        bundle = read_bundle(path, trusted)
        child = start_verify(path)  # of a signed station only now: what nobody signed is not even tried
        stack.callback(child.kill)
        from edge.inference.judge import Judge

        journal = stack.enter_context(open_journal(config))
        context = stack.enter_context(zmq.Context())
        guard = wire_guard(context, config.wire)
        if guard:
            stack.enter_context(guard)
        publisher = stack.enter_context(
            Publisher(context, config.results_address, station=config.station, boot=journal.boot_id, guard=guard)
        )
        server = stack.enter_context(CommandServer(context, config.commands_address, guard))
        camera = stack.enter_context(station_camera(config.camera))
        line = stack.enter_context(line_signal(config.signal))
        if finish_verify(path, child, self._life.ending.is_set).digest != bundle.digest:
            raise BundleError(f"{path}: changed while it was being verified; start again")
        judge = Judge(bundle, config.inference.threads)  # only now: an unproven model may crash the runtime
        signer = f", signed by {bundle.signer.short}" if bundle.signer else ""
        log.info("bundle %s (%s) proved itself%s", bundle.card.name, bundle.short, signer)
        loader = Loader(trusted, config.inference.threads, self._life.ending.is_set)
        pipeline = Pipeline(judge, line, journal.boot_id)
        return self._threads(bundle, pipeline, camera, journal, publisher, server, loader)

    def _threads(
        self, bundle: Bundle, pipeline: Pipeline, camera: Camera, journal: Journal, publisher: Publisher,
        server: CommandServer, loader: Loader,
    ) -> list[threading.Thread]:  # fmt: skip
        config, life, triggers = self._config, self._life, Triggers()
        results: queue.Queue[Inspection | Bundle] = queue.Queue(RESULTS_WAITING)
        free_run = config.trigger.kind == "free"
        inspector = Inspector(
            camera, pipeline, triggers, life, results, free_run=free_run, timeout_s=config.camera.timeout_s
        )
        recorder = Recorder(
            results, journal, publisher, bundle, life, QualityWatch(config.quality),
            rule=image_rule(config.journal), publish_images=config.wire.images,
        )  # fmt: skip
        commander = Commander(
            server, journal, triggers, inspector, bundle, life, loader, station=config.station, free_run=free_run
        )
        if config.trigger.start == "auto":
            inspector.start()
        else:
            life.enter(State.INITIALIZED, "waits for the command start")
        line = self._thread(inspector.name, inspector.run)
        command = self._thread(commander.name, commander.run)
        return [line, command, self._thread(recorder.name, lambda: recorder.run(line))]

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                log.debug("thread %s ended", name, exc_info=True)
                self._life.fail(error)

        self._life.progress(name)
        return threading.Thread(target=guarded, name=name, daemon=True)

    def _watch(self) -> None:
        """Tells systemd of progress until the end; a stuck thread is the end."""
        limit_s = self._notifier.watchdog_s or STUCK_S
        self._notifier.ready(self._status())
        while not self._life.ending.wait(min(LOOK_S, limit_s / 4)):
            if self._life.slowest_s() < limit_s:
                self._notifier.alive()
                self._notifier.status(self._status())
            elif self._life.slowest_s() > limit_s + STUCK_S:
                self._life.fail(HardwareError(f"no progress for {self._life.slowest_s():.0f} s; restart the station"))

    def _end(self, threads: list[threading.Thread]) -> None:
        if self._life.error is None:
            self._life.enter(State.PREOPERATIONAL, "stopping")
        self._notifier.stopping(self._status())
        deadline = time.monotonic() + END_PATIENCE_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if stuck := [thread.name for thread in threads if thread.is_alive()]:
            self._life.fail(HardwareError(f"thread {', '.join(stuck)} did not end; the line rejects"))

    def _status(self) -> str:
        now = self._life.condition()
        counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(now.results.items()))
        faults = "; ".join(["", *now.faults.values()])
        return f"{now.state}{f' ({now.reason})' if now.reason else ''}; {counts or 'no results yet'}{faults}"


def open_journal(config: StationConfig) -> Journal:
    """The journal that a station file asks for; each row says with which settings it was made."""
    keep = config.journal
    size = int(keep.keep_gb * 1e9) if keep.keep_gb else None
    bounds = Bounds(size, keep.keep_days, keep.keep_inspections)
    settings = msgspec.json.encode(config)
    return Journal.open(Path(keep.folder), station=config.station, settings=settings, bounds=bounds)


def wire_guard(context: zmq.Context[zmq.Socket[bytes]], config: WireConfig) -> Guard | None:
    """Who decides who gets in over tcp, where a station file asks for it."""
    if config.key is None or config.allowed is None:
        return None
    own = read_wire_key(Path(config.key))
    return Guard(context, own, AllowList(Path(config.allowed), own.public))


def image_rule(config: JournalConfig) -> ImageRule:
    """Which frames a station file wants kept."""
    return ImageRule(ImagePolicy(config.images), config.images_every, ImageFormat(config.image_format))


def station_camera(config: CameraConfig) -> Camera:
    """The camera that a station file asks for, looked after, not yet open."""
    patience = Patience(config.timeout_s, config.reopenings, config.backoff_s, config.backoff_max_s)
    return watch_camera(camera_from_uri(config.uri), patience, repeats=config.repeats)


def line_signal(config: SignalConfig) -> LineSignal:
    """The signal that a station file asks for, not yet open."""
    if config.kind == "none" or config.pass_pin is None:
        return NoSignal()
    return GpioSignal(config.pass_pin, config.reject_pin, config.pulse_ms, config.factory)
