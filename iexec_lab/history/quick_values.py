"""Whole columns of a subgraph's answer, as ``graph_values`` reads single values.

Each function takes a column only if every value of it is as a subgraph writes it; ``Unusual`` is raised
otherwise, and the page is read row by row, which tells what can be believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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


def count(column: pa.Array) -> pa.Array:
    """Numbers from decimal text."""
    if not len(column):
        return column.cast(pa.int64())
    need(pc.ascii_is_decimal(whole(column)))
    return column.cast(pa.int64())


def rlc(column: pa.Array) -> pa.Array:
    """Exact nRLC from decimal text in RLC: the digits of a decimal with nine places."""
    if not len(column):
        return column.cast(NRLC)
    need(pc.match_substring_regex(whole(column), r"^[0-9]+(\.[0-9]+)?$"))
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
    given = column.drop_null()
    if len(given):
        need(pc.ascii_is_decimal(given))
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
        need(pc.match_substring_regex(whole(column), "^0x[0-9a-f]{64}$"))
    return column


def word_or_none(column: pa.Array) -> pa.Array:
    """The same, missing for zero."""
    given = column.drop_null()
    if len(given):
        need(pc.match_substring_regex(given, "^0x[0-9a-f]{64}$"))
    return pc.if_else(pc.equal(column, _ZERO), pa.scalar(None, pa.string()), column)


def position(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Blocks and indices of logs, from the ids of events."""
    if not len(column):
        return column.cast(pa.int64()), column.cast(pa.int64())
    need(pc.match_substring_regex(whole(column), "^[0-9]{1,18}-[0-9]{1,18}$"))
    pieces = pc.split_pattern(column, "-")
    return pc.list_element(pieces, 0).cast(pa.int64()), pc.list_element(pieces, 1).cast(pa.int64())


def each(column: pa.Array, read: Callable[[bytes], str | None]) -> pa.Array:
    """What ``read`` makes of hexadecimal bytes, value by value."""
    try:
        found = [None if value is None else read(v.raw_bytes(value)) for value in column.to_pylist()]
    except (TypeError, ValueError):
        raise Unusual from None
    return pa.array(found, pa.string())
