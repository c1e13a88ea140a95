"""Run an app: choose the orders, show the cost, sign the request, match.

The official CLI takes the first order of each list; here all pages are read, in parallel, and the cheapest
orders that fit each other are taken. A deal that needs an enclave asks for one on its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from iexec_lab.client.jobs.bulks import read_bulk
from iexec_lab.client.jobs.job import Job
from iexec_lab.client.jobs.names import used_in
from iexec_lab.client.jobs.polling import to_timeout
from iexec_lab.client.matching import offers, preflight, signing
from iexec_lab.client.matching.bulk import check_bulk, prepare_bulk
from iexec_lab.client.matching.check import foresee_plan
from iexec_lab.client.matching.find import find_matches
from iexec_lab.client.matching.request import Request
from iexec_lab.client.matching.send import GAS_OF_A_MATCH, check_payment, send_match
from iexec_lab.client.matching.served import Served
from iexec_lab.client.matching.sponsor import Sponsor
from iexec_lab.client.permit import spend
from iexec_lab.client.plan import most_of
from iexec_lab.errors import BalanceError, ValidationError
from iexec_lab.ethereum.ahead import expect
from iexec_lab.ethereum.calls import Call
from iexec_lab.ethereum.contracts import APP
from iexec_lab.networks import BULK
from iexec_lab.protocol import NULL_ADDRESS, decode_tag
from iexec_lab.protocol.states import FINAL_RATIO
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd

    from iexec_lab.client.matching.check import Match
    from iexec_lab.client.permit import Permit
    from iexec_lab.client.plan import Plan
    from iexec_lab.client.session import Session
    from iexec_lab.client.side_by_side import Begun
    from iexec_lab.protocol import Order
    from iexec_lab.protocol.bulk import Bulk


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What ``app run`` would sign and pay; nothing has been signed.

    Attributes:
        plan: Action, cost and terms, as the gate shows them.
        matches: One for each deal; our own orders are unsigned.
        sponsor: The voucher that helps to pay, if any.
        remarks: What speaks against it; in the plan too.
    """

    plan: Plan
    matches: tuple[Match, ...]
    sponsor: Sponsor | None = None
    remarks: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The plan for a person: action, cost, terms."""
        return self.plan.lines()

    def row(self) -> dict[str, Any]:
        """The terms and costs by the column names of ``frame``."""
        return self.plan.row()

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON, by the same names."""
        return self.row()

    def frame(self) -> pd.DataFrame:
        """The plan as one row."""
        from iexec_lab import frames

        return frames.build("run_plan", [self.row()], single=True)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return self.plan._repr_mimebundle_(**options)

    def __str__(self) -> str:
        return str(self.plan)


def plan_run(session: Session, app: str, options: Mapping[str, Any], *, shown: bool) -> RunPlan:
    """Choose the orders of a run and check them; gas and stake only if they will be shown.

    ``options`` are all of ``RunOptions``.
    """
    values = dict(options)
    unchecked = values.pop("skip_preflight_check")
    use_voucher, voucher = values.pop("use_voucher"), values.pop("voucher_address")
    check_wait(values.pop("timeout"), fail_fast=values.pop("fail_fast"), waits=values.pop("watch"))
    request = read_request(session, app, values)
    sponsor = Sponsor.find(session, voucher) if use_voucher or voucher else None
    shown = shown or session.network.real_value
    begun: list[Begun[None]] = []

    def beside(match: Match) -> None:
        foresee_plan(session, match, priced=shown)
        begun[:] = [] if unchecked else begin_requirements(session, match)

    plan = _plan(session, request, sponsor, beside, shown=shown)
    if not unchecked:
        end_requirements(session, plan.matches[0], begun)
        if request.bulk is not None:
            check_bulk(session, plan.matches[0], request.bulk)
    return plan


def read_request(session: Session, app: str, values: Mapping[str, Any]) -> Request:
    """The request of a run, from ``ExecutionOptions`` without ``skip_preflight_check``."""
    return Request.read(session, app, {**values, "bulk": _bulk(session, values["bulk"])})


def _bulk(session: Session, given: Any) -> Bulk | None:
    """The bulk of a run: one that is on IPFS, read and verified, or one made of orders."""
    if given is None:
        return None
    session.network.require(BULK)
    words = [given] if isinstance(given, str | dict) else given
    if isinstance(words, list | tuple) and len(words) == 1:
        cid = words[0].get("cid") if isinstance(words[0], dict) else words[0]
        if isinstance(cid, str) and not cid.startswith("0x"):
            return read_bulk(session, cid)
    return prepare_bulk(session, words)


def check_wait(timeout: Any, *, fail_fast: bool, waits: bool) -> None:
    """Look at the options of a wait before anything is paid.

    Raises:
        ValidationError: A value is wrong, or nothing is waited for.
    """
    to_timeout(timeout)
    if not waits and (timeout is not None or fail_fast):
        name = "fail_fast" if timeout is None else "timeout"
        raise ValidationError(f"{name} is for a run that is waited for", hint="Add watch=True.")


