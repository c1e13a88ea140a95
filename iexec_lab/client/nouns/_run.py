"""Run an app: choose the orders, show the cost, sign the request, match.

The official CLI takes the first order of each list; here all pages are read, side by side, and the cheapest
orders that fit each other are taken. A deal that needs an enclave asks for one by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.client.jobs.job import Job
from iexec_lab.client.matching import offers, preflight, signing
from iexec_lab.client.matching.request import Request
from iexec_lab.client.matching.send import DEADLINE_FACTOR, GAS_OF_A_MATCH, check_payment, send_match
from iexec_lab.client.matching.sponsor import Sponsor
from iexec_lab.client.permit import spend
from iexec_lab.client.plan import most_of
from iexec_lab.errors import BalanceError
from iexec_lab.protocol import NULL_ADDRESS, decode_tag
from iexec_lab.units import format_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from iexec_lab.client.jobs.status import JobStatus
    from iexec_lab.client.matching.check import Match
    from iexec_lab.client.nouns._verb import Noun
    from iexec_lab.client.permit import Permit
    from iexec_lab.client.plan import Plan
    from iexec_lab.client.session import Session
    from iexec_lab.protocol import Order


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What ``app run`` would sign and pay; nothing has been signed.

    Attributes:
        plan: Action, cost and terms, as the gate shows them.
        matches: One for each deal; our own orders are unsigned.
        sponsor: The voucher that helps to pay.
    """

    plan: Plan
    matches: tuple[Match, ...]
    sponsor: Sponsor | None = None

    def lines(self) -> list[str]:
        """The plan for a person: action, cost, terms."""
        return self.plan.lines()

    def row(self) -> dict[str, Any]:
        """The terms and costs by the column names of ``frame``."""
        return self.plan.row()

    def frame(self) -> pd.DataFrame:
        """The plan as one row."""
        from iexec_lab import frames

        return frames.build("run_plan", [self.row()], single=True)

    def __str__(self) -> str:
        return str(self.plan)


def run_app(  # noqa: D417 -- the noun is not an argument of the verb
    noun: Noun,
    app: str,
    *,
    dataset: str | None = None,
    workerpool: str | None = None,
    args: str | None = None,
    input_files: str | Sequence[str] | None = None,
    secret: Mapping[Any, str] | Sequence[str] | None = None,
    encrypt_result: bool = False,
    storage_provider: str | None = None,
    params: Any = None,
    category: int | None = None,
    tag: Any = None,
    trust: int = 0,
    callback: str | None = None,
    beneficiary: str | None = None,
    volume: int = 1,
    app_price: Any = None,
    dataset_price: Any = None,
    workerpool_price: Any = None,
    skip_preflight_check: bool = False,
    use_voucher: bool = False,
    voucher_address: str | None = None,
    watch: bool = False,
    progress: Callable[[JobStatus], None] | None = None,
    dry_run: bool = False,
    force: bool = False,
) -> Job | RunPlan:
    """Run an app at market price: the cheapest orders that fit each other.

    Args:
        app: Address or ENS name of the app.
        dataset: A dataset to use (address or ENS name).
        workerpool: Run on this workerpool only (address or ENS name).
        args: Arguments of the app, one text.
        input_files: URLs to download for the app; a list, or text with commas.
        secret: Requester secrets: ``{1: "name"}`` or ``["1=name"]``. Needs an enclave.
        encrypt_result: Encrypt the result for the beneficiary. Needs an enclave.
        storage_provider: ``ipfs`` or ``dropbox``.
        params: More parameters, an object or JSON text; the options above replace single keys.
        category: Size of the task, a number of ``lab.category.list()``; by default the smallest that is
            offered.
        tag: What the deal needs: words (``"tee,tdx"`` or a list), or 32 bytes as 0x text.
        trust: Wanted trust; more than 1 makes several workers compute.
        callback: Contract to call with the result.
        beneficiary: Who may read the result (default: the wallet).
        volume: How many tasks.
        app_price: Most to pay the app for a task: 1500000000 (nRLC), ``"1.5 RLC"`` or ``["1.5", "RLC"]``; by
            default whatever it costs.
        dataset_price: The same for the dataset.
        workerpool_price: The same for the workerpool.
        skip_preflight_check: Do not check that app, tag and secrets fit each other.
        use_voucher: Let the wallet's voucher pay what it sponsors.
        voucher_address: Another voucher that the wallet may use.
        watch: Wait for the end of all tasks.
        progress: Called with the job's status while waiting.
        dry_run: Return the plan; sign nothing.
        force: Do it without asking.

    Returns:
        The job; with ``dry_run`` the plan, costs in nRLC and wei.

    Raises:
        ValidationError: An option can not be right.
        OrderError: No orders on the market fit; the message says what is missing. Or a check failed.
        BalanceError: The account does not hold the price.
        AbortedError: It was not confirmed.
    """
    session = noun.session
    request = Request.read(
        app,
        session=session,
        dataset=dataset,
        workerpool=workerpool,
        args=args,
        input_files=input_files,
        secret=secret,
        encrypt_result=encrypt_result,
        storage_provider=storage_provider,
        params=params,
        category=category,
        tag=tag,
        trust=trust,
        callback=callback,
        beneficiary=beneficiary,
        volume=volume,
        prices={"apporder": app_price, "datasetorder": dataset_price, "workerpoolorder": workerpool_price},
    )
    sponsor = Sponsor.find(session, voucher_address) if use_voucher or voucher_address else None
    plan = _plan(session, request, sponsor, shown=dry_run or session.network.real_value)
    if not skip_preflight_check:
        check_requirements(session, plan.matches[0])
    if dry_run:
        return plan
    job = _carry_out(spend(session, plan.plan, force=force), plan)
    return job.wait(progress=progress) if watch else job


