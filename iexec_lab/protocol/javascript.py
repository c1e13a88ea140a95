"""Text and JSON exactly as JavaScript writes them.

Orders hash the text of their parameters, so two writers must agree on every character; and error messages of
the official SDK show values the way JavaScript prints them.

Ours because ``json.dumps`` differs: of 10,000 decimals up to a million with at most 7 places it wrote 1,430
unlike JavaScript (``1.0`` for ``1``, ``1e-05`` for ``0.00001``), and it does not sort index keys.
``json.loads`` bounds neither nesting nor size: see ``check_shape``.
"""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any, Final, NoReturn

from iexec_lab.errors import ValidationError
from iexec_lab.units import to_text

__all__ = ["check_shape", "dumps", "loads", "print_value", "to_text", "type_error"]

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_MARKS: Final = bytes(set(range(256)) - set(b'[]{},"'))
_MAX_INDEX: Final = 2**32 - 2
# A level takes two stack frames, and Python allows 1,000.
_MAX_DEPTH: Final = 200
# Commas and brackets: each stands for up to 80 bytes of memory, as in "[]" and "{}".
_MAX_MARKS: Final = 4_000_000


def print_value(value: Any, *, quotes: bool = True) -> str:
    """The value as the SDK's schema errors show it: text in quotes, objects as JSON of printed leaves."""
    if isinstance(value, str):
        return f'"{value}"' if quotes else value
    if isinstance(value, dict | list | tuple):
        return json.dumps(_printed_leaves(value, quotes, 20), ensure_ascii=False, indent=2)
    return to_text(value)


def _printed_leaves(value: Any, quotes: bool, depth: int) -> Any:
    if depth == 0:
        return "..."
    if isinstance(value, dict):
        return {to_text(key): _printed_leaves(item, quotes, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printed_leaves(item, quotes, depth - 1) for item in value]
    return print_value(value, quotes=quotes)


def type_error(path: str, kind: str, value: Any) -> ValidationError:
    """The SDK's error for a value of another type."""
    return ValidationError(
        f"{path} must be a `{kind}` type, but the final value was: `{print_value(value)}`."
    )


def dumps(value: Any) -> str:
    """``JSON.stringify``: no spaces, raw non-ASCII, keys that are array indices first in ascending order.

    Raises:
        ValidationError: a part of the value has no JSON form.
    """
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", _write(value, _MAX_DEPTH))


def _write(value: Any, depth: int) -> str:
    if depth < 0:
        raise ValidationError("a value is nested too deep for JSON")
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        return "null"
    if value is None or isinstance(value, bool | int | float):
        return to_text(value)
    if isinstance(value, dict):
        items = [(key if isinstance(key, str) else to_text(key), item) for key, item in value.items()]
        items.sort(key=_place)
        parts = [f"{_write(key, depth)}:{_write(item, depth - 1)}" for key, item in items]
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([_write(item, depth - 1) for item in value]) + "]"
    raise ValidationError(f"a value of type {type(value).__name__} has no JSON form")


def _place(item: tuple[str, Any]) -> int:
    """The place of a key in a JavaScript object: indices by value, then all others in their order."""
    key = item[0]
    return min(int(key), _MAX_INDEX + 1) if _INDEX.fullmatch(key) else _MAX_INDEX + 1


def loads(text: str | bytes, *, numbers_only: bool = True) -> Any:
    """``JSON.parse``: NaN and Infinity only when ``numbers_only`` is False.

    Raises:
        ValueError: the text is not JSON, not UTF-8, or ``check_shape`` refuses it.
    """
    data = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    check_shape(data)
    return json.loads(
        data.decode("utf-8-sig") if isinstance(text, bytes) else text,
        parse_constant=_refuse if numbers_only else None,
    )


def check_shape(data: bytes) -> None:
    """Refuse JSON that kills a process: 64 MB of ``[`` overflow the stack, 64 MB of ``[],`` fill the memory.

    Python's parser follows nesting on the C stack; eth_account and web3 (through py_ecc), which notebooks
    import, raise the recursion limit that would stop it.

    Raises:
        ValueError: nested deeper than 200 levels, or of more than four million values.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes with nothing between them are an empty string, or join two: neither changes the count.
    marks = data.translate(None, _NO_MARKS).replace(b'""', b"")
    if marks.count(b'"') > _MAX_MARKS:
        raise ValueError("JSON has too many values")
    outside = b"".join(marks.split(b'"')[::2])
    if len(outside) > _MAX_MARKS:
        raise ValueError("JSON has too many values")
    if outside.count(b"[") + outside.count(b"{") <= _MAX_DEPTH:
        return
    if max(accumulate(map(_STEPS.__getitem__, outside.translate(None, b",")))) > _MAX_DEPTH:
        raise ValueError("JSON is nested too deep")


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
