"""Tasks by the logs that initialised them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import CallError
from iexec_lab.ethereum.calls import Call, attempt
from iexec_lab.ethereum.contracts import EVENTS, HUB
from iexec_lab.history.graph_values import (
    MOST_NRLC,
    anyone,
    count,
    eip55,
    hexadecimal,
    moment,
    moment_or_none,
    readable,
)
from iexec_lab.history.logs import rows as log_rows
from iexec_lab.history.logs.deals import read_deals
from iexec_lab.protocol import TASK_STATUSES
from iexec_lab.protocol.states import COMPLETED, FAILED, Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.history.logs.reader import LogReader
    from iexec_lab.history.records import Page

_STEPS: Final = (
    *(EVENTS.TaskContribute, EVENTS.TaskReveal, EVENTS.TaskFinalize, EVENTS.TaskClaimed),
    *(EVENTS.Reward, EVENTS.Seize),
)


@dataclass(slots=True)
class _Past:
    """What the logs tell of one task."""

    contributed: int | None = None
    revealed: int | None = None
    finalized: int | None = None
    claimed: int | None = None
    reward: int = 0
    seized: int = 0
    workers: list[str] = field(default_factory=list)


def tasks(source: LogReader, logs: Sequence[Mapping[str, Any]]) -> Page:
    """The page of the tasks that these logs of TaskInitialize tell of."""
    ids = [log["topics"][1] for log in logs]
    calls = [Call(source.hub.address, HUB.viewTask, (bytes.fromhex(each[2:]),)) for each in ids]
    held: dict[str, Task] = {}
    for each, values in zip(ids, attempt(source.rpc, calls), strict=True):
        if isinstance(values, CallError):
            continue
        try:
            held[each] = Task.from_abi(values)
        except log_rows.UNFIT:
            continue
    deals = read_deals(source, sorted({task.deal_id for task in held.values()}))
    past = _past(source, held, min((log_rows.position(log)[0] for log in logs), default=0))

    def read(log: Mapping[str, Any]) -> tuple[Any, ...]:
        each = log["topics"][1]
        task, steps = held[each], past[each]
        deal = deals[task.deal_id]
        block, log_index = log_rows.position(log)
        at = source.times[block]
        if max(steps.reward, steps.seized) >= MOST_NRLC:
            raise ValueError("more than there is of RLC")
        return (
            each,
            task.deal_id,
            count(task.index),
            TASK_STATUSES[task.status],
            at,
            steps.contributed,
            steps.revealed,
            steps.finalized,
            steps.claimed,
            None if steps.finalized is None else count(steps.finalized - at),
            moment(task.contribution_deadline),
            moment_or_none(task.reveal_deadline),
            moment(task.final_deadline),
            steps.workers,
            steps.reward,
            steps.seized,
            _word(task.consensus_value),
            _word(task.result_digest),
            readable(task.results),
            hexadecimal(task.results_callback),
            deal.app.pointer,
            anyone(deal.dataset.pointer),
            deal.workerpool.pointer,
            deal.requester,
            count(deal.category),
            block,
            log_index,
            log["transactionHash"],
        )

    return log_rows.to_page("tasks", logs, read)


def _word(value: str) -> str | None:
    return None if int(value, 16) == 0 else value


def _past(source: LogReader, held: Mapping[str, Task], first: int) -> dict[str, _Past]:
    """The steps of these tasks, read from the first block of one until all have ended, or cannot go on."""
    past = {each: _Past() for each in held}
    ended = {each for each, task in held.items() if task.status in {COMPLETED, FAILED}}
    waiting = set(ended)
    open_until = max((held[each].final_deadline for each in held.keys() - ended), default=None)
    for start, last in source.until(first, None if waiting else open_until):
        for logs in source.logs(_STEPS, start, last) if held else ():
            ours = [log for log in logs if _task_of(log) in past]
            source.times.learn(ours)
            for log in ours:
                _note(past[_task_of(log)], log, source, waiting, _task_of(log))
        if not waiting and (open_until is None or source.times[last] > open_until):
            break
    return past


def _task_of(log: Mapping[str, Any]) -> str:
    """The task of a step: its topic, or the last word of what is not indexed."""
    if len(log["topics"]) > 1:
        return str(log["topics"][1])
    return "0x" + str(log["data"])[-64:].lower()


def _note(steps: _Past, log: Mapping[str, Any], source: LogReader, waiting: set[str], each: str) -> None:
    name = log_rows.BY_TOPIC[log["topics"][0]]
    at = source.times[log_rows.position(log)[0]]
    if name in {"Reward", "Seize"}:
        amount = getattr(EVENTS, name).decode(log)["amount"]
        if name == "Reward":
            steps.reward += amount
        else:
            steps.seized += amount
    elif name == "TaskContribute":
        steps.contributed = at if steps.contributed is None else min(steps.contributed, at)
        steps.workers.append(eip55("0x" + log["topics"][2][-40:]))
    elif name == "TaskReveal":
        steps.revealed = at if steps.revealed is None else max(steps.revealed, at)
    else:
        if name == "TaskFinalize":
            steps.finalized = at
        else:
            steps.claimed = at
        waiting.discard(each)
