"""Tables that follow from others, the same way whatever the source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.history.filters import matching
from iexec_lab.history.records import Page, Span
from iexec_lab.history.tables import MOMENT, columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iexec_lab.history.records import Source

_CAUSES: Final = {"Lock": "lock", "Unlock": "unlock", "Reward": "reward"}
_PAGE: Final = 1000
_ORDERS: Final = (
    ("app", "apporder_hash", "app", "app_price_nrlc"),
    ("dataset", "datasetorder_hash", "dataset", "dataset_price_nrlc"),
    ("workerpool", "workerpoolorder_hash", "workerpool", "workerpool_price_nrlc"),
    ("request", "requestorder_hash", "requester", None),
)


def cut(
    pages: Iterator[Page], table: str, span: Span, where: Mapping[str, Any], limit: int | None
) -> Iterator[Page]:
    """Those rows of the pages that were asked for, ``limit`` of them at most."""
    left = limit
    for page in pages:
        found = matching(page, table, span, where, MOMENT[table])
        if left is not None:
            if found.size > left:
                found = found.pick(range(left))
            left -= found.size
        if found.size or found.left_out:
            yield found
        if left is not None and left <= 0:
            return


def transfers(source: Source, span: Span, *, newest_first: bool) -> Iterator[Page]:
    """Transfers of staked RLC; the log after one tells its cause."""
    # Both logs are of one transaction, so of one second: a span of whole seconds has both or neither.
    whole = Span(span.start, span.end)
    kinds = {"event": ["Transfer", *_CAUSES]}
    names = columns("transfers")
    held: dict[str, Any] | None = None  # a transfer whose next log was not seen yet, going forward
    after: dict[str, Any] | None = None  # the log seen before, going back
    rows: list[tuple[Any, ...]] = []
    left_out = 0
    for page in source.pages("events", whole, kinds, newest_first=newest_first):
        left_out += page.left_out
        for values in zip(*page.values(), strict=True):
            event = dict(zip(page, values, strict=True))
            if newest_first:
                if event["event"] == "Transfer":
                    rows.append(_transfer(event, after))
                after = event
                continue
            if held is not None:
                rows.append(_transfer(held, event))
            held = event if event["event"] == "Transfer" else None
        if len(rows) >= _PAGE:
            yield _page(names, rows, left_out)
            rows, left_out = [], 0
    if held is not None:
        rows.append(_transfer(held, None))
    if rows or left_out:
        yield _page(names, rows, left_out)


def _transfer(event: Mapping[str, Any], after: Mapping[str, Any] | None) -> tuple[Any, ...]:
    cause = None
    if (
        after is not None
        and after["block"] == event["block"]
        and after["log_index"] == event["log_index"] + 1
        and after["amount_nrlc"] == event["amount_nrlc"]
    ):
        cause = _CAUSES.get(after["event"])
    if cause is None:
        cause = (
            "transfer"
            if event["account"] and event["to"]
            else "withdrawal"
            if event["account"]
            else "deposit"
        )
    return (
        event["happened_at"],
        event["account"],
        event["to"],
        event["amount_nrlc"],
        cause,
        event["block"],
        event["log_index"],
        event["tx_hash"],
    )


def orders(source: Source, span: Span, *, newest_first: bool) -> Iterator[Page]:
    """The orders that deals of the span were made of, in the order of their first match in it."""
    found: dict[tuple[str, str], list[Any]] = {}
    left_out = 0
    for page in source.pages("deals", span):
        left_out += page.left_out
        for kind, hashes, resources, prices in _ORDERS:
            price_of = page[prices] if prices else [None] * page.size
            for digest, resource, price, tasks, at in zip(
                page[hashes], page[resources], price_of, page["tasks"], page["started_at"], strict=True
            ):
                if digest is None:
                    continue
                held = found.setdefault((kind, digest), [resource, price, 0, 0, at, at])
                held[2] += 1
                held[3] += tasks
                held[5] = at
    rows = [(digest, kind, *held) for (kind, digest), held in found.items()]
    rows.sort(key=lambda row: (row[6], row[0]), reverse=newest_first)
    for start in range(0, max(len(rows), 1), _PAGE):
        yield _page(columns("orders"), rows[start : start + _PAGE], left_out if start == 0 else 0)


def _page(names: tuple[str, ...], rows: list[tuple[Any, ...]], left_out: int) -> Page:
    values = map(list, zip(*rows, strict=True)) if rows else ([] for _ in names)
    return Page(dict(zip(names, values, strict=True)), left_out)
