"""StreamCamera: MJPEG over HTTP from a camera of the test's own, and GStreamer where an OpenCV has it."""

import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest

from edge.camera import Patience, WatchedCamera, camera_from_uri
from edge.camera.stream import StreamCamera
from edge.errors import CameraError, ConfigError
from tests.doubles.mjpeg import MjpegCamera
from tests.edge.camera.contract import PATIENCE_S, CameraContract

ROOT = Path(__file__).parents[3]
QUICK = Patience(timeout_s=0.3, backoff_s=0.01, backoff_max_s=0.01, reopenings=10_000)


@pytest.fixture
def server():
    with MjpegCamera() as server:
        yield server
        server.unplugged.set()
        server.sending.set()
        server.shutdown()


class TestHttp(CameraContract):
    live = True

    @pytest.fixture
    def camera(self, server):
        return camera_from_uri(server.url)

    @pytest.fixture
    def broken(self, server):
        server.unplugged.set()
        return camera_from_uri(server.url)

    # FFmpeg passes over damaged frames by itself, and waits as long as it likes: a WatchedCamera keeps the time.
    test_a_frame_that_cannot_be_used_is_counted_and_the_next_one_comes = None
    test_a_time_out_is_an_error_and_the_camera_stays_usable = None


def read_until(camera, reason):
    """Reads until that is what is wrong; with no reason, until there is a frame."""
    for _ in range(1000):
        try:
            frame = camera.read(PATIENCE_S)
        except CameraError as error:
            if reason and reason in str(error):
                return None
        else:
            if not reason:
                return frame
    raise AssertionError(f"never: {reason or 'a frame'}")


def test_a_stream_that_pauses_is_told_and_taken_up_again(server):
    with WatchedCamera(camera_from_uri(f"{server.url}#rate=50"), QUICK) as camera:
        read_until(camera, "")
        server.sending.clear()
        read_until(camera, "no frame within")
        server.sending.set()
        assert read_until(camera, "").pixels.shape == (48, 64, 3)


def test_a_stream_that_breaks_off_is_opened_anew(server):
    with WatchedCamera(camera_from_uri(server.url), QUICK) as camera:
        read_until(camera, "")
        server.unplugged.set()
        read_until(camera, "the stream has broken off")
        read_until(camera, "cannot be opened")
        server.unplugged.clear()
        assert read_until(camera, "")


def test_a_stream_of_another_size_than_the_uri_says_is_not_judged(server):
    with WatchedCamera(camera_from_uri(f"{server.url}#width=640&height=480"), QUICK) as camera:
        read_until(camera, "64 x 48 pixels, not 640 x 480")


def test_the_delay_of_a_stream_lies_between_exposure_and_arrival(server):
    with camera_from_uri(f"{server.url}#delay_ms=60000") as camera:
        frame = camera.read(PATIENCE_S)
    assert time.monotonic_ns() - frame.monotonic_ns >= 60e9
    assert time.time_ns() - frame.captured_ns >= 60e9


@pytest.mark.parametrize(("waits_s", "dropped"), [([0, 0, 0, 0.02, 0], 4), ([0.02], 1), ([0] * 500, 100)])
def test_what_came_while_it_was_opened_is_not_handed_out(monkeypatch, waits_s, dropped):
    clock_s = [0.0]

    def grab():
        clock_s.append(clock_s[-1] + waits_s[len(clock_s) - 1])
        return True

    monkeypatch.setattr("edge.camera.stream.time", SimpleNamespace(monotonic=lambda: clock_s[-1]))
    StreamCamera("rtsp://camera/1")._drop_stale(SimpleNamespace(grab=grab))
    assert len(clock_s) - 1 == dropped


def test_secrets_stand_in_no_error(server):
    url = server.url.replace("//", "//ann:secret@") + "?token=secret"
    server.unplugged.set()
    with pytest.raises(CameraError) as caught:
        camera_from_uri(url).open()
    assert str(caught.value).startswith(f"{server.url}: cannot be opened")
    with pytest.raises(ConfigError) as caught:
        camera_from_uri("rtsp://ann:secret@camera/1#rat=3")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "source", "period_s", "size"),
    [
        ("rtsp://camera/1?width=5&x=%23", "rtsp://camera/1?width=5&x=%23", None, None),
        ("http://camera/1?a=1#rate=25&width=64&height=48", "http://camera/1?a=1", 0.04, (64, 48)),
        ("gst:a ! b,x=1?y#z ! c#rate=50", "gst:a ! b,x=1?y#z ! c", 0.02, None),
    ],
)
def test_options_follow_the_last_hash(uri, source, period_s, size):
    camera = camera_from_uri(uri)
    assert (camera._source, camera.period_s, camera.size) == (source, period_s, size)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("rtsp://", "no source"),
        ("gst:", "no source"),
        ("gst: ! ", "no source"),
        ("rtsp://camera/1#width=64", "width: give width and height"),
        ("rtsp://camera/1#rate=0", "rate=0: a number from 0.01"),
        ("rtsp://camera/1#loop=true", "loop: no such option; rtsp: takes rate, delay_ms, width, height"),
        ("gst:a ! b#fps=3", "fps: no such option; gst: takes rate"),
    ],
)
def test_a_wrong_uri_is_named(uri, said):
    with pytest.raises(ConfigError, match=said):
        camera_from_uri(uri)