def run_json(outcome: Job | RunPlan) -> dict[str, Any]:
    """The official JSON of ``app run``; tasks are there once the job was waited for."""
    return outcome.row() if isinstance(outcome, RunPlan) else outcome.to_json()


def request_execution(  # noqa: D417 -- the noun is not an argument of the verb
    noun: Noun,
    app: str,
    *,
    dataset: str | None = None,
    workerpool: str | None = None,
    app_price: Any = 0,
    dataset_price: Any = 0,
    workerpool_price: Any = 0,
    args: str | None = None,
    input_files: str | Sequence[str] | None = None,
    secret: Mapping[Any, str] | Sequence[str] | None = None,
    category: int = 0,
    tag: Any = None,
    volume: int = 1,
    storage_provider: str | None = None,
    callback: str | None = None,
    encrypt_result: bool = False,
    trust: int = 0,
    beneficiary: str | None = None,
    params: Any = None,
    skip_preflight_check: bool = False,
    force: bool = False,
) -> str:
    """Publish a request at prices of your own, for anybody to fill; its order hash.

    Args:
        app: Address or ENS name of the app.
        dataset: A dataset to use (address or ENS name).
        workerpool: Run on this workerpool only (address or ENS name).
        app_price: Most to pay the app for a task: 1500000000 (nRLC), ``"1.5 RLC"`` or ``["1.5", "RLC"]``.
        dataset_price: The same for the dataset.
        workerpool_price: The same for the workerpool.
        args: Arguments of the app, one text.
        input_files: URLs to download for the app; a list, or text with commas.
        secret: Requester secrets: ``{1: "name"}`` or ``["1=name"]``. Needs an enclave.
        category: Size of the task, a number of ``lab.category.list()``.
        tag: What the deal needs: words (``"tee,tdx"`` or a list), or 32 bytes as 0x text.
        volume: How many tasks.
        storage_provider: ``ipfs`` or ``dropbox``.
        callback: Contract to call with the result.
        encrypt_result: Encrypt the result for the beneficiary. Needs an enclave.
        trust: Wanted trust; more than 1 makes several workers compute.
        beneficiary: Who may read the result (default: the wallet).
        params: More parameters, an object or JSON text; the options above replace single keys.
        skip_preflight_check: Do not check that app, tag and secrets fit each other.
        force: Do it without asking.

    Raises:
        ValidationError: An option can not be right.
        OrderError: There is no such app, dataset or workerpool, or a check failed.
        BalanceError: The account does not hold the price of all tasks.
        MarketError, ApiError: The market was not reached, or refused.
        AbortedError: It was not confirmed.
    """
    session = noun.session
    request = Request.read(
        app,
        session=session,
        dataset=dataset,
        workerpool=workerpool,
        args=args,
        input_files=input_files,
        secret=secret,
        encrypt_result=encrypt_result,
        storage_provider=storage_provider,
        params=params,
        category=category,
        tag=tag,
        trust=trust,
        callback=callback,
        beneficiary=beneficiary,
        volume=volume,
        prices={
            "apporder": app_price,
            "datasetorder": dataset_price if dataset else 0,
            "workerpoolorder": workerpool_price,
        },
    )
    known = offers.look_up(session, request)
    order = offers.draft_request(
        session,
        request,
        tag=offers.wanted_tag(session, request, known).tag,
        category=category,
        prices=request.max_prices,
        workerpool=request.workerpool,
    )
    if not skip_preflight_check:
        preflight.check(session, order)
    cost = most_of(order)
    stake = session.hub.view_account(session.signer.address).stake
    if stake < cost:
        raise BalanceError(
            f"Not enough RLC on your account ({format_rlc(cost)} RLC required). "
            'Run "iexec account deposit" to topup your account.',
            details={"stake": f"{format_rlc(stake)} RLC"},
        )
    terms = signing.order_terms(order)
    plan = session.plan("app request-execution", cost_nrlc=cost, signs=[order], **terms)
    return signing.publish(session, signing.sign(spend(session, plan, force=force), order))


