# ruff: noqa: SLF001 - the array is made of what pandas keeps to itself
"""Columns of counts: pandas' ``Int64``, but never a wrong number.

pandas computes ``Int64`` with NumPy's 64 bits, which wrap without a word: an unlimited volume is 2**53 - 1,
and the sum of 2,000 of them came out negative. Sums, products and powers are computed here as pandas does
where they surely fit, and with Python's integers in an object column where they may not. A single value is a
Python ``int``. What remains pandas' own: divisions, means and everything else that is a float.

The array and its dtype are subclasses because pandas makes arrays anew in ``concat``, ``take``, ``groupby``
and ``unstack``: from the class of the array or from that of the dtype.
"""

from __future__ import annotations

import inspect
import itertools
import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.arrays import IntegerArray

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_Array: Any = IntegerArray  # type checkers know too little of it
_UNSET = inspect.signature(IntegerArray.to_numpy).parameters["na_value"].default
_LIMIT = 2**63
_HARMLESS = 2**31
"""Below it, products of two and sums of any column that a machine can hold fit 64 bits."""
_MOST_BITS = 100_000
"""Of a product: more is no figure any more, and would take long."""
_MIXED = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "pow": operator.pow}
_POWER = 63


class WholeDtype(pd.Int64Dtype):
    """``Int64``, and equal to it; its arrays are exact."""

    @classmethod
    def construct_array_type(cls) -> Any:
        return WholeArray

    def __eq__(self, other: object) -> bool:
        return isinstance(other, pd.Int64Dtype) or (isinstance(other, str) and other == "Int64")

    def __hash__(self) -> int:
        return hash(pd.Int64Dtype())


