"""What every camera keeps. A camera's own tests derive from this class and add the set-up only."""

import math
import time
from types import SimpleNamespace

import numpy as np
import pytest

from edge.contract.types import Frame
from edge.errors import CameraError

PATIENCE_S = 10


class CameraContract:
    """A derived class gives these fixtures; each camera is closed and has three frames or more.

    `camera`: works. `broken`: cannot be opened. `blemished`: its second frame cannot be used. `sleeping`: has
    `.camera`, which gives one frame and then none, and `.wake`, after which it gives frames again.
    """

    live = None

    def test_says_whether_frames_are_lost_when_not_taken(self, camera):
        assert camera.live is self.live

    def test_reads_frames_in_order(self, camera):
        before_ns = time.monotonic_ns()
        with camera:
            frames = [camera.read(PATIENCE_S) for _ in range(3)]
        assert all(isinstance(frame, Frame) for frame in frames)
        assert [frame.index for frame in frames] == [0, 1, 2]
        times = [frame.monotonic_ns for frame in frames]
        assert times == sorted(times)
        assert before_ns - 1e9 < times[0] <= times[-1] <= time.monotonic_ns()

    def test_both_times_are_of_one_instant(self, camera):
        with camera:
            frame = camera.read(PATIENCE_S)
        wall_minus_monotonic_ns = time.time_ns() - time.monotonic_ns()
        assert abs(frame.captured_ns - frame.monotonic_ns - wall_minus_monotonic_ns) < 1e9

    def test_a_frame_outlives_the_camera(self, camera):
        with camera:
            frame = camera.read(PATIENCE_S)
            copy = frame.pixels.copy()
            camera.read(PATIENCE_S)
        assert np.array_equal(frame.pixels, copy)
        assert frame.pixels.flags.c_contiguous

    def test_a_closed_camera_does_not_read(self, camera):
        for end in (lambda: None, camera.open, camera.close):
            end()
            if end == camera.open:
                continue
            with pytest.raises(CameraError, match="closed"):
                camera.read(PATIENCE_S)

    def test_closes_as_often_as_asked(self, camera):
        camera.close()
        camera.open()
        camera.close()
        camera.close()

    def test_does_not_open_twice(self, camera):
        with camera:
            with pytest.raises(CameraError, match="open already"):
                camera.open()
            assert camera.read(PATIENCE_S).index == 0

    def test_opens_again_and_counts_from_zero(self, camera):
        for _ in range(2):
            with camera:
                assert [camera.read(PATIENCE_S).index for _ in range(2)] == [0, 1]

    @pytest.mark.parametrize("timeout_s", [-1, -math.inf, math.nan])
    def test_refuses_a_time_out_that_is_no_time(self, camera, timeout_s):
        with camera, pytest.raises(ValueError, match="timeout_s"):
            camera.read(timeout_s)

    def test_a_failed_open_says_so_in_one_line_and_leaves_it_closed(self, broken):
        for _ in range(2):
            with pytest.raises(CameraError) as caught:
                broken.open()
            assert len(str(caught.value).splitlines()) == 1
        broken.close()
        with pytest.raises(CameraError, match="closed"):
            broken.read(PATIENCE_S)

    def test_a_frame_that_cannot_be_used_is_counted_and_the_next_one_comes(self, blemished):
        with blemished as camera:
            assert camera.read(PATIENCE_S).index == 0
            with pytest.raises(CameraError) as caught:
                camera.read(PATIENCE_S)
            assert len(str(caught.value).splitlines()) == 1
            assert camera.read(PATIENCE_S).index == 2

    def test_a_time_out_is_an_error_and_the_camera_stays_usable(self, sleeping: SimpleNamespace):
        with sleeping.camera as camera:
            assert camera.read(PATIENCE_S).index == 0
            for _ in range(3):
                with pytest.raises(CameraError, match="no frame within"):
                    camera.read(0.001)
            sleeping.wake()
            assert camera.read(PATIENCE_S).index == 1
