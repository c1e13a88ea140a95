"""From protocol objects, or columns of values, to DataFrames."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from iexec_lab.errors import ValidationError
from iexec_lab.frames.decoded import (
    PARAM_COLUMNS,
    PARAMS,
    RESTRICTED,
    is_restriction,
    params_columns,
    restricted,
)
from iexec_lab.frames.kinds import KINDS, Kind
from iexec_lab.frames.logs import KIND as LOGS
from iexec_lab.frames.quick import packed_array, read_packed, rlc, text_array
from iexec_lab.frames.schemas import NRLC, OPTIONAL, SCHEMAS, Column, rlc_name
from iexec_lab.packed import Coded
from iexec_lab.plain_text import plain
from iexec_lab.protocol import to_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd

_TAG, _TAG_HEX = "tag", "tag_hex"


def build(
    kind: str, rows: Iterable[Mapping[str, Any]], *, single: bool = False, **attrs: Any
) -> pd.DataFrame:
    """A frame of the schema ``kind``.

    Args:
        kind: A key of SCHEMAS.
        rows: Objects as the official SDK, the market API or the contracts shape them.
        single: The one row is a whole object, best drawn upright.
        attrs: Added to ``frame.attrs``.

    Raises:
        ValidationError: A value does not fit its column.
    """
    take: Callable[[str], Sequence[Any]] | None = getattr(rows, "column", None)
    if take is not None:  # a market's list, which is held as columns
        length = len(cast("Sequence[Any]", rows))
        return _frame(kind, lambda column: take(column.path), length, single=single, attrs=attrs)
    held = rows if isinstance(rows, list) else list(rows)
    return _frame(kind, lambda column: _found(held, column), len(held), single=single, attrs=attrs)


def from_columns(
    kind: str, columns: Mapping[str, Sequence[Any]], *, single: bool = False, **attrs: Any
) -> pd.DataFrame:
    """A frame of the schema ``kind`` from whole columns.

    Args:
        kind: A key of SCHEMAS.
        columns: Values by the schema's names of columns, all of the same length, as services give them; a
            column that is not there is missing throughout.
        single: The one row is a whole object, best drawn upright.
        attrs: Added to ``frame.attrs``.

    Raises:
        ValidationError: A value does not fit its column, or columns have not the same length.
    """
    length = max(map(len, columns.values()), default=0)
    if any(len(values) != length for values in columns.values()):
        raise ValidationError(f"columns of a {kind} frame have not the same length")

    def values_of(column: Column) -> Sequence[Any]:
        source = _TAG_HEX if column.name == _TAG and _TAG_HEX in columns else column.name
        return columns[source] if source in columns else [None] * length

    return _frame(kind, values_of, length, single=single, attrs=attrs)


def _frame(
    kind: str,
    values_of: Callable[[Column], Sequence[Any]],
    length: int,
    *,
    single: bool,
    attrs: Mapping[str, Any],
) -> pd.DataFrame:
    about = _about(kind, single=single, attrs=attrs)
    if "remark" in about:
        about["rows"] = length  # a part of the frame inherits the remark, of which it is not true
    optional = OPTIONAL.get(kind, set())
    arrays: dict[str, Any] = {}
    for column, values in _columns(kind, values_of, length, about):
        if column.name in optional and _is_empty(values):
            continue
        if column.name.endswith(NRLC):
            arrays[rlc_name(column.name)] = _in_rlc(values)
        arrays[column.name] = _array(values, KINDS[column.kind])
    return _of(arrays, length, about)


def from_arrays(kind: str, arrays: Mapping[str, Any], length: int, **attrs: Any) -> pd.DataFrame:
    """A frame of columns that are already as the schema ``kind`` has them, twins included.

    Args:
        kind: A key of SCHEMAS.
        arrays: All columns in their order, as pandas stores them.
        length: Number of rows.
        attrs: Added to ``frame.attrs``.
    """
    return _of(arrays, length, _about(kind, single=False, attrs=attrs))


def _about(kind: str, *, single: bool, attrs: Mapping[str, Any]) -> dict[Any, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"kind": kind, "single": single, "fetched_at": now, **attrs}


def _of(arrays: Mapping[str, Any], length: int, about: dict[Any, Any]) -> pd.DataFrame:
    import pandas as pd

    # Without a copy each column is a block of its own: joining them would hold the frame twice.
    frame = pd.DataFrame(arrays, index=pd.RangeIndex(length), copy=False)
    frame.attrs = about
    if about.get("kind") == LOGS:
        from iexec_lab.frames.log_frame import log_frame

        return log_frame(frame)
    return frame


def _columns(
    kind: str, values_of: Callable[[Column], Sequence[Any]], length: int, about: dict[Any, Any]
) -> Iterator[tuple[Column, Sequence[Any]]]:
    """The columns in order; ``about`` learns how many rows have parameters that are not what they promise."""
    schema = SCHEMAS[kind]
    has_params = any(column.name == PARAMS for column in schema)
    decoded: dict[str, list[Any]] = {}
    restrictions: dict[str, Sequence[Any]] = {}
    for column in schema:
        if has_params and column.name in PARAM_COLUMNS:
            values: Sequence[Any] = decoded.pop(column.name)
        elif column.name == RESTRICTED:
            values = restricted(restrictions, length)
        else:
            values = _read(values_of(column), column)
        if column.name == PARAMS and any(each.name in PARAM_COLUMNS for each in schema):
            decoded, strange = params_columns(values)
            if strange:
                about["params_unread"] = strange
        if is_restriction(column.name):
            restrictions[column.name] = values
        yield column, values


def _is_empty(values: Sequence[Any]) -> bool:
    return all(value is None for value in (values.words if isinstance(values, Coded) else values))


def _in_rlc(values: Sequence[int | None]) -> Any:
    import numpy as np

    found = rlc(values) if isinstance(values, array) else None
    if found is not None:
        return found
    exact = (float("nan") if value is None else value / 10**9 for value in values)
    return np.fromiter(exact, dtype=np.float64, count=len(values))


def _found(rows: Sequence[Mapping[str, Any]], column: Column) -> list[Any]:
    """What the rows hold at a column's path; None where they hold nothing.

    Raises:
        ValidationError: Something on the way is no object.
    """
    first, *rest = column.path.split(".")
    try:
        values = [row.get(first) for row in rows]
        for part in rest:
            values = [None if value is None else value.get(part) for value in values]
    except AttributeError:
        raise _unread(column, "a value of another kind") from None
    return values


def _read(values: Sequence[Any], column: Column) -> Sequence[Any]:
    """A column's values.

    Raises:
        ValidationError: One of them cannot be read; no other error is raised, whatever a row holds.
    """
    read = KINDS[column.kind].read
    try:
        packed = read_packed(values, read)
        if packed is not None:
            return packed  # type: ignore[no-any-return]
        if read is to_number and _are_small(values):
            return values
        if read is to_number and _are_short_texts(values):
            return [*map(int, values)]
        if set(map(type, values)) == {str} and len(known := set(values)) < len(values) // 2:
            words = {value: read(value) for value in known}
            return [words[value] for value in values]
        return [None if value is None else read(value) for value in values]
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        why = plain(error.message) if isinstance(error, ValidationError) else "a value of another kind"
        raise _unread(column, why) from None


def _unread(column: Column, why: str) -> ValidationError:
    return ValidationError(f"{column.name} cannot be read: {why}")


def _are_small(values: Sequence[Any]) -> bool:
    """Whether all are small integers, which need no reading: most lists are."""
    return set(map(type, values)) == {int} and min(values) >= 0 and max(values) < 2**63


def _are_short_texts(values: Sequence[Any]) -> bool:
    """Whether all are decimal text that any integer can be: so do services write most numbers."""
    return (
        set(map(type, values)) == {str}
        and max(map(len, values)) <= 18
        and "".join(values).isascii()
        and all(map(str.isdecimal, values))
    )


def _array(values: Sequence[Any], kind: Kind) -> Any:
    """A column as pandas stores it."""
    found = packed_array(values, kind)
    return (
        _array_of_list(values if isinstance(values, list) else list(values), kind) if found is None else found
    )


def _array_of_list(values: list[Any], kind: Kind) -> Any:
    import numpy as np
    import pandas as pd

    if kind.categories is not None:
        return pd.Categorical(values, categories=list(kind.categories), ordered=True)
    if kind.dtype == "Int64" and all(value is None or -(2**63) <= value < 2**63 for value in values):
        from iexec_lab.frames.whole import whole

        return whole(values)
    if kind.dtype == "boolean":
        return pd.array(values, dtype="boolean")
    held = np.empty(len(values), dtype=object)
    held[:] = values
    if kind.dtype is None:
        return text_array(held)
    if kind.dtype.startswith("datetime"):
        dtype: Any = kind.dtype
        return pd.to_datetime(pd.Series(held), utc=True).astype(dtype).array
    objects = pd.Series(held, dtype="object")  # an array would become text where all its values are
    return objects.astype("float64") if kind.dtype == "float64" else objects


def sum_exact(values: Iterable[Any]) -> int:
    """The sum of integers, missing ones left out, exact at any size."""
    return sum(int(value) for value in values if value is not None and value == value)  # noqa: PLR0124
