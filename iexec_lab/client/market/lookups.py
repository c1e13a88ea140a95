"""What an address, or 32 bytes, are on a network: everything is asked for at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.jobs.detached import typed
from iexec_lab.client.market.access import hashed
from iexec_lab.client.market.transaction import describe, requests, sentence
from iexec_lab.errors import ApiError, CallError, IexecError
from iexec_lab.ethereum.ahead import expect, one_look
from iexec_lab.ethereum.answers import to_int
from iexec_lab.ethereum.calls import Call, attempt
from iexec_lab.ethereum.contracts import HUB, OWNABLE, REGISTRY, RLC
from iexec_lab.ethereum.transport import RpcFault
from iexec_lab.plain_text import plain
from iexec_lab.protocol import NULL_ADDRESS, Deal, Task, to_address
from iexec_lab.protocol.states import TASK_STATUSES, Account
from iexec_lab.services.market import SMALLEST_PAGE
from iexec_lab.spelling import in_ether, in_rlc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iexec_lab.client.session import Session

    Row = dict[str, Any]

_ASSETS: Final = ("app", "dataset", "workerpool")
VIEWS: Final = {"app": HUB.viewApp, "dataset": HUB.viewDataset, "workerpool": HUB.viewWorkerpool}
_ORDERS: Final = (*_ASSETS, "request")


def found(what: str, identity: str, line: str, **about: Any) -> Row:
    """A row of what was found; ``line`` is the command to type next, without the program's name."""
    known = {name: value for name, value in about.items() if value is not None and value != ""}
    return {"what": what, "id": identity, **known, "leadsTo": typed(line)}


def address(session: Session, given: str) -> list[Row]:
    """What lives at an address: an asset, a contract of iExec, an account, or several of these."""
    who = to_address(given)
    registries = session.registries
    asked = {
        **{f"is_{kind}": Call(registries[kind], REGISTRY.isRegistered, (who,)) for kind in _ASSETS},
        **{kind: Call(session.network.hub, VIEWS[kind], (who,)) for kind in _ASSETS},
        **{f"{kind}s": Call(registries[kind], REGISTRY.balanceOf, (who,)) for kind in _ASSETS},
        "owner": Call(who, OWNABLE.owner),
        "account": Call(session.network.hub, HUB.viewAccount, (who,)),
        "score": Call(session.network.hub, HUB.viewScore, (who,)),
        "kitty": Call(session.network.hub, HUB.kitty_address),
    }
    if not session.network.native:
        asked["rlc"] = Call(session.token, RLC.balanceOf, (who,))
    raw = [
        ("eth_getCode", [who, "latest"]),
        ("eth_getBalance", [who, "latest"]),
        ("eth_getTransactionCount", [who, "latest"]),
    ]
    with one_look():
        expect(session.rpc, raw)
        answers = dict(zip(asked, attempt(session.rpc, [*asked.values()]), strict=True))
        code, coins, sent = session.rpc.batch(raw)
    told = {name: value for name, value in answers.items() if not isinstance(value, CallError)}
    rows = [_asset(kind, who, told[kind]) for kind in _ASSETS if told.get(f"is_{kind}") and kind in told]
    rows += _roles(session, who, told)
    has_code = isinstance(code, str) and code not in {"0x", ""}
    # A contract's own coins and counter say nothing of an account.
    account = _account(who, told, *((0, 0) if has_code else (_whole(coins), _whole(sent))))
    if account is not None:
        rows.append(_with_name(session, account))
    elif has_code and not rows:
        owner = to_address(told["owner"]) if "owner" in told else None
        rows.append(found("contract", who, f"account show {who}", owner=owner))
    return rows


def _asset(kind: str, who: str, view: tuple[Any, ...]) -> Row:
    return found(kind, who, f"{kind} show {who}", name=view[1], owner=to_address(view[0]))