class WholeArray(_Array):  # type: ignore[misc]
    """Whole numbers of 64 bits, or missing."""

    _data: np.ndarray[Any, Any]
    _mask: np.ndarray[Any, Any]

    @property
    def dtype(self) -> WholeDtype:
        return WholeDtype()

    # --- single values and arrays of NumPy ---

    def __getitem__(self, item: Any) -> Any:
        found = super().__getitem__(item)
        return int(found) if isinstance(found, np.integer) else found

    def __iter__(self) -> Iterator[Any]:
        return (
            pd.NA if missing else value
            for value, missing in zip(self._data.tolist(), self._mask, strict=True)
        )

    def to_numpy(self, dtype: Any = None, copy: bool = False, na_value: Any = _UNSET) -> Any:
        """As pandas does; large numbers are Python's when no dtype is asked for."""
        if dtype is None and self._largest() >= _HARMLESS:
            dtype = object
        return super().to_numpy(dtype=dtype, copy=copy, na_value=na_value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.to_numpy(dtype=dtype, copy=bool(copy))

    # --- arithmetic ---

    def _arith_method(self, other: Any, op: Any) -> Any:
        reverse = op.__name__ in {"radd", "rsub", "rmul", "rpow"}
        name = op.__name__.lstrip("r") if reverse else op.__name__
        if name in _MIXED:
            theirs = _operand(other)
            if theirs is not None and not _fits(name, self, theirs, reverse=reverse):
                pair = (theirs, self._objects()) if reverse else (self._objects(), theirs)
                return _exactly(_MIXED[name], *pair, length=len(self))
        return _ours(super()._arith_method(other, op))

    # Python asks the right operand first only where its class has a method of its own.
    def __radd__(self, other: Any) -> Any:
        return super().__radd__(other)

    def __rsub__(self, other: Any) -> Any:
        return super().__rsub__(other)

    def __rmul__(self, other: Any) -> Any:
        return super().__rmul__(other)

    def __rpow__(self, other: Any) -> Any:
        return super().__rpow__(other)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc in {np.add, np.multiply} and method == "accumulate" and inputs[0] is self:
            return self._accumulate("cumsum" if ufunc is np.add else "cumprod")
        if ufunc is np.square and method == "__call__":
            return self * self
        if ufunc in {np.left_shift, np.matmul} and self._largest() >= _HARMLESS:
            inputs = tuple(x._objects() if isinstance(x, WholeArray) else x for x in inputs)
            return getattr(ufunc, method)(*inputs, **kwargs)
        return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)

    # --- sums and products ---

    def _reduce(self, name: str, *, skipna: bool = True, keepdims: bool = False, **kwds: Any) -> Any:
        if name in {"sum", "prod"}:
            exact = self._whole(name, skipna=skipna, min_count=kwds.get("min_count", 0))
            if exact is not None:
                return np.array([exact], dtype=object) if keepdims else exact
        found = super()._reduce(name, skipna=skipna, keepdims=keepdims, **kwds)
        return int(found) if isinstance(found, np.integer) else _ours(found)

    def sum(self, *, skipna: bool = True, min_count: int = 0, axis: int | None = 0, **_: Any) -> Any:
        exact = self._whole("sum", skipna=skipna, min_count=min_count)
        return super().sum(skipna=skipna, min_count=min_count, axis=axis) if exact is None else exact

    def prod(self, *, skipna: bool = True, min_count: int = 0, axis: int | None = 0, **_: Any) -> Any:
        exact = self._whole("prod", skipna=skipna, min_count=min_count)
        return super().prod(skipna=skipna, min_count=min_count, axis=axis) if exact is None else exact

    def _whole(self, name: str, *, skipna: bool, min_count: int) -> int | None:
        """The sum or product where it may not fit; None leaves it to pandas."""
        if self._is_small(name) or (self._mask.any() and not skipna):
            return None
        values = self._data[~self._mask]
        if len(values) < min_count:
            return None
        return sum(values.tolist()) if name == "sum" else _product(values.tolist())

    def _accumulate(self, name: str, *, skipna: bool = True, **kwargs: Any) -> Any:
        how = {"cumsum": "sum", "cumprod": "prod"}.get(name)
        if how is None or self._is_small(how):
            return _ours(super()._accumulate(name, skipna=skipna, **kwargs))
        return self._grouped(name, np.zeros(len(self), dtype=np.intp), 1, skipna=skipna, min_count=0)

    def _groupby_op(self, *, how: str, min_count: int, ngroups: int, ids: Any, **kwargs: Any) -> Any:
        if how in {"sum", "prod", "cumsum", "cumprod"} and not self._is_small(how.removeprefix("cum")):
            skipna = bool(kwargs.get("skipna", True))
            return self._grouped(how, ids, ngroups, skipna=skipna, min_count=min_count)
        found = super()._groupby_op(how=how, min_count=min_count, ngroups=ngroups, ids=ids, **kwargs)
        return _ours(found)

    def _grouped(self, how: str, ids: Any, ngroups: int, *, skipna: bool, min_count: int) -> Any:
        """Sums or products of each group, or up to each row, as Python's integers."""
        is_sum = how.endswith("sum")
        totals: list[Any] = [0 if is_sum else 1] * ngroups
        seen, spoilt = [0] * ngroups, [False] * ngroups
        steps: list[Any] = []
        for group, value, missing in zip(ids.tolist(), self._data.tolist(), self._mask.tolist(), strict=True):
            if group < 0:
                steps.append(None)
                continue
            if missing:
                spoilt[group] = spoilt[group] or not skipna
            else:
                seen[group] += 1
                totals[group] = totals[group] + value if is_sum else _product([totals[group], value])
            steps.append(None if missing or spoilt[group] else totals[group])
        if how.startswith("cum"):
            return _objects(steps)
        few = [count < min_count or bad for count, bad in zip(seen, spoilt, strict=True)]
        return _objects([None if bad else total for total, bad in zip(totals, few, strict=True)])

    # --- what may be computed in 64 bits ---

    def _maybe_mask_result(self, result: Any, mask: Any) -> Any:
        return _ours(super()._maybe_mask_result(result, mask))

    def _largest(self) -> int:
        return max(map(abs, _bounds(self._data[~self._mask])))

    def _is_small(self, name: str) -> bool:
        """Whether any sum or product of these values fits."""
        if name == "sum":
            return self._largest() * len(self) < _LIMIT
        return self._largest().bit_length() * len(self) < _LIMIT.bit_length() - 1

    def _objects(self) -> Any:
        return _objects(list(self))


