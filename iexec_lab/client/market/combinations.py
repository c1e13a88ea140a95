"""All combinations of orders that a request could meet, and how a volume would be filled with them.

The choice is that of ``app run``: ``matching/cheapest.py`` has the order, ``matching/check.py`` the checks,
``matching/find.py`` the deals. The market is asked as for a run, and once more without the restrictions,
categories, tags and trust of the request, for the orders that it leaves out.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.client.market.computed import Computed
from iexec_lab.client.market.depth import filled
from iexec_lab.client.market.limits import to_limit
from iexec_lab.client.matching import preflight
from iexec_lab.client.matching.cheapest import combinations, misfits
from iexec_lab.client.matching.check import Mismatch, check_rooms, check_solvency, check_terms, restrictions
from iexec_lab.client.matching.find import fill, to_match
from iexec_lab.client.matching.offers import Offers, begin_books, look_up, read_book, survey
from iexec_lab.client.matching.served import Served
from iexec_lab.errors import BalanceError, IexecError, OrderError, ValidationError
from iexec_lab.protocol import NULL_ADDRESS, sum_tags

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iexec_lab.client.matching.cheapest import Choice
    from iexec_lab.client.matching.check import Match
    from iexec_lab.client.matching.offers import Survey
    from iexec_lab.client.matching.request import Request
    from iexec_lab.client.session import Session
    from iexec_lab.client.side_by_side import Begun

OTHERS: Final = 1000
"""How many of the cheapest orders of each kind are looked at that are not offered for the request."""
MOST_ROWS: Final = 10_000
"""Rows of the longest list."""
DEALS: Final = 200
"""Deals of the longest simulation."""


class _Candidate(NamedTuple):
    """A combination that fits as far as its orders say, and for how many tasks there is room, or why not."""

    choice: Choice
    match: Match
    room: dict[str, int] | Mismatch


def list_combinations(session: Session, request: Request, limit: int | None, *, unchecked: bool) -> Computed:
    """The rows of a ``combination`` frame: those that fit, as ``app run`` takes them, then the others.

    ``unchecked``: secrets and the app's framework are not looked at.

    Raises:
        OrderError: No app, dataset or workerpool lives at the address.
        ValidationError: The limit is no number of rows.
    """
    most = _most(limit)
    books, others = begin_books(session, request), _begin_others(session, request)
    surveyed = survey(session, request, look_up(session, request), books)
    offers, wish = surveyed.offers, surveyed.wish
    listed = (offers.apps, offers.datasets, offers.pools)
    fitting = list(islice(combinations(wish, *listed), most))
    matches = [to_match(session, request, choice, request.volume) for choice in fitting]
    rooms = check_rooms(session, matches)
    checked = list(map(_Candidate, fitting, matches, rooms))
    good = [each for each in checked if not isinstance(each.room, Mismatch)]
    rows = [_row(session, each.choice, each.match, room=each.room) for each in good]  # type: ignore[arg-type]
    bad = [
        _row(session, each.choice, each.match, reason=each.room.message)
        for each in checked
        if isinstance(each.room, Mismatch)
    ]
    everything, known = _with_others(session, offers, others)
    known |= dict(_refused(checked))
    total = len(everything.apps) * max(len(everything.datasets), 1) * len(everything.pools)
    rest = misfits(
        wish, everything.apps, everything.datasets, everything.pools, lambda order: known.get(id(order), "")
    )
    seen = {_orders_of(each.choice) for each in checked}
    rest = (found for found in rest if _orders_of(found[0]) not in seen)
    for choice, reason in islice(rest, max(most - len(checked), 0)):
        match = to_match(session, request, choice, request.volume)
        bad.append(_row(session, choice, match, reason=reason))
    rows += sorted(bad, key=itemgetter("price"))
    remarks = list(_remarks(session, surveyed, checked, unchecked=unchecked))
    if total > len(rows):
        remarks.append(f"{len(rows)} of {total} combinations are listed.")
    return Computed.made(rows, 0, *remarks, total=total)


def _most(limit: int | None) -> int:
    return min(to_limit(limit) or MOST_ROWS, MOST_ROWS)


def _begin_others(session: Session, request: Request) -> list[Begun[list[Any]]]:
    """Begin to read the orders of the app, the dataset and all workerpools, whoever they are open to."""
    everybody = dict.fromkeys(("app", "dataset", "workerpool", "requester"), "any")
    named = request.resources

    def read(kind: str) -> list[Any]:
        if kind == "dataset" and kind not in named:
            return []
        wanted = {name: value for name, value in everybody.items() if name != kind}
        return read_book(session, f"{kind}order", limit=OTHERS, **wanted, **{kind: named.get(kind)})

    return session.begin(*(partial(read, kind) for kind in ("app", "dataset", "workerpool")))


def _orders_of(choice: Choice) -> tuple[int, int, int]:
    return id(choice.app), id(choice.dataset), id(choice.workerpool)


def _with_others(
    session: Session, offers: Offers, others: Sequence[Begun[list[Any]]]
) -> tuple[Offers, dict[int, str]]:
    """All orders; and by ``id`` of an order why it is not offered for the request, where it is for others."""
    held, known = [], dict[int, str]()
    for mine, begun in zip((offers.apps, offers.datasets, offers.pools), others, strict=True):
        offered = {order.salt for order in mine}
        more = [order for order in begun.result() if order.salt not in offered]
        for order in more:
            allowed = order.requesterrestrict
            if allowed not in {NULL_ADDRESS, session.address}:
                known[id(order)] = f"{order.kind} is restricted to requester {allowed}"
        held.append([*mine, *more])
    return Offers(*held), known


def _refused(checked: Sequence[_Candidate]) -> Iterator[tuple[int, str]]:
    """The orders that the chain refuses, by ``id``, with the reason."""
    for each in checked:
        if isinstance(each.room, Mismatch):
            yield from (
                (id(order), each.room.message)
                for order in each.match.used
                if order.kind == each.room.culprit and order.signature is not None
            )


def _row(
    session: Session,
    choice: Choice,
    match: Match,
    *,
    room: Mapping[str, int] | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    bound = [f"{kind} to {name} {allowed}" for kind, name, allowed, _ in restrictions(match)]
    return {
        "fits": reason is None,
        "reason": reason,
        "price": choice.price,
        **_terms(session, match),
        "workerpool": choice.workerpool.workerpool,
        "category": choice.workerpool.category,
        "trust": choice.workerpool.trust,
        "tag": sum_tags(match.tag),
        "volume": None if room is None else min(room[name] for name in room if name != "requestorder"),
        "restrictions": "; ".join(text for text in bound if not text.startswith("requestorder")),
        "app": choice.app.app,
        "dataset": choice.dataset.dataset,
    }


def _terms(session: Session, match: Match) -> dict[str, Any]:
    """Prices and hashes of the orders; one that is still to be signed has no hash."""
    row: dict[str, Any] = {}
    for order in match.used:
        if order.kind != "requestorder":
            word = order.kind.removesuffix("order")
            row[f"{word}Price"] = order.price
            row[f"{word}orderHash"] = None if order.signature is None else order.hash(session.domain)
    return row


def _remarks(
    session: Session, surveyed: Survey, checked: Sequence[_Candidate], *, unchecked: bool
) -> Iterator[str]:
    """What ``app run`` would say, or stop at."""
    yield from (f"{note[0].upper()}{note[1:]}." for note in surveyed.notes)
    first = next((each for each in checked if not isinstance(each.room, Mismatch)), None)
    for each in checked:
        if each is first:
            break
        if isinstance(each.room, Mismatch) and each.room.culprit is None:
            yield f"app run stops at this: {each.room.message}."
    if first is None or isinstance(first.room, Mismatch):
        return
    served = Served(session)
    served.ask(first.match.workerpool.workerpool)
    try:
        check_terms(session.network, first.match)
        if not unchecked:
            for order in first.match.used:
                if order.kind != "workerpoolorder":
                    preflight.check(session, order, tag=first.match.tag)
        check_solvency(session, first.match, min(first.room.values()))
    except (OrderError, BalanceError, ValidationError) as error:
        yield f"app run stops at this: {error.message}."
    except IexecError:
        pass  # a service that says nothing does not make the list worthless
    remarks = served.remarks([first.match.workerpool.workerpool])
    yield from (f"{remark[0].upper()}{remark[1:]}." for remark in remarks)


def simulate_request(session: Session, request: Request) -> Computed:
    """The rows of a ``fill`` frame: the deals that ``app run`` would make, one after the other.

    Raises:
        OrderError: No app, dataset or workerpool lives at the address.
    """
    books = begin_books(session, request)
    surveyed = survey(session, request, look_up(session, request), books)
    found = fill(session, request, surveyed, tries=DEALS)
    rows, done, cost = list[dict[str, Any]](), 0, 0
    for match, volume in found.matches:
        done += volume
        cost += volume * match.task_cost
        terms = _terms(session, match)
        pool = match.workerpool
        rows.append(
            {
                **terms,
                "orderHash": terms["workerpoolorderHash"],
                "asset": pool.workerpool,
                "category": pool.category,
                "trust": pool.trust,
                "tag": match.tag,
                "remaining": pool.volume,
                **filled(match.task_cost, volume, done, cost, request.volume - done),
            }
        )
    return Computed.made(rows, 0, unfilled_remark(found.left, request.volume), unfilled=found.left)


def unfilled_remark(left: int, volume: int) -> str:
    """What has no place."""
    return f"The book has room for {volume - left} of {volume} tasks." if left else ""
