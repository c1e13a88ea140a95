"""Orders of a market as columns: checked a page at a time, and held in a third of the memory of their JSON.

Only for speed and size: a page of which any row is not exactly as markets write it is checked row by row
(``market_rows.py``), to the same end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.packed import Coded, Records, Texts, joined, numbers
from iexec_lab.services.market_rows import MOMENT_FORM, OrderRow, is_params, usual_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    Column = Sequence[Any]

_MOMENTS: Final = re.compile(f"(?:{MOMENT_FORM} )*").fullmatch
STATUSES: Final = {"open", "filled", "canceled", "dead"}
TOLD: Final = ("orderHash", "chainId", "remaining", "status", "publicationTimestamp", "signer")
_MOST: Final = 10**18
_REPEATED: Final = {"address", "tag", "params", "status"}


class _Form(NamedTuple):
    """How the columns of a kind of order are taken from rows, and what each holds."""

    order_names: tuple[str, ...]
    take_order: Callable[[Any], tuple[Any, ...]]
    take_told: Callable[[Any], tuple[Any, ...]]
    forms: tuple[str, ...]


@cache
def form_of(kind: str) -> _Form:
    fields = usual_fields(kind)
    told = ("word", "number", "number", "status", "moment", "address")
    return _Form(tuple(fields), itemgetter(*fields), itemgetter(*TOLD), (*fields.values(), *told))


class OrderColumns(Sequence[OrderRow]):
    """The orders of a page, or of many: a sequence of rows, each made when it is asked for."""

    def __init__(self, kind: str, columns: Sequence[Column], bulk: Column | None) -> None:
        self._kind = kind
        self.held: list[Any] = [*columns]
        self.bulk = bulk

    @classmethod
    def of(cls, kind: str, chain_id: int, items: Sequence[Any]) -> OrderColumns | None:
        """The items, if all of them are as markets write them."""
        form = form_of(kind)
        try:
            orders = [item["order"] for item in items]
            columns = [*zip(*map(form.take_order, orders), strict=True)]
            columns += zip(*map(form.take_told, items), strict=True)
            bulk = [item["bulk"] for item in items if "bulk" in item]
            known = len(TOLD) + 1 + bool(bulk)
            if (
                {*map(len, orders)} != {len(form.order_names)}
                or {*map(len, items)} != {known}
                or (bulk and (len(bulk) != len(items) or {*map(type, bulk)} != {bool}))
            ):
                return None
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        return cls.checked(kind, chain_id, columns, bulk or None)

    @classmethod
    def checked(
        cls, kind: str, chain_id: int, columns: Sequence[Column], bulk: Column | None = None
    ) -> OrderColumns | None:
        """The columns, if all their values have the usual forms."""
        form = form_of(kind)
        try:
            if not all(map(_fits, form.forms, columns)):
                return None
            if len(columns) != len(form.forms) or {*columns[len(form.order_names) + 1]} != {chain_id}:
                return None
        except (AttributeError, RecursionError, TypeError, ValueError):
            return None
        return cls(kind, [*map(_shared, form.forms, columns)], bulk)

    @classmethod
    def joined(cls, kind: str, pages: Iterable[OrderColumns]) -> OrderColumns:
        """All pages as one; they are not to be used after."""
        pages = list(pages)
        bulk: list[Any] = []
        for page in pages:
            bulk += page.bulk or [None] * len(page)
        columns = []
        for place in range(len(pages[0].held)):
            columns.append(joined([page.held[place] for page in pages]))
            for page in pages:
                page.held[place] = ()  # gone as soon as it is copied
        return cls(kind, columns, bulk if any(value is not None for value in bulk) else None)

    @property
    def hashes(self) -> Texts:
        found: Texts = self.held[len(form_of(self._kind).order_names)]
        return found

    def __len__(self) -> int:
        return len(self.held[0])

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            kept = [column[place] for column in self.held]
            return OrderColumns(self._kind, kept, None if self.bulk is None else self.bulk[place])
        return self._row([column[place] for column in self.held], self.bulk and self.bulk[place])

    def __iter__(self) -> Iterator[OrderRow]:
        bulks = self.bulk or [None] * len(self)
        for values, bulk in zip(zip(*self.held, strict=True), bulks, strict=True):
            yield self._row(values, bulk)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def column(self, path: str) -> Column:
        """What all rows hold at a path, ``order.tag`` or ``signer``; None where they hold nothing."""
        first, _, name = path.partition(".")
        names = form_of(self._kind).order_names
        if first == "order" and name in names:
            place = names.index(name)
        elif path in TOLD:
            place = len(names) + TOLD.index(path)
        else:
            return (self.bulk if path == "bulk" else None) or Coded.same(None, len(self))
        column: Column = self.held[place]
        return column

    def _row(self, values: Sequence[Any], bulk: Any) -> OrderRow:
        names = form_of(self._kind).order_names
        told = dict(zip(TOLD, values[len(names) :], strict=True))
        order = dict(zip(names, values, strict=False))
        row = {"order": order, **told}
        return row if bulk is None else row | {"bulk": bulk}  # type: ignore[return-value]


def _shared(form: str, column: Column) -> Column:
    """The column, packed as its form allows."""
    if form == "number":
        return numbers(column)
    if form in _REPEATED:
        return Coded.of(column)
    return Texts("".join(column), len(column[0]))


def _fits(form: str, column: Column) -> bool:
    """Whether all values of a column have the usual form; TypeError and ValueError say no as well."""
    if form == "number":
        return {*map(type, column)} == {int} and min(column) >= 0 and max(column) < _MOST
    if form in _DIGITS:
        return _are_hex({*column} if form in _REPEATED else column, _DIGITS[form])
    values = {*column}
    if form == "status":
        return values <= STATUSES
    if form == "moment":
        return _MOMENTS(" ".join(column) + " ") is not None
    return all(map(is_params, values))


_DIGITS: Final = {"address": (40,), "word": (64,), "tag": (64,), "sign": (128, 130)}


def _are_hex(texts: Collection[str], sizes: Sequence[int]) -> bool:
    """Whether each is ``0x`` and so many hexadecimal digits, as many as the others."""
    joined = "".join(texts)
    lengths = {*map(len, texts)}
    length = max(lengths)
    if length - 2 not in sizes:
        return False
    count = len(joined) // length
    digits = joined.replace("0x", "")
    return (
        len(lengths) == 1
        and joined[::length] == "0" * count
        and joined[1::length] == "x" * count
        and len(digits) == (length - 2) * count
        and 2 * len(bytes.fromhex(digits)) == len(digits)
    )


class Gathered:
    """The rows of a list, page by page.

    The list may move while its pages are read, so that an entry is on two of them: it is kept once, where it
    was seen first.
    """

    def __init__(self, kind: str, identity: str) -> None:
        self._kind = kind
        self._identity = identity
        self._seen: set[bytes] = set()
        self.pages: list[Any] = []

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, rows: Any) -> None:
        """A page: columns, or a list of rows."""
        if isinstance(rows, OrderColumns):
            digests = bytes.fromhex(rows.hashes.text.replace("0x", ""))
            names = [digests[start : start + 32] for start in range(0, len(digests), 32)]
            new = {*names}
            if len(new) == len(names) and new.isdisjoint(self._seen):
                self._seen |= new
                self.pages.append(rows)
                return
        kept = []
        for row in rows:
            name = bytes.fromhex(row[self._identity][2:])
            if name not in self._seen:
                self._seen.add(name)
                kept.append(row)
        self.pages.append(rows if len(kept) == len(rows) else kept)

    def rows(self, limit: int | None) -> Sequence[Any]:
        """All rows, or the first ``limit``; the pages are gone after."""
        pages, self.pages, self._seen = self.pages, [], set()
        found: Sequence[Any]
        if pages and all(isinstance(page, OrderColumns) for page in pages):
            found = OrderColumns.joined(self._kind, pages)
        elif len(pages) > 1 and all(isinstance(page, Records) for page in pages):
            found = Records.joined(pages)
        else:
            found = [row for page in pages for row in page]
        return found[:limit] if limit is not None and limit < len(found) else found