def _roles(session: Session, who: str, told: Mapping[str, Any]) -> list[Row]:
    """Rows for the contracts that iExec itself is made of."""
    network = session.network
    parts: dict[str, Any] = {
        "hub": network.hub,
        "token": None if network.native else session.token,
        **{f"{kind} registry": registry for kind, registry in session.registries.items()},
        "voucher hub": network.voucher_hub,
        "ENS registry": network.ens_registry,
    }
    rows = [
        found(part, who, "info", owner=_owner(told))
        for part, place in parts.items()
        if place and place != NULL_ADDRESS and to_address(place) == who
    ]
    if "kitty" in told and to_address(told["kitty"]) == who:
        rows.append(found("kitty", who, f"account history {who}", name="what seized stakes go to"))
    return rows


def _owner(told: Mapping[str, Any]) -> str | None:
    return to_address(told["owner"]) if "owner" in told else None


def _account(who: str, told: Mapping[str, Any], coins: int, sent: int) -> Row | None:
    """The row of an account that has or had something; None for an address that nobody used."""
    account = Account.from_abi(told.get("account", (0, 0)))
    details: dict[str, Any] = {
        "stake": str(account.stake),
        "locked": str(account.locked),
        "wallet": str(told.get("rlc", 0)),
        "wei": str(coins),
        "transactions": sent,
        "score": told.get("score", 0),
        **{f"{kind}s": told.get(f"{kind}s", 0) for kind in _ASSETS},
    }
    if not any(int(value) for value in details.values()):
        return None
    holds = f"{in_rlc(account.stake)} staked, {in_rlc(account.locked)} locked"
    return found("account", who, f"account history {who}", name=holds, details=details)


def _whole(answer: Any) -> int:
    """A number of the node; 0 where it did not give one."""
    return 0 if isinstance(answer, RpcFault) else to_int(answer)


def _with_name(session: Session, row: Row) -> Row:
    if not session.network.ens_registry:
        return row
    try:
        name = session.ens.lookup(row["id"])
    except IexecError:
        return row
    return {**row, "name": f"{name}: {row['name']}"} if name else row


def ens_name(session: Session, name: str) -> list[Row]:
    """The address that a name means, and what lives there."""
    if not session.network.ens_registry:
        return []
    means = session.ens.resolve(name)
    if means is None:
        return []
    return [found("name", name, f"search {means}", name=name, owner=means), *address(session, means)]


def word(session: Session, given: str) -> list[Row]:
    """What 32 bytes are on the chain: a deal, a task, a transaction, a block."""
    data = bytes.fromhex(given[2:])
    hub = session.network.hub
    raw = [*requests(given), ("eth_getBlockByHash", [given, False])]
    with one_look():
        expect(session.rpc, raw)
        deal, task = attempt(
            session.rpc, [Call(hub, HUB.viewDeal, (data,)), Call(hub, HUB.viewTask, (data,))]
        )
        sent, receipt, block = session.rpc.batch(raw)
        return _of_word(session, given, [deal, task, sent, receipt, block])


def _of_word(session: Session, given: str, answers: list[Any]) -> list[Row]:
    deal, task, sent, receipt, block = answers
    rows: list[Row] = []
    if not isinstance(deal, CallError) and (held := Deal.from_abi(deal)).exists:
        rows.append(_deal(given, held))
    if not isinstance(task, CallError) and (made := Task.from_abi(task)).exists:
        rows.append(_task(session, given, made))
    about = describe(session, given, sent, receipt)
    if about is not None:
        rows += _transaction(about)
    if isinstance(block, dict) and str(block.get("hash", "")).lower() == given:
        rows.append(_block(given, block))
    return rows


def _deal(deal_id: str, deal: Deal) -> Row:
    price = f"{in_rlc(deal.task_price)} a task"
    tasks = "1 task" if deal.bot_size == 1 else f"{deal.bot_size} tasks"
    return found(
        "deal",
        deal_id,
        f"deal show {deal_id}",
        name=f"{tasks}, {price}",
        owner=deal.requester,
        timestamp=deal.start_time,
    )


def _task(session: Session, task_id: str, task: Task) -> Row:
    [deal] = session.hub.view_deals([task.deal_id])
    status = TASK_STATUSES[task.status] if task.status < len(TASK_STATUSES) else "unknown"
    return found(
        "task",
        task_id,
        f"task show {task_id}",
        name=f"{status}, task {task.index} of deal {task.deal_id}",
        owner=deal.requester if deal.exists else None,
        timestamp=deal.start_time if deal.exists else None,
    )


