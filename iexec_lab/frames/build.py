"""From protocol objects, or columns of values, to DataFrames."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from iexec_lab.errors import ValidationError
from iexec_lab.frames.kinds import KINDS, Kind
from iexec_lab.frames.schemas import OPTIONAL, SCHEMAS, Column
from iexec_lab.plain_text import plain
from iexec_lab.protocol import to_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd

NRLC = "_nrlc"
"""How the names of exact amounts end; the twin in RLC ends with ``_rlc``."""


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
        return _frame(kind, lambda column: take(column.path), single=single, attrs=attrs)
    held = list(rows)
    return _frame(kind, lambda column: _found(held, column), single=single, attrs=attrs)


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
        ValidationError: A value does not fit its column.
    """
    length = max(map(len, columns.values()), default=0)
    absent = [None] * length
    return _frame(kind, lambda column: columns.get(column.name, absent), single=single, attrs=attrs)


def _frame(
    kind: str, values_of: Callable[[Column], Sequence[Any]], *, single: bool, attrs: Mapping[str, Any]
) -> pd.DataFrame:
    import pandas as pd

    optional = OPTIONAL.get(kind, set())
    series = {}
    for column in SCHEMAS[kind]:
        values = _read(values_of(column), column)
        if column.name in optional and all(value is None for value in values):
            continue
        if column.name.endswith(NRLC):
            series[rlc_name(column.name)] = pd.Series(_in_rlc(values), dtype="float64")
        series[column.name] = _series(values, KINDS[column.kind])
    frame = pd.DataFrame(series)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    about: dict[Any, Any] = {"kind": kind, "single": single, "fetched_at": now, **attrs}
    frame.attrs = about
    return frame


def rlc_name(name: str) -> str:
    """The twin of a column of exact amounts: ``price_nrlc`` -> ``price_rlc``."""
    return f"{name.removesuffix(NRLC)}_rlc"


def _in_rlc(values: Sequence[int | None]) -> list[float]:
    return [float("nan") if value is None else value / 10**9 for value in values]


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
        if read is to_number and _are_small(values):
            return values
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


def _series(values: Sequence[Any], kind: Kind) -> pd.Series[Any]:
    import pandas as pd

    if kind.categories is not None:
        return pd.Series(pd.Categorical(values, categories=list(kind.categories), ordered=True))
    if kind.dtype is None:
        # pandas 3 has a text dtype of its own; before it, text is object.
        dtype: Any = "str" if int(pd.__version__.split(".")[0]) >= 3 else "object"
        return pd.Series(values, dtype="object").astype(dtype)
    exact: Any = kind.dtype
    if exact == "Int64" and not all(value is None or -(2**63) <= value < 2**63 for value in values):
        exact = "object"
    if kind.dtype.startswith("datetime"):
        moments = pd.to_datetime(pd.Series(values, dtype="object"), utc=True)
        return moments.astype(exact)
    return cast("pd.Series[Any]", pd.Series(values, dtype=exact))


def sum_exact(values: Iterable[Any]) -> int:
    """The sum of integers, missing ones left out, exact at any size."""
    return sum(int(value) for value in values if value is not None and value == value)  # noqa: PLR0124
