"""Whole columns of a subgraph's answer, as ``graph_values`` reads single values.

Each function takes a column only if every value of it is as a subgraph writes it; ``Unusual`` is raised
otherwise, and the page is read row by row, which tells what can be believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iexec_lab.frames import KINDS
from iexec_lab.history import graph_values as v

if TYPE_CHECKING:
    from collections.abc import Callable

NRLC: Final = pa.decimal128(38, 0)
_RLC: Final = pa.decimal128(38, 9)
_TIME: Final = pa.timestamp("s", tz="UTC")
_EXACT: Final = 2**53  # floats hold every integer up to it
_ZERO: Final = "0x" + "00" * 32
_WORD: Final = 66  # letters of 32 bytes in hexadecimal
_MOST_DIGITS: Final = 19


def _letters(letters: bytes) -> Any:
    known = np.zeros(256, bool)
    known[list(letters)] = True
    return known


_LOWER_HEX: Final = _letters(b"0123456789abcdef")
_HEX: Final = _letters(b"0123456789abcdefABCDEF")
_DECIMAL: Final = _letters(b"0123456789.")
_POINT: Final = ord(".")


class Unusual(Exception):  # noqa: N818 - not an error: another way is taken
    """A column that has to be looked at value by value."""


def need(fine: Any) -> None:
    """Raise Unusual unless all of a boolean column (or one value) is true."""
    if isinstance(fine, pa.Array | pa.ChunkedArray):
        fine = pc.all(fine, skip_nulls=False).as_py()
    if fine is not True and fine is not None:
        raise Unusual
    if fine is None:
        raise Unusual


def whole(column: pa.Array) -> pa.Array:
    """The column, if nothing is missing."""
    if column.null_count:
        raise Unusual
    return column


def _held(column: pa.Array) -> tuple[Any, Any]:
    """The bytes of a column of text without missing values, and where each value starts and the last ends."""
    _, edges, held = column.buffers()
    offsets = np.frombuffer(edges, np.int32)[column.offset : column.offset + len(column) + 1]
    letters = np.frombuffer(held, np.uint8) if held else np.zeros(0, np.uint8)
    return letters[offsets[0] : offsets[-1]], offsets - offsets[0]


def count(column: pa.Array, most: int = _MOST_DIGITS) -> pa.Array:
    """Numbers from decimal text of so many digits at most."""
    if not len(column):
        return column.cast(pa.int64())
    need(pc.ascii_is_decimal(whole(column)))
    need(pc.max(pc.binary_length(column)).as_py() <= most)
    return column.cast(pa.int64())


def rlc(column: pa.Array) -> pa.Array:
    """Exact nRLC from decimal text in RLC: the digits of a decimal with nine places."""
    if not len(column):
        return column.cast(NRLC)
    letters, edges = _held(whole(column))
    need(bool((np.diff(edges) > 0).all() and _DECIMAL[letters].all()))
    need(bool((letters[edges[:-1]] != _POINT).all() and (letters[edges[1:] - 1] != _POINT).all()))
    exact = column.cast(_RLC)
    return pa.Array.from_buffers(NRLC, len(exact), exact.buffers(), offset=exact.offset)


def in_rlc(column: pa.Array) -> pa.Array:
    """The twin of a column of nRLC: correctly rounded, as Python divides."""
    if column.null_count == 0 and len(column):
        small = column.cast(pa.int64())
        if (pc.max(small).as_py() or 0) < _EXACT:
            return pc.divide(small.cast(pa.float64()), pa.scalar(1e9))
    exact = [None if value is None else int(value) / 10**9 for value in column.to_pylist()]
    return pa.array(exact, pa.float64())


def moment(seconds: pa.Array) -> pa.Array:
    """Moments of a column of seconds; missing ones stay missing."""
    low, high = pc.min(seconds).as_py(), pc.max(seconds).as_py()
    if low is not None and not 0 < low <= high < v.LATEST:
        raise Unusual
    return seconds.cast(_TIME).cast(pa.timestamp("us", tz="UTC"))


def optional_moment(column: pa.Array) -> pa.Array:
    """Moments from decimal text, missing where there is none or 0."""
    count(column.drop_null())
    seconds = column.cast(pa.int64())
    return moment(pc.if_else(pc.equal(seconds, 0), pa.scalar(None, pa.int64()), seconds))


def address(column: pa.Array) -> pa.Array:
    """Addresses in their EIP-55 spelling."""
    return distinct(whole(column), lambda each: v.eip55(v.address(each)))


def anyone(column: pa.Array) -> pa.Array:
    """The same, missing for the null address."""

    def read(each: str) -> str | None:
        found = v.anyone(each)
        return None if found is None else v.eip55(found)

    return distinct(column, read)


def tag(column: pa.Array) -> pa.Array:
    """The words of tags."""
    return distinct(column, KINDS["tag"].read)


def distinct(column: pa.Array, read: Callable[[str], Any]) -> pa.Array:
    """What ``read`` makes of each value; of the same values once."""
    coded = column.dictionary_encode()
    try:
        known = [read(each) for each in coded.dictionary.to_pylist()]
    except (TypeError, ValueError):
        raise Unusual from None
    return pa.array(known, pa.string()).take(coded.indices)


def word(column: pa.Array) -> pa.Array:
    """32 bytes, as subgraphs write them."""
    if len(column):
        letters, edges = _held(whole(column))
        need(bool((np.diff(edges) == _WORD).all()))
        rows = letters.reshape(-1, _WORD)
        need(bool((rows[:, 0] == ord("0")).all() and (rows[:, 1] == ord("x")).all()))
        need(bool(_LOWER_HEX[rows[:, 2:]].all()))
    return column


def word_or_none(column: pa.Array) -> pa.Array:
    """The same, missing for zero."""
    word(column.drop_null())
    return pc.if_else(pc.equal(column, _ZERO), pa.scalar(None, pa.string()), column)


def position(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Blocks and indices of logs, from the ids of events."""
    pieces = pc.split_pattern(whole(column), "-")
    if len(column):
        need(pc.equal(pc.list_value_length(pieces), 2))
    numbers = count(pieces.flatten(), 18).to_numpy()
    return pa.array(numbers[::2]), pa.array(numbers[1::2])


def each(column: pa.Array, read: Callable[[bytes], str | None]) -> pa.Array:
    """What ``read`` makes of hexadecimal bytes, of the same ones once."""

    def of(value: str) -> str | None:
        return read(bytes.fromhex(value[2:]))

    given = column.drop_null()
    if len(given):
        letters, edges = _held(given)
        sizes, starts = np.diff(edges), edges[:-1]
        need(bool((sizes >= 2).all() and not (sizes % 2).any()))
        need(bool((letters[starts] == ord("0")).all() and (letters[starts + 1] == ord("x")).all()))
        digits = _HEX[letters]
        digits[starts + 1] = True
        need(bool(digits.all()))
    return distinct(column, of)
