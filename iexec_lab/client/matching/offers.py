"""What the market offers for a request, and the tag that the request needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.client.matching import preflight, signing
from iexec_lab.client.matching.cheapest import Wish
from iexec_lab.client.what_is import what_lives_at
from iexec_lab.errors import CallError, OrderError, ValidationError
from iexec_lab.ethereum.calls import Call, attempt
from iexec_lab.ethereum.contracts import APP, OWNABLE, REGISTRY
from iexec_lab.protocol import (
    NULL_BYTES32,
    ORDERS,
    encode_tag,
    has_tag,
    sum_tags,
    tee_framework,
    to_address,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.client.matching.request import Request
    from iexec_lab.client.session import Session
    from iexec_lab.client.side_by_side import Begun
    from iexec_lab.protocol import AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder


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


class Survey(NamedTuple):
    """What is offered, what is wished for, and remarks on the tag."""

    offers: Offers
    wish: Wish
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


def glance(session: Session, request: Request) -> Known | None:
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


def survey(session: Session, request: Request, known: Known, books: Mapping[str, Begun[list[Any]]]) -> Survey:
    """What is offered for the request, and the wish that it means."""
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
    return Survey(offers, wish, wanted.notes)


def begin_books(session: Session, request: Request) -> dict[str, Begun[list[Any]]]:
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