def _ours(found: Any) -> Any:
    """What pandas computed, with our arrays in place of its own."""
    if type(found) is _Array and found.dtype == pd.Int64Dtype():
        return WholeArray(found._data, found._mask)
    return found


def _objects(values: Sequence[Any]) -> Any:
    made = np.empty(len(values), dtype=object)
    made[:] = [None if value is pd.NA else value for value in values]
    return made


def _bounds(values: Any) -> tuple[int, int]:
    return (int(values.min()), int(values.max())) if len(values) else (0, 0)


def _operand(other: Any) -> Any:
    """The other side, if it is whole numbers: a Python ``int``, or an array of objects or integers."""
    if isinstance(other, (bool, np.bool_)) or other is pd.NA or other is None:
        return None
    if isinstance(other, (int, np.integer)):
        return int(other)
    if isinstance(other, IntegerArray):
        return other
    if isinstance(other, (list, tuple)) or type(other).__name__ == "NumpyExtensionArray":
        other = np.asarray(other, dtype=object)
    if isinstance(other, np.ndarray) and other.ndim == 1 and other.dtype.kind in "iuO":
        return other
    return None


def _fits(name: str, ours: WholeArray, theirs: Any, *, reverse: bool) -> bool:
    """Whether no result can be outside of 64 bits."""
    if isinstance(theirs, int):
        low, high = theirs, theirs
    elif isinstance(theirs, _Array):
        low, high = _bounds(theirs._data[~theirs._mask])
    elif theirs.dtype.kind == "O":
        return False
    else:
        low, high = _bounds(theirs)
    a, b = ours._largest(), max(abs(low), abs(high))
    if b >= _LIMIT:
        return False
    if name == "pow":
        base, exponent = (b, a) if reverse else (a, b)
        return base.bit_length() * exponent < _POWER
    return (a * b if name == "mul" else a + b) < _LIMIT


def _exactly(op: Callable[[Any, Any], Any], left: Any, right: Any, *, length: int) -> Any:
    """Each pair by itself, with Python's integers; missing where one is."""
    pairs = zip(_each(left, length), _each(right, length), strict=True)
    return _objects([None if _lacks(a) or _lacks(b) else _held(op, a, b) for a, b in pairs])


def _each(values: Any, length: int) -> Any:
    return itertools.repeat(values, length) if isinstance(values, int) else _listed(values)


def _listed(values: Any) -> list[Any]:
    found: list[Any] = _ours(values)._objects().tolist() if isinstance(values, _Array) else values.tolist()
    return found


def _lacks(value: Any) -> bool:
    return value is None or value is pd.NA or value != value  # noqa: PLR0124 - NaN


def _held(op: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    if op is operator.pow and isinstance(a, int) and isinstance(b, int) and a.bit_length() * b > _MOST_BITS:
        raise _too_long()
    return op(a, b)


def _product(values: Sequence[int]) -> int:
    if sum(value.bit_length() for value in values) > _MOST_BITS and 0 not in values:
        raise _too_long()
    return math.prod(values)


def _too_long() -> OverflowError:
    return OverflowError(
        f"a product of more than {_MOST_BITS:,} bits: compute with floats (astype('float64'))"
    )


def whole(values: Sequence[int | None]) -> WholeArray:
    """The column of these numbers; all fit 64 bits."""
    mask = np.fromiter((value is None for value in values), dtype=bool, count=len(values))
    data = np.fromiter((0 if value is None else value for value in values), dtype=np.int64, count=len(values))
    return WholeArray(data, mask)
