"""Logs of the hub as rows of the table of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import CallError, ValidationError
from iexec_lab.ethereum.contracts import EVENTS
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.history.graph_values import MOST_NRLC, anyone
from iexec_lab.history.records import Page
from iexec_lab.history.tables import columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from iexec_lab.history.logs.block_times import BlockTimes

UNFIT: Final = (
    *(ArithmeticError, AttributeError, CallError, LookupError, RecursionError, TypeError, ValueError),
    ValidationError,
)

#: Name of the event -> names of its arguments: deal, task, account, to, amount.
READERS: Final[Mapping[str, tuple[str | None, str | None, str | None, str | None, str | None]]] = {
    "Transfer": (None, None, "from", "to", "value"),
    "Lock": (None, None, "owner", None, "amount"),
    "Unlock": (None, None, "owner", None, "amount"),
    "Reward": (None, "ref", "owner", None, "amount"),
    "Seize": (None, "ref", "owner", None, "amount"),
    "AccurateContribution": (None, "taskid", "worker", None, None),
    "FaultyContribution": (None, "taskid", "worker", None, None),
    "OrdersMatched": ("dealid", None, None, None, None),
    "SchedulerNotice": ("dealid", None, "workerpool", None, None),
    "TaskInitialize": (None, "taskid", "workerpool", None, None),
    "TaskContribute": (None, "taskid", "worker", None, None),
    "TaskReveal": (None, "taskid", "worker", None, None),
    "TaskConsensus": (None, "taskid", None, None, None),
    "TaskReopen": (None, "taskid", None, None, None),
    "TaskFinalize": (None, "taskid", None, None, None),
    "TaskClaimed": (None, "taskid", None, None, None),
}
BY_TOPIC: Final = {getattr(EVENTS, name).topic: name for name in READERS}


def position(log: Mapping[str, Any]) -> tuple[int, int]:
    """Block and index of a log."""
    return to_int(log["blockNumber"]), to_int(log["logIndex"])


def event(log: Mapping[str, Any], times: BlockTimes) -> tuple[Any, ...]:
    """A row of the table of events."""
    name = BY_TOPIC[log["topics"][0]]
    arguments = getattr(EVENTS, name).decode(log)
    deal, task, account, to, amount = (None if key is None else arguments[key] for key in READERS[name])
    if amount is not None and amount >= MOST_NRLC:
        raise ValueError("more than there is of RLC")
    block, log_index = position(log)
    return (
        times[block],
        name,
        hexed(deal),
        hexed(task),
        None if account is None else anyone(account),
        None if to is None else anyone(to),
        amount,
        block,
        log_index,
        log["transactionHash"],
    )


def hexed(data: bytes | None) -> str | None:
    return None if data is None else "0x" + data.hex()


def to_page(
    table: str,
    items: Iterable[Any],
    read: Callable[[Any], tuple[Any, ...]],
) -> Page:
    """What ``read`` makes of the items, as columns; those that cannot be believed are counted."""
    held, left_out = [], 0
    for item in items:
        try:
            held.append(read(item))
        except UNFIT:
            left_out += 1
    names = columns(table)
    values = map(list, zip(*held, strict=True)) if held else ([] for _ in names)
    return Page(dict(zip(names, values, strict=True)), left_out)
