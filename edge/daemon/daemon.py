"""The station's daemon: puts the parts together, runs their threads, ends them in order.

| thread   | owns                                 | waits for                    |
|----------|--------------------------------------|------------------------------|
| main     | life and death, systemd              | the end, a third of a second |
| line     | camera, interpreter                  | camera, trigger              |
| deadline | takes over from a line that hangs    | a tenth of a second          |
| gate     | the line's outputs                   | the next pulse, 20 ms        |
| record   | PUB socket; writes the journal       | the queue of results, disk   |
| command  | ROUTER socket; decisions, bundles    | requests, disk               |

A bundle on its way is proven in a thread `load`, and a thread `shadow` talks to a shadow bundle; both bundles are in
child processes. A live camera has two threads more (edge/camera/watched.py): one sits in its driver, one waits for that
with a limit. A source of triggers has one, and so have Modbus and a simulated encoder; they hand on what comes, and
wait for nobody. docs/architecture.md has the picture.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import zmq

from edge.camera import Camera
from edge.contract.bundle import read_bundle
from edge.contract.signature import read_public_key
from edge.contract.types import Inspection, State
from edge.daemon.activator import Activator
from edge.daemon.bundles import BundleStore
from edge.daemon.changeover import own_bundle
from edge.daemon.commander import Commander
from edge.daemon.config import StationConfig
from edge.daemon.deadline import TimedPipeline
from edge.daemon.deciding import Decider
from edge.daemon.guard import Guard
from edge.daemon.inspector import Inspector
from edge.daemon.interlock import Interlock
from edge.daemon.life import Life
from edge.daemon.loader import Loader, settle
from edge.daemon.opening import image_rule, open_journal, refused_changeover, station_camera, station_recipe, wire_guard
from edge.daemon.pause import Pause
from edge.daemon.plc import PlcRecipes
from edge.daemon.quality import QualityWatch
from edge.daemon.recorder import Recorder
from edge.daemon.results import Results
from edge.daemon.schedule import Schedule
from edge.daemon.shadow import Shadow
from edge.daemon.systemd import Notifier
from edge.daemon.trial import Trial
from edge.daemon.wiring import (
    belt_encoder,
    code_reader,
    line_signal,
    modbus_link,
    part_ids,
    part_presence,
    plc_recipes,
    station_health,
    trigger_source,
    trigger_times,
)
from edge.errors import BundleError, ConfigError, HardwareError, InvokeHangs
from edge.inspection.triggers import Triggers
from edge.journal.journal import Journal
from edge.line import LineSignal, NoSignal, TriggerSource
from edge.wire.commands import CommandServer
from edge.wire.publisher import Publisher

if TYPE_CHECKING:
    from edge.inference.fallback import FallbackJudge

log = logging.getLogger(__name__)

SWITCH_S = 0.0005
"""After so long a thread that computes in Python lets another one have its turn; by itself Python takes ten times as
long, and a frame needs a turn a dozen times on its way."""
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
        self._line: LineSignal = NoSignal()

    def run(self) -> None:
        """Runs until SIGTERM or SIGINT, then ends in order: the line rejects, the journal is whole.

        Raises OkngError when it cannot start or cannot go on; then too the line rejects.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._life.ending.set())
        sys.setswitchinterval(SWITCH_S)
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
        config, watchdog_s = self._config, self._notifier.watchdog_s
        waits = {"camera.timeout_s": config.camera.timeout_s, "inference.hang_s": config.inference.hang_s}
        for key, seconds in waits.items():
            if watchdog_s and seconds >= watchdog_s:
                raise ConfigError(f"{key} = {seconds:g}: below the unit's WatchdogSec, {watchdog_s:g}")
        trusted = [read_public_key(Path(key)) for key in config.trusted_keys or ()]
        journal = stack.enter_context(open_journal(config))
        recipe = station_recipe(config, journal)
        own = own_bundle(recipe)
        store = BundleStore(Path(config.journal.folder), recipe.name if recipe and own else "")
        loader = Loader(store, trusted, config.inference.runtime, self._life.ending.is_set)
        stack.enter_context(loader)
        loader.begin_first(own or Path(config.bundle))
        context = stack.enter_context(zmq.Context())
        guard = wire_guard(context, config.wire)
        if guard:
            stack.enter_context(guard)
        publisher = stack.enter_context(
            Publisher(context, config.results_address, station=config.station, boot=journal.boot_id, guard=guard)
        )
        server = stack.enter_context(CommandServer(context, config.commands_address, guard))
        camera = stack.enter_context(station_camera(config.camera))
        if link := modbus_link(config):
            stack.enter_context(link)
        health = station_health(config, self._life, camera)
        if encoder := belt_encoder(config.encoder, link):
            stack.enter_context(encoder)
        self._line = line = stack.enter_context(line_signal(config, health, link, encoder))
        if source := trigger_source(config.trigger, link):
            stack.enter_context(source)
        shadow = read_bundle(Path(config.shadow), trusted) if config.shadow else None
        judge = loader.wait()
        bundle = judge.bundle
        signer = f", signed by {bundle.signer.short}" if bundle.signer else ""
        log.info("bundle %s (%s) proved itself%s", bundle.card.name, bundle.short, signer)
        settle(store, loader, bundle, trusted, journal, self._life)
        pipeline = TimedPipeline(judge, line, journal.boot_id, config.inference.hang_s, recipe)
        shadowing = stack.enter_context(Shadow(shadow, journal, self._life)) if shadow else None
        ids = part_ids(config.parts, journal.reader.newest())
        triggers = Triggers(line, trigger_times(config), ids, encoder)
        triggers.check(recipe)
        triggers.use(recipe)
        plc = plc_recipes(config, link, self._life)
        return self._threads(
            judge, pipeline, camera, journal, publisher, server, loader, store, shadowing, source, triggers, plc
        )

    def _threads(
        self, judge: FallbackJudge, pipeline: TimedPipeline, camera: Camera, journal: Journal, publisher: Publisher,
        server: CommandServer, loader: Loader, store: BundleStore, shadow: Shadow | None, source: TriggerSource | None,
        triggers: Triggers, plc: PlcRecipes | None,
    ) -> list[threading.Thread]:  # fmt: skip
        config, life = self._config, self._life
        results, rule = Results(), image_rule(config.journal)
        free_run, recipe, known = config.trigger.kind == "free", pipeline.judge.recipe, config.interlock
        guard = Guard(Interlock(judge.bundle, recipe), Schedule(known.at, known.every_h), known.parts)
        if refused := refused_changeover(journal):
            guard.refuse(refused)
        inspector = Inspector(
            camera, pipeline, triggers, life, results, free_run=free_run, timeout_s=config.camera.timeout_s,
            presence=part_presence(config.trigger), codes=code_reader(config.parts), guard=guard,
            keep_frames=shadow is not None or rule.keeps_any,
        )  # fmt: skip
        if source:
            source.listen(inspector.trigger)
        trial = Trial(judge.bundle.digest, store.record.trial if store.record else None)
        recorder = Recorder(
            results, journal, publisher, judge.bundle, life, QualityWatch(config.quality), trial, shadow,
            rule=rule, publish_images=config.wire.images,
            recipe=recipe.name if recipe else "",
        )  # fmt: skip
        activator = Activator(
            inspector, loader, store, trial, journal, life, judge,
            bundle=Path(config.bundle), recipe=config.recipe or "", retry_s=config.inference.retry_s,
        )  # fmt: skip
        pause = Pause(inspector, journal, life, lambda: activator.bundle.digest)
        commander = Commander(
            server, journal, triggers, inspector, activator, life, shadow, plc,
            Decider(journal, self._line, life, config.reasons), pause,
            station=config.station, free_run=free_run, recipes=Path(config.recipes), reasons=config.reasons,
        )  # fmt: skip
        if shadow:
            shadow.start()
        if not inspector.check("start").passed:
            trial.fail(inspector.blocked)
        if pause.reason:
            inspector.stop(pause.reason)
        elif config.trigger.start == "auto":
            inspector.start()
        else:
            life.enter(State.INITIALIZED, "waits for the command start")
        line = self._thread(inspector.name, inspector.run)
        command = self._thread(commander.name, commander.run)

        def give_up(inspection: Inspection) -> None:
            inspector.abandon(inspection)
            life.fail(InvokeHangs(f"frame {inspection.id}: {inspection.judgement.reason}"), stuck=inspector.name)

        deadline = self._thread(pipeline.name, lambda: pipeline.watch(life, give_up))
        return [line, command, deadline, self._thread(recorder.name, lambda: recorder.run(line))]

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
            self._life.fault("signal", self._line.trouble)
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
        expected = [thread for thread in threads if thread.name not in self._life.stuck]
        for thread in expected:
            thread.join(max(0.0, deadline - time.monotonic()))
        if stuck := [thread.name for thread in expected if thread.is_alive()]:
            self._life.fail(HardwareError(f"thread {', '.join(stuck)} did not end; the line rejects"))

    def _status(self) -> str:
        now = self._life.condition()
        counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(now.results.items()))
        faults = "; ".join(["", *now.faults.values()])
        return f"{now.state}{f' ({now.reason})' if now.reason else ''}; {counts or 'no results yet'}{faults}"
