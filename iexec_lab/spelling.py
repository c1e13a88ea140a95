"""How ids and amounts are spelled to people: one way in lists, cards, plans, remarks, errors and pictures.

An id is ``0x12345678…abcd`` where it is shortened: enough to tell two apart, and to find it again with
``search``. An amount is exact and has its unit, ``1.5 RLC``. ``tests/test_spelling.py`` finds what is
spelled by hand elsewhere.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from iexec_lab.units import format_ether, format_rlc

_HASH, _ADDRESS = 66, 42
_HEAD, _TAIL = 10, 4
_TIMES: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
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
    """How long something takes: ``0.8 s``, ``4 s``, ``5 min``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    if 0 < seconds < 1:
        return f"{seconds:.1f} s"
    whole = max(0, int(seconds))
    for (unit, size), (smaller, part) in pairwise(_TIMES):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def _is_hex(text: str) -> bool:
    return text.startswith("0x") and text.isascii() and text.isalnum()