@pytest.mark.parametrize(
    ("uri", "said"),
    [("gst:nvarguscamerasrc ! nvvidconv", "no GStreamer, .*python3-opencv"), ("rtsp://camera/1", "no FFmpeg")],
)
def test_an_opencv_that_cannot_says_what_to_install(monkeypatch, uri, said):
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda backend: False)
    with pytest.raises(CameraError, match=said) as caught:
        camera_from_uri(uri).open()
    assert len(str(caught.value).splitlines()) == 1


GSTREAMER = """
import edge.camera.watched
from edge.camera import Patience, WatchedCamera, camera_from_uri
from edge.errors import CameraError

def read_until(camera, reason):
    while True:
        try:
            frame = camera.read(10)
        except CameraError as error:
            if reason and reason in str(error):
                return error
        else:
            if not reason:
                return frame

ball = "videotestsrc is-live=true pattern=ball{} ! video/x-raw,width=64,height=48,framerate=50/1"
patience = Patience(timeout_s=2, reopenings=1000, backoff_s=0.01, backoff_max_s=0.01)
with WatchedCamera(camera_from_uri("gst:" + ball.format("") + "#rate=50&width=64&height=48"), patience) as camera:
    print(*{read_until(camera, "").pixels.shape for _ in range(5)})
with WatchedCamera(camera_from_uri("gst:" + ball.format(" num-buffers=9")), patience) as camera:
    print(read_until(camera, "").pixels.dtype, read_until(camera, "broken off"), bool(read_until(camera, "")))
edge.camera.watched.OPEN_S = 1.0
for wrong in ("filesrc location=/nowhere ! decodebin", "videotestsrc ! fakesink"):
    try:
        with WatchedCamera(camera_from_uri("gst:" + wrong), patience) as camera:
            print("open")
    except CameraError as error:
        print(error)
"""


@pytest.mark.system
def test_gstreamer_pipelines_are_read_by_debians_opencv():
    """In the system's own Python: a virtual environment of PyPI's wheels has no GStreamer."""
    python = "/usr/bin/python3"
    probe = "import cv2, sys; sys.exit(not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER))"
    if not Path(python).exists() or subprocess.run([python, "-c", probe], capture_output=True).returncode:
        pytest.skip("needs apt install python3-opencv gstreamer1.0-plugins-base")
    done = subprocess.run([python, "-c", GSTREAMER], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    sizes, rest, absent, endless = done.stdout.splitlines()
    assert sizes == "(48, 64, 3)"
    assert rest == "uint8 gst:videotestsrc: the stream has broken off, or nothing came for too long True"
    assert absent.startswith("gst:filesrc: cannot be opened")
    assert endless.startswith("gst:videotestsrc: did not open within 1 s; its driver hangs, or its uri")


RTSP_SERVER = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
factory = GstRtspServer.RTSPMediaFactory(shared=True)
factory.set_launch(
    "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=64,height=48,framerate=25/1 "
    "! jpegenc ! rtpjpegpay name=pay0 pt=26"
)
server = GstRtspServer.RTSPServer(service="0", address="127.0.0.1")
server.get_mount_points().add_factory("/1", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""


@pytest.mark.system
def test_an_rtsp_camera_is_read_and_its_end_is_told():
    with subprocess.Popen(["/usr/bin/python3", "-c", RTSP_SERVER], stdout=subprocess.PIPE, text=True) as process:
        port = process.stdout.readline().strip()
        if not port:
            pytest.skip("needs apt install gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good")
        uri = f"rtsp://127.0.0.1:{port}/1#rate=25&width=64&height=48"
        with WatchedCamera(camera_from_uri(uri), Patience(backoff_s=0.01)) as camera:
            assert read_until(camera, "").pixels.shape == (48, 64, 3)
            process.kill()
            read_until(camera, "the stream has broken off")


@pytest.mark.skipif(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="this OpenCV has GStreamer")
def test_this_environments_opencv_says_that_it_has_no_gstreamer():
    with pytest.raises(CameraError, match=r"gst:videotestsrc: this OpenCV \(4\..*\) has no GStreamer"):
        camera_from_uri("gst:videotestsrc").open()
