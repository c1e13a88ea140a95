"""Values of frames as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from iexec_lab.commands.text import safe
from iexec_lab.errors import in_notebook
from iexec_lab.frames.schemas import NRLC, rlc_name
from iexec_lab.looks import LONGEST_CELL
from iexec_lab.spelling import in_ether, in_rlc, is_id
from iexec_lab.units import format_rlc, number_text

if TYPE_CHECKING:
    import pandas as pd

_NOTHING = ("<NA>", "NaT", "nan")
_TOLD = ("tag", "leads_to")
_ROOM = 20  # lines of a list
_WEI = "_wei"
_AGES = (("s", 60), ("m", 60), ("h", 24), ("d", 30))


def word(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, (list, tuple)):
        return _cut(", ".join(word(item) for item in islice(value, LONGEST_CELL)))
    if isinstance(value, dict):
        return _cut(", ".join(f"{safe(str(key))}: {word(item)}" for key, item in value.items()))
    if isinstance(value, int) and not isinstance(value, bool):
        return number_text(value)
    if value is None or (not isinstance(value, str) and str(value) in _NOTHING):
        return ""
    if hasattr(value, "isoformat"):
        return str(value.strftime("%Y-%m-%d %H:%M:%S %Z")).strip()
    return _cut(safe(str(value)))


def lines(value: Any) -> list[str]:
    """A value that has room: a list of ids has a line for each, up to a few."""
    if not isinstance(value, list) or not any(map(is_id, value)):
        return [word(value)]
    more = [f"… {len(value) - _ROOM} more"] if len(value) > _ROOM else []
    return [*map(word, value[:_ROOM]), *more]


def upright(frame: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Names and values of the one row; an amount is one line, in RLC or ether."""
    row = {str(name): frame[name].iloc[0] for name in frame.columns}
    twins = {rlc_name(name) for name in row if name.endswith(NRLC)}
    found = []
    for name, value in row.items():
        if name in twins:
            continue
        if name.endswith(NRLC) and isinstance(value, int):
            found.append((rlc_name(name).removesuffix("_rlc"), [in_rlc(value)]))
        elif name.endswith(NRLC):
            found.append((rlc_name(name).removesuffix("_rlc"), [word(value)]))
        elif name.endswith(_WEI) and isinstance(value, int):
            said = name.removesuffix(_WEI)  # some things cost RLC and ether
            both = f"{said}{NRLC}" in row
            found.append((f"{said}_ether" if both else said, [in_ether(value)]))
        else:
            found.append((name, [_told(name, value)] if name in _TOLD else lines(value)))
    return found


def column(frame: pd.DataFrame, name: str, whole: pd.DataFrame) -> list[tuple[str, str]]:
    """What is drawn of a column, and the whole of it.

    Args:
        frame: The rows that are drawn.
        name: The column.
        whole: The frame that it is from; an amount has its exact column there, a time its moment.
    """
    if name.endswith("_rlc") or name == "rlc":
        exact = f"{name.removesuffix('_rlc')}{NRLC}"
        if exact in frame.columns:
            return [
                (format_rlc(nrlc), f"{nrlc} nRLC") if isinstance(nrlc, int) else ("", "")
                for nrlc in frame[exact]
            ]
    values = [*frame[name]]
    if name == "starts_at":
        return [(_period(value), word(value)) for value in values]
    if str(frame[name].dtype).startswith("datetime"):
        now = _fetched(whole)
        is_past = name.endswith("_at") and name != "expires_at"
        return [(age(value, now, is_past=is_past), word(value)) for value in values]
    if str(frame[name].dtype) == "float64":
        return [_about(value, is_part=name.endswith(("_rate", "_share"))) for value in values]
    return [(told, told) for told in (_told(name, value) for value in values)]


def _told(name: str, value: Any) -> str:
    """A value that is drawn as it is; a line to type as it is typed here."""
    if name == "tag" and value == "":
        return "none"
    if name == "first_lines":
        return word(value.replace("\n", " ⏎ "))
    return in_notebook(word(value)) if name == "leads_to" else word(value)


def _period(value: Any) -> str:
    """When a period begins: its day, with the hour where that is not midnight."""
    text = word(value)
    return text[:10] if text[11:19] in {"", "00:00:00"} else text[:16]


def _about(value: float, *, is_part: bool) -> tuple[str, str]:
    """A figure that is for looking only; a part of something as per cent."""
    if value != value:  # noqa: PLR0124 - NaN
        return "", ""
    return (f"{value:.1%}" if is_part else f"{value:.9g}"), str(value)


def brief(text: str, longest: int) -> str:
    """A cell of a list: cut at its end; a number is told about, for a part of it would be another number."""
    if len(text) <= longest:
        return text
    if text.replace(".", "", 1).removeprefix("-").isdecimal():
        return f"about {Decimal(text):.3e}"
    return f"{text[: longest - 1]}…"


def _fetched(frame: pd.DataFrame) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(frame.attrs.get("fetched_at")))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def age(value: Any, now: datetime | None, *, is_past: bool = False) -> str:
    """``3h ago`` or ``in 2d``, seen from when the frame was fetched; a date beyond 30 days.

    What ``is_past`` and lies ahead, a chain told whose clock is ahead, as a sandbox's may be: a date too.
    """
    text = word(value)
    if not text or now is None:
        return text
    if is_past and value > now:
        return text[:16]
    amount = abs(int((now - value).total_seconds()))
    for unit, size in _AGES:
        if amount < size:
            return f"{amount}{unit} ago" if value <= now else f"in {amount}{unit}"
        amount //= size
    return text[:10]


def safe_line(line: str) -> str:
    """A line of any length without control characters."""
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)


def _cut(text: str) -> str:
    """A cell is for the eye; the data has the whole text."""
    return text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + "…"
