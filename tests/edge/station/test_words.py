"""The catalogue: all languages have the same keys and braces, and no word of the page is outside it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from edge.contract.types import Decision, State, Verdict
from edge.station import words
from edge.station.review import Progress
from edge.station.words import DEFAULT, choose, languages
from edge.wire.allowed import Role

STATION = Path(words.__file__).parent
SAY = languages()["en"]
OUR_NAME = re.compile(r"<code>okng [^<]*</code>")
"""A command is typed as it stands, in any language."""
SPOKEN = re.compile(r'\b(?:title|aria-label|placeholder|alt)="([^"]*)"')


def braces(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", sorted(languages()))
def test_each_language_has_the_same_keys_and_braces(language) -> None:
    texts, known = languages()[language].texts, languages()[DEFAULT].texts
    assert texts.keys() == known.keys()
    assert {key for key in known if braces(texts[key]) != braces(known[key])} == set()
    assert {key for key, text in texts.items() if not text.strip() or set(text) & set('<>&"')} == set()


def test_there_is_a_second_language_and_it_is_not_the_first() -> None:
    english, german = (languages()[code].texts for code in ("en", "de"))
    same = {key for key in english if english[key] == german[key]}
    assert same <= {
        "view.live",
        "time.seconds",
        "time.minutes",
        "time.hours",
        "sign.go",
        "statistics.p95",
        "history.signal",
        "statistics.median",
        "setup.name",
    }


def test_whatever_is_said_of_a_value_is_in_the_catalogue() -> None:
    needed = {f"{table}.{each}" for table in ("verdict", "meaning") for each in Verdict}
    needed |= {f"state.{each}" for each in State} | {f"role.{each}" for each in Role}
    needed |= {f"decide.{each}" for kind in (Decision, Progress) for each in kind}
    assert needed - SAY.texts.keys() == set()


def literals(path: Path) -> list[str]:
    """The texts in a module that are no doc strings, with `{}` for what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone | inner:
            found.append(node.value)
    return found


def words_in(html: str) -> list[str]:
    """Letters that a person would see or hear: between tags, and in the attributes that are read out."""
    html = re.sub(r"<(script|style|path)\b.*?(</\1>|/>)", "", OUR_NAME.sub("", html), flags=re.DOTALL)
    seen = [*re.sub(r"<[^>]*>?|^[^<]*>", "\n", html).splitlines(), *SPOKEN.findall(html)]
    return [text for text in seen if re.search(r"[^\W\d_]", text.replace("{}", "").replace("&nbsp;", ""))]


@pytest.mark.parametrize("path", sorted(STATION.glob("*.py")), ids=lambda path: path.name)
def test_no_word_of_the_page_is_outside_the_catalogue(path) -> None:
    html = [text for text in literals(path) if re.search(r"<[a-z/]", text)]
    assert [word for text in html for word in words_in(text)] == []


def test_that_a_word_outside_would_be_found() -> None:
    assert words_in('<b class="x">Part</b>{}') == ["Part"]
    assert words_in('<i title="Yield">{}</i>') == ["Yield"]
    assert words_in('<p class="word">{} · 7 %</p><code>okng people set NAME</code>') == []


def test_the_script_has_no_words() -> None:
    script = re.sub(r"//.*", "", (STATION / "page.js").read_text(encoding="utf-8"))
    assert [
        text for text in re.findall(r'"([^"]*)"|`([^`]*)`', script) if re.search(r"[a-z] [a-z]", "".join(text))
    ] == []


def test_every_key_that_is_asked_for_is_there() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in STATION.glob("*.py"))
    tables = "|".join({key.partition(".")[0] for key in SAY.texts})
    asked = set(re.findall(rf'["\']((?:{tables})\.[a-z_]+)["\']', source))
    counted = set(re.findall(r'\.count\("([a-z_.]+)"', source))
    assert asked - SAY.texts.keys() - counted == set()
    built = {
        key
        for prefix in re.findall(rf'f["\']((?:{tables})\.[a-z_]*)\{{', source)
        for key in SAY.texts
        if key.startswith(prefix)
    }
    assert (
        SAY.texts.keys() - asked - built - {f"{key}_{number}" for key in counted for number in ("one", "many")}
        == {"notice.connection"} & SAY.texts.keys() - built
    )


@pytest.mark.parametrize(
    ("wished", "accepted", "language"),
    [("", "", "en"), ("", "de-AT,de;q=0.9,en;q=0.8", "de"), ("", "fr,en;q=0.5,de;q=0.7", "de"), ("en", "de", "en"),
     ("xx", "de", "de"), ("", "de;q=0,en;q=0.1", "en"), ("", "*;;q=x,,\x00", "en")],
)  # fmt: skip
def test_the_language_is_the_switchs_else_the_browsers(wished, accepted, language) -> None:
    assert choose(wished, accepted).language == language


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0.0 s"), (0.46, "0.4 s"), (9.99, "9.9 s"), (12.9, "12 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"),
     (172_800, "2 days")],
)  # fmt: skip
def test_a_duration_is_said_as_one_would(seconds, said) -> None:
    assert SAY.duration(seconds) == said


def test_numbers_are_written_as_the_language_does() -> None:
    german = languages()["de"]
    assert (SAY.share(1, 3), SAY.share(0, 0), german.share(1, 3)) == ("33.3 %", "–", "33,3 %")
    assert (german.number(0.5, 3), german.duration(0.46), german.ago(200)) == ("0,500", "0,4 s", "vor 3 min")
    assert (SAY.ago(0.9), SAY.ago(3.7)) == ("now", "3 s ago")
