"""How ids and amounts are spelled to people: one way in lists, cards, plans, remarks, errors and pictures.

An id is ``0x12345678…abcd`` where it is shortened: enough to tell two apart, and to find it again with
``search``. An amount is exact and has its unit, ``1.5 RLC``. ``tests/test_spelling.py`` finds what is
spelled by hand elsewhere.
"""

from __future__ import annotations

from typing import Any, Final

from iexec_lab.units import format_ether, format_rlc

_HASH, _ADDRESS = 66, 42
_HEAD, _TAIL = 10, 4
SHORT: Final = _HEAD + 1 + _TAIL
"""Letters of a shortened id."""


def is_id(value: object) -> bool:
    """Whether it is a whole address or hash."""
    return isinstance(value, str) and len(value) in {_HASH, _ADDRESS} and _is_hex(value)


def is_short(text: str) -> bool:
    """Whether it is an id that ``short_id`` shortened."""
    return len(text) == SHORT and text[_HEAD] == "…" and text.startswith("0x")


def short_id(text: str) -> str:
    """An address or hash by its ends; any other text as it is."""
    return f"{text[:_HEAD]}…{text[-_TAIL:]}" if is_id(text) else text


def in_rlc(nrlc: Any) -> str:
    """An amount of nRLC as RLC, exact: ``1.5 RLC``.

    Raises:
        ValidationError: ``Invalid nRLC``.
    """
    return f"{format_rlc(nrlc)} RLC"


def in_ether(wei: Any) -> str:
    """An amount of wei as ether, exact: ``0.25 ether``.

    Raises:
        ValidationError: ``Invalid wei``.
    """
    return f"{format_ether(wei)} ether"


def in_bytes(size: int) -> str:
    """Bytes as people read them: ``512 bytes``, ``1.2 kB``, ``3.4 MB``."""
    if size < 1000:
        return f"{size} byte{'' if size == 1 else 's'}"
    power = 1 if size < 999_950 else 2 if size < 999_950_000 else 3
    return f"{size / 1000**power:.1f} {' kMG'[power]}B"


def in_time(seconds: float) -> str:
    """How long something took: ``0.8 s``, ``4 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if 0 < seconds < 1:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _is_hex(text: str) -> bool:
    return text.startswith("0x") and text.isascii() and text.isalnum()
