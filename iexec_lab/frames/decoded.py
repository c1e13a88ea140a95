"""Columns that say in words what another column of the row holds: parameters, restrictions, tags.

The raw column stays beside them. What a stranger wrote is never an error: what is not what the name promises
is missing.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import compress
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.frames.kinds import whole_text
from iexec_lab.packed import Coded
from iexec_lab.protocol import read_params

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PARAMS: Final = "params"
RESTRICTED: Final = "restricted"
_RESTRICT: Final = "_restrict"
_LONG = 4_000
"""Parameters with more characters are not kept to be met again."""


def _text(value: Any) -> str | None:
    return whole_text(value) if isinstance(value, str) else None


def _texts(value: Any) -> list[str] | None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return [whole_text(item) for item in value]


def _names(value: Any) -> dict[str, str] | None:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        return None
    return {whole_text(str(key)): whole_text(item) for key, item in value.items()}


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


#: Column -> its key in parameters, what reads it, and its value where the key is not given.
_READERS: Mapping[str, tuple[str, Callable[[Any], Any], Any]] = {
    "args": ("iexec_args", _text, None),
    "input_files": ("iexec_input_files", _texts, None),
    "secrets": ("iexec_secrets", _names, None),
    "storage": ("iexec_result_storage_provider", _text, None),
    "encrypted": ("iexec_result_encryption", _flag, False),
    "bulk_cid": ("bulk_cid", _text, None),
}
PARAM_COLUMNS: Final = frozenset(_READERS)
_NOTHING: Final = ((None,) * len(_READERS), True)


def _read(text: str) -> tuple[tuple[Any, ...], bool]:
    """The values of all columns, and whether every key held what it promises."""
    try:
        params = read_params(text)
    except (ArithmeticError, RecursionError, TypeError, ValueError):
        return _NOTHING[0], False
    found, as_promised = [], True
    for key, read, default in _READERS.values():
        value = read(params[key]) if key in params else default
        as_promised = as_promised and (key not in params or value is not None)
        found.append(value)
    return tuple(found), as_promised


_read_again = lru_cache(maxsize=1024)(_read)


def params_columns(texts: Sequence[Any]) -> tuple[dict[str, list[Any]], int]:
    """The columns of parameters, and how many rows hold something that is not what its key promises."""
    columns: list[list[Any]] = [[] for _ in _READERS]
    strange = 0
    for text in texts:
        if not isinstance(text, str):
            values, as_promised = _NOTHING
        else:
            values, as_promised = (_read if len(text) > _LONG else _read_again)(text)
        strange += not as_promised
        for column, value in zip(columns, values, strict=True):
            column.append(value.copy() if isinstance(value, (list, dict)) else value)
    return dict(zip(_READERS, columns, strict=True)), strange


def restricted(columns: Mapping[str, Sequence[Any]], length: int) -> Sequence[str]:
    """Who may not be anyone, ``app,requester``: the ``..._restrict`` columns that hold somebody."""
    held = {name: column for name, column in columns.items() if name.endswith(_RESTRICT)}
    names = [name for name, column in held.items() if not _is_nobody(column)]
    if not names:
        return Coded.same("", length)
    words = [name.removesuffix(_RESTRICT) for name in names]
    rows = zip(*(held[name] for name in names), strict=True)
    somebody = Coded.of(tuple(value is not None for value in row) for row in rows)
    return somebody.each(lambda row: ",".join(compress(words, row)))


def _is_nobody(column: Sequence[Any]) -> bool:
    return isinstance(column, Coded) and all(word is None for word in column.words)


def is_restriction(name: str) -> bool:
    """Whether a column holds whom an order is restricted to."""
    return name.endswith(_RESTRICT)
