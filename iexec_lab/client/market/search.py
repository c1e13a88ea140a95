"""One text, and everything that it may be: addresses, deals, tasks, orders, transactions, categories, names.

All that it may be is looked up side by side. A service that is away leaves a remark, not an error: the others
may know.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.market import lookups, names
from iexec_lab.client.market.guess import guess
from iexec_lab.errors import IexecError
from iexec_lab.plain_text import plain
from iexec_lab.services.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.client.market.guess import Guess
    from iexec_lab.client.session import Session

    Row = dict[str, Any]
    Look = Callable[[], list[Row]]

_KINDS_OF_WORD: Final = "the id of a deal or a task, the hash of an order, a transaction or a block"
_KINDS_OF_ADDRESS: Final = "an app, a dataset, a workerpool, an account, a contract"


class Hits(Rows):
    """What a text is, what only has it in its name last; ``remark`` says what was looked for in vain."""

    remark: str = ""


def search(session: Session, text: Any) -> Hits:
    """What a text is on this network.

    Raises:
        ValidationError: There is no text.
        IexecError: Nothing could be looked up: the first reason.
    """
    meant = guess(text)
    near: list[str] = []
    by_name = partial(names.search, session, meant.name, near)
    looks: list[tuple[str, Look]] = [
        *(("the node", partial(lookups.address, session, each)) for each in meant.addresses),
        *(("the node", partial(lookups.word, session, each)) for each in meant.words),
        *(("the market", partial(lookups.order, session, each)) for each in meant.words),
    ]
    if meant.number is not None:
        looks.append(("the node", partial(lookups.category, session, meant.number)))
        if meant.is_block:
            looks.append(("the node", partial(lookups.block, session, meant.number)))
    if meant.name:
        looks.append(("the node", by_name))
        if meant.name.lower().endswith(".eth"):
            looks.append(("the node", partial(lookups.ens_name, session, meant.name.lower())))
    answers = session.each(lambda look: _tried(look[1]), looks)
    failed = [
        (who, each) for (who, _), each in zip(looks, answers, strict=True) if isinstance(each, IexecError)
    ]
    if len(failed) == len(looks):
        raise failed[0][1]
    told = [[] if isinstance(each, IexecError) else each for each in answers]
    exact = [row for (_, look), rows in zip(looks, told, strict=True) if look is not by_name for row in rows]
    named = [row for (_, look), rows in zip(looks, told, strict=True) if look is by_name for row in rows]
    hits = Hits(_once([*_newest_first(exact), *_newest_first(named)]))
    words = [f"Of {who} nothing is known: {plain(error.message, 200)}." for who, error in failed]
    if not hits:
        words.insert(0, _nothing(meant, near))
    hits.remark = " ".join(words)
    return hits


def _tried(look: Look) -> list[Row] | IexecError:
    try:
        return look()
    except IexecError as error:
        return error


def _newest_first(rows: list[Row]) -> list[Row]:
    """The events of a transaction stay behind it; what has no time is last."""
    return sorted(rows, key=lambda row: -(row.get("timestamp") or 0))


def _once(rows: list[Row]) -> list[Row]:
    known: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        known.setdefault((row["what"], row["id"], row.get("logIndex")), row)
    return list(known.values())


def _nothing(meant: Guess, near: list[str]) -> str:
    if meant.addresses:
        looked = _KINDS_OF_ADDRESS
    elif meant.words:
        looked = _KINDS_OF_WORD
    else:
        numbers = "a category, " if meant.number is not None else ""
        looked = f"{numbers}the name of an app, a dataset, a workerpool or a category, where one is stored"
    said = f"Nothing found. {plain(meant.text, 80)} was looked for as {looked}."
    if meant.words:
        said += " A task that nobody initialised yet is found through its deal."
    if near:
        said += f" Near: {', '.join(plain(each, 60) for each in near)}."
    return f"{said} {meant.slip}".strip()
