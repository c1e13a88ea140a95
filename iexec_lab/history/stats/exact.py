"""Columns of frames as exact integers, and figures as plain frames: what pandas would wrap or round.

``Int64`` sums wrap silently beyond 2**63 and floats round, so sums and products of nRLC are Python's. A Dask
frame is read partition by partition, on the workers of its cluster when there is one: only what a partition
adds up to comes back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.libraries import needing
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    import pandas as pd

EVERY: Final = ("hour", "day", "week", "month")
"""Lengths of a period, all in UTC; a week begins on Monday."""
MOST_PERIODS: Final = 100_000
_SECONDS: Final = {"hour": 3_600, "day": 86_400, "week": 604_800}
_MONDAY: Final = 4 * 86_400  # 1970 began on a Thursday


def each(frame: Any, names: Sequence[str], function: Callable[[pd.DataFrame], Any]) -> list[Any]:
    """What ``function`` says of these columns: of a pandas frame, or of each partition of a Dask frame.

    Raises:
        ValidationError: It is no frame, or one of the columns is not there.
    """
    wanted = check(frame, names)
    if not hasattr(frame, "to_delayed"):
        return [function(frame[wanted])]
    with needing("A Dask frame", "dask", "dask[dataframe]"):
        import dask
    work: Any = dask  # it has no types
    return list(work.compute(*(work.delayed(function)(part) for part in frame[wanted].to_delayed())))


def held(frame: Any, names: Sequence[str]) -> pd.DataFrame:
    """These columns as a pandas frame; those of a Dask frame are computed.

    Raises:
        ValidationError: It is no frame, or one of the columns is not there.
    """
    chosen = frame[check(frame, names)]
    found: pd.DataFrame = chosen.compute() if hasattr(chosen, "compute") else chosen
    return found


def check(frame: Any, names: Sequence[str]) -> list[str]:
    """The names, when the frame has them.

    Raises:
        ValidationError: It is no frame, or one of the columns is not there.
    """
    columns = getattr(frame, "columns", None)
    if columns is None:
        raise ValidationError(
            f"{plain(type(frame).__name__)} is no DataFrame",
            hint="Pass a frame of the past: its deals, tasks, events or transfers.",
        )
    absent = [name for name in dict.fromkeys(names) if name not in columns]
    if absent:
        raise ValidationError(
            f"The frame has no column {', '.join(map(plain, absent))}",
            details={"columns": ", ".join(map(plain, columns))},
            hint="Pass a frame of the past: its deals, tasks, events or transfers.",
        )
    return list(dict.fromkeys(names))


def integers(values: Iterable[Any]) -> list[int]:
    """Exact integers; 0 for what is missing. Decimals and decimal text are those of Parquet files.

    Raises:
        ValidationError: Something is no whole number.
    """
    values = values.tolist() if hasattr(values, "tolist") else list(values)
    if set(map(type, values)) <= {int}:
        return values
    return [0 if is_missing(value) else _integer(value) for value in values]


def _integer(value: Any) -> int:
    try:
        exact = int(value)
        if isinstance(value, str) or exact == value:
            return exact
    except (ArithmeticError, TypeError, ValueError):
        pass
    raise ValidationError(f"{plain(value, 80)} is no whole number")


def is_missing(value: Any) -> bool:
    """None, NA, NaT or NaN."""
    if value is None:
        return True
    import pandas as pd

    return value is pd.NA or (value != value and not isinstance(value, str))  # noqa: PLR0124


def texts(values: pd.Series[Any]) -> list[Any]:
    """Values to group by: text or numbers, None for what is missing."""
    found: list[Any] = values.astype("object").where(values.notna(), None).tolist()
    return found


def seconds(moments: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Moments as ``datetime64[s]`` in UTC; NaT where one is missing."""
    import pandas as pd

    read = pd.to_datetime(moments, utc=True).dt.tz_localize(None)
    found: np.ndarray[Any, Any] = read.to_numpy().astype("datetime64[s]")
    return found


