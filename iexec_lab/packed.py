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
    if all(isinstance(column, Texts) for column in columns) and len({column.width for column in columns}) == 1:
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