def _transaction(about: Mapping[str, Any]) -> list[Row]:
    """The transaction, then its events, each with what it leads to."""
    tx_hash, moment = about["transactionHash"], about.get("timestamp")
    name = ", ".join(_of_transaction(about))
    details = {key: value for key, value in about.items() if key != "events"}
    sender = about.get("from")
    line = f"account history {sender}" if sender else "jobs"
    rows = [found("transaction", tx_hash, line, name=name, owner=sender, timestamp=moment, details=details)]
    for event in about.get("events", ()):
        subject, line = _leads(event, tx_hash)
        row = found(
            "event",
            subject,
            line,
            name=sentence(event),
            owner=event.get("account"),
            timestamp=moment,
            details=event,
        )
        rows.append({**row, "logIndex": event["logIndex"]})
    return rows


def _of_transaction(about: Mapping[str, Any]) -> Iterator[str]:
    """What a transaction did and cost, in a few words each."""
    yield str(about.get("function", "transfer"))
    yield str(about.get("status", "pending"))
    if "gasUsed" in about:
        yield f"{about['gasUsed']} gas"
    if "fee" in about:
        yield f"fee {in_ether(int(about['fee']))}"


def _leads(event: Mapping[str, Any], tx_hash: str) -> tuple[str, str]:
    """What an event is about, and the line that shows it."""
    for key, noun in (("taskid", "task"), ("dealid", "deal")):
        if key in event:
            return event[key], f"{noun} show {event[key]}"
    if "asset" in event:
        kind = str(event["event"]).removesuffix("Transfer").lower()
        return event["asset"], f"{kind if kind in _ASSETS else 'app'} show {event['asset']}"
    if "account" in event:
        return event["account"], f"account history {event['account']}"
    return tx_hash, f"search {event['contract']}"


def _block(block_hash: str, block: Mapping[str, Any]) -> Row:
    number = to_int(block.get("number"))
    line = f'deal list --all --since "#{number}" --until "#{number + 1}"'
    moment = block.get("timestamp")
    return found(
        "block",
        block_hash,
        line,
        name=f"block {number}",
        timestamp=None if moment is None else to_int(moment),
    )


def block(session: Session, number: int) -> list[Row]:
    """The block of this number."""
    held = session.rpc.request("eth_getBlockByNumber", hex(number), False)
    if not isinstance(held, dict) or to_int(held.get("number")) != number:
        return []
    return [_block(plain(held.get("hash", f"#{number}"), 80), held)]


def order(session: Session, given: str) -> list[Row]:
    """The order with this hash: one that the market knows, or one that deals were made of."""

    def of_kind(kind: str) -> list[Row]:
        try:
            told = session.market.order(f"{kind}order", given)
        except ApiError:
            return _of_deals(session, kind, given)
        held = hashed(session, kind, told)
        if held is None or held.hash != given:
            return []  # another order than the one that was asked for: not believed
        status = plain(told.get("status", "published"), 20)
        return [
            found(
                f"{kind}order",
                given,
                f"order show --{kind} {given}",
                name=f"{status}, {told['remaining']} of {held.order.volume} left",
                owner=told.get("signer"),
                timestamp=held.published,
            )
        ]

    return [row for rows in session.each(of_kind, _ORDERS) for row in rows]


def _of_deals(session: Session, kind: str, given: str) -> list[Row]:
    """An order that the market does not have, but deals that were made of it."""
    try:
        by_hash: dict[str, Any] = {f"{kind}order_hash": given}
        page = session.market.deals(page_size=SMALLEST_PAGE, **by_hash)
    except ApiError:
        return []
    deals = [deal for deal in page.deals if str(deal.get(f"{kind}Hash", "")).lower() == given]
    if not deals:
        return []
    line = f"deal list --all --{kind}order-hash {given}"
    made = "1 deal was" if page.count == 1 else f"{page.count} deals were"
    return [found(f"{kind}order", given, line, name=f"not published; {made} made of it")]


def category(session: Session, number: int) -> list[Row]:
    """The category of this number."""
    if number >= session.hub.count_category():
        return []
    held = session.hub.view_category(number)
    name = f"{held.name}: {held.work_clock_time_ref} s"
    return [found("category", str(number), f"category show {number}", name=name)]
