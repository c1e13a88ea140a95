"""Answers for people: times as dates, prices as RLC, tags as words, empty fields left out."""

from __future__ import annotations

from typing import Any

from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.spelling import in_rlc

_TAG_DIGITS = 66
_TIMES = {
    "contributionDeadline",
    "revealDeadline",
    "finalDeadline",
    "resultsTimestamp",
    "startTime",
    "finalTime",
    "expirationTimestamp",
    "beganAt",
    "endedAt",
}
_NRLC = {
    *("price", "stake", "locked", "workerStake", "claimable", "cost", "cumulatedCost"),
    *("ask", "bid", "mid", "spread", "appPrice", "datasetPrice", "workerpoolPrice"),
}
_SAID_BY = {"nRLC": "RLC", "wei": "ether"}
"""The same amount in a smaller unit -> the one that people read."""


def readable(value: Any, name: str = "") -> Any:
    """The answer as a person wants to read it; ``name`` is its key."""
    if isinstance(value, dict):
        value = {key: item for key, item in value.items() if _SAID_BY.get(key) not in value}
        ours = name == "details"  # by the names of columns, below official ones
        return {_camel(key) if ours else key: readable(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [readable(item) for item in _without_empty_columns(value)]
    if isinstance(value, float):
        return f"{value:.1f}" if name.endswith("_percent") else value
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return value
    return _word(name, str(value))


def _word(name: str, text: str) -> str:
    if name in _NRLC and text.removeprefix("-").isdecimal():
        return in_rlc(int(text))
    if (name in _TIMES or name == "last_used" or name.endswith(("_at", "_deadline"))) and text.isdecimal():
        return _date(int(text))
    if name == "tag" and text.startswith("0x") and len(text) == _TAG_DIGITS:
        from iexec_lab.protocol import decode_tag

        return ",".join(decode_tag(text)) or "none"
    return "none" if text == NULL_ADDRESS else text


def _camel(name: Any) -> Any:
    first, *rest = str(name).split("_")
    return "".join((first, *map(str.capitalize, rest)))


def _without_empty_columns(rows: list[Any]) -> list[Any]:
    """Rows without the restrictions that none of them has."""
    if not rows or not all(isinstance(row, dict) for row in rows):
        return rows
    used = {key for row in rows for key, item in row.items() if item != NULL_ADDRESS}
    return [{key: item for key, item in row.items() if key in used} for row in rows]


def _date(seconds: int) -> str:
    from datetime import UTC, datetime

    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC" if seconds else "none"
    except (OverflowError, ValueError, OSError):
        return str(seconds)
