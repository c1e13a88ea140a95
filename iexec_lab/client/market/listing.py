"""Lists of the whole market: filtered, ordered, cut to length, column by column, whatever their source.

Pages are looked at as they come and only the rows that are asked for are kept, so what a list holds in memory
is its limit, not the market.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.market import wanted as meaning
from iexec_lab.client.market.filters import LISTS
from iexec_lab.client.market.given import about_category, plain_values, with_category
from iexec_lab.client.market.limits import to_limit
from iexec_lab.client.options import declared
from iexec_lab.errors import CallError, ValidationError
from iexec_lab.history.fates import STATUS_OF_DEAL, deal_status, task_status
from iexec_lab.history.moments import to_span
from iexec_lab.history.source import Span, open_source
from iexec_lab.history.tables import DECODED, MOMENT, TABLES
from iexec_lab.history.tables import columns as columns_of
from iexec_lab.plain_text import plain
from iexec_lab.protocol import NULL_ADDRESS, to_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from iexec_lab.client.market.wanted import Wanted
    from iexec_lab.client.session import Session
    from iexec_lab.history.records import Page
    from iexec_lab.history.source import Source

NEWEST, OLDEST, PERTINENT = "newest", "oldest", "pertinent"
FORTNIGHT: Final = 14 * 86_400
"""How long ago an app or a workerpool was used at most that the public explorer calls pertinent, seconds."""
TASK_PRICE: Final = "task_price_nrlc"
_NO_LOGS: Final = (
    "This was read from the logs of the node, which does not give them. Set pocoSubgraph, or another host, "
    "in chain.json; --since 7d reads less."
)
_SPARE: Final = 4  # how many times its length a list that is being ordered may grow before it is cut


@dataclass(slots=True)
class Listed:
    """A list as columns; amounts are nRLC, times seconds since 1970.

    Attributes:
        kind: Of its frame.
        columns: The rows.
        left_out: Rows of the source that could not be believed.
        total: How many rows there are in all, when that is known.
        more: There are more rows than asked for.
        remark: A sentence that belongs below.
        source: Where it was read.
    """

    kind: str
    columns: dict[str, list[Any]]
    left_out: int = 0
    total: int | None = None
    more: bool = False
    remark: str = ""
    source: str = ""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def rows(self) -> list[dict[str, Any]]:
        """The rows as objects: as for ``--raw``, amounts in decimal text."""
        from iexec_lab.frames import SCHEMAS

        kinds = {column.name: column.kind for column in SCHEMAS[self.kind]}
        names = [name for name in self.columns if name not in DECODED]
        texts = [_in_json(name, kinds.get(name, ""), self.columns[name]) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*texts, strict=True)]

    @property
    def about_more(self) -> str:
        """What is said below a frame that was cut."""
        if self.total is None:
            return f"more than {len(self)}: limit={10 * len(self)} shows more, limit=None all"
        return f"{self.total - len(self)} more: limit={self.total} shows all"

    @property
    def more_to_type(self) -> str:
        """The same for who typed a line."""
        if self.total is None:
            return f"more than {len(self)}; --limit {10 * len(self)} shows more"
        return f"{self.total - len(self)} more; --limit {self.total} shows all"

    def draw(self, session: Session) -> pd.DataFrame:
        """The list as a frame; ``attrs`` has ``source``, and ``total`` where it is known."""
        from iexec_lab import frames

        about = {**session.about(), "source": self.source}
        if self.total is not None:
            about["total"] = self.total
        if self.left_out:
            about["left_out"] = self.left_out
        remark = "; ".join(filter(None, [self.remark, self.about_more if self.more else ""]))
        if remark:
            about["remark"] = remark
        return frames.from_columns(self.kind, self.columns, **about)


def _in_json(name: str, kind: str, values: list[Any]) -> list[Any]:
    """A column as JSON has it: amounts in decimal text, addresses as everywhere."""
    if name.endswith("_nrlc"):
        return [None if each is None else str(each) for each in values]
    if kind in {"address", "anyone"}:
        return [None if each is None else to_address(each) for each in values]
    if name == "workers":
        return [None if each is None else [to_address(one) for one in each] for each in values]
    return values


class Past:
    """The source of a session's history, and its clock, which is asked once."""

    def __init__(self, session: Session, source: str | None = None) -> None:
        self.session = session
        self.source: Source = open_source(
            session.network, lambda: session.rpc, timeout=session.timeout, source=source
        )
        self._now: int | None = None

    def now(self) -> int:
        """The chain's clock: the time of the newest block that the source knows."""
        if self._now is None:
            self._now = self.source.head().time
        return self._now

    def pages(
        self, table: str, span: Span | None = None, where: Mapping[str, Any] | None = None, **how: Any
    ) -> Iterator[Page]:
        """Pages of the source, see ``Source.pages``; a node that gives no logs is told with what helps.

        Raises:
            ServiceError, CallError: The source cannot be read.
        """
        try:
            yield from self.source.pages(table, span or Span(), where, **how)
        except CallError as error:
            error.hint = error.hint or _NO_LOGS
            raise

    def span(self, since: Any, until: Any) -> Span:
        return to_span(since, until, self.source.head, self.source.block)


