"""The station's own sentences in the reader's language; the table is held to the code that says them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import edge
from edge.contract.events import PauseEvent
from edge.station.told import SENTENCES, pattern, told
from edge.station.words import languages
from tests.edge.station.test_words import literals

SAY, SAGE = languages()["en"], languages()["de"]
FOLDERS = ("camera", "contract", "daemon", "inference", "inspection", "line")
CODE = [path for folder in FOLDERS for path in sorted((Path(edge.__file__).parent / folder).glob("*.py"))]


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    """All texts of the code that judges, with 7 for what is filled in, and without a camera's name before them."""
    found = [text.replace("{}", "7") for path in CODE for text in literals(path)]
    pause = PauseEvent(paused=True, operator="ann", reason="tea", bundle="")
    return [text.removeprefix("7: ") for text in found] + [str(pause)]


@pytest.mark.parametrize(("key", "sentence"), [(key, each) for key, found in SENTENCES.items() for each in found])
def test_each_sentence_is_one_that_the_station_says_and_has_words_for_all_that_it_names(
    key, sentence, sentences
) -> None:
    wanted = pattern(sentence)
    assert any(wanted.fullmatch(text) for text in sentences), "the station says it otherwise now"
    for say in languages().values():
        assert {*re.findall(r"\{(\w+)\}", say.texts[f"told.{key}"])} == {*wanted.groupindex}


@pytest.mark.parametrize(
    ("text", "german"),
    [
        ("no frame within 200 ms", "no frame within 200 ms"),
        ("no frame within 0.5 s", "Kein Bild innerhalb von 0.5 s: Kabel der Kamera prüfen"),
        ("rtsp://cam: no frame within 2 s; check its cable", "Kein Bild innerhalb von 2 s: Kabel der Kamera prüfen"),
        ("v4l2:///dev/video0: the frame is black; check lamp, lens cap and exposure",
         "Das Bild ist schwarz: Licht, Objektivdeckel und Belichtung prüfen"),
        ("region tip: the source has ended", "Bereich tip: Die Bildquelle ist zu Ende"),
        ("could not be judged: ValueError: x\ny", "could not be judged: ValueError: x\ny"),
        ("could not be judged: ValueError: x", "Es ließ sich nicht beurteilen: ValueError: x"),
        ("the shadow said: the source has ended", "the shadow said: the source has ended"),
        ("paused by ann: stopped by command", "Pause durch ann: stopped by command"),
        ("", ""), (": ", ": "), ("region : ", "region : "), ("{why}", "{why}"),
        ("paused by {0.__class__}", "Pause durch {0.__class__}"),
    ],
)  # fmt: skip
def test_a_sentence_in_german_and_what_is_not_known_as_it_is(text, german) -> None:
    assert told(SAGE, text) == german


def test_in_english_it_is_as_plain() -> None:
    assert told(SAY, "sim://metal: the image is frozen: each pixel is as in the frame before; check the camera") == (
        "The picture stands still: check the camera"
    )
