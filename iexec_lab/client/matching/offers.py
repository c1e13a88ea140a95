"""What the market offers for a request, and the resulting matches, checked on chain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.client.matching import preflight, signing
from iexec_lab.client.matching.cheapest import Wish, choose
from iexec_lab.client.matching.check import Match, Mismatch, check_match
from iexec_lab.client.what_is import category_hint, what_lives_at
from iexec_lab.errors import CallError, OrderError, ServiceError, ValidationError
from iexec_lab.ethereum.calls import Call, attempt
from iexec_lab.ethereum.contracts import APP, OWNABLE, REGISTRY
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_BYTES32,
    ORDERS,
    decode_tag,
    encode_tag,
    has_tag,
    sum_tags,
    tee_framework,
    to_address,
)
from iexec_lab.units import format_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iexec_lab.client.matching.cheapest import Choice
    from iexec_lab.client.matching.request import Request
    from iexec_lab.client.session import Session
    from iexec_lab.client.side_by_side import Begun
    from iexec_lab.protocol import AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder

TRIES = 20
"""How many choices may turn out stale, or too small for all tasks, before we give up."""


class Known(NamedTuple):
    """Chain facts about what a request names: kind -> owner, and the TEE framework of the app."""

    owners: Mapping[str, str]
    mrenclave: str


class Wanted(NamedTuple):
    """The tag of a request, and why it is more than what was typed."""

    tag: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offers:
    """Orders that could be used, of each kind; ``datasets`` is empty when the request names none."""

    apps: Sequence[AppOrder]
    datasets: Sequence[DatasetOrder]
    pools: Sequence[WorkerpoolOrder]


class Found(NamedTuple):
    """The deals to make, with the number of tasks of each."""

    matches: list[tuple[Match, int]]
    notes: tuple[str, ...]


def look_up(session: Session, request: Request) -> Known:
    """Owners of what the request names.

    Raises:
        OrderError: ``No app deployed at address ...``.
    """
    named, registries = request.resources, session.registries
    calls = [
        *(Call(registries[kind], REGISTRY.isRegistered, (address,)) for kind, address in named.items()),
        *(Call(address, OWNABLE.owner) for address in named.values()),
        Call(request.app, APP.m_appMREnclave),
    ]
    answers = attempt(session.rpc, calls)
    for (kind, address), known in zip(named.items(), answers, strict=False):
        if known is not True:
            raise OrderError(
                f"No {kind} deployed at address {address}", hint=what_lives_at(session, address, kind)
            )
    owners = map(to_address, answers[len(named) : -1])
    return Known(dict(zip(named, owners, strict=True)), preflight.mrenclave_text(_value(answers[-1])))


def _glance(session: Session, request: Request) -> Known | None:
    """As ``look_up``, together with the registries: which of them are known comes later, in ``check_match``.

    None when something named is no contract of its kind.
    """
    named = request.resources
    session.hub.foresee_registries()
    calls = [*(Call(address, OWNABLE.owner) for address in named.values())]
    *owners, mrenclave = attempt(session.rpc, [*calls, Call(request.app, APP.m_appMREnclave)])
    if any(isinstance(answer, CallError) for answer in (*owners, mrenclave)):
        return None
    known = dict(zip(named, map(to_address, owners), strict=True))
    return Known(known, preflight.mrenclave_text(_value(mrenclave)))


def _value(answer: Any) -> Any:
    """What a contract answered; its error raised."""
    if isinstance(answer, CallError):
        raise answer
    return answer


def wanted_tag(session: Session, request: Request, known: Known, *, confidential: bool = False) -> Wanted:
    """The tag that the request asks for; an enclave is added where the request makes no sense without one."""
    network = session.network
    asked = sum_tags(request.tag or NULL_BYTES32, network.default_tag)
    tag = sum_tags(asked, request.bulk_tag)
    framework = _framework(session, known)
    why = request.wants_enclave or ("the dataset is confidential" if confidential else None)
    if why is None and known.mrenclave and request.tag is None:
        why = f"the app is built for {framework}"
    if why is None or has_tag(asked, "tee"):
        return Wanted(tag)
    return Wanted(sum_tags(tag, encode_tag(["tee", framework])), (f"tag tee,{framework}: {why}",))


def _framework(session: Session, known: Known) -> str:
    """The TEE framework to run the app in: the one it is built for."""
    return "tdx" if session.network.tdx_only else preflight.app_framework(known.mrenclave) or "tdx"


def draft_request(
    session: Session,
    request: Request,
    *,
    tag: str,
    category: int,
    app_price: int,
    dataset_price: int,
    workerpool_price: int,
    workerpool: str,
    volume: int | None = None,
) -> RequestOrder:
    """The unsigned request order; prices are the most it pays for a task, nRLC."""
    values = {
        "app": request.app,
        "appmaxprice": app_price,
        "dataset": request.dataset,
        "datasetmaxprice": dataset_price,
        "workerpool": workerpool,
        "workerpoolmaxprice": workerpool_price,
        "requester": session.address,
        "beneficiary": request.beneficiary,
        "callback": request.callback,
        "category": category,
        "trust": request.trust,
        "tag": tag,
        "volume": request.volume if volume is None else volume,
        "params": request.params,
    }
    return signing.draft(session, "requestorder", values)  # type: ignore[return-value]


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
    books = _begin_books(session, request)
    session.foresee_signing()
    known = None if session.knows_registries else _glance(session, request)
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
    offers, confidential = _read_offers(session, request, known, books)
    wanted = wanted_tag(session, request, known, confidential=confidential)
    wish = Wish(
        tag=wanted.tag,
        framework=encode_tag(["tee", _framework(session, known)]),
        exact=request.tag is not None,
        trust=request.trust,
        category=request.category,
        app_price=request.app_price,
        dataset_price=request.dataset_price,
        workerpool_price=request.workerpool_price,
    )
    offers = _with_own(session, request, known, offers, wish, confidential=confidential)
    _require_some(session, request, offers)
    matches: list[tuple[Match, int]] = []
    left, notes = request.volume, wanted.notes
    too_small: Mismatch | None = None
    for _ in range(TRIES):
        choice = choose(wish, offers.apps, offers.datasets, offers.pools)
        if choice is None:
            break
        if choice.tag != wish.tag and not notes:
            notes = (f"tag {','.join(decode_tag(choice.tag))}: the dataset is used in an enclave",)
        match = _to_match(session, request, choice, left)
        chosen(choice.workerpool.workerpool)
        if beside and not matches:
            beside(match)
        try:
            volume = _room(request, left, check_match(session, match))
        except Mismatch as error:
            too_small = error if isinstance(error, _TooSmall) else too_small
            wish = _without(wish, choice, error)
            continue
        match = replace(match, request=replace(match.request, volume=volume))
        matches.append((match, volume))
        left -= volume
        if not left:
            return Found(matches, notes)
        wish = replace(
            wish, category=choice.workerpool.category, rejected=wish.rejected | _salts(choice.workerpool)
        )
    raise too_small or _nothing_fits(request, wish, offers, done=request.volume - left)


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


def _begin_books(session: Session, request: Request) -> dict[str, Begun[list[Any]]]:
    """Begin to read the order books, kind -> orders; whether they are needed is known later."""
    wallet, named = session.address, request.resources
    dataset, pool = named.get("dataset"), named.get("workerpool")
    filters: dict[str, dict[str, Any]] = {
        "app": {"app": request.app, "requester": wallet, "dataset": dataset, "workerpool": pool or "any"}
    }
    if dataset is not None:
        restrictions = {"requester": wallet, "app": request.app, "workerpool": pool or "any"}
        filters["dataset"] = {"dataset": dataset, **restrictions}
    filters["workerpool"] = {
        "workerpool": pool,
        "category": request.category,
        "app": request.app,
        "dataset": dataset,
        "requester": wallet,
        "min_tag": request.tag,
        "min_trust": request.trust or None,
    }
    works = [partial(read_book, session, f"{kind}order", **wanted) for kind, wanted in filters.items()]
    return dict(zip(filters, session.begin(*works), strict=True))


def _read_offers(
    session: Session, request: Request, known: Known, books: Mapping[str, Begun[list[Any]]]
) -> tuple[Offers, bool]:
    """Every order of the market that could be used, and whether the dataset has a key in the SMS.

    What the wallet owns needs no order of the market.
    """
    [confidential] = session.begin(lambda: _is_confidential(session, request, known))
    found = {
        kind: [] if known.owners.get(kind) == session.address else book.result()
        for kind, book in books.items()
    }
    return Offers(found["app"], found.get("dataset", []), found["workerpool"]), confidential.result()


def _is_confidential(session: Session, request: Request, known: Known) -> bool:
    """Whether the SMS has a key of the dataset; asked where a deal could do without an enclave."""
    dataset = request.resources.get("dataset")
    if dataset is None or session.network.tdx_only or (request.tag and has_tag(request.tag, "tee")):
        return False
    configured, framework = session.network.sms, _framework(session, known)
    if not configured:
        return False
    usual = framework if {"default", framework} & set(configured) else None
    return session.sms(usual).has_dataset_secret(dataset)


def read_book(session: Session, kind: str, **filters: Any) -> list[Any]:
    """All open orders that pass the filters; rows that are not orders, or about something else, are left out.

    What else the market says is not used: ``check_match`` hashes the chosen orders, and asks the hub who
    signed them and what is left of them.
    """
    found, resource = [], filters.get(ORDERS[kind].resource_field)
    for entry in session.market.orderbook_all(kind, **filters).orders:
        try:
            order = ORDERS[kind].from_json(entry["order"], stage="signed", frameworks=None)
        except ValidationError:
            continue
        if resource is None or order.resource == resource:
            found.append(order)
    return found


def _with_own(
    session: Session, request: Request, known: Known, offers: Offers, wish: Wish, *, confidential: bool
) -> Offers:
    """Free orders for what the wallet owns, usable by it alone; they are signed once the gate is passed."""
    wallet, owners = session.address, known.owners
    tags = [wish.tag]
    if tee_framework(wish.tag) is None:
        tags = list(dict.fromkeys((wish.tag, sum_tags(wish.tag, wish.framework))))
    private = {"volume": request.volume, "requesterrestrict": wallet}

    def own(kind: str, resource: str, tags: Any, **more: Any) -> list[Any]:
        word = kind.removesuffix("order")
        return [signing.draft(session, kind, {word: resource, "tag": tag, **private, **more}) for tag in tags]

    if owners["app"] == wallet:
        offers = replace(offers, apps=own("apporder", request.app, tags))
    if owners.get("dataset") == wallet:
        tag = encode_tag(["tee"]) if confidential else NULL_BYTES32
        offers = replace(offers, datasets=own("datasetorder", request.dataset, [tag]))
    if owners.get("workerpool") == wallet:
        needed = dict.fromkeys(sum_tags(tag, app.tag) for app in offers.apps for tag in tags)
        size = {"category": request.category or 0, "trust": request.trust}
        offers = replace(offers, pools=own("workerpoolorder", request.workerpool, needed, **size))
    return offers


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


def _to_match(session: Session, request: Request, choice: Choice, volume: int) -> Match:
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
                details={"cheapest": f"{format_rlc(cheapest)} RLC", "limit": f"{format_rlc(limit)} RLC"},
                hint=f"Raise --{kind}-price, or leave it out.",
            )
    if done:
        return OrderError(
            f"The market has room for {done} of {request.volume} tasks", hint="Ask for less volume."
        )
    hint = f"The deal needs the tag {names}." if names else None
    return _no_pool(request, hint)
