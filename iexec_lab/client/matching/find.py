"""The cheapest orders for all tasks of a request, checked on chain."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.client.matching.cheapest import choose
from iexec_lab.client.matching.check import Match, Mismatch, check_room, stake_of
from iexec_lab.client.matching.offers import begin_books, draft_request, glance, look_up, survey
from iexec_lab.client.what_is import category_hint
from iexec_lab.errors import OrderError, ServiceError
from iexec_lab.protocol import NULL_ADDRESS, decode_tag, has_tag
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iexec_lab.client.matching.cheapest import Choice, Wish
    from iexec_lab.client.matching.offers import Known, Offers, Survey
    from iexec_lab.client.matching.request import Request
    from iexec_lab.client.session import Session
    from iexec_lab.client.side_by_side import Begun

TRIES = 20
"""How many choices may turn out stale, or too small for all tasks, before we give up."""


class Found(NamedTuple):
    """The deals to make, with the number of tasks of each."""

    matches: list[tuple[Match, int]]
    notes: tuple[str, ...]


class Filled(NamedTuple):
    """As ``Found``; ``left`` tasks have no place, and ``wish`` is what is left to wish for."""

    matches: list[tuple[Match, int]]
    left: int
    wish: Wish
    notes: tuple[str, ...]
    too_small: Mismatch | None


def find_matches(
    session: Session,
    request: Request,
    beside: Callable[[Match], None] | None = None,
    chosen: Callable[[str], None] = lambda _workerpool: None,
) -> Found:
    """The cheapest matches for all tasks; a stale order is passed over for the next one.

    Args:
        session: Where to look.
        request: What is wished for.
        beside: Called with the first match before it is checked, to begin what takes time.
        chosen: Called with each workerpool before its order is checked.

    Raises:
        OrderError: Nothing on the market fits; the message says what is missing.
    """
    books = begin_books(session, request)
    session.foresee_signing()
    known = None if session.knows_registries else glance(session, request)
    if known is None:
        return _find_matches(session, request, look_up(session, request), books, beside, chosen)
    try:
        return _find_matches(session, request, known, books, beside, chosen)
    except (OrderError, ServiceError):
        look_up(session, request)  # that there is no such app is the first to be told
        raise


def _find_matches(
    session: Session,
    request: Request,
    known: Known,
    books: Mapping[str, Begun[list[Any]]],
    beside: Callable[[Match], None] | None,
    chosen: Callable[[str], None],
) -> Found:
    surveyed = survey(session, request, known, books)
    _require_some(session, request, surveyed.offers)
    filled = fill(session, request, surveyed, beside, chosen)
    if filled.left:
        done = request.volume - filled.left
        raise filled.too_small or _nothing_fits(request, filled.wish, surveyed.offers, done=done)
    return Found(filled.matches, filled.notes)


def fill(
    session: Session,
    request: Request,
    surveyed: Survey,
    beside: Callable[[Match], None] | None = None,
    chosen: Callable[[str], None] = lambda _workerpool: None,
    tries: int = TRIES,
) -> Filled:
    """Deals for as many tasks as there is room for, the cheapest first, all of one category."""
    offers, wish, notes = surveyed
    matches: list[tuple[Match, int]] = []
    taken = _Taken()
    left = request.volume
    too_small: Mismatch | None = None
    for _ in range(tries):
        choice = choose(wish, offers.apps, offers.datasets, offers.pools)
        if choice is None or not left:
            break
        if choice.tag != wish.tag and not notes:
            notes = (f"tag {','.join(decode_tag(choice.tag))}: the dataset is used in an enclave",)
        match = to_match(session, request, choice, left)
        chosen(choice.workerpool.workerpool)
        if beside and not matches:
            beside(match)
        try:
            room = taken.left_of(match, check_room(session, match))
            volume = _room(request, left, min(room.values()))
        except Mismatch as error:
            too_small = error if isinstance(error, _TooSmall) else too_small
            wish = _without(wish, choice, error)
            continue
        gone: list[Any] = [order for order in (match.app, match.dataset) if room.get(order.kind) == volume]
        if room["workerpoolorder"] == volume or room["stake"] == volume:
            gone.append(match.workerpool)
        if volume:
            match = replace(match, request=replace(match.request, volume=volume))
            matches.append((match, volume))
            taken.add(match, volume)
            left -= volume
            wish = replace(wish, category=choice.workerpool.category)
        wish = replace(wish, rejected=wish.rejected.union(*map(_salts, gone)))
    return Filled(matches, left, wish, notes, too_small)


class _Taken:
    """What the deals that were found leave of their orders, and of the stakes of the workerpools."""

    def __init__(self) -> None:
        self._tasks: Counter[str] = Counter()
        self._staked: Counter[str] = Counter()

    def add(self, match: Match, volume: int) -> None:
        for order in match.used:
            if order.salt is not None:
                self._tasks[order.salt] += volume
        self._staked[match.workerpool.workerpool] += volume * stake_of(match.workerpool)

    def left_of(self, match: Match, room: Mapping[str, int]) -> dict[str, int]:
        """The same room, without what was taken."""
        left = dict(room)
        for order in match.used:
            left[order.kind] = max(room[order.kind] - self._tasks.get(order.salt or "", 0), 0)
        staked, each = self._staked[match.workerpool.workerpool], stake_of(match.workerpool)
        if each:
            left["stake"] = max((room["stake"] * each - staked) // each, 0)
        return left


class _TooSmall(Mismatch):
    pass


def _room(request: Request, wanted: int, volume: int) -> int:
    """How many of the wanted tasks the orders have room for.

    Raises:
        Mismatch: Too few for a bulk: task numbers name its slices, and begin anew in the next deal.
    """
    if volume < wanted and request.bulk is not None:
        raise _TooSmall(
            f"No workerpoolorder has room for the {wanted} tasks of the bulk",
            "workerpoolorder",
            details={"largest seen": volume},
            hint="Put more datasets into each task: iexec-lab dataset prepare-bulk --max-dataset-per-task.",
        )
    return min(wanted, volume)


def _require_some(session: Session, request: Request, offers: Offers) -> None:
    if not offers.apps:
        raise OrderError(
            f"No order available for app {request.app}",
            hint="Its owner has to publish one: iexec-lab app publish.",
        )
    if request.dataset != NULL_ADDRESS and not offers.datasets:
        raise OrderError(
            f"No order available for dataset {request.dataset}",
            hint="Its owner has to publish one, for this app and this wallet: iexec-lab dataset publish.",
        )
    if not offers.pools:
        raise _no_pool(request, category_hint(session, request.category))


def _no_pool(request: Request, hint: str | None = None) -> OrderError:
    if request.category is not None:
        message = f"No workerpoolorder matching your conditions available in category {request.category}"
    else:
        message = "No workerpoolorder matching your conditions currently available"
    return OrderError(message, hint=hint)


def to_match(session: Session, request: Request, choice: Choice, volume: int) -> Match:
    order = draft_request(
        session,
        request,
        tag=choice.tag,
        category=choice.workerpool.category,
        app_price=choice.app.price,
        dataset_price=choice.dataset.price,
        workerpool_price=choice.workerpool.price,
        workerpool=choice.workerpool.workerpool,
        volume=volume,
    )
    return Match(choice.app, choice.workerpool, order, choice.dataset)


def _salts(order: Any) -> frozenset[str]:
    return frozenset() if order.salt is None else frozenset({order.salt})


def _without(wish: Wish, choice: Choice, error: Mismatch) -> Wish:
    """The wish without the order that failed its check; raises the error when nothing can replace it."""
    stale = {"apporder": choice.app, "datasetorder": choice.dataset, "workerpoolorder": choice.workerpool}
    salts = _salts(stale.get(error.culprit or "", choice.app)) if error.culprit in stale else frozenset()
    if not salts:
        raise error
    return replace(wish, rejected=wish.rejected | salts)


def _nothing_fits(request: Request, wish: Wish, offers: Offers, *, done: int) -> OrderError:
    """Say which part of the wish the market cannot meet."""
    names = ",".join(decode_tag(wish.tag))
    if has_tag(wish.tag, "tee") and not any(has_tag(app.tag, "tee") for app in offers.apps):
        return OrderError(
            f"No order available for app {request.app}",
            hint=f"The deal needs the tag {names}, but none of the app's {len(offers.apps)} orders has it.",
        )
    for kind, orders, limit in (
        ("app", offers.apps, wish.app_price),
        ("dataset", offers.datasets, wish.dataset_price),
        ("workerpool", offers.pools, wish.workerpool_price),
    ):
        if limit is not None and orders and min(order.price for order in orders) > limit:
            cheapest = min(order.price for order in orders)
            return OrderError(
                f"No order of the {kind} within your price",
                details={"cheapest": in_rlc(cheapest), "limit": in_rlc(limit)},
                hint=f"Raise --{kind}-price, or leave it out.",
            )
    if done:
        return OrderError(
            f"The market has room for {done} of {request.volume} tasks", hint="Ask for less volume."
        )
    hint = f"The deal needs the tag {names}." if names else None
    return _no_pool(request, hint)
