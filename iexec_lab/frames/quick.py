"""Packed columns (``packed.py``) to what pandas stores, a column at a time.

Only for speed: each function gives None for what it does not know, which then goes the way of any column, to
the same end.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.frames.kinds import KINDS
from iexec_lab.packed import Coded, Texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.frames.kinds import Kind

_MOMENT: Final = b"0000-00-00T00:00:00.000Z"
_EXACT: Final = 2**53


def read_packed(values: Any, read: Callable[[Any], Any]) -> Any:
    """A packed column's values, as ``read`` reads each; times are as pandas stores them.

    Raises:
        Exception: What ``read`` raises.
    """
    if isinstance(values, Coded):
        return values.each(lambda value: None if value is None else read(value))
    if isinstance(values, array):
        return values if read is KINDS["nrlc"].read and is_counted(values) else None
    if not isinstance(values, Texts):
        return None
    if read is KINDS["hash"].read:
        return Texts(values.text.lower(), values.width)
    return moments(values) if read is KINDS["time"].read else None


def packed_array(values: Any, kind: Kind) -> Any:
    """The column of values that are read already, as pandas stores it."""
    if kind.dtype is not None and getattr(values, "dtype", None) == kind.dtype:
        return values
    if isinstance(values, Coded):
        return _of_codes(values, kind)
    if isinstance(values, array):
        return _of_numbers(values, kind)
    return _of_texts(values, kind) if isinstance(values, Texts) else None


def _of_codes(values: Coded, kind: Kind) -> Any:
    import numpy as np
    import pandas as pd

    if kind.dtype not in {None, "category"}:
        return None
    codes = np.frombuffer(values.codes, dtype=np.intc)
    if kind.categories is not None:
        places = {name: place for place, name in enumerate(kind.categories)}
        known = np.array([places.get(word, -1) for word in values.words], dtype=np.int8)
        return pd.Categorical.from_codes(
            known[codes], dtype=pd.CategoricalDtype(list(kind.categories), ordered=True)
        )
    if not is_arrow_text():
        words = np.empty(len(values.words), dtype=object)
        words[:] = values.words
        return text_array(words[codes])
    import pyarrow as pa

    return pd.array(pa.array(values.words, type=pa.large_string()).take(pa.array(codes)), dtype="str")


def _of_numbers(values: array[int], kind: Kind) -> Any:
    import numpy as np
    import pandas as pd

    found = np.frombuffer(values, dtype=np.int64)
    if kind.dtype == "Int64":
        from iexec_lab.frames.whole import WholeArray

        return WholeArray(found.copy(), np.zeros(len(found), dtype=bool))
    return pd.Series(found.astype(object), dtype="object") if kind.dtype == "object" else None


def _of_texts(values: Texts, kind: Kind) -> Any:
    import numpy as np
    import pandas as pd

    if kind.dtype is not None:
        return None
    if not is_arrow_text():
        words = np.empty(len(values), dtype=object)
        words[:] = list(values)
        return text_array(words)
    import pyarrow as pa

    offsets = np.arange(0, len(values.text) + 1, values.width, dtype=np.int64)
    buffers = pa.py_buffer(offsets), pa.py_buffer(values.text.encode("ascii"))
    return pd.array(pa.LargeStringArray.from_buffers(len(values), *buffers), dtype="str")


def text_array(words: Any) -> Any:
    """Text, or None, as this pandas stores it: pandas 3 has a dtype of its own; before it, text is object."""
    import pandas as pd

    return pd.Series(words, dtype="str" if int(pd.__version__.split(".")[0]) >= 3 else "object")


def is_arrow_text() -> bool:
    """Whether this pandas holds text as Arrow does."""
    import pandas as pd

    dtype = pd.Series([""], dtype="str").dtype
    return isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow"


def is_counted(values: array[int]) -> bool:
    """Whether no number is negative."""
    import numpy as np

    return not len(values) or bool(np.frombuffer(values, dtype=np.int64).min() >= 0)


def rlc(values: array[int]) -> Any:
    """Amounts as RLC; None where a float cannot hold one of them."""
    import numpy as np

    found = np.frombuffer(values, dtype=np.int64)
    return found / 10**9 if not len(found) or abs(found).max() < _EXACT else None


def moments(values: Texts) -> Any:
    """Times that are written as markets write them."""
    import numpy as np
    import pandas as pd

    if values.width != len(_MOMENT) or not values.text.isascii():
        return None
    table = np.frombuffer(values.text.encode("ascii"), dtype=np.uint8).reshape(-1, values.width)
    form = np.frombuffer(_MOMENT, dtype=np.uint8)
    digits = table - ord("0")
    if not ((table == form) | ((digits < 10) & (form == ord("0")))).all():
        return None

    def at(start: int, end: int) -> Any:
        found = np.zeros(len(digits), dtype=np.int64)
        for place in range(start, end):
            found = found * 10 + digits[:, place]
        return found

    year, month, day = at(0, 4), at(5, 7), at(8, 10)
    hour, minute, second = at(11, 13), at(14, 16), at(17, 19)
    if (
        (year < 1971).any()
        or (year > 2199).any()
        or (month < 1).any()
        or (month > 12).any()
        or (day < 1).any()
    ):
        return None
    if (hour > 23).any() or (minute > 59).any() or (second > 59).any():
        return None
    months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
    days = months.astype("M8[D]") + (day - 1)
    if (days.astype("M8[M]") != months).any():
        return None
    seconds = (hour * 60 + minute) * 60 + second
    found = days.astype("M8[us]") + (seconds * 1_000_000 + at(20, 23) * 1000)
    return pd.DatetimeIndex(found).tz_localize("UTC").array
