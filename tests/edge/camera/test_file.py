import shutil
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge.camera import FileCamera, camera_from_uri
from edge.errors import CameraError
from tests.edge.camera.contract import CameraContract


def write_image(path, value=0, shape=(8, 6, 3), dtype=np.uint8):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full(shape, value, dtype))
    return path


def write_video(path, count=12):
    """Motion JPEG, the one codec in every build of OpenCV; frame i is of brightness 10 * i."""
    path.parent.mkdir(parents=True, exist_ok=True)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 30, (64, 48))
    for index in range(count):
        video.write(np.full((48, 64, 3), 10 * index, np.uint8))
    video.release()
    return path


def read_all(camera):
    """Every frame or error, to the end."""
    results = []
    with camera:
        while True:
            try:
                frame = camera.read(1)
            except CameraError as error:
                results.append(error)
                continue
            if frame is None:
                return results
            results.append(frame)


def names(camera):
    return [frame.name for frame in read_all(camera)]


class TestFolder(CameraContract):
    live = False

    @pytest.fixture
    def folder(self, tmp_path):
        for index in range(4):
            write_image(tmp_path / f"{index}.png", index)
        return tmp_path

    @pytest.fixture
    def camera(self, folder):
        return FileCamera(folder)

    @pytest.fixture
    def broken(self, folder):
        return FileCamera(folder / "absent")

    @pytest.fixture
    def blemished(self, folder):
        (folder / "1.png").write_bytes(b"no image")
        return FileCamera(folder)

    @pytest.fixture
    def sleeping(self, folder):
        camera = FileCamera(folder, rate=5)
        return SimpleNamespace(camera=camera, wake=lambda: None)


class TestVideo(CameraContract):
    live = False

    @pytest.fixture
    def video(self, tmp_path):
        return write_video(tmp_path / "line.avi")

    @pytest.fixture
    def camera(self, video):
        return FileCamera(video)

    @pytest.fixture
    def broken(self, video):
        video.write_bytes(b"no video")
        return FileCamera(video)

    # OpenCV passes over a video's damaged frames by itself; a video that breaks off has a test of its own below.
    test_a_frame_that_cannot_be_used_is_counted_and_the_next_one_comes = None

    @pytest.fixture
    def sleeping(self, video):
        return SimpleNamespace(camera=FileCamera(video, rate=5), wake=lambda: None)


def test_images_come_in_natural_order_from_all_folders_but_hidden_ones(tmp_path):
    for name in ("10.png", "9.JPG", "b/img2.png", "b/img10.png", "b/img1.png", ".hidden/1.png", "b/.2.png"):
        write_image(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not an image")
    assert names(FileCamera(tmp_path)) == ["9.JPG", "10.png", "b/img1.png", "b/img2.png", "b/img10.png"]


def test_the_end_stays_the_end(tmp_path):
    write_image(tmp_path / "1.png")
    with FileCamera(tmp_path) as camera:
        camera.read(1)
        assert [camera.read(1), camera.read(1)] == [None, None]


def test_one_image_is_a_capture_of_one(tmp_path):
    assert names(FileCamera(write_image(tmp_path / "part.png"))) == ["part.png"]


def test_a_loop_begins_again_and_counts_on(tmp_path):
    for name in ("1.png", "2.png"):
        write_image(tmp_path / name)
    with FileCamera(tmp_path, loop=True) as camera:
        frames = [camera.read(1) for _ in range(5)]
    assert [frame.name for frame in frames] == ["1.png", "2.png", "1.png", "2.png", "1.png"]
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("shape", [(8, 6), (8, 6, 3)])
def test_grey_stays_grey_and_colour_colour(tmp_path, shape):
    write_image(tmp_path / "1.png", 7, shape)
    (frame,) = read_all(FileCamera(tmp_path))
    assert frame.pixels.shape == shape
    assert frame.pixels.max() == 7


def write_giant(path):
    """A PNG that says it is 200000 pixels wide and high: OpenCV raises where it returns None for other damage."""
    data = bytearray(write_image(path).read_bytes())
    data[16:24] = struct.pack(">2I", 200_000, 200_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)


def cut_short(path):
    write_image(path.with_suffix(".jpg"), 9, (64, 64, 3)).rename(path)
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (cut_short, "cut short"),
        (lambda path: path.write_bytes(b""), "not an image"),
        (lambda path: write_image(path, 500, (8, 6), np.uint16), "16 bits"),
        (lambda path: write_image(path, 100, (8, 6, 4)), "transparent"),
        (lambda path: path.symlink_to("nowhere"), "cannot be read"),
        (write_giant, "OpenCV"),
    ],
)
def test_an_image_that_cannot_be_used_is_named_and_the_next_one_comes(tmp_path, spoil, reason):
    write_image(tmp_path / "1.png")
    spoil(tmp_path / "2.png")
    write_image(tmp_path / "3.png")
    first, error, last = read_all(FileCamera(tmp_path))
    assert (first.index, last.index) == (0, 2)
    assert reason in str(error)
    assert "2.png" in str(error)


