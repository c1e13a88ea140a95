"""A page of orders from its bytes to columns, without an object for each order.

Only for speed: it takes text that is exactly as markets write it, each row with the same fields in the same
order, and gives None for any other, which is then read as JSON. Such rows differ in length by the digits of
their numbers only. What lies between two numbers, a run, is as long in every row, so the runs of all rows are
cut out as one table of bytes and checked as such: every byte of the page is either the one expected, or part
of a value, whose form is checked.
"""

from __future__ import annotations

import json
import re
from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.packed import Coded, Texts
from iexec_lab.protocol.javascript import loads
from iexec_lab.services.market_columns import STATUSES, TOLD, OrderColumns, form_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OPENED: Final = re.compile(rb'[^\[\]\\]{0,500}"orders": ?\[').match
_FIRST: Final = re.compile(rb"\{[^{}\[\]]{0,4000}\{[^{}\[\]]{0,4000}\}[^{}\[\]]{0,4000}\}").match
_TAIL: Final = re.compile(rb'\](?:, ?"[a-zA-Z]{1,40}": ?(?:[0-9]{1,18}|true|false|null)){0,20}\}').fullmatch

LEAST: Final = 1 << 15
"""Bytes of a page for which this is worth it: shorter ones are read as JSON as fast."""
_ZERO: Final = ord("0")
_DIGITS: Final = 18
_MOMENT: Final = b"0000-00-00T00:00:00.000Z"
_LENGTHS: Final = {"address": {42}, "word": {66}, "tag": {66}, "sign": {130, 132}, "moment": {24}}
_LAST_DAYS: Final = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FACTORS: Final = [pow(0x9E3779B97F4A7C15, power, 1 << 64) for power in range(1, 9)]


class _Run(NamedTuple):
    """A part of a row that is as long in each: its text, which bytes are any value's, and those values."""

    text: bytes
    free: bytes
    values: tuple[tuple[str, str, int, int], ...]  # path, form, start, end


class _Shape(NamedTuple):
    """What a row is made of: runs, with a number after each but the last; ``numbers`` are their paths."""

    runs: tuple[_Run, ...]
    numbers: tuple[str, ...]


def read_page(kind: str, chain_id: int, body: bytes) -> tuple[dict[str, Any], OrderColumns] | None:
    """What the page says besides its orders, and the orders."""
    opened = _OPENED(body)
    first = _FIRST(body, opened.end()) if opened else None
    if opened is None or first is None or not first[0].isascii():
        return None
    try:
        found = _rows(kind, chain_id, body, opened.end(), json.loads(first[0]), wide=b'": ' in first[0])
        return None if found is None else (loads(opened[0] + found[1]), found[0])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _rows(
    kind: str, chain_id: int, body: bytes, start: int, row: Mapping[str, Any], *, wide: bool
) -> tuple[OrderColumns, bytes] | None:
    """The rows from there on, each like the first, and the bytes behind them.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: They are not as usual.
    """
    import numpy as np

    order = row["order"]
    lengths = {name: len(value) for name, value in row.items() if isinstance(value, str)}
    lengths |= {f"order.{name}": len(value) for name, value in order.items() if isinstance(value, str)}
    status = row["status"]
    if status not in STATUSES:
        return None
    shape = _shape(kind, wide, tuple(row), tuple(order), tuple(lengths.items()), status)
    most = sum(len(run.text) for run in shape.runs) + (_DIGITS + 1) * (len(shape.numbers) + 1)
    # No run of a row that begins in the page can end outside of the padding, whose zeros fit nowhere.
    page = np.frombuffer(body + bytes(most), dtype=np.uint8)
    begins = np.flatnonzero(page[start:] == ord("{"))[::2] + start
    read = _read_rows(page, begins, shape)
    if read is None or begins[0] != start:
        return None
    columns, ends = read
    comma = b", " if body[int(ends[0]) + 1 :][:1] == b" " else b","
    is_next = np.array_equal(ends[:-1] + len(comma), begins[1:])
    if not is_next or any((page[ends[:-1] + place] != byte).any() for place, byte in enumerate(comma)):
        return None
    columns["status"] = Coded.same(status, len(begins))
    held = [columns[path] for path in (*(f"order.{name}" for name in form_of(kind).order_names), *TOLD)]
    rest = body[int(ends[-1]) :]
    if {*columns["chainId"]} != {chain_id} or _TAIL(rest) is None:
        return None
    return OrderColumns(kind, held, None), rest


@lru_cache(maxsize=32)
def _shape(
    kind: str,
    wide: bool,
    fields: tuple[str, ...],
    order: tuple[str, ...],
    lengths: tuple[tuple[str, int], ...],
    status: str,
) -> _Shape:
    """How a row is laid out whose first has these fields, and texts of these lengths.

    Raises:
        KeyError: A field that orders have not.
        ValueError: A text that is not as long as such are.
    """
    colon, comma = (": ", ", ") if wide else (":", ",")
    form = form_of(kind)
    forms = {f"order.{name}": each for name, each in zip(form.order_names, form.forms, strict=False)}
    forms |= dict(zip(TOLD, form.forms[len(form.order_names) :], strict=True))
    made = _Layout(forms, dict(lengths), status, colon, comma)
    made.add_object(fields, "", order)
    made.end_run()
    if forms:
        raise KeyError(*forms)
    return _Shape(tuple(made.runs), tuple(made.numbers))