def whose(session: Session, values: Mapping[str, Any], *, everybody: bool) -> dict[str, Any]:
    """The filters of a list of deals or tasks: the wallet's own, unless they name somebody or something."""
    named = any(values.get(name) is not None for name in meaning.NAMING)
    if everybody or named or session.address == NULL_ADDRESS:
        return dict(values)
    return {**values, "requester": session.address}


def listed(session: Session, noun: str, values: Mapping[str, Any]) -> Listed:
    """A list of ``deal``, ``task``, ``app``, ``dataset`` or ``workerpool``.

    Args:
        session: Whose network.
        noun: What is listed.
        values: All that its filters declare, see ``LISTS``; and ``requester``.

    Raises:
        ValidationError: A filter has a value that it cannot have.
        ServiceError: The source was not reached.
    """
    filters = {name: values.get(name) for name in (*declared(LISTS[noun]), "requester")}
    filters = with_category(session, plain_values(filters, meaning.SEVERAL))
    since, until, limit, sort, ascending, source = (
        filters.pop(name) for name in ("since", "until", "limit", "sort", "ascending", "source")
    )
    everybody = bool(filters.pop("all", True))
    if "status" in filters:
        filters = whose(session, filters, everybody=everybody)
    past, table = Past(session, source), f"{noun}s"
    status = filters.pop("status", None)
    used_since = filters.pop("used_since", None)
    order = _order(table, sort)
    if order == PERTINENT and used_since is None:
        used_since = max(past.now() - FORTNIGHT, 0)
    elif used_since is not None:
        used_since = past.span(used_since, None).start
    wanted = meaning.read(session, noun, {**filters, "used_since": used_since}, past.now)
    if status is not None:
        meaning.with_status(wanted, noun, status, past.now)
    span = past.span(since, until)
    found = gather(past, table, span, wanted, limit=to_limit(limit), order=order, ascending=bool(ascending))
    if not len(found):
        found.remark = about_category(session, filters)
    return completed(past.now, noun, found)


def _order(table: str, sort: Any) -> str:
    """NEWEST, OLDEST, PERTINENT or the column to sort by.

    Raises:
        ValidationError: There is no such column.
    """
    word = NEWEST if sort is None else str(sort).lower()
    names = (*columns_of(table), *((TASK_PRICE,) if table == "deals" else ()))
    known = {NEWEST, OLDEST, *names, *_rlc(names)}
    if "usage_count" in known:
        known.add(PERTINENT)
    if word not in known:
        raise ValidationError(
            f"A list of {table} cannot be sorted by {plain(sort, 40)}",
            hint=f"Use newest, oldest or a column: {', '.join(names)}.",
        )
    return f"{word.removesuffix('_rlc')}_nrlc" if word.endswith("_rlc") else word


def _rlc(names: Iterable[str]) -> list[str]:
    return [name.replace("_nrlc", "_rlc") for name in names if name.endswith("_nrlc")]


