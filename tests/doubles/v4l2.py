"""A double of `cv2.VideoCapture` over V4L2: what a driver takes, and what it silently gives instead.

Kept: controls are clamped to their range, a control that is not there is refused and reads as -1, the size is the
nearest one there is, exposure is not taken while it is automatic, frames carry the driver's time.
"""

import time

import cv2
import numpy as np

SIZES = [(640, 480), (1280, 960)]
MANUAL, APERTURE_PRIORITY = 1, 3


class V4l2Capture:
    """One camera; `camera` is what all openings share."""

    def __init__(self, camera):
        self._camera, self._open = camera, camera.plugged
        self._size = SIZES[0]

    def isOpened(self):
        return self._open

    def release(self):
        self._open = False

    def set(self, control, value):
        if control in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            axis = int(control == cv2.CAP_PROP_FRAME_HEIGHT)
            self._size = min(SIZES, key=lambda size: abs(size[axis] - value))
            return True
        if control not in self._camera.ranges:
            return False
        if control == cv2.CAP_PROP_EXPOSURE and self._camera.values[cv2.CAP_PROP_AUTO_EXPOSURE] != MANUAL:
            return False
        least, most = self._camera.ranges[control]
        self._camera.values[control] = min(max(value, least), most)
        return True

    def get(self, control):
        if control == cv2.CAP_PROP_POS_MSEC:
            return self._camera.stamp_ns() / 1e6
        if control in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            return float(self._size[control == cv2.CAP_PROP_FRAME_HEIGHT])
        return float(self._camera.values.get(control, -1))

    def grab(self):
        time.sleep(0.006)  # fresh: it had to be waited for
        return True

    def read(self):
        self._camera.reads += 1
        if self._camera.reads == self._camera.damaged:
            return False, None
        width, height = self._size
        return True, np.full((height, width, 3), 40 + self._camera.reads, np.uint8)


class V4l2Device:
    """A UVC camera with the usual controls, all automatic."""

    def __init__(self):
        self.plugged, self.damaged, self.reads = True, 0, 0
        self.stamp_ns = time.monotonic_ns
        self.ranges = {
            cv2.CAP_PROP_FOURCC: (0, 2**32),
            cv2.CAP_PROP_FPS: (5, 30),
            cv2.CAP_PROP_AUTO_EXPOSURE: (MANUAL, APERTURE_PRIORITY),
            cv2.CAP_PROP_EXPOSURE: (3, 2047),
            cv2.CAP_PROP_GAIN: (0, 255),
            cv2.CAP_PROP_AUTO_WB: (0, 1),
            cv2.CAP_PROP_WB_TEMPERATURE: (2000, 6500),
        }
        self.values = {
            cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"YUYV"),
            cv2.CAP_PROP_FPS: 30,
            cv2.CAP_PROP_AUTO_EXPOSURE: APERTURE_PRIORITY,
            cv2.CAP_PROP_EXPOSURE: 250,
            cv2.CAP_PROP_GAIN: 0,
            cv2.CAP_PROP_AUTO_WB: 1,
            cv2.CAP_PROP_WB_TEMPERATURE: 4000,
        }

    def lacks(self, control):
        """It has no such control."""
        del self.ranges[control], self.values[control]