class _Layout:
    """A row's runs while they are put together."""

    def __init__(
        self, forms: dict[str, str], lengths: Mapping[str, int], status: str, colon: str, comma: str
    ) -> None:
        self.runs: list[_Run] = []
        self.numbers: list[str] = []
        self._forms = forms
        self._lengths = lengths
        self._status = status
        self._colon, self._comma = colon, comma
        self._text, self._free = bytearray(), bytearray()
        self._values: list[tuple[str, str, int, int]] = []

    def add_object(self, names: Sequence[str], prefix: str, order: Sequence[str]) -> None:
        for place, name in enumerate(names):
            self._literal(f'{self._comma if place else "{"}"{name}"{self._colon}')
            if name == "order" and not prefix:
                self.add_object(order, "order.", ())
            else:
                self._value(prefix + name)
        self._literal("}")

    def end_run(self) -> None:
        self.runs.append(_Run(bytes(self._text), bytes(self._free), tuple(self._values)))
        self._text, self._free, self._values = bytearray(), bytearray(), []

    def _literal(self, words: str) -> None:
        self._text += words.encode()
        self._free += bytes(len(words))

    def _value(self, path: str) -> None:
        form = self._forms.pop(path)  # once: a name that comes twice is none of ours
        if form == "number":
            self.end_run()
            self.numbers.append(path)
            return
        self._literal('"')
        if form == "status":
            self._literal(self._status)
        else:
            length, start = self._lengths[path], len(self._text)
            if length not in _LENGTHS[form]:
                raise ValueError(path)
            self._values.append((path, form, start, start + length))
            known = "" if form == "moment" else "0x"
            self._literal(known)
            self._text += bytes(length - len(known))
            self._free += b"\1" * (length - len(known))
        self._literal('"')


def _read_rows(page: Any, begins: Any, shape: _Shape) -> tuple[dict[str, Any], Any] | None:
    """The columns of the rows that begin there, by their paths, and where each row ends."""
    columns: dict[str, Any] = {}
    places = begins
    for run, number in zip(shape.runs, [*shape.numbers, None], strict=True):
        if not len(places) or not _read_run(page, places, run, columns):
            return None
        places = places + len(run.text)
        if number is not None:
            read = _read_number(page, places)
            if read is None:
                return None
            columns[number], places = read
    return columns, places


def _read_run(page: Any, places: Any, run: _Run, columns: dict[str, Any]) -> bool:
    """Put the values of a run into ``columns``; False if a byte of any row is not what it must be."""
    import numpy as np

    width = len(run.text)
    cut = np.ndarray((len(page) - width + 1, width), np.uint8, page, strides=(1, 1))[places]
    fits = cut == np.frombuffer(run.text, dtype=np.uint8)
    if run.values:
        fits |= np.frombuffer(run.free, dtype=np.bool_)
    if not fits.all():
        return False
    for path, form, start, end in run.values:
        column = _column(np.ascontiguousarray(cut[:, start:end]), form)
        if column is None:
            return False
        columns[path] = column
    return True


def _column(table: Any, form: str) -> Sequence[str] | None:
    """A column of values of one length, their bytes a row each; None: leave it to another reader."""
    if form in {"address", "tag"}:
        return _coded(table)
    fits = _are_moments(table) if form == "moment" else _are_hex(table)
    return Texts(table.tobytes().decode("ascii"), table.shape[1]) if fits else None


def _coded(table: Any) -> Coded | None:
    """The values, each once; None as well if the sums that find equal ones do not tell two of them apart."""
    import numpy as np

    if (table == table[0]).all():
        word = table[:1]
        return Coded.same(word.tobytes().decode("ascii"), len(table)) if _are_hex(word) else None
    words = np.ascontiguousarray(table[:, 2:]).view(np.uint64)
    factors = np.array(_FACTORS[: words.shape[1]], dtype=np.uint64)
    _, first, codes = np.unique((words * factors).sum(axis=1), return_index=True, return_inverse=True)
    known = table[first]
    if not _are_hex(known) or not np.array_equal(known[codes], table):
        return None
    text = known.tobytes().decode("ascii")
    return Coded(array("i", codes.astype(np.intc).tobytes()), [*Texts(text, table.shape[1])])


def _are_hex(table: Any) -> bool:
    """Whether there are only hexadecimal digits behind the ``0x`` of each; ValueError says no as well."""
    digits = table[:, 2:].tobytes()
    return 2 * len(bytes.fromhex(digits.decode("ascii"))) == len(digits)  # it passes over spaces


def _are_moments(table: Any) -> bool:
    """Whether all are moments of this century that every calendar knows."""
    import numpy as np

    digits, form = table - _ZERO, np.frombuffer(_MOMENT, dtype=np.uint8)
    if not ((table == form) | ((digits < 10) & (form == _ZERO))).all():
        return False

    def at(place: int) -> Any:
        return digits[:, place] * 10 + digits[:, place + 1]

    month, day = at(5), at(8)
    if (at(0) != 20).any() or (month > 12).any() or (day < 1).any():
        return False
    if (day > np.array(_LAST_DAYS, dtype=np.uint8)[month]).any():
        return False
    return not ((at(11) > 23).any() or (at(14) > 59).any() or (at(17) > 59).any())


def _read_number(page: Any, places: Any) -> tuple[array[int], Any] | None:
    """The numbers that begin there, and where each ends; None if one has no digit, too many, or a 0 ahead."""
    import numpy as np

    digits = page[places] - _ZERO
    if (digits > 9).any():
        return None
    found, zeros = digits.astype(np.int64), digits == 0
    ends = places + 1
    going = np.ones(len(places), dtype=bool)
    for _ in range(_DIGITS):
        digits = page[ends] - _ZERO
        going &= digits < 10
        if not going.any():
            ahead = (zeros & (ends - places > 1)).any()
            return None if ahead else (array("q", found.tobytes()), ends)
        found = np.where(going, found * 10 + digits, found)
        ends = ends + going
    return None
