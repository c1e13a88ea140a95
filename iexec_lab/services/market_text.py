"""A page of orders from its text to columns, without an object for each order.

Only for speed: it takes text that is exactly as markets write it, each row with the same fields in the same
order, and gives None for any other, which is then read as JSON.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.protocol.javascript import loads
from iexec_lab.services.market_columns import TOLD, OrderColumns, form_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OPENED: Final = re.compile(r'[^\[\]]{0,500}"orders": ?\[').match
_FIRST: Final = re.compile(r"\{[^{}\[\]]{0,4000}\{[^{}\[\]]{0,4000}\}[^{}\[\]]{0,4000}\}").match
_TAIL: Final = re.compile(r'\](?:, ?"[a-zA-Z]{1,40}": ?(?:[0-9]{1,18}|true|false|null)){0,20}\}').fullmatch


def read_page(kind: str, chain_id: int, body: bytes) -> tuple[dict[str, Any], OrderColumns] | None:
    """What the page says besides its orders, and the orders."""
    if b"\\" in body or not body.isascii():
        return None
    text = body.decode()
    opened = _OPENED(text)
    first = _FIRST(text, opened.end()) if opened else None
    if opened is None or first is None:
        return None
    try:
        found = _rows(kind, chain_id, text, opened.end(), json.loads(first[0]), wide='": ' in first[0])
        return None if found is None else (loads(opened[0] + found[1]), found[0])
    except (KeyError, TypeError, ValueError):
        return None


def _rows(
    kind: str, chain_id: int, text: str, start: int, row: Mapping[str, Any], *, wide: bool
) -> tuple[OrderColumns, str] | None:
    """The rows from there on, each like the first, and the text behind them.

    Raises:
        KeyError, TypeError, ValueError: They are not as usual.
    """
    colon, comma = (": ", ", ") if wide else (":", ",")
    names, pattern, literal = _shape(kind, colon, comma, tuple(row), tuple(row["order"]))
    columns = list(zip(*pattern(text, start), strict=True))
    if not columns:
        return None
    count = len(columns[0])
    length = count * literal + sum(sum(map(len, column)) for column in columns)
    *between, last = columns.pop()
    # Text that the pattern passed over would make the rest longer than it can be.
    rest = text[start + length :]
    if last or "" in between or _TAIL(rest) is None:
        return None
    found = OrderColumns.checked(kind, chain_id, _values(kind, dict(zip(names, columns, strict=True))))
    return None if found is None else (found, rest)


@lru_cache(maxsize=32)
def _shape(
    kind: str, colon: str, comma: str, fields: tuple[str, ...], order: tuple[str, ...]
) -> tuple[list[str], Any, int]:
    """The names of the values of a row in its order, what finds the rows, and how much of a row is no value.

    Raises:
        KeyError: A field that orders have not.
    """
    form = form_of(kind)
    forms = {f"order.{name}": each for name, each in zip(form.order_names, form.forms, strict=False)}
    forms |= dict(zip(TOLD, form.forms[len(form.order_names) :], strict=True))
    names: list[str] = []

    def one(name: str, path: str) -> tuple[str, int]:
        if name == "order":
            return whole(name, order, "order.")
        numeric = forms[path] == "number"
        names.append(path)
        value = "(0|[1-9][0-9]*)" if numeric else '"([^"]*)"'
        return f'"{name}"{colon}{value}', len(name) + 2 + len(colon) + (0 if numeric else 2)

    def whole(name: str, inner: Sequence[str], prefix: str) -> tuple[str, int]:
        parts = [one(each, prefix + each) for each in inner]
        head = f'"{name}"{colon}' if name else ""
        size = len(head) + 2 + sum(length for _, length in parts) + len(comma) * (len(parts) - 1)
        return head + r"\{" + comma.join(text for text, _ in parts) + r"\}", size

    text, size = whole("", fields, "")
    if {*names} != {*forms} or len(names) != len(forms):
        raise KeyError
    return names, re.compile(f"{text}(, ?|)").findall, size


def _values(kind: str, told: dict[str, Any]) -> list[Any]:
    """The columns in the order of ``OrderColumns``, numbers as numbers."""
    form = form_of(kind)
    paths = [*(f"order.{name}" for name in form.order_names), *TOLD]
    columns = []
    for path, each in zip(paths, form.forms, strict=True):
        column = told[path]
        if each == "number":
            known = {*column}
            if max(map(len, known)) > 18:
                return []
            numbers = {text: int(text) for text in known}
            column = [numbers[text] for text in column]
        columns.append(column)
    return columns
