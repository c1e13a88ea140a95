"""Filters of a table: each is checked on every row, whatever a source was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.frames import SCHEMAS
from iexec_lab.history.tables import DECODED, TABLES
from iexec_lab.plain_text import plain
from iexec_lab.protocol import to_address, to_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from iexec_lab.history.records import Page, Span

PARTIES: Final[Mapping[str, tuple[str, ...]]] = {
    "deals": ("requester", "beneficiary", "sponsor", "app_owner", "dataset_owner", "workerpool_owner"),
    "tasks": ("requester", "workers"),
    "events": ("account", "to"),
    "transfers": ("from_", "to"),
    "orders": ("resource",),
    "apps": ("owner",),
    "datasets": ("owner",),
    "workerpools": ("owner",),
    "categories": (),
}
"""Columns where ``party`` is looked for: anybody who had a part in it."""
_SPECIAL: Final[Mapping[str, tuple[str, ...]]] = {"party": (), "worker": ("workers",)}


def checked(table: str, where: Mapping[str, Any] | None) -> dict[str, Any]:
    """The filters that are given, as they are compared: addresses in lower case, numbers as ``int``.

    Args:
        table: Name of the table.
        where: Names of its columns, ``party`` (anybody who had a part) or ``worker`` -> the value wanted, or
            several; None is no filter.

    Raises:
        ValidationError: There is no such filter, or it cannot have that value.
    """
    kinds = {column.name: column.kind for column in SCHEMAS[TABLES[table]]}
    found = {}
    for name, value in (where or {}).items():
        if value is None:
            continue
        if name in _SPECIAL and (name == "party" or "workers" in kinds):
            kind = "address"
        elif name in kinds and name not in DECODED and kinds[name] not in {"object", "time"}:
            kind = kinds[name]
        else:
            raise ValidationError(f"{table} have no filter {plain(name, 40)}")
        several = isinstance(value, list | tuple | set | frozenset)
        found[name] = [_plain(kind, each) for each in value] if several else _plain(kind, value)
    return found


def _plain(kind: str, value: Any) -> Any:
    if kind in {"address", "anyone"}:
        return to_address(value).lower()
    if kind in {"count", "nrlc"}:
        return to_number(value)
    if kind in {"hash", "word"}:
        return str(value).lower()
    return value


def matching(page: Page, table: str, span: Span, where: Mapping[str, Any], moment: str) -> Page:
    """The rows of a page that are in the span and meet all (checked) filters."""
    wanted: Iterable[int] = range(page.size)
    if span.first_block or span.end_block is not None:
        blocks: Any = page.get("block") or [None] * page.size
    else:
        blocks = [None] * page.size
    times = page[moment]
    wanted = [
        i
        for i in wanted
        if (times[i] is None and not span.start and span.end is None)
        or (times[i] is not None and span.holds(times[i], blocks[i]))
    ]
    for name, value in where.items():
        places = PARTIES[table] if name == "party" else _SPECIAL.get(name, (name,))
        accepts = _accepts(value)
        wanted = [i for i in wanted if any(accepts(page[place][i]) for place in places)]
    return page if len(wanted) == page.size else page.pick(wanted)


def _accepts(value: Any) -> Callable[[Any], bool]:
    several = frozenset(value) if isinstance(value, list) else frozenset((value,))

    def accepts(held: Any) -> bool:
        if isinstance(held, list):
            return any(each.lower() in several for each in held)
        return (held.lower() if isinstance(held, str) and held[:2] == "0x" else held) in several

    return accepts
