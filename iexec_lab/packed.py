"""Columns of values from a service, in the least memory: sequences that need no object for each value."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Texts(Sequence[str]):
    """ASCII texts of one length, held as one: half of what they take one by one."""

    def __init__(self, text: str, width: int) -> None:
        self.text = text
        self.width = width

    def __len__(self) -> int:
        return len(self.text) // self.width

    def __getitem__(self, place: Any) -> Any:
        width = self.width
        if isinstance(place, slice):
            start, stop, _ = place.indices(len(self))
            return Texts(self.text[start * width : max(stop, start) * width], width)
        start = range(len(self))[place] * width
        return self.text[start : start + width]

    def __iter__(self) -> Iterator[str]:
        text, width = self.text, self.width
        return (text[start : start + width] for start in range(0, len(text), width))


class Coded(Sequence[Any]):
    """Values that repeat: each once in ``words``, and for every row its place there."""

    def __init__(self, codes: array[int], words: Sequence[Any]) -> None:
        self.codes = codes
        self.words = words

    @classmethod
    def of(cls, values: Iterable[Any]) -> Coded:
        """Any hashable values."""
        known: dict[Any, int] = {}
        codes = array("i", [known.setdefault(value, len(known)) for value in values])
        return cls(codes, [*known])

    @classmethod
    def same(cls, value: Any, length: int) -> Coded:
        """One value in every row."""
        return cls(array("i", bytes(array("i").itemsize * length)), [value])

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, place: Any) -> Any:
        found = self.codes[place]
        return Coded(found, self.words) if isinstance(found, array) else self.words[found]

    def __iter__(self) -> Iterator[Any]:
        return map(self.words.__getitem__, self.codes)

    def each(self, read: Callable[[Any], Any]) -> Coded:
        """The column of what ``read`` makes of each value; it is asked once for equal ones."""
        return Coded(self.codes, [read(word) for word in self.words])


def numbers(values: Iterable[int]) -> array[int]:
    """Integers of 64 bits. OverflowError: one is larger."""
    return array("q", values)


def joined(columns: Sequence[Any]) -> Sequence[Any]:
    """Columns one after the other, packed as they are if all are packed alike."""
    first = columns[0]
    if (
        all(isinstance(column, Texts) for column in columns)
        and len({column.width for column in columns}) == 1
    ):
        return Texts("".join(column.text for column in columns), first.width)
    if all(isinstance(column, Coded) for column in columns):
        return _joined_codes(columns)
    if all(isinstance(column, array) and column.typecode == "q" for column in columns):
        found = array("q")
        for column in columns:
            found += column
        return found
    return [value for column in columns for value in column]


def _joined_codes(columns: Sequence[Coded]) -> Coded:
    known: dict[Any, int] = {}
    codes = array("i")
    for column in columns:
        places = [known.setdefault(word, len(known)) for word in column.words]
        if places == [*range(len(places))]:
            codes += column.codes
        elif len(places) == 1:
            codes += array("i", places) * len(column)
        else:
            codes.extend(map(places.__getitem__, column.codes))
    return Coded(codes, [*known])


class Records(Sequence[dict[str, Any]]):
    """Objects with the same fields, nested to any depth, as packed columns; one is made when it is asked for.

    ``shape`` is the first object with the path of each value in its place.
    """

    def __init__(self, shape: dict[str, Any], columns: dict[str, Any]) -> None:
        self.shape = shape
        self.columns = columns

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]]) -> Records | None:
        """None for no rows, or fields that differ in name or order."""
        if not rows:
            return None
        shape = _shape(rows[0], "")
        columns: dict[str, Any] = {}
        return cls(shape, columns) if _split(rows, shape, columns) else None

    @classmethod
    def joined(cls, pages: Sequence[Records]) -> Sequence[dict[str, Any]]:
        """All as one; they are not to be used after. A list of rows if their fields differ."""
        shape = pages[0].shape
        if any(repr(page.shape) != repr(shape) for page in pages):
            return [row for page in pages for row in page]
        return cls(
            shape,
            {path: joined([page.columns.pop(path) for page in pages]) for path in [*pages[0].columns]},
        )

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return Records(self.shape, {path: column[place] for path, column in self.columns.items()})
        return _whole(self.shape, {path: column[place] for path, column in self.columns.items()})

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for values in zip(*self.columns.values(), strict=True):
            yield _whole(self.shape, dict(zip(self.columns, values, strict=True)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def column(self, path: str) -> Sequence[Any]:
        """What all hold at a path, ``app.price``; None where they hold nothing."""
        return self.columns[path] if path in self.columns else Coded.same(None, len(self))


def _shape(row: dict[str, Any], before: str) -> dict[str, Any]:
    return {
        name: _shape(value, f"{before}{name}.") if isinstance(value, dict) else f"{before}{name}"
        for name, value in row.items()
    }


def _split(rows: Sequence[Any], shape: dict[str, Any], columns: dict[str, Any]) -> bool:
    """Put what the rows hold into ``columns``; False if one has other fields."""
    names = [*shape]
    if not names or any(not isinstance(row, dict) or [*row] != names for row in rows):
        return False
    for name, inner in shape.items():
        values = [row[name] for row in rows]
        if isinstance(inner, dict):
            if not _split(values, inner, columns):
                return False
        elif any(isinstance(value, (dict, list)) for value in values):
            return False
        else:
            columns[inner] = _packed(values)
    return True


def _packed(values: list[Any]) -> Sequence[Any]:
    """The values in the least memory; what differs in type is never made equal."""
    kinds = {*map(type, values)}
    if kinds == {int} and min(values) >= -(2**63) and max(values) < 2**63:
        return numbers(values)
    if len(kinds) > 1:
        return values
    if len({*values}) <= len(values) // 4:
        return Coded.of(values)
    if kinds == {str}:
        text, widths = "".join(values), {*map(len, values)}
        if text and text.isascii() and len(widths) == 1:
            return Texts(text, *widths)
    return values


def _whole(shape: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _whole(inner, values) if isinstance(inner, dict) else values[inner]
        for name, inner in shape.items()
    }