def check_requirements(session: Session, match: Match) -> None:
    """The preflight checks of a deal, all under the tag of the deal; asked side by side.

    Raises:
        OrderError: A secret is missing, or the app is built for another TEE framework.
    """
    checked = [order for order in match.used if order.kind != "workerpoolorder"]
    session.each(lambda order: preflight.check(session, order, tag=match.tag), checked)


def _plan(session: Session, request: Request, sponsor: Sponsor | None, *, shown: bool) -> RunPlan:
    """Choose orders for all tasks and say what they cost; gas and stake only where somebody will look."""
    found = offers.find_matches(session, request)
    matches = [match for match, _ in found.matches]
    cost = sum(check_payment(session, match, volume, sponsor) for match, volume in found.matches)
    first = matches[0]
    seconds = session.hub.view_category(first.workerpool.category).work_clock_time_ref
    details: dict[str, Any] = {
        "app": first.app.app,
        "dataset": first.dataset.dataset if first.uses_dataset else None,
        "workerpool": ", ".join(dict.fromkeys(match.workerpool.workerpool for match in matches)),
        "app_price_nrlc": first.app.price,
        "dataset_price_nrlc": first.dataset.price,
        "workerpool_price_nrlc": max(match.workerpool.price for match in matches),
        "tasks": sum(volume for _, volume in found.matches),
        "deals": len(matches),
        "category": first.workerpool.category,
        "longest_run_seconds": seconds,
        "deadline_seconds": DEADLINE_FACTOR * seconds,
        "tag": ",".join(decode_tag(first.tag)) or "none",
        "params": first.request.params,
        "notes": "; ".join(found.notes) or None,
    }
    if sponsor:
        total = sum(match.task_cost * volume for match, volume in found.matches)
        details["voucher"] = sponsor.address
        details["sponsored_nrlc"] = total - cost
    gas = None
    if shown:
        gas = session.price_of(GAS_OF_A_MATCH * len(matches))
        details["stake_left_nrlc"] = session.hub.view_account(first.request.requester).stake - cost
    terms = {name: value for name, value in details.items() if value is not None}
    ours = dict.fromkeys(order for match in matches for order in match.unsigned)
    plan = session.plan("app run", cost_nrlc=cost, cost_wei=gas, signs=ours, **terms)
    return RunPlan(plan, tuple(matches), sponsor)


def _carry_out(permit: Permit, plan: RunPlan) -> Job:
    """Sign what is ours, once each, and make the deals one after the other."""
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
    return Job(permit.session, [deal.deal_id for deal in settled], [deal.tx_hash for deal in settled])
