"""A camera that is looked after: what it gives is checked, and when it fails it is opened anew."""

from __future__ import annotations

import copy
import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import ClassVar

from edge.camera.camera import Camera
from edge.camera.health import FrameCheck
from edge.camera.reader import Reader, Silence
from edge.contract.types import Frame
from edge.errors import CameraError, CameraLost

log = logging.getLogger(__name__)

PERIODS = 3
"""Without a frame, before that is said."""
BAD_IN_A_ROW = 3
"""Frames or errors, before the camera is opened anew."""
HEALED = 10
"""Good frames in a row, before earlier reopenings are forgotten: some cameras give one frame and then fail again."""
OPEN_S = 10.0
CLOSE_S = 1.0
"""Patience with a driver that opens, and with one that is to end."""


@dataclass(frozen=True)
class Patience:
    """With a camera that fails: when it is opened anew, and how often before it is given up.

    `timeout_s` is the longest time without a frame, also for the first one after opening. A reopening waits
    `backoff_s` seconds, the next one twice as long, and so on up to `backoff_max_s`; there is nothing random in it.
    After `reopenings` of them, without ten good frames in a row in between, the camera is lost.
    """

    timeout_s: float = 2.0
    reopenings: int = 10
    backoff_s: float = 0.5
    backoff_max_s: float = 30.0

    def pause_s(self, failed: int) -> float:
        """Seconds from the trouble to the next reopening, after `failed` reopenings that did not help."""
        return min(self.backoff_s * 2.0 ** min(failed, 60), self.backoff_max_s)


