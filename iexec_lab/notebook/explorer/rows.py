"""What the grid shows of a list that the kernel holds: ordered, searched and cut here, exactly.

A frame of any size stays in the kernel; ``Rows.part`` gives the cells of one page. Amounts are ordered and
compared by their exact integers, and drawn by them: no float is involved.
"""

from __future__ import annotations

import re
import threading
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab import markup
from iexec_lab.frames.schemas import NRLC
from iexec_lab.frames.shown import chosen
from iexec_lab.notebook.drawing.words import brief, column, word
from iexec_lab.spelling import is_id, short_id
from iexec_lab.units import format_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd

MOST_ON_A_PAGE: Final = 100
"""Rows that a page gets at once, whatever it asks for."""
_LONGEST_ASKED: Final = 200  # letters of a search
_MOST_DIGITS: Final = 12
_CELL: Final = 40  # letters of a cell
_TITLE: Final = 400  # letters of a cell's title
_DECIMAL: Final = re.compile(r"-?[0-9]+\.[0-9]+")
_TONES: Final[dict[str, markup.Tone]] = {
    "completed": "good",
    "open": "good",
    "failed": "bad",
    "dead": "bad",
    "running": "going",
    "active": "going",
    "revealing": "going",
    "claimable": "late",
    "late": "late",
    "timeout": "late",
}


_NO_TIME: Final = -(2**63)


class Wanted(NamedTuple):
    """What a page asks for.

    Attributes:
        start: The first row.
        length: How many.
        order: Places of columns and whether the largest come first; the first decides.
        search: Text that a row must have somewhere, in any case.
        filters: Place of a column -> how it is compared (``contains``, ``greater`` ...) and with what.
    """

    start: int = 0
    length: int = 25
    order: tuple[tuple[int, bool], ...] = ()
    search: str = ""
    filters: tuple[tuple[int, str, str], ...] = ()


