"""What the station says in its own words, in the reader's: known sentences by what they mean, all others as they are.

A station's reasons are English text on the wire, for a log reads them too. Each sentence here is one of its code's.
"""

from __future__ import annotations

import re

from edge.station.words import Words

SENTENCES: dict[str, tuple[str, ...]] = {
    "no_frame": ("no frame within {seconds} s", "no frame within {seconds} s; …"),
    "frozen": ("the image is frozen: …",),
    "black": ("the frame is black; …",),
    "white": ("the frame is saturated: …",),
    "repeats": ("the frame is not newer than the one before it; …",),
    "other_size": ("the frame is {found} pixels, not …", "the frame is {found}, the recipe's …"),
    "gone": ("the camera is gone; …", "there is no such camera; …", "the stream has broken off, …"),
    "stalled": ("gave a frame not newer than the last; …",),
    "source_ended": ("the source has ended",),
    "camera_hangs": ("its driver hangs",),
    "blank": ("the frame is blank: …",),
    "no_number": ("the score is not a number",),
    "not_judged": ("could not be judged: {why}",),
    "judging_hangs": ("not judged within {seconds} s: it hangs",),
    "deadline": ("the deadline passed while the trigger waited for its frame",),
    "too_late": ("the verdict came {ms} ms after its deadline",),
    "moved_on": ("the first frame was exposed {ms} ms after the part had moved on",),
    "belt": ("the belt did not go …",),
    "no_part": ("no part: …",),
    "no_signal": ("the signal could not be driven: {why}",),
    "stopping": ("the station is stopping",),
    "stopped": ("stopped by command",),
    "paused": ("paused by {who}",),
    "waits": ("waits for the command start",),
    "interlock": ("golden interlock: {why}",),
}
"""By the key in the catalogue's table `told`: what the station says, whole; what is in braces goes into the words."""


def pattern(sentence: str) -> re.Pattern[str]:
    """What a sentence matches; … is anything."""
    named = re.sub(r"\\\{(\w+)\\\}", lambda name: f"(?P<{name[1]}>.+?)", re.escape(sentence))
    return re.compile(named.replace("…", ".*"))


_READ = [(key, pattern(each)) for key, sentences in SENTENCES.items() for each in sentences]
_REGION = pattern("region {name}: {rest}")
_CAMERA = re.compile(r"\S+: ")


def told(say: Words, text: str) -> str:
    """A reason, or what is wrong. Before it may stand the camera's name, which is left out, or a region's."""
    if region := _REGION.fullmatch(text):
        return say("told.region", name=region["name"], rest=told(say, region["rest"]))
    camera = _CAMERA.match(text)
    for each in (text, text[camera.end() :] if camera else ""):
        for key, sentence in _READ:
            if found := sentence.fullmatch(each):
                return say(f"told.{key}", **found.groupdict())
    return text
