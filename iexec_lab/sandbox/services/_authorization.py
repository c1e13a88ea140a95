"""What a scheduler signs to let a worker work on a task, as services receive and check it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ChainError
from iexec_lab.ethereum.contracts import HUB, OWNABLE
from iexec_lab.protocol import (
    NULL_BYTES32,
    Deal,
    Task,
    authorization_hash,
    personal_digest,
    to_address,
    to_bytes32,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iexec_lab.sandbox.context import Context


@dataclass(frozen=True, slots=True)
class Authorization:
    """That ``worker`` may work on ``task`` with ``enclave``; worker and scheduler sign ``digest``."""

    worker: str
    task: str
    enclave: str
    signature: str

    @property
    def digest(self) -> bytes:
        return personal_digest(authorization_hash(self.worker, self.task, self.enclave))


def read_authorization(given: Mapping[str, Any]) -> Authorization | None:
    """The workerpool's authorisation in a request, None if it lacks something; no task is the null word."""
    try:
        signature = given["signature"]
        return Authorization(
            worker=to_address(given["workerWallet"]),
            task=to_bytes32(given.get("chainTaskId") or NULL_BYTES32),
            enclave=to_address(given["enclaveChallenge"]),
            signature=str(signature["value"] if isinstance(signature, dict) else signature),
        )
    except (KeyError, TypeError, ValueError):  # ValidationError is a ValueError
        return None


async def view_task(context: Context, task_id: str) -> Task | None:
    """A task on chain; None when it is not initialised or can not be read."""
    try:
        task = Task.from_abi(await context.chain.call(context.hub, HUB.viewTask, word(task_id)))
    except (ChainError, ValueError):
        return None
    return task if task.exists else None


async def view_deal(context: Context, deal_id: str) -> Deal | None:
    try:
        return Deal.from_abi(await context.chain.call(context.hub, HUB.viewDeal, word(deal_id)))
    except (ChainError, ValueError):
        return None


async def workerpool_owner(context: Context, deal: Deal) -> str | None:
    """Who owns the workerpool now; the deal itself tells who did at its match."""
    try:
        return to_address(await context.chain.call(deal.workerpool.pointer, OWNABLE.owner))
    except (ChainError, ValueError):
        return None


def word(value: str) -> bytes:
    """32 bytes from their 0x text."""
    return bytes.fromhex(value[2:])


def chain_time(context: Context) -> float:
    """The chain's time, seconds since 1970: this machine's, or the newest block's where that is ahead."""
    head = getattr(context.chain, "head", None)  # nothing before it is connected
    return max(time.time(), head.timestamp if head else 0)
