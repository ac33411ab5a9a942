import sys

import pytest

from edge.camera import camera_from_uri
from edge.errors import CameraError


@pytest.mark.parametrize("missing", ["picamera2", "libcamera"])
def test_without_picamera2_the_error_says_how_to_install_it(monkeypatch, missing):
    for name in [name for name in sys.modules if name.split(".")[0] == "picamera2"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(CameraError, match=r"apt install python3-picamera2.*--system-site-packages"):
        camera_from_uri("picamera2://0").open()
