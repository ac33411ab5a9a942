"""A network camera: MJPEG over HTTP, on a port of this machine."""

from __future__ import annotations

import http.server
import threading

import cv2
import numpy as np


class MjpegCamera(http.server.ThreadingHTTPServer):
    """Sends noise at 50 frames a second while `sending` is set; what is `unplugged` refuses and cuts connections."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Connection)
        self.sending, self.unplugged = threading.Event(), threading.Event()
        self.sending.set()
        self.size = (64, 48)
        self.url = f"http://127.0.0.1:{self.server_port}/video.mjpg"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Connection(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.server.unplugged.is_set():
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        rng = np.random.default_rng()
        while not self.server.unplugged.wait(0.02):
            self.server.sending.wait(30)
            width, height = self.server.size
            data = cv2.imencode(".jpg", rng.integers(20, 240, (height, width, 3), np.uint8))[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + data + b"\r\n")
            except OSError:
                return

    def log_message(self, *_):
        pass