def starts(moments: pd.Series[Any], every: str) -> list[int | None]:
    """When the period of each moment began, seconds since 1970; None for a missing moment.

    Raises:
        ValidationError: There is no such period.
    """
    import numpy as np

    check_every(every)
    read = seconds(moments)
    if every == "month":
        begun = read.astype("datetime64[M]").astype("datetime64[s]").astype("int64")
    else:
        length, offset = _SECONDS[every], _MONDAY if every == "week" else 0
        begun = (read.astype("int64") - offset) // length * length + offset
    gone = np.isnat(read)
    return [None if away else int(at) for at, away in zip(begun.tolist(), gone.tolist(), strict=True)]


def check_every(every: str) -> None:
    """Refuse what is no period.

    Raises:
        ValidationError: It is none.
    """
    if every not in EVERY:
        raise ValidationError(f"{plain(every, 40)} is no period", hint=f"Use one of: {', '.join(EVERY)}.")


def all_starts(some: Iterable[int], every: str) -> list[int]:
    """Each period from the first to the last of these, none left out.

    Raises:
        ValidationError: That are more than ``MOST_PERIODS``.
    """
    import numpy as np

    found = sorted(set(some))
    if not found:
        return []
    first, last = (np.datetime64(end, "s") for end in (found[0], found[-1]))
    if every == "month":
        months = np.arange(first.astype("datetime64[M]"), last.astype("datetime64[M]") + 1)
        return [int(month) for month in months.astype("datetime64[s]").astype("int64")]
    if (found[-1] - found[0]) // _SECONDS[every] >= MOST_PERIODS:
        raise ValidationError(
            f"More than {MOST_PERIODS:,} periods between {first} and {last}",
            hint='Use a longer one, as in every="month", or a later since.',
        )
    return list(range(found[0], found[-1] + 1, _SECONDS[every]))


def table(kind: str, kinds: Mapping[str, str], rows: Iterable[Sequence[Any]], **attrs: Any) -> pd.DataFrame:
    """A plain frame: amounts exact with their twins before them, the same columns when it is empty.

    Args:
        kind: A key of ``frames.figures.FIGURES``, how it is drawn.
        kinds: Name of each column and its kind: ``nrlc``, ``count``, ``number``, ``time`` or ``text``.
        rows: The values, in the order of the columns; times in seconds since 1970.
        attrs: The frame's ``attrs``.
    """
    import pandas as pd

    columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
    made: dict[str, Any] = {}
    for (name, stored), values in zip(kinds.items(), columns, strict=True):
        if stored == "nrlc":
            twin = f"{name.removesuffix('_nrlc')}_rlc"
            made[twin] = pd.Series([_in_rlc(value) for value in values], dtype="float64")
        made[name] = _series(values, stored)
    frame = pd.DataFrame(made)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    told: dict[Any, Any] = {"kind": kind, "fetched_at": now, **attrs}
    frame.attrs = told
    return frame


def _in_rlc(nrlc: int | None) -> float:
    return float("nan") if nrlc is None else nrlc / 10**9


def _series(values: Sequence[Any], kind: str) -> pd.Series[Any]:
    import pandas as pd

    if kind == "number":
        return pd.Series(values, dtype="float64")
    if kind == "time":
        read = pd.to_datetime(pd.Series(values, dtype="object"), unit="s", utc=True)
        return read.astype("datetime64[us, UTC]")
    if kind == "count" and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return pd.Series(values, dtype="Int64")
    if kind == "text":
        dtype: Any = "str" if int(pd.__version__.split(".")[0]) >= 3 else "object"
        return pd.Series(values, dtype="object").astype(dtype)
    return pd.Series(values, dtype="object")


def about(frame: Any) -> dict[str, Any]:
    """Where the rows of a frame come from, for the frame that is made of it."""
    known = getattr(frame, "attrs", None) or {}
    names = ("chain", "chain_id", "contract", "fetched_at", "left_out")
    return {name: known[name] for name in names if name in known}