class WatchedCamera(Camera):
    """Frames of a live camera that are fit to be judged, and plain words in place of all others.

    Two threads: a Reader sits in the driver, the watch waits for it with a limit. `read` gives the newest frame that
    was not given before: a slow reader misses frames, and never gets old ones. A camera that is silent, hangs, is
    gone, repeats itself, or gives frames that are black, saturated, frozen or of another size is a CameraError for
    whoever reads: silence after three frame periods (`timeout_s`, where the period is not known), all else at once.

    After three of these in a row, or silence for `timeout_s`, it is opened anew. As long as it gives frames, fit or
    not, it stays open until then, and the first good frame ends the trouble.
    """

    live: ClassVar[bool] = True

    def __init__(self, camera: Camera, patience: Patience | None = None, *, repeats: bool = False) -> None:
        """`camera` is live and not open; each opening uses a fresh copy of it. `repeats`: see FrameCheck."""
        super().__init__(camera.name)
        self._camera, self._patience = camera, patience or Patience()
        self._fitness = FrameCheck(camera.size, repeats=repeats)
        timeout_s = self._patience.timeout_s
        self._silence_s = min(PERIODS * (camera.period_s or timeout_s), timeout_s)
        self._news = threading.Condition()
        self._ending = threading.Event()
        self._reader: Reader | None = None
        self._thread: threading.Thread | None = None
        self._forget()

    def check(self) -> str:
        """What has been wrong since the last good frame. Raises CameraLost when the camera was given up."""
        with self._news:
            if self._lost:
                raise CameraLost(self._trouble)
            return self._trouble

    def _forget(self) -> None:
        self._frame: Frame | None = None
        self._trouble = self._untold = ""
        """What is wrong; and what of it nobody has read yet."""
        self._lost = False
        self._failed = 0
        """Reopenings since the camera was last well."""
        self._reopen_at_s = 0.0

    def _do_open(self) -> None:
        self._ending.clear()
        self._forget()
        self._reader = self._open_reader()
        self._thread = threading.Thread(target=self._guard, name="camera watch", daemon=True)
        self._thread.start()

    def _do_read(self, timeout_s: float) -> Frame:
        with self._news:
            if not self._news.wait_for(lambda: self._frame or self._untold, timeout_s):
                raise CameraError(self._trouble or f"{self.name}: no frame within {timeout_s:g} s")
            frame, untold = self._frame, self._untold
            self._frame, self._untold = None, ""
        index = self._count_frame()
        if frame is None:
            raise CameraError(untold)
        return replace(frame, index=index)

    def _do_close(self) -> None:
        self._ending.set()
        if self._reader is not None:
            self._reader.wake()
        if self._thread is not None:
            self._thread.join(3 * CLOSE_S)

    def _open_reader(self) -> Reader:
        reader = Reader(copy.copy(self._camera), 1.25 * self._patience.timeout_s)
        reader.start()
        try:
            reader.wait_open(OPEN_S)
        except CameraError:
            reader.end(CLOSE_S)
            raise
        return reader

    def _guard(self) -> None:
        try:
            self._watch()
        except Exception as error:
            log.exception("the watch over %s has ended", self.name)
            self._give_up(f"{self.name}: its watch has ended: {type(error).__name__}: {error}")

    def _watch(self) -> None:
        """Follows one reader after the other, until the camera is closed or lost."""
        while not self._ending.is_set():
            if self._reader is not None:
                self._follow(self._reader)
                self._leave(self._reader)
            if self._failed >= self._patience.reopenings and not self._ending.is_set():
                self._give_up(f"{self._trouble}; it was opened anew {self._failed} times in vain, check its power too")
                return
            self._reader = self._reopen()

    def _follow(self, reader: Reader) -> None:
        """Takes frames until the camera is to be opened anew, or is closed."""
        good, bad, silent, wait_s = 0, 0, False, self._patience.timeout_s
        while not self._ending.is_set():
            frame, trouble = self._take(reader, wait_s)
            if frame is not None and trouble is None:
                self._hand_over(frame)
                good, bad, silent, wait_s = good + 1, 0, False, self._silence_s
                self._failed = 0 if good >= HEALED else self._failed
                continue
            if self._ending.is_set():
                return
            self._tell(str(trouble))
            good = 0
            # The driver was silent, and now it has failed, or is silent still: it hangs, or nothing is connected.
            bad += BAD_IN_A_ROW if silent and frame is None else 1
            silent = isinstance(trouble, Silence)
            wait_s = 1.5 * self._patience.timeout_s if silent else self._silence_s
            if bad >= BAD_IN_A_ROW:
                self._set_pause()
                if frame is None or time.monotonic() >= self._reopen_at_s:
                    return

    def _take(self, reader: Reader, wait_s: float) -> tuple[Frame | None, CameraError | None]:
        """The next frame, if any, and what is wrong, if anything."""
        try:
            frame = reader.next(wait_s)
        except CameraError as error:
            return None, error
        reason = self._fitness.fault(frame)
        return frame, CameraError(f"{self.name}: {reason}") if reason else None

    def _leave(self, reader: Reader) -> None:
        if not reader.end(CLOSE_S) and not self._ending.is_set():
            self._tell(f"{self.name}: its driver hangs")

    def _reopen(self) -> Reader | None:
        """Waits, and opens the camera anew; None when it does not open."""
        self._set_pause()
        self._ending.wait(max(0.0, self._reopen_at_s - time.monotonic()))
        self._reopen_at_s = 0.0
        if self._ending.is_set():
            return None
        self._failed += 1
        log.warning("%s: opening it anew, %d of %d", self.name, self._failed, self._patience.reopenings)
        try:
            return self._open_reader()
        except CameraError as error:
            self._tell(str(error))
            return None

    def _set_pause(self) -> None:
        """The time of the next reopening, counted from the trouble that calls for it."""
        if not self._reopen_at_s:
            self._reopen_at_s = time.monotonic() + self._patience.pause_s(self._failed)

    def _hand_over(self, frame: Frame) -> None:
        with self._news:
            self._frame, self._trouble, self._untold = frame, "", ""
            self._reopen_at_s = 0.0
            self._news.notify()

    def _tell(self, trouble: str) -> None:
        with self._news:
            self._frame, self._trouble, self._untold = None, trouble, trouble
            self._news.notify()

    def _give_up(self, trouble: str) -> None:
        self._tell(trouble)
        self._lost = True
