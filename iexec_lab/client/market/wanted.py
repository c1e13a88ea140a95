"""What the filters of a list mean to its rows.

A source of history is told what it checks itself, by the names of its columns; the rest is held against its
rows here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.client.market.filters import DEAL_STATUSES, TASK_STATUSES
from iexec_lab.errors import ValidationError
from iexec_lab.history.fates import STATUS_OF_DEAL, deal_status, task_status
from iexec_lab.plain_text import plain
from iexec_lab.protocol import to_bytes32, to_tag, to_uint256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iexec_lab.client.session import Session
    from iexec_lab.history.source import Page

ADDRESSES: Final = frozenset(
    {
        *("requester", "beneficiary", "app", "dataset", "workerpool", "sponsor", "owner"),
        *("app_owner", "dataset_owner", "workerpool_owner", "worker"),
    }
)
HASHES: Final = ("apporder_hash", "datasetorder_hash", "workerpoolorder_hash", "requestorder_hash")
NAMING: Final = ADDRESSES - {"owner"} | {*HASHES, "deal"}
"""Filters that say whose rows are wanted: without any of them a list is of the wallet's own."""
SEVERAL: Final = ADDRESSES | {*HASHES, "deal", "category", "status"}
"""Filters that take several values: any of them will do."""
_EXPLORER: Final = {"started": "active", "claimed": "failed", "late": "timeout"}
"""The public explorer's words for a task's status."""


class Test(NamedTuple):
    """What must be true of some columns of a row."""

    columns: tuple[str, ...]
    holds: Callable[..., bool]


class Wanted(NamedTuple):
    """The filters of a list, read: what a source is asked for, and what its rows must meet besides."""

    where: dict[str, Any]
    tests: list[Test]

    def rows(self, page: Page) -> list[int]:
        """The rows of a page that meet all filters."""
        rows: Sequence[int] = range(page.size)
        for test in self.tests:
            columns = [page[name] for name in test.columns]
            rows = [row for row in rows if test.holds(*(column[row] for column in columns))]
        return list(rows)


def read(session: Session, noun: str, values: Mapping[str, Any], now: Callable[[], int]) -> Wanted:
    """The filters of a list; those that were not given are None or False.

    Args:
        session: Resolves names of ENS, knows the frameworks of tags.
        noun: What is listed.
        values: Filter -> value.
        now: Tells the chain's clock, where it is needed.

    Raises:
        ValidationError: A filter cannot have such a value.
    """
    wanted = Wanted({}, [])
    for name, value in values.items():
        if value is None or value is False:
            continue
        if name in ADDRESSES:
            wanted.where[name] = _each(value, lambda one: session.to_address(one).lower())
        elif name in HASHES:
            wanted.where[name] = _each(value, to_bytes32)
        elif name == "deal":
            wanted.where["deal_id"] = _each(value, to_bytes32)
        elif name == "category":
            wanted.where[name] = _each(value, to_uint256)
        elif name == "tag":
            wanted.where["tag_hex"] = to_tag(value, frameworks=session.network.frameworks).lower()
        elif name == "bulk":
            wanted.where[name] = True
        else:
            wanted.tests.append(_test(session, noun, name, value, now))
    return wanted


def _each(value: Any, read_one: Callable[[Any], Any]) -> Any:
    """A value as it is compared, or several of which any will do."""
    return [read_one(one) for one in value] if isinstance(value, list) else read_one(value)


def _test(session: Session, noun: str, name: str, value: Any, now: Callable[[], int]) -> Test:
    """A filter that no source knows."""
    if name == "require_tag":
        bits = int(to_tag(value, frameworks=session.network.frameworks), 16)
        test = Test(("tag_hex",), lambda tag: int(tag, 16) & bits == bits)
    elif name == "name":
        text = str(value).casefold()
        column = "description" if noun == "workerpool" else "name"
        test = Test((column,), lambda held: text in (held or "").casefold())
    elif name == "late":
        status = task_status(now())
        test = Test(("status", "final_deadline"), lambda word, final: status(word, final) == "TIMEOUT")
    else:
        assert name == "used_since"
        test = Test(("last_used",), lambda moment: bool(moment) and moment >= value)
    return test


def with_status(wanted: Wanted, noun: str, word: Any, now: Callable[[], int]) -> None:
    """Add the status that a deal or a task must have.

    Raises:
        ValidationError: There is no such status.
    """
    known = DEAL_STATUSES if noun == "deal" else TASK_STATUSES
    words = set()
    for each in word if isinstance(word, list) else [word]:
        text = str(each).lower()
        text = text if noun == "deal" else _EXPLORER.get(text, text)
        if text not in known:
            raise ValidationError(
                f"No {noun} has the status {plain(each, 40)}", hint=f"One of: {', '.join(known)}."
            )
        words.add(text if noun == "deal" else text.upper())
    if noun == "deal":
        of_deal = deal_status(now())
        wanted.tests.append(Test(STATUS_OF_DEAL, lambda *held: of_deal(*held) in words))
    else:
        of_task = task_status(now())
        wanted.tests.append(
            Test(("status", "final_deadline"), lambda held, final: of_task(held, final) in words)
        )
