"""A span of time that somebody chose on the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from edge.wire.queries import LATEST

SPANS: Mapping[str, timedelta | None] = {
    "hour": timedelta(hours=1),
    "shift": timedelta(hours=8),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "all": None,
}
"""Names of spans that end now, and how long they are."""


def span_of(args: Mapping[str, str], now: datetime) -> tuple[int, int]:
    """Unix nanoseconds: from `since` and until `until`, where given, as a browser's field has them, else `span`.

    They are in the station's time zone, as `now` is. What cannot be read counts as not given.
    """
    since, until = _instant(args.get("since", "")), _instant(args.get("until", ""))
    length = SPANS.get(args.get("span", "all"))
    if since is None and length is not None:
        since = _ns(now - length)
    return since or 0, LATEST if until is None else until


def written(ns: int | None) -> str:
    """An instant as the station's clock shows it; empty where there is none."""
    return "" if ns is None else datetime.fromtimestamp(ns / 1e9).strftime("%Y-%m-%d %H:%M:%S")


def _instant(text: str) -> int | None:
    try:
        return max(0, _ns(datetime.fromisoformat(text)))
    except (ValueError, OverflowError, OSError):
        return None


def _ns(when: datetime) -> int:
    return int(when.timestamp()) * 1_000_000_000