def gather(
    past: Past,
    table: str,
    span: Span,
    wanted: Wanted,
    *,
    limit: int | None = None,
    order: str = NEWEST,
    ascending: bool = False,
) -> Listed:
    """The rows of a table that are wanted, in order, at most ``limit``."""
    columns: dict[str, list[Any]] = {name: [] for name in columns_of(table)}
    left_out, more, seen = 0, False, 0
    by_moment = order in {NEWEST, OLDEST}
    enough = limit + 1 if by_moment and limit is not None and not wanted.tests else None
    pages = past.pages(table, span, wanted.where, newest_first=order != OLDEST, limit=enough)
    for page in pages:
        left_out += page.left_out
        rows = wanted.rows(page)
        seen += len(rows)
        if by_moment and limit is not None and seen > limit:
            rows, more = rows[: len(rows) - (seen - limit)], True
        for name, values in columns.items():
            column = page[name]
            values.extend(column[row] for row in rows)
        if more:
            break
        if not by_moment and limit is not None and len(columns[MOMENT[table]]) > _SPARE * limit + 1000:
            columns, _ = _best(columns, table, order, limit, ascending=ascending)
    if not by_moment:
        columns, _ = _best(columns, table, order, limit, ascending=ascending)
        more = limit is not None and seen > limit
    total = None if more and by_moment else seen
    return Listed(TABLES[table], columns, left_out, total, more, source=past.source.name)


def _best(
    columns: dict[str, list[Any]], table: str, order: str, limit: int | None, *, ascending: bool
) -> tuple[dict[str, list[Any]], int]:
    """The first rows by a column; those without a value come last, the newest first among equals."""
    moments = columns[MOMENT[table]]
    if order == TASK_PRICE:
        values: Sequence[Any] = task_prices(columns)
    else:
        values = columns["usage_count" if order == PERTINENT else order]
    have = [row for row, value in enumerate(values) if value is not None]
    lack = [row for row, value in enumerate(values) if value is None]
    have.sort(key=lambda row: -(moments[row] or 0))
    have.sort(key=_key(values), reverse=not ascending)
    rows = [*have, *lack][:limit]
    return {name: [column[row] for row in rows] for name, column in columns.items()}, len(rows)


def _key(values: Sequence[Any]) -> Callable[[int], Any]:
    """Texts are sorted without regard to case, lists by their length."""

    def key(row: int) -> Any:
        value = values[row]
        if isinstance(value, str):
            return value.casefold()
        return len(value) if isinstance(value, list) else value

    return key


def task_prices(columns: Mapping[str, list[Any]]) -> list[int | None]:
    """What one task of each deal costs, nRLC."""
    prices = [columns[f"{kind}_price_nrlc"] for kind in ("app", "dataset", "workerpool")]
    return [None if None in row else sum(row) for row in zip(*prices, strict=True)]


def completed(now: Callable[[], int], noun: str, found: Listed) -> Listed:
    """The list with what follows from its columns: status, price of a task, tags in words."""
    columns = found.columns
    if "tag_hex" in columns:
        columns["tag"] = columns["tag_hex"]
    if noun == "deal":
        found.kind = "listed_deal"
        columns[TASK_PRICE] = task_prices(columns)
        known = any(value is not None for value in columns["completed"])
        of_deal = deal_status(now() if known else 0)
        looked = [columns[name] for name in STATUS_OF_DEAL]
        columns["status"] = [of_deal(*row) for row in zip(*looked, strict=True)]
    elif noun == "task" and len(found):
        of_task = task_status(now())
        columns["status"] = [
            of_task(*pair) for pair in zip(columns["status"], columns["final_deadline"], strict=True)
        ]
    return found


def without(found: Listed, name: str, value: Any, limit: int | None) -> Listed:
    """The list without the row that has this value; at most ``limit`` rows."""
    rows = [row for row, held in enumerate(found.columns[name]) if held != value]
    if found.total is not None:
        found.total -= len(found) - len(rows)
    found.columns = {key: [values[row] for row in rows[:limit]] for key, values in found.columns.items()}
    found.more = limit is not None and len(rows) > limit
    return found
