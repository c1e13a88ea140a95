"""Do four orders make a deal? Checked before anything is sent, restrictions included.

The hub checks the same and reverts with a number; here the answer says which order and why, in the words of
the official SDK where it has any. ``Mismatch.culprit`` names the order that another one can replace.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from iexec_lab.client.balances import wallet_nrlc
from iexec_lab.errors import BalanceError, CallError, IexecError, OrderError, ValidationError
from iexec_lab.ethereum.ahead import expect, one_look
from iexec_lab.ethereum.calls import Call, attempt
from iexec_lab.ethereum.contracts import APP, ERC734, HUB, OWNABLE, REGISTRY
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_DATASET_ORDER,
    check_deal_tag,
    strip_framework,
    sum_tags,
    to_address,
)
from iexec_lab.protocol import check_match as check_orders
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from iexec_lab.client.matching.signing import AnyOrder
    from iexec_lab.client.session import Session
    from iexec_lab.networks import Network
    from iexec_lab.protocol import AppOrder, DatasetOrder, Order, RequestOrder, WorkerpoolOrder

    Ask = Callable[[Sequence[Call]], list[Any]]

STAKE_PERCENT = 30
"""Percent of its price that a workerpool's owner locks for each task."""
GROUP_MEMBER = 4
"""ERC-734 purpose that a restriction to a group contract asks for."""


