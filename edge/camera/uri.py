"""Reading a camera's URI: each option is typed and bounded, and an option that nobody reads is an error."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from edge.errors import ConfigError

STREAMS = ("rtsp", "rtsps", "http", "https", "gst")
"""Schemes whose URI is not ours: all up to the last `#` is the source, and options follow it."""


class CameraUri:
    """The parts of `scheme://authority/path?option=value&...`, or of a stream's `source#option=value&...`.

    A camera reads its options by name and then calls `finish`. Every error is a ConfigError that names the part of
    the URI that is wrong and what is allowed there.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.source = text
        """What a stream is opened with."""
        try:
            parts = urlsplit(text)
            options, rest = parts.query, parts.fragment
            if parts.scheme in STREAMS:
                self.source, options, rest = *_split_stream(text), ""
            pairs = parse_qsl(options, keep_blank_values=True, strict_parsing=True) if options else []
        except ValueError as error:
            raise self.error(str(error), "write it as scheme://place?option=value&option=value") from None
        if rest:
            raise self.error(f"#{rest}", "nothing follows '#'; in a path write '#' as %23")
        self.scheme, self.authority, self._path = parts.scheme, parts.netloc, parts.path
        self._options = dict(pairs)
        self._known: list[str] = []
        for name in self._options:
            if [key for key, _ in pairs].count(name) > 1:
                raise self.error(name, "give each option once")

    def error(self, part: str, allowed: str) -> ConfigError:
        """The error to raise for `part` of this URI; a password is not shown."""
        shown = re.sub(r"^(\w+://)[^/]*@", r"\1...@", self.text)
        return ConfigError(f'camera uri "{shown}": {part}: {allowed}')

    def file_path(self) -> Path:
        """The absolute path of a `file://` URI, its percent-encoding undone."""
        if self.authority:
            raise self.error(self.authority, "a path is absolute, with three slashes: file:///srv/capture")
        if not self._path.startswith("/"):
            raise self.error(self._path or "no path", "a path is absolute, with three slashes: file:///srv/capture")
        path = os.fsdecode(unquote_to_bytes(self._path))
        if "\0" in path:
            raise self.error(self._path, "a path has no zero byte")
        return Path(path)

    def device_index(self, maximum: int) -> int:
        """The number of a device in place of a host: `picamera2://0` is the first."""
        if self._path.strip("/"):
            raise self.error(self._path, f"no path follows the camera's number: {self.scheme}://0")
        if not re.fullmatch(r"[0-9]{1,4}", self.authority) or int(self.authority) > maximum:
            raise self.error(self.authority or "no number", f"a camera's number, 0 to {maximum}: {self.scheme}://0")
        return int(self.authority)

    def integer(self, name: str, minimum: int, maximum: int) -> int | None:
        """Option `name`, or None where it is not given."""
        text = self._take(name)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", text) or not minimum <= int(text) <= maximum:
            raise self.error(f"{name}={text}", f"a whole number from {minimum} to {maximum}")
        return int(text)

    def number(self, name: str, minimum: float, maximum: float) -> float | None:
        """Option `name`, or None where it is not given."""
        text = self._take(name)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not minimum <= float(text) <= maximum:
            raise self.error(f"{name}={text}", f"a number from {minimum:g} to {maximum:g}")
        return float(text)

    def size(self, name: str, minimum: int, maximum: int) -> tuple[int, int] | None:
        """Option `name`, a (width, height) written as 160x120, or None where it is not given."""
        text = self._take(name)
        if text is None:
            return None
        found = re.fullmatch(r"([0-9]{1,9})x([0-9]{1,9})", text)
        if not found or not all(minimum <= int(side) <= maximum for side in found.groups()):
            raise self.error(f"{name}={text}", f"a width and a height from {minimum} to {maximum}, as 160x120")
        return int(found[1]), int(found[2])

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        """Option `name`, one of `allowed`, or None where it is not given."""
        text = self._take(name)
        if text is not None and text not in allowed:
            raise self.error(f"{name}={text}", f"one of {', '.join(allowed)}")
        return text

    def flag(self, name: str) -> bool:
        """Option `name`: true or false; false where it is not given."""
        text = self._take(name)
        if text not in (None, "true", "false"):
            raise self.error(f"{name}={text}", "true or false")
        return text == "true"

    def finish(self) -> None:
        """Raise ConfigError for an option that was given and not read."""
        for name in self._options:
            if name not in self._known:
                raise self.error(name, f"no such option; {self.scheme}: takes {', '.join(self._known)}")

    def _take(self, name: str) -> str | None:
        self._known.append(name)
        return self._options.get(name)


def _split_stream(text: str) -> tuple[str, str]:
    source, mark, options = text.rpartition("#")
    return (source, options) if mark else (text, "")
