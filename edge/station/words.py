"""The words of the page, by language: one TOML file for each in `languages`, all with the same keys.

A new language is one more file. Plain TOML and not gettext: its keys are names and not English sentences, so that a
changed English word leaves the others valid; it needs no compiled files; and where a count makes a difference there
are two keys, NAME_one and NAME_many.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("languages")
DEFAULT = "en"


class Words:
    """One language. `texts` are by key, "live.taken"; call it with a key and what goes into its braces."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language, self.texts = language, texts

    def __call__(self, key: str, **values: object) -> str:
        """The text. Raises KeyError when there is none of that key, or a value is missing."""
        return self.texts[key].format_map(values)

    def count(self, key: str, count: int) -> str:
        """The text for one, or for many."""
        return self(f"{key}_one" if count == 1 else f"{key}_many", count=count)

    def reason(self, code: str) -> str:
        """Why somebody decided so: a station's own code is shown as it is, without its hyphens."""
        return self.texts.get(f"reason.{code}", code.replace("-", " ").replace("_", " ").capitalize())

    def number(self, value: float, decimals: int) -> str:
        """With so many decimals, as the language writes it."""
        return f"{value:.{decimals}f}".replace(".", self("language.decimal"))

    def duration(self, seconds: float) -> str:
        """A length of time as one would say it, rounded down: "0.4 s", "12 s", "3 min", "2 h", "5 days"."""
        if seconds < 10:
            return self("time.seconds", count=self.number(int(max(0.0, seconds) * 10) / 10, 1))
        for limit, unit, key in ((120, 1, "seconds"), (7200, 60, "minutes"), (172_800, 3600, "hours")):
            if seconds < limit:
                return self(f"time.{key}", count=int(seconds // unit))
        return self("time.days", count=int(seconds // 86_400))

    def ago(self, seconds: float) -> str:
        """How long ago; "now" within a second."""
        whole = int(seconds)
        if whole < 1:
            return self("time.now")
        return self("time.ago", time=self("time.seconds", count=whole) if whole < 10 else self.duration(whole))

    def share(self, part: int, whole: int) -> str:
        """As a percentage; a dash where there is nothing to divide."""
        return f"{self.number(100 * part / whole, 1)} %" if whole else "–"


@cache
def languages() -> dict[str, Words]:
    """All that there are, by their codes (ISO 639-1)."""
    return {path.stem: Words(path.stem, read_texts(path)) for path in sorted(FOLDER.glob("*.toml"))}


def read_texts(path: Path) -> dict[str, str]:
    """The texts of one file, by "table.key"."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {f"{table}.{key}": text for table, texts in tables.items() for key, text in texts.items()}


def choose(wished: str, accepted: str) -> Words:
    """The language that was `wished` by the switch, else the first that the browser accepts (RFC 9110, 12.5.4)."""
    known = languages()
    if wished in known:
        return known[wished]
    for code in _by_weight(accepted):
        if code in known:
            return known[code]
    return known[DEFAULT]


def _by_weight(accepted: str) -> list[str]:
    """Codes without their regions, the one most wanted first; what cannot be read is left out."""
    weighed = []
    for each in accepted.lower().split(",")[:20]:
        code, _, parameter = each.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if weight > 0:
            weighed.append((-weight, code.partition("-")[0]))
    return [code for _, code in sorted(weighed, key=lambda pair: pair[0])]