class Mismatch(OrderError):  # noqa: N818 -- reads as what it is
    """The orders make no deal; ``culprit`` is the kind of the order to replace, None when all are needed."""

    def __init__(self, message: str, culprit: str | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        self.culprit = culprit


@dataclass(frozen=True, slots=True)
class Match:
    """Four orders that are meant to make a deal; ``dataset`` is the null order when none is used."""

    app: AppOrder
    workerpool: WorkerpoolOrder
    request: RequestOrder
    dataset: DatasetOrder = NULL_DATASET_ORDER

    @property
    def uses_dataset(self) -> bool:
        return self.dataset.dataset != NULL_ADDRESS

    @property
    def orders(self) -> tuple[AnyOrder, ...]:
        """App, dataset, workerpool, request: the order of ``matchOrders``."""
        return (self.app, self.dataset, self.workerpool, self.request)

    @property
    def used(self) -> tuple[AnyOrder, ...]:
        """The same without a null dataset order."""
        return tuple(order for order in self.orders if order is not self.dataset or self.uses_dataset)

    @property
    def unsigned(self) -> tuple[AnyOrder, ...]:
        """Our own orders, to be signed once the plan is agreed to."""
        return tuple(order for order in self.used if order.signature is None)

    @property
    def task_cost(self) -> int:
        """Price of one task in nRLC."""
        return self.app.appprice + self.dataset.datasetprice + self.workerpool.workerpoolprice

    @property
    def tag(self) -> str:
        """What the deal needs; the framework of a dataset order does not count."""
        return sum_tags(self.app.tag, strip_framework(self.dataset.tag), self.request.tag)


def restrictions(match: Match) -> Iterator[tuple[str, str, str, str]]:
    """Who may be in the deal: (kind of the restricting order, field, allowed address, address met)."""
    met = {
        "app": match.app.app,
        "dataset": match.dataset.dataset,
        "workerpool": match.workerpool.workerpool,
        "requester": match.request.requester,
    }
    for order in (match.app, match.dataset, match.workerpool):
        for name, address in met.items():
            allowed = getattr(order, f"{name}restrict", NULL_ADDRESS)
            if allowed != NULL_ADDRESS:
                yield order.kind, name, allowed, address
    if match.request.workerpool != NULL_ADDRESS:
        yield "requestorder", "workerpool", match.request.workerpool, met["workerpool"]


def check_match(session: Session, match: Match) -> int:
    """Run all checks but the payment; return how many tasks the deal would have.

    Raises:
        Mismatch: As ``check_room``.
    """
    return min(check_room(session, match).values())


def check_room(session: Session, match: Match, ask: Ask | None = None) -> dict[str, int]:
    """Run all checks but the payment; return for how many tasks each order has room, by kind.

    ``stake`` is for how many the stake of the workerpool's owner is enough; ``ask`` reads contracts.

    Two batches of reads: registries, owners and volumes, then signatures, groups and the workerpool's stake.
    They are one where the owners are those who signed. Orders that are not signed yet are ours: their
    signature and volume are taken for granted.

    Raises:
        Mismatch: The first thing that does not fit.
    """
    _check_tag(session.network, match)
    resources, signed = _parts(session, match)
    with one_look():
        ask = ask or _asking(session, match, resources, signed)
        owners, consumed = _read_facts(session, resources, signed, ask)
        valid, strangers, stake = _read_verdicts(session, match, owners, signed, ask)
    for kind, good in valid.items():
        if not good:
            raise Mismatch(f"{kind} invalid sign", kind)
    check_terms(session.network, match)
    if strangers:
        raise strangers[0]
    room = {"stake": _staked_volume(match.workerpool, stake)}
    for order in match.used:
        left = order.volume - consumed.get(order.kind, 0)
        if left <= 0:
            raise Mismatch(f"{order.kind} is fully consumed", order.kind)
        room[order.kind] = left
    return room


def _parts(session: Session, match: Match) -> tuple[list[Any], dict[str, tuple[Any, bytes]]]:
    """The orders that are about something, and those that are signed, by kind, with their digests."""
    resources = [order for order in match.used if order.kind != "requestorder"]
    signed = {
        order.kind: (order, order.digest(session.domain))
        for order in match.used
        if order.signature is not None
    }
    return resources, signed


def check_rooms(session: Session, matches: Sequence[Match]) -> list[dict[str, int] | Mismatch]:
    """``check_room`` of each, with the error in the place of a match that fails; each read is made once."""
    known: dict[Call, Any] = {}

    def ask(calls: Sequence[Call]) -> list[Any]:
        missing = list(dict.fromkeys(call for call in calls if call not in known))
        known.update(zip(missing, attempt(session.rpc, missing), strict=True))
        return [known[call] for call in calls]

    parts = [_parts(session, match) for match in matches]
    first = [call for part in parts for call in _fact_calls(session, *part)]
    likely = [_likely_calls(session, match, *part) for match, part in zip(matches, parts, strict=True)]
    ask([*first, *(call for calls in likely for call in calls)])
    found: list[dict[str, int] | Mismatch] = []
    for match in matches:
        try:
            found.append(check_room(session, match, ask))
        except Mismatch as error:
            found.append(error)
    return found


def _check_tag(network: Network, match: Match) -> None:
    try:
        check_deal_tag(match.app.tag, match.dataset.tag, match.request.tag, frameworks=network.frameworks)
    except ValidationError as error:
        raise Mismatch(error.message, hint=error.hint) from error


def check_terms(network: Network, match: Match) -> None:
    """Check what the orders alone show: addresses, category, trust, tags, prices.

    Raises:
        Mismatch: The first thing that does not fit.
    """
    try:
        check_orders(match.app, match.workerpool, match.request, match.dataset, frameworks=network.frameworks)
    except ValidationError as error:
        raise Mismatch(error.message, details=error.details, hint=error.hint) from error


def foresee_plan(session: Session, match: Match, *, priced: bool) -> None:
    """Let what comes after the check of a match come along with it: payment, category, owners who sign.

    ``priced``: the price of gas will be asked for too.
    """
    hub = session.hub
    hub.foresee_account(match.request.requester)
    hub.foresee_terms(match.workerpool.category)
    calls = [Call(match.app.app, APP.m_appMREnclave)]
    calls += [Call(order.resource, OWNABLE.owner) for order in match.unsigned if order.kind != "requestorder"]
    expect(session.rpc, [call.request() for call in calls])
    if priced:
        session.foresee_gas_price()
    if match.unsigned:
        session.foresee_signing()


def _fact_calls(
    session: Session, resources: Sequence[Order], signed: Mapping[str, tuple[Order, bytes]]
) -> list[Call]:
    """For each order whether what it is about is registered, and its owner; then what is consumed."""
    hub, registries = session.network.hub, session.registries
    calls = [Call(registries[_word(order)], REGISTRY.isRegistered, (order.resource,)) for order in resources]
    calls += [Call(order.resource, OWNABLE.owner) for order in resources]
    return calls + [Call(hub, HUB.viewConsumed, (digest,)) for _, digest in signed.values()]


def _read_facts(
    session: Session, resources: Sequence[Order], signed: Mapping[str, tuple[Order, bytes]], ask: Ask
) -> tuple[dict[str, str], dict[str, int]]:
    """Owners by kind of order, and consumed volumes.

    Raises:
        Mismatch: ``No app deployed at address ...``.
    """
    count, answers = len(resources), ask(_fact_calls(session, resources, signed))
    for order, known in zip(resources, answers, strict=False):
        if known is not True:
            raise Mismatch(f"No {_word(order)} deployed at address {order.resource}", order.kind)
    owners = {order.kind: to_address(owner) for order, owner in zip(resources, answers[count:], strict=False)}
    return owners, dict(zip(signed, map(_number, answers[2 * count :]), strict=True))


def _asking(
    session: Session,
    match: Match,
    resources: Sequence[Order],
    signed: Mapping[str, tuple[Order, bytes]],
) -> Ask:
    """Reads contracts; the verdicts come along with the facts."""
    expect(session.rpc, [call.request() for call in _likely_calls(session, match, resources, signed)])
    return partial(attempt, session.rpc)


def _likely_calls(
    session: Session,
    match: Match,
    resources: Sequence[Order],
    signed: Mapping[str, tuple[Order, bytes]],
) -> list[Call]:
    """What the verdicts need, as if whoever signed an order owned what it is about."""
    wallet, likely = session.address, dict[str, str]()
    for order in resources:
        if order.kind in signed:
            try:
                likely[order.kind] = order.signer(session.domain)
            except ValidationError:
                return []  # presigned, or a smart account's: only its owner, once known, tells
        else:
            likely[order.kind] = wallet
    return _verdict_calls(session, match, likely, signed, _limited(match))


def _limited(match: Match) -> list[tuple[str, str, str, str]]:
    """The restrictions that the address met does not meet by itself: it may be in a group."""
    return [found for found in restrictions(match) if found[2] != found[3]]


def _verdict_calls(
    session: Session,
    match: Match,
    owners: Mapping[str, str],
    signed: Mapping[str, tuple[Order, bytes]],
    limited: Sequence[tuple[str, str, str, str]],
) -> list[Call]:
    """For each signed order its signature, for each restriction its group; then the pool owner's account."""
    hub = session.network.hub
    calls = []
    for kind, (order, digest) in signed.items():
        signer = owners.get(kind, match.request.requester)
        signature = bytes.fromhex((order.signature or "0x")[2:])
        calls.append(Call(hub, HUB.verifyPresignatureOrSignature, (signer, digest, signature)))
    calls += [group_call(allowed, met) for _, _, allowed, met in limited]
    return [*calls, Call(hub, HUB.viewAccount, (owners["workerpoolorder"],))]


def _read_verdicts(
    session: Session,
    match: Match,
    owners: Mapping[str, str],
    signed: Mapping[str, tuple[Order, bytes]],
    ask: Ask,
) -> tuple[dict[str, bool], list[Mismatch], int]:
    """Which signatures the hub accepts, which restrictions are not met, and the workerpool owner's stake."""
    limited = _limited(match)
    *answers, account = ask(_verdict_calls(session, match, owners, signed, limited))
    valid = {kind: verdict is True for kind, verdict in zip(signed, answers, strict=False)}
    strangers = [
        restricted(kind, name, allowed, met)
        for (kind, name, allowed, met), member in zip(limited, answers[len(signed) :], strict=True)
        if member is not True
    ]
    return valid, strangers, account[0] if isinstance(account, tuple) else 0


def group_call(allowed: str, met: str) -> Call:
    """Asks a contract that an order is restricted to whether an address is a member of its group."""
    return Call(allowed, ERC734.keyHasPurpose, (bytes.fromhex(met[2:]).rjust(32, b"\0"), GROUP_MEMBER))


def restricted(kind: str, name: str, allowed: str, met: str, **details: str) -> Mismatch:
    """The error of an order that is for somebody else."""
    return Mismatch(
        f"{kind} is restricted to {name} {allowed}",
        None if kind == "requestorder" else kind,
        details={name: met, **details},
    )


def _number(value: Any) -> int:
    """A decoded number; raises the error that stands in its place."""
    if isinstance(value, CallError):
        raise value
    return int(value)


def stake_of(order: WorkerpoolOrder) -> int:
    """The nRLC that a workerpool's owner locks for a task."""
    return order.workerpoolprice * STAKE_PERCENT // 100


def _staked_volume(order: WorkerpoolOrder, stake: int) -> int:
    """Tasks that the workerpool owner's stake covers."""
    per_task = stake_of(order)
    if per_task == 0:
        return order.volume
    if stake < per_task:
        raise Mismatch(
            f"workerpool required stake ({per_task}) is greater than workerpool owner's account stake "
            f"({stake}). Orders can't be matched. "
            "If you are the workerpool owner, you should deposit to top up your account",
            "workerpoolorder",
        )
    return stake // per_task


def check_solvency(
    session: Session, match: Match, volume: int, *, sponsored: int = 0, stake: int | None = None
) -> None:
    """The requester's stake must pay for all tasks; it is read unless given.

    ``sponsored`` nRLC come from elsewhere.

    Raises:
        BalanceError: It does not.
    """
    cost = match.task_cost
    if stake is None:
        stake = session.hub.view_account(match.request.requester).stake
    details = {"stake": in_rlc(stake), "cost": in_rlc(cost * volume)}
    advice = "If you are the requester, you should deposit to top up your account"
    if stake + sponsored >= cost * volume:
        return
    hint = _deposit_hint(session, match.request.requester, cost * volume - sponsored - stake)
    if stake + sponsored < cost:
        raise BalanceError(
            f"Cost per task ({cost}) is greater than requester account stake ({stake}). "
            f"Orders can't be matched. {advice}",
            details=details,
            hint=hint,
        )
    raise BalanceError(
        f"Total cost for {volume} tasks ({cost * volume}) is greater than requester account stake "
        f"({stake}). Orders can't be matched. {advice} or reduce your requestorder volume",
        details=details,
        hint=hint,
    )


def _deposit_hint(session: Session, requester: str, missing: int) -> str:
    """How ``missing`` nRLC get to the account; where RLC is free, also how the wallet gets them."""
    deposit = f"iexec-lab account deposit {in_rlc(missing)}"
    if session.network.funding_hint is not None:
        try:
            if wallet_nrlc(session, requester) < missing:
                return f"On a sandbox, first: iexec-lab sandbox fund; then run: {deposit}"
        except IexecError:
            pass  # this is advice
    return f"Run: {deposit}"


def _word(order: Order) -> str:
    return order.kind.removesuffix("order")
