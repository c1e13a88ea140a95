"""Frames as Arrow tables, and back.

Exact integers are decimals of 38 digits where all of a column fit, else decimal text; so are counts whose sum
does not fit 64 bits. Lists and objects are JSON text. The metadata says what each column was, so that
``from_arrow`` gives the same frame: dtypes, attrs, order and index. Others read it too: pandas finds its own
metadata, and its sums of decimals are right up to 28 digits, as Python's ``decimal`` computes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.errors import ValidationError
from iexec_lab.frames.kinds import KINDS
from iexec_lab.frames.schemas import SCHEMAS
from iexec_lab.libraries import needing

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import pyarrow as pa

_OURS: Final = b"iexec_lab"
"""The key of our metadata: ``columns`` with what each was, ``index`` with how many of them were the index."""
_PANDAS, _PANDAS_ATTRS = b"pandas", b"PANDAS_ATTRS"
_DECIMALS: Final = 10**38
_SECRET: Final = "private_key"  # noqa: S105 - the name of a column
_EXACT, _JSON, _TEXT, _CATEGORY, _COUNT = "exact", "json", "text", "category", "Int64"
_LIMIT: Final = 2**63
_INDEX: Final = "__index_level_{}__"
"""What pandas itself calls a level without a name."""


class Stored(NamedTuple):
    """How a column is stored.

    Attributes:
        name: Its name.
        was: What it was: a dtype, or ``exact``, ``json``, ``text``, ``category``.
        type: The Arrow type.
        categories: Those of a ``category``.
        ordered: Whether they have an order.
    """

    name: str
    was: str
    type: Any
    categories: list[Any] | None = None
    ordered: bool = False


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """The frame as an Arrow table.

    Raises:
        LibraryError: pyarrow is not installed.
        ValidationError: The frame holds a private key, or columns without a name of their own.
    """
    with needing("Arrow", "pyarrow"):
        import pyarrow  # noqa: F401, ICN001
    return table(frame, layout(frame))


def from_arrow(table: pa.Table) -> pd.DataFrame:
    """The frame that ``to_arrow`` was given; a table of others as pandas reads it.

    Raises:
        ValidationError: The table is not what its metadata says.
    """
    import pandas as pd

    metadata = table.schema.metadata or {}
    about = _told(metadata)
    if about is None:
        frame: pd.DataFrame = table.to_pandas()
        return frame
    names = [name for name in about["columns"] if name in table.column_names]
    try:
        arrays = {name: _restored(table.column(name), about["columns"][name]) for name in names}
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValidationError("the table is not what its metadata says") from error
    levels = [name for name in about["index"] if name in arrays]
    counted = about.get("range")
    index: Any = (
        pd.RangeIndex(**counted)
        if counted and _is_range(counted, table.num_rows)
        else pd.RangeIndex(table.num_rows)
    )
    if levels:
        titles = [None if name == _INDEX.format(at) else name for at, name in enumerate(levels)]
        found = [pd.Index(arrays.pop(name), name=title) for name, title in zip(levels, titles, strict=True)]
        index = found[0] if len(found) == 1 else pd.MultiIndex.from_arrays(found, names=titles)
    frame = pd.DataFrame(arrays, index=index, copy=False)
    frame.attrs = about["attrs"]
    return frame


def _told(metadata: Mapping[bytes, bytes]) -> dict[str, Any] | None:
    """Our metadata; None where there is none that can be read."""
    try:
        about = json.loads(metadata[_OURS])
        shapes = (
            isinstance(about["columns"], dict),
            isinstance(about["attrs"], dict),
            isinstance(about["index"], list),
        )
    except (KeyError, RecursionError, TypeError, ValueError):
        return None
    return about if all(shapes) else None


def _is_range(told: Any, length: int) -> bool:
    if not isinstance(told, dict) or set(told) != {"name", "start", "stop", "step"}:
        return False
    numbers = told["start"], told["stop"], told["step"]
    if not all(type(each) is int and abs(each) < _LIMIT for each in numbers) or not told["step"]:
        return False
    return (told["name"] is None or isinstance(told["name"], str)) and len(range(*numbers)) == length


def layout(frame: pd.DataFrame) -> list[Stored]:
    """How each column is stored, the levels of an index that is not a plain count first.

    Raises:
        ValidationError: The frame holds a private key, or columns without a name of their own.
    """
    names = [*frame.columns]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValidationError(
            "each column needs one name of its own",
            hint="Name them: frame.columns = [...], or reset_index().",
        )
    if _SECRET in names and frame[_SECRET].notna().any():
        raise ValidationError(
            "a private key is not written where others read", hint=f'Use frame.drop(columns="{_SECRET}").'
        )
    kinds = {column.name: column.kind for column in SCHEMAS.get(str(frame.attrs.get("kind")), ())}
    stored = [_stored(name, values, "") for name, values in _levels(frame)]
    stored += [_stored(name, frame[name], kinds.get(name, "")) for name in names]
    if len({each.name for each in stored}) < len(stored):
        raise ValidationError("the index has the name of a column", hint="Use frame.reset_index(drop=True).")
    return stored


def _levels(frame: pd.DataFrame) -> list[tuple[str, Any]]:
    """The levels of the index by name; none of a range, which is in the metadata."""
    return _levels_of_slice(frame, 0 if _range(frame) else frame.index.nlevels)


def _range(frame: pd.DataFrame) -> dict[str, Any] | None:
    import pandas as pd

    index = frame.index
    if not isinstance(index, pd.RangeIndex) or not (index.name is None or isinstance(index.name, str)):
        return None
    return {"name": index.name, "start": index.start, "stop": index.stop, "step": index.step}


def _levels_of_slice(frame: pd.DataFrame, count: int) -> list[tuple[str, Any]]:
    names = frame.index.names if count else []
    titles = [_INDEX.format(at) if name is None else str(name) for at, name in enumerate(names)]
    return [(title, frame.index.get_level_values(at).to_series()) for at, title in enumerate(titles)]


def _stored(name: str, values: pd.Series[Any], kind: str) -> Stored:
    import pandas as pd
    import pyarrow as pa

    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        categories = dtype.categories.tolist()
        return Stored(name, _CATEGORY, pa.string(), categories, bool(dtype.ordered))
    if isinstance(dtype, pd.StringDtype):
        return Stored(name, _TEXT, pa.string())
    if str(dtype) == _COUNT and _sum_of(values) >= _LIMIT:
        return Stored(name, _COUNT, pa.decimal128(38, 0))  # theirs would wrap
    if not pd.api.types.is_object_dtype(dtype):
        return Stored(name, str(dtype), pa.Array.from_pandas(values.iloc[:0]).type)
    return _stored_object(name, values, kind)


def _stored_object(name: str, values: pd.Series[Any], kind: str) -> Stored:
    import pyarrow as pa

    held = [value for value in values if not _lacks(value)]
    types = set(map(type, held))
    if types == {int} or (not held and kind in {"u256", "nrlc", "wei", "count", "total", "tally"}):
        fits = all(-_DECIMALS < value < _DECIMALS for value in held)
        return Stored(name, _EXACT, pa.decimal128(38, 0) if fits else pa.string())
    if types == {str} or (not held and (kind not in KINDS or KINDS[kind].dtype is None)):
        return Stored(name, _TEXT, pa.string())
    return Stored(name, _JSON, pa.string())


def _sum_of(values: pd.Series[Any]) -> int:
    largest = values.abs().max()
    return 0 if _lacks(largest) else int(largest) * len(values)


def _lacks(value: Any) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)  # noqa: PLR0124


def schema_of(frame: pd.DataFrame, stored: list[Stored]) -> pa.Schema:
    """The Arrow schema of the whole frame, with its metadata."""
    import pyarrow as pa

    levels = [name for name, _ in _levels(frame)]
    ours = {
        "columns": {
            each.name: {"was": each.was, "categories": each.categories, "ordered": each.ordered}
            for each in stored
        },
        "index": levels,
        "range": _range(frame),
        "attrs": dict(frame.attrs),
    }
    plain = frame.iloc[:0].astype(
        {each.name: "object" for each in stored if _changes(each) and each.name not in levels}
    )
    theirs = json.loads(pa.Schema.from_pandas(plain).metadata[_PANDAS])
    if not levels:
        theirs["index_columns"] = [{"kind": "range", **(_range(frame) or {})}]
    metadata = {
        _OURS: json.dumps(ours, default=str),
        _PANDAS: json.dumps(theirs),
        _PANDAS_ATTRS: json.dumps(dict(frame.attrs), default=str),
    }
    return pa.schema([pa.field(each.name, each.type) for each in stored], metadata)


def _changes(stored: Stored) -> bool:
    """Whether pandas must not make of the column what it was."""
    import pyarrow as pa

    return stored.was == _CATEGORY or (stored.was == _COUNT and pa.types.is_decimal(stored.type))


def table(frame: pd.DataFrame, stored: list[Stored], schema: pa.Schema | None = None) -> pa.Table:
    """The rows of a frame, or of a slice of one, in this layout."""
    import pyarrow as pa

    levels = _levels(frame) if schema is None else _levels_of_slice(frame, len(stored) - len(frame.columns))
    held = {**dict(levels), **{name: frame[name] for name in frame.columns}}
    return pa.Table.from_arrays(
        [_column(held[each.name], each) for each in stored], schema=schema or schema_of(frame, stored)
    )


def _column(values: pd.Series[Any], stored: Stored) -> pa.Array | pa.ChunkedArray:
    import pyarrow as pa

    if stored.was == _EXACT or (stored.was == _COUNT and pa.types.is_decimal(stored.type)):
        from decimal import Decimal

        make: Any = Decimal if pa.types.is_decimal(stored.type) else str
        return pa.array([None if _lacks(value) else make(value) for value in values], stored.type)
    if stored.was == _JSON:
        texts = [None if _lacks(value) else json.dumps(value, default=str) for value in values]
        return pa.array(texts, stored.type)
    if stored.was == _CATEGORY:
        return pa.array([None if _lacks(value) else str(value) for value in values], stored.type)
    return pa.Array.from_pandas(values, type=stored.type)


def _restored(column: pa.ChunkedArray, told: Mapping[str, Any]) -> Any:
    import numpy as np
    import pandas as pd

    was = told["was"]
    if was == _COUNT:
        import pyarrow as pa

        from iexec_lab.frames.whole import WholeArray

        mask = np.asarray(column.is_null())
        return WholeArray(np.asarray(column.cast(pa.int64()).fill_null(0)), mask.astype(bool))
    if was == _CATEGORY:
        return pd.Categorical(column.to_pylist(), categories=told["categories"], ordered=told["ordered"])
    if was in {_EXACT, _JSON, _TEXT}:
        read: Any = {_EXACT: int, _JSON: json.loads, _TEXT: str}[was]
        held = np.empty(len(column), dtype=object)
        at = 0
        for chunk in column.chunks:  # not all decimals at once
            for value in chunk.to_pylist():
                held[at] = None if value is None else read(value)
                at += 1
        is_text = was == _TEXT and int(pd.__version__.split(".")[0]) >= 3
        return pd.Series(held, dtype="str" if is_text else "object").array
    return column.to_pandas().astype(was).array
