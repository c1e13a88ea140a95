"""Deals by the logs that made them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import CallError
from iexec_lab.ethereum.calls import Call, attempt
from iexec_lab.ethereum.contracts import EVENTS, HUB
from iexec_lab.history.graph_values import MOST_NRLC, anyone, count, is_bulk, moment, text
from iexec_lab.history.logs import rows as log_rows
from iexec_lab.protocol import NULL_BYTES32, task_id
from iexec_lab.protocol.states import COMPLETED, FAILED, Category, Deal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.history.logs.reader import LogReader
    from iexec_lab.history.records import Page

_FEW: Final = 200
"""Tasks of a deal that are asked for one by one; of a deal with more, the logs are counted."""


def read_deals(source: LogReader, ids: Sequence[str]) -> dict[str, Deal]:
    """The hub's deals by id; those that it does not know, or that cannot be read, are missing."""
    calls = [Call(source.hub.address, HUB.viewDeal, (bytes.fromhex(each[2:]),)) for each in ids]
    found = {}
    for each, values in zip(ids, attempt(source.rpc, calls), strict=True):
        if isinstance(values, CallError):
            continue
        try:
            deal = Deal.from_abi(values)
        except log_rows.UNFIT:
            continue
        if deal.exists:
            found[each] = deal
    return found


def deals(source: LogReader, logs: Sequence[Mapping[str, Any]]) -> Page:
    """The page of the deals that these logs of OrdersMatched tell of."""
    matched = [(log, EVENTS.OrdersMatched.decode(log)) for log in logs]
    ids = ["0x" + arguments["dealid"].hex() for _, arguments in matched]
    held = read_deals(source, ids)
    ended = _ended(source, held, min((log_rows.position(log)[0] for log in logs), default=0))
    seconds = _seconds(source, held.values())
    final = source.hub.ratios.final if held else 0

    def read(item: tuple[Mapping[str, Any], dict[str, Any]]) -> tuple[Any, ...]:
        log, arguments = item
        deal_id = "0x" + arguments["dealid"].hex()
        deal = held[deal_id]
        block, log_index = log_rows.position(log)
        at = source.times[block]
        if deal.start_time != at:
            raise ValueError("a deal starts when it is made")
        dataset = anyone(deal.dataset.pointer)
        prices = (deal.app.price, deal.dataset.price, deal.workerpool.price, deal.worker_stake)
        if max(prices) >= MOST_NRLC:
            raise ValueError("more than there is of RLC")
        return (
            deal_id,
            at,
            deal.app.pointer,
            deal.app.price,
            dataset,
            deal.dataset.price,
            deal.workerpool.pointer,
            deal.workerpool.price,
            count(deal.category),
            count(deal.bot_size),
            ended[deal_id, COMPLETED],
            ended[deal_id, FAILED],
            deal.requester,
            deal.beneficiary,
            anyone(deal.callback),
            anyone(deal.sponsor),
            deal.app.owner,
            anyone(deal.dataset.owner),
            deal.workerpool.owner,
            count(deal.trust),
            deal.tag,
            text(deal.params),
            is_bulk(dataset, deal.params),
            count(deal.bot_first),
            deal.worker_stake,
            count(deal.scheduler_reward_ratio),
            moment(at + final * seconds[deal.category]),
            *(_hash(arguments[name]) for name in ("appHash", "datasetHash", "workerpoolHash", "requestHash")),
            block,
            log_index,
            log["transactionHash"],
        )

    return log_rows.to_page("deals", matched, read)


def _hash(data: bytes) -> str | None:
    found = "0x" + data.hex()
    return None if found == NULL_BYTES32 else found


def _seconds(source: LogReader, held: Any) -> dict[int, int]:
    """Category -> its unit of time; those that the hub does not know are missing."""
    numbers = sorted({deal.category for deal in held if deal.category < 2**63})
    calls = [Call(source.hub.address, HUB.viewCategory, (number,)) for number in numbers]
    found = {}
    for number, values in zip(numbers, attempt(source.rpc, calls), strict=True):
        if isinstance(values, CallError):
            continue
        try:
            found[number] = Category.from_abi(values).work_clock_time_ref
        except log_rows.UNFIT:
            continue
    return found


def _ended(source: LogReader, held: Mapping[str, Deal], first: int) -> Counter[tuple[str, int]]:
    """How many tasks of each deal are completed, and how many were claimed."""
    few = {each: deal for each, deal in held.items() if deal.bot_size <= _FEW}
    many = held.keys() - few.keys()
    tasks = [(each, task_id(each, index)) for each, deal in few.items() for index in deal.indices]
    calls = [Call(source.hub.address, HUB.viewTask, (bytes.fromhex(task[2:]),)) for _, task in tasks]
    found: Counter[tuple[str, int]] = Counter()
    for (each, _), values in zip(tasks, attempt(source.rpc, calls), strict=True):
        if isinstance(values, tuple):
            found[each, values[0]] += 1
    if many:
        _count_logs(source, many, first, found)
    return found


def _count_logs(source: LogReader, many: Any, first: int, found: Counter[tuple[str, int]]) -> None:
    statuses = {EVENTS.TaskFinalize.topic: COMPLETED, EVENTS.TaskClaimed.topic: FAILED}
    for logs in source.logs([EVENTS.TaskFinalize, EVENTS.TaskClaimed], first, source.head().number):
        calls = [
            Call(source.hub.address, HUB.viewTask, (bytes.fromhex(log["topics"][1][2:]),)) for log in logs
        ]
        for log, values in zip(logs, attempt(source.rpc, calls), strict=True):
            if isinstance(values, tuple):
                each = "0x" + values[1].hex()
                if each in many:
                    found[each, statuses[log["topics"][0]]] += 1