def publish_request(session: Session, app: str, options: Mapping[str, Any], *, force: bool) -> str:
    """Sign a request at its own prices and publish it; return its order hash.

    ``options`` are all of ``ExecutionOptions``.
    """
    values = dict(options)
    unchecked = values.pop("skip_preflight_check")
    if not values["dataset"]:
        values["dataset_price"] = 0  # the price of nothing
    request = read_request(session, app, values)
    session.foresee_signing()
    session.hub.foresee_account(session.address)
    expect(session.rpc, [Call(request.app, APP.m_appMREnclave).request()])
    login = signing.begin_login(session, asked=session.network.real_value and not force)
    known = offers.look_up(session, request)
    order = offers.draft_request(
        session,
        request,
        tag=offers.wanted_tag(session, request, known).tag,
        category=request.category or 0,
        app_price=request.app_price or 0,
        dataset_price=request.dataset_price or 0,
        workerpool_price=request.workerpool_price or 0,
        workerpool=request.workerpool,
    )
    if not unchecked:
        preflight.check(session, order)
    cost = most_of(order)
    stake = session.hub.view_account(session.signer.address).stake
    if stake < cost:
        raise BalanceError(
            f"Not enough RLC on your account ({in_rlc(cost)} required). "
            'Run "iexec account deposit" to topup your account.',
            details={"stake": in_rlc(stake)},
            hint=f"Deposit what is missing: iexec-lab account deposit {in_rlc(cost - stake)}.",
        )
    terms = signing.order_terms(order)
    plan = session.plan("app request-execution", cost_nrlc=cost, signs=[order], **terms)
    return signing.publish(session, signing.sign(spend(session, plan, force=force), order), login)


def begin_requirements(session: Session, match: Match) -> list[Begun[None]]:
    """Begin those preflight checks of a deal that ask services, while the node is asked other things."""
    asking = [order for order in match.used if order.kind in {"datasetorder", "requestorder"}]
    return session.begin(*(partial(preflight.check, session, order, tag=match.tag) for order in asking))


def end_requirements(session: Session, match: Match, begun: Iterable[Begun[None]]) -> None:
    """The preflight checks of a deal, all under the tag of the deal.

    Raises:
        OrderError: A secret is missing, or the app is built for another TEE framework.
    """
    preflight.check(session, match.app, tag=match.tag)
    for check in begun:
        check.result()


def _plan(
    session: Session,
    request: Request,
    sponsor: Sponsor | None,
    beside: Callable[[Match], None],
    *,
    shown: bool,
) -> RunPlan:
    """Choose orders for all tasks and say what they cost; gas and stake only if they will be shown."""
    served = Served(session)
    found = find_matches(session, request, beside, served.ask)
    matches = [match for match, _ in found.matches]
    first = matches[0]
    stake = None if sponsor and not shown else session.hub.view_account(first.request.requester).stake
    cost = sum(check_payment(session, match, volume, sponsor, stake=stake) for match, volume in found.matches)
    category = first.workerpool.category
    seconds = session.hub.categories([category])[category].work_clock_time_ref
    details: dict[str, Any] = {
        "app": first.app.app,
        "dataset": first.dataset.dataset if first.uses_dataset else None,
        "workerpool": ", ".join(dict.fromkeys(match.workerpool.workerpool for match in matches)),
        "app_price_nrlc": max(match.app.price for match in matches),
        "dataset_price_nrlc": max(match.dataset.price for match in matches),
        "workerpool_price_nrlc": max(match.workerpool.price for match in matches),
        "tasks": sum(volume for _, volume in found.matches),
        "deals": len(matches),
        "category": first.workerpool.category,
        "longest_run_seconds": seconds,
        "deadline_seconds": FINAL_RATIO * seconds,
        "tag": ",".join(decode_tag(first.tag)) or "none",
        "datasets": len(request.bulk.orders) if request.bulk is not None else None,
        "params": first.request.params,
    }
    if sponsor:
        total = sum(match.task_cost * volume for match, volume in found.matches)
        details["voucher"] = sponsor.address
        details["sponsored_nrlc"] = total - cost
    gas = None
    if shown and stake is not None:
        gas = session.price_of(GAS_OF_A_MATCH * len(matches))
        details["stake_left_nrlc"] = stake - cost
    remarks = served.remarks(match.workerpool.workerpool for match in matches)
    details["notes"] = "; ".join((*found.notes, *remarks)) or None
    terms = {name: value for name, value in details.items() if value is not None}
    ours = dict.fromkeys(order for match in matches for order in match.unsigned)
    plan = session.plan("app run", cost_nrlc=cost, cost_wei=gas, signs=ours, **terms)
    return RunPlan(plan, tuple(matches), sponsor, remarks)


def carry_out(permit: Permit, plan: RunPlan) -> Job:
    """Sign our own orders, once each, and make the deals one after the other."""
    signed: dict[int, Order] = {}

    def finished(order: Any) -> Any:
        if order.signature is not None:
            return order
        if id(order) not in signed:
            signed[id(order)] = signing.sign(permit, order)
        return signed[id(order)]

    settled = []
    for match in plan.matches:
        complete = type(match)(
            app=finished(match.app),
            workerpool=finished(match.workerpool),
            request=finished(match.request),
            dataset=finished(match.dataset) if match.dataset.dataset != NULL_ADDRESS else match.dataset,
        )
        settled.append(send_match(permit, complete, plan.sponsor))
    uses = [used for match in plan.matches for used in used_in(match)]
    deal_ids = [deal.deal_id for deal in settled]
    return Job(permit.session, deal_ids, [deal.tx_hash for deal in settled], uses)