def test_an_image_deleted_after_opening_is_an_error_for_it_alone(tmp_path):
    paths = [write_image(tmp_path / f"{index}.png") for index in range(3)]
    with FileCamera(tmp_path) as camera:
        paths[0].unlink()
        with pytest.raises(CameraError, match=r"0\.png"):
            camera.read(1)
        assert camera.read(1).name == "1.png"


def test_an_empty_folder_says_what_to_put_there(tmp_path):
    (tmp_path / "notes.txt").write_text("not an image")
    with pytest.raises(CameraError, match=r"no image .*\.png"):
        FileCamera(tmp_path).open()


def test_frames_of_a_video_are_named_by_number(tmp_path):
    frames = read_all(FileCamera(write_video(tmp_path / "line.avi")))
    assert [frame.name for frame in frames] == [f"line#{index:06d}" for index in range(12)]
    assert [round(float(frame.pixels.mean()) / 10) for frame in frames] == list(range(12))


def test_a_video_loops(tmp_path):
    with FileCamera(write_video(tmp_path / "line.avi", 3), loop=True) as camera:
        frames = [camera.read(1) for _ in range(4)]
    assert frames[3].name == "line#000000"
    assert frames[3].index == 3


def test_a_video_cut_short_is_one_error_and_then_the_end(tmp_path):
    path = write_video(tmp_path / "line.avi")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    *frames, error = read_all(FileCamera(path))
    assert 0 < len(frames) < 12
    assert all(frame.name for frame in frames)
    assert "breaks off" in str(error)


def test_a_video_that_is_gone_before_it_loops_is_an_error(tmp_path):
    path = write_video(tmp_path / "line.avi", 2)
    with FileCamera(path, loop=True) as camera:
        assert [camera.read(1).index for _ in range(2)] == [0, 1]
        path.unlink()
        with pytest.raises(CameraError, match=r"line\.avi"):
            camera.read(1)


def test_a_text_file_is_no_video(tmp_path):
    path = tmp_path / "notes.bin"
    path.write_bytes(struct.pack("<100I", *range(100)))
    with pytest.raises(CameraError, match="not a video"):
        FileCamera(path).open()


def test_a_path_is_percent_decoded(tmp_path):
    folder = tmp_path / "line 1#ü?"
    write_image(folder / "1.png")
    camera = camera_from_uri((folder).as_uri())
    assert names(camera) == ["1.png"]


def test_a_name_that_is_no_utf8_still_makes_a_name(tmp_path):
    path = write_image(tmp_path / "1.png")
    shutil.move(path, bytes(tmp_path) + b"/caf\xe9.png")
    (name,) = names(FileCamera(tmp_path))
    assert name == "caf\\udce9.png"