def read_wanted(told: Any, columns: int) -> Wanted:
    """What a page sent, bounded; what makes no sense is left out."""

    def number(name: str, least: int, most: int) -> int:
        value = told.get(name)
        return min(max(value, least), most) if type(value) is int else least

    def text(value: Any) -> str:
        return value[:_LONGEST_ASKED].strip().lower() if isinstance(value, str) else ""

    order = [
        (each[0], each[1] == "desc")
        for each in _listed(told.get("order"))[:columns]
        if len(_listed(each)) == 2 and type(each[0]) is int and 0 <= each[0] < columns
    ]
    filters = [
        (int(place), text(each[0]), text(each[1]))
        for place, each in (told.get("filters") or {}).items()
        if str(place).isdecimal() and int(place) < columns and len(_listed(each)) == 2
    ]
    return Wanted(
        number("start", 0, 10**9),
        number("length", 1, MOST_ON_A_PAGE),
        tuple(order),
        text(told.get("search")),
        tuple(filters[:columns]),
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


class Part(NamedTuple):
    """One page: how many rows there are, how many were found, and the cells of some."""

    total: int
    found: int
    rows: list[dict[str, str]]


class Rows:
    """A frame as a grid needs it.

    Args:
        frame: One of ours, of any length.
        identity: The column whose values name the rows; without one, their places do.

    Attributes:
        frame: As given, or as ``put`` and ``remove`` made it.
        names: The columns that are shown.
    """

    def __init__(self, frame: pd.DataFrame, identity: str = "") -> None:
        self.identity = identity if identity in frame.columns else ""
        self.names = chosen(frame, wide=False)
        self._lock = threading.RLock()  # the page asks in one thread, and the market changes in another
        self._take(frame)

    def __len__(self) -> int:
        return len(self.frame)

    def _take(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self._values: dict[str, list[Any]] = {}
        self._texts: dict[str, list[str]] = {}
        self._places: tuple[Wanted, Sequence[int]] | None = None

    # -- what is shown ------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[dict[str, Any]]:
        """The heads, as ``grid.js`` takes them; titles are escaped."""
        return [
            {"name": name, "title": markup.html(title_of(name)), "numeric": self._is_number(name)}
            for name in self.names
        ]

    def part(self, wanted: Wanted) -> Part:
        """The cells of one page, as HTML that is escaped by construction, with the key of each row."""
        with self._lock:
            return self._part(wanted)

    def _part(self, wanted: Wanted) -> Part:
        places = self._found(wanted)
        shown = list(places[wanted.start : wanted.start + wanted.length])
        frame = self.frame.iloc[shown]
        drawn = [_cells(name, column(frame, name, self.frame)) for name in self.names]
        keys = self._keys_of(frame, shown)
        rows = [
            {"key": key, **{str(at): cells[row] for at, cells in enumerate(drawn)}}
            for row, key in enumerate(keys)
        ]
        return Part(len(self.frame), len(places), rows)

    def row(self, key: str) -> pd.DataFrame | None:
        """The row of a key as a frame, or None when it has gone."""
        with self._lock:
            if not self.identity:
                place = int(key) if key.isdecimal() and len(key) < _MOST_DIGITS else -1
                return self.frame.iloc[[place]] if 0 <= place < len(self.frame) else None
            found = self.frame[self.frame[self.identity] == key]
            return found.iloc[[0]] if len(found) else None

    def _keys_of(self, frame: pd.DataFrame, places: Sequence[int]) -> list[str]:
        """What names each row while others come and go."""
        return [*map(str, frame[self.identity])] if self.identity else [*map(str, places)]

    # -- what changes -------------------------------------------------------------------------------------

    def change(self, put: pd.DataFrame | None, gone: Iterable[str], most: int) -> None:
        """Put rows in front, or in the place of those with the same key, and take out those that are gone."""
        if not self.identity:
            return
        with self._lock:
            self._take(self._changed(put, gone, most))

    def replace(self, frame: pd.DataFrame) -> None:
        """Another frame of the same kind."""
        with self._lock:
            self._take(frame)

    def _changed(self, put: pd.DataFrame | None, gone: Iterable[str], most: int) -> pd.DataFrame:
        import pandas as pd

        new = [] if put is None else [str(key).lower() for key in put[self.identity]]
        old = {*(key.lower() for key in gone), *new}
        kept = self.frame[~self.frame[self.identity].str.lower().isin(old)]
        attrs = self.frame.attrs
        parts = [each for each in (put, kept) if each is not None and len(each)]
        frame = pd.concat(parts, ignore_index=True) if len(parts) > 1 else (parts[0] if parts else kept)
        frame = frame.iloc[:most].reset_index(drop=True)
        frame.attrs = attrs
        return frame

    # -- order and search ---------------------------------------------------------------------------------

    def _found(self, wanted: Wanted) -> Sequence[int]:
        """The places of the rows that are wanted, in order; kept until the rows or the question change."""
        question = wanted._replace(start=0, length=0)
        if self._places is None or self._places[0] != question:
            self._places = question, self._look(question)
        return self._places[1]

    def _look(self, wanted: Wanted) -> Sequence[int]:
        places: Sequence[int] = range(len(self.frame))
        for at, how, text in wanted.filters:
            places = self._filtered(places, self.names[at], how, text)
        if wanted.search:
            hits = self._hits(wanted.search)
            places = [place for place in places if hits[place]]
        for at, largest_first in reversed(wanted.order):
            places = _ordered(places, self._exact(self.names[at]), largest_first=largest_first)
        return places

    def _filtered(self, places: Sequence[int], name: str, how: str, text: str) -> Sequence[int]:
        compare = _NUMBERS.get(how)
        if compare is not None and self._is_number(name):
            try:
                bound = Decimal(text) * (10**9 if name.endswith("_rlc") else 1)
            except InvalidOperation:
                return places
            values = self._exact(name)
            return [at for at in places if not _is_missing(values[at]) and compare(values[at], bound)]
        texts, check = self._text(name), _TEXTS.get(how, _TEXTS["contains"])
        return [place for place in places if check(texts[place], text)]

    def _hits(self, text: str) -> Any:
        """Whether each row has a text somewhere: in the whole ids and names, and in the numbers shown."""
        import numpy as np

        hits = np.zeros(len(self.frame), dtype=bool)
        for name in map(str, self.frame.columns):
            kind = str(self.frame[name].dtype)
            if kind.startswith("str") or (kind == "object" and not name.endswith(NRLC)):
                values = self.frame[name].astype("str").str.lower()
                hits |= values.str.contains(text, regex=False).fillna(value=False).to_numpy(dtype=bool)
            elif name in self.names and self._is_number(name) and any(map(str.isdecimal, text)):
                hits |= np.fromiter((text in each for each in self._text(name)), bool, len(hits))
        return hits

    def _is_number(self, name: str) -> bool:
        kind = str(self.frame[name].dtype).lower()
        return name.endswith("_rlc") or kind.startswith(("int", "float", "uint"))

    def _exact(self, name: str) -> list[Any]:
        """The values that decide: of an amount those in nRLC, of a time its microseconds."""
        twin = f"{name.removesuffix('_rlc')}{NRLC}" if name.endswith("_rlc") else ""
        name = twin if twin in self.frame.columns else name
        if name not in self._values:
            column = self.frame[name]
            if str(column.dtype).startswith("datetime"):
                ticks = column.dt.tz_localize(None).dt.as_unit("us").to_numpy().view("int64")
                self._values[name] = [None if each == _NO_TIME else each for each in ticks.tolist()]
            else:
                self._values[name] = column.tolist()
        return self._values[name]

    def _text(self, name: str) -> list[str]:
        if name not in self._texts:
            is_time = str(self.frame[name].dtype).startswith("datetime")
            values = self.frame[name].tolist() if is_time else self._exact(name)
            is_amount = name.endswith("_rlc")
            self._texts[name] = [
                value.lower()
                if type(value) is str
                else format_rlc(value)
                if is_amount and isinstance(value, int)
                else word(value).lower()
                for value in values
            ]
        return self._texts[name]


def title_of(name: str) -> str:
    """A column's name as words: ``workerpool_price_rlc`` -> ``workerpool price RLC``."""
    words = name.strip("_").split("_")
    return " ".join({"rlc": "RLC", "id": "id", "tx": "transaction"}.get(each, each) for each in words)


def tone_of(status: str) -> markup.Tone:
    """The tone of a status or state."""
    return _TONES.get(status.lower(), "calm")


def _cells(name: str, told: Sequence[tuple[str, str]]) -> list[markup.Markup]:
    """A column of one page; the points of its decimal numbers stand below each other."""
    texts = [brief(text, _CELL) for text, _ in told]
    places = [len(text.partition(".")[2]) if _DECIMAL.fullmatch(text) else 0 for text in texts]
    most = max(places, default=0)
    return [
        _cell(name, *each, room=most - there if there else 0)
        for each, there in zip(told, places, strict=True)
    ]


def _cell(name: str, text: str, full: str, *, room: int = 0) -> markup.Markup:
    if name in {"status", "state"} and text:
        return markup.badge(brief(text, _CELL), tone_of(text))
    if is_id(full):
        return markup.short(full, short_id(full))
    shown = brief(short_id(text), _CELL)
    style = f"padding-right:{room}ch" if room else ""
    if shown == full and not style:
        return markup.html(shown)
    return markup.element("span", shown, style=style, title=full[:_TITLE])


def _ordered(places: Sequence[int], values: list[Any], *, largest_first: bool) -> Sequence[int]:
    """Places by their values; what is missing comes last, either way."""
    import numpy as np

    try:  # exact, and at once: counts, times and most amounts fit
        whole = np.array([values[place] for place in places], dtype="int64")
    except (TypeError, ValueError, OverflowError):
        pass
    else:
        if not any(type(values[place]) is float for place in places):
            order = np.argsort(~whole if largest_first else whole, kind="stable")
            return np.asarray(places, dtype="int64")[order].tolist()  # type: ignore[no-any-return]
    there = [place for place in places if not _is_missing(values[place])]
    without = [place for place in places if _is_missing(values[place])]
    try:
        there.sort(key=values.__getitem__, reverse=largest_first)
    except TypeError:  # values of several kinds
        there.sort(key=lambda place: word(values[place]), reverse=largest_first)
    return there + without


def _is_missing(value: Any) -> bool:
    kind = type(value)
    if kind is int:
        return False
    if kind is str:
        return not value
    if kind is float:
        return bool(value != value)  # noqa: PLR0124 - what is no number
    return value is None or kind.__name__ in {"NAType", "NaTType"}


_NUMBERS: Final[dict[str, Callable[[Any, Decimal], bool]]] = {
    "equal": lambda value, bound: bool(value == bound),
    "notequal": lambda value, bound: bool(value != bound),
    "greater": lambda value, bound: bool(value > bound),
    "greaterorequal": lambda value, bound: bool(value >= bound),
    "less": lambda value, bound: bool(value < bound),
    "lessorequal": lambda value, bound: bool(value <= bound),
}
_TEXTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "contains": lambda text, wanted: wanted in text,
    "notcontains": lambda text, wanted: wanted not in text,
    "equal": lambda text, wanted: text == wanted,
    "notequal": lambda text, wanted: text != wanted,
    "starts": lambda text, wanted: text.startswith(wanted),
    "ends": lambda text, wanted: text.endswith(wanted),
    "empty": lambda text, _: not text,
    "notempty": lambda text, _: bool(text),
}
