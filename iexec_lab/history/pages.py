"""Pages put in order, joined and merged."""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.history.records import Page
from iexec_lab.history.tables import MOMENT, columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGE: Final = 1000
"""Rows of a page that is made here."""


def in_order(table: str, page: Page, *, newest_first: bool) -> Page:
    """The page in the order of its moments; a row that is there twice is left out and counted."""
    keys = _keys(table, page)
    order = sorted(range(page.size), key=keys.__getitem__, reverse=newest_first)
    once = [at for place, at in enumerate(order) if place == 0 or keys[at] != keys[order[place - 1]]]
    twice = page.size - len(once)
    if not twice and once == list(range(page.size)):
        return page
    found = page.pick(once)
    found.left_out += twice
    return found


def _keys(table: str, page: Page) -> list[tuple[Any, ...]]:
    times = page[MOMENT[table]]
    if "log_index" in page:
        return list(zip(times, page["block"], page["log_index"], strict=True))
    addresses = [address.lower() for address in page.get("address", ())]  # sources write them differently
    identity = addresses or page.get("category") or page["order_hash"] if page.size else []
    return list(zip(((time or 0) for time in times), identity, strict=True))


def joined(table: str, pages: Sequence[Page]) -> Page:
    """One page of several."""
    held = {name: [value for page in pages for value in page[name]] for name in columns(table)}
    return Page(held, sum(page.left_out for page in pages))


def sorted_pages(table: str, pages: Sequence[Page], *, newest_first: bool) -> Iterator[Page]:
    whole = in_order(table, joined(table, pages), newest_first=newest_first)
    for start in range(0, max(whole.size, 1), PAGE):
        page = whole.pick(range(start, min(start + PAGE, whole.size)))
        page.left_out = whole.left_out if start == 0 else 0
        yield page


def merged(table: str, streams: Sequence[Iterator[Page]], *, newest_first: bool) -> Iterator[Page]:
    """Several streams of pages, each in order, as one in order."""
    names = columns(table)
    left_out = 0

    def rows(stream: Iterator[Page]) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        nonlocal left_out
        for page in stream:
            left_out += page.left_out
            yield from zip(_keys(table, page), zip(*(page[name] for name in names), strict=True), strict=True)

    held: list[tuple[Any, ...]] = []

    def page() -> Page:
        nonlocal left_out
        values = map(list, zip(*held, strict=True)) if held else ([] for _ in names)
        found = Page(dict(zip(names, values, strict=True)), left_out)
        left_out = 0
        held.clear()
        return found

    for _, row in merge(*map(rows, streams), key=lambda pair: pair[0], reverse=newest_first):
        held.append(row)
        if len(held) == PAGE:
            yield page()
    if held or left_out:
        yield page()
