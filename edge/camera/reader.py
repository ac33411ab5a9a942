"""One opening of a camera, in a thread of its own: a driver that never returns holds up this thread and no other."""

from __future__ import annotations

import logging
import queue
import threading

from edge.camera.camera import Camera
from edge.contract.types import Frame
from edge.errors import CameraError

log = logging.getLogger(__name__)

ERROR_PAUSE_S = 0.01
"""After a read that failed, so that a driver that fails at once is not asked a million times a second."""


class Silence(CameraError):
    """Nothing came from the driver in time, not even an error."""


class Reader(threading.Thread):
    """Opens a camera, reads it frame after frame, and closes it. The camera belongs to this thread alone."""

    def __init__(self, camera: Camera, timeout_s: float) -> None:
        """`timeout_s` is what each read is given; whether the driver keeps it is another matter."""
        super().__init__(name="camera", daemon=True)
        self._camera, self._timeout_s = camera, timeout_s
        self._outcomes: queue.SimpleQueue[Frame | CameraError | None] = queue.SimpleQueue()
        self._ending = threading.Event()

    def run(self) -> None:
        """Until `end`, or until the camera does not open."""
        try:
            self._camera.open()
            self._outcomes.put(None)
            while not self._ending.is_set():
                self._outcomes.put(self._read())
        except Exception as error:
            self._outcomes.put(self._as_camera_error(error))
        finally:
            self._close()

    def wait_open(self, timeout_s: float) -> None:
        """Waits until the camera is open. Raises CameraError when it does not open, or not in time."""
        try:
            outcome = self._outcomes.get(timeout=timeout_s)
        except queue.Empty:
            why = "its driver hangs, or its uri names nothing that gives frames"
            raise CameraError(f"{self._camera.name}: did not open within {timeout_s:g} s; {why}") from None
        if isinstance(outcome, CameraError):
            raise outcome

    def next(self, timeout_s: float) -> Frame:
        """The next frame. Raises Silence when none came in time, CameraError when the camera says what is wrong."""
        try:
            outcome = self._outcomes.get(timeout=timeout_s)
        except queue.Empty:
            outcome = None
        if outcome is None:
            raise Silence(f"{self._camera.name}: no frame within {timeout_s:.3g} s; check its cable")
        if isinstance(outcome, CameraError):
            raise outcome
        return outcome

    def wake(self) -> None:
        """Ends a wait in `wait_open` or `next` at once."""
        self._outcomes.put(None)

    def end(self, patience_s: float) -> bool:
        """Has the thread close its camera; False when it hangs, so that it is left to itself.

        A thread left to itself closes its camera if ever its driver returns.
        """
        self._ending.set()
        self.join(patience_s)
        return not self.is_alive()

    def _read(self) -> Frame | CameraError:
        try:
            frame = self._camera.read(self._timeout_s)
        except Exception as error:
            self._ending.wait(ERROR_PAUSE_S)
            return self._as_camera_error(error)
        if frame is None:
            self._ending.wait(ERROR_PAUSE_S)
            return CameraError(f"{self._camera.name}: the source has ended")
        return frame

    def _close(self) -> None:
        try:
            self._camera.close()
        except Exception as error:
            log.warning("%s", self._as_camera_error(error))

    def _as_camera_error(self, error: Exception) -> CameraError:
        """A driver may raise anything; it must not end the station."""
        if isinstance(error, CameraError):
            return error
        reason = " ".join(str(error).split()) or type(error).__name__
        return CameraError(f"{self._camera.name}: {reason}")
