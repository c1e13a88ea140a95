"""Bring a node that has loaded a journal's base to where the journal ends."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.chain.journal import Decree

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from iexec_lab.sandbox.chain.journal import Block, Journal

    Ask = Callable[..., Awaitable[Any]]
    SendAll = Callable[[Sequence[str]], Awaitable[Sequence[Mapping[str, Any]]]]

log = logging.getLogger(__name__)


class NodeError(Exception):
    """The node's own error object, to be handed on as it is."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error.get("message"))
        self.error = dict(error)


async def replay(journal: Journal, ask: Ask, send: SendAll) -> None:
    """Play all entries and set the clock; ``ask(method, *params)`` is a node that mines only when told to.

    ``send`` is the same node, and sends signed transactions in their order.

    Raises:
        SandboxError: a block came out other than it was.
    """
    started = time.perf_counter()
    clock = int(time.time()) + 1
    try:
        for entry in journal.entries():
            if isinstance(entry, Decree):
                await ask(entry.method, *entry.params)
                continue
            if entry.timestamp < clock:
                # A new anvil takes the time of its start for the least a block may have.
                await ask("evm_setTime", entry.timestamp)
            await _play_block(entry, ask, send)
            clock = entry.timestamp
    except NodeError as error:
        raise _unplayable("The sandbox's chain can not be played again", reason=error) from error
    if journal.size:
        log.info("%d entries played in %.3f s", journal.size, time.perf_counter() - started)
    newest = int((await ask("eth_getBlockByNumber", "latest", False))["timestamp"], 16)
    # anvil does not save how far ahead of the clock its chain is; without this, time would step back. Time is
    # set to the newest block and moved on from there: evm_setTime alone would forbid all times before it.
    # Only anvil's own clock counts, as ours may go on while it is asked.
    await ask("evm_setTime", newest)
    ahead = await ask("evm_increaseTime", 0)
    await ask("evm_increaseTime", max((journal.fact("offset") or 0) - ahead, 0))


async def resend(send: Sequence[Any], ask: Ask) -> None:
    """Send a transaction again; NodeError when the node refuses it."""
    method, body = send
    if method == "eth_sendTransaction":
        await ask("anvil_impersonateAccount", body["from"])
        await ask(method, body)
        await ask("anvil_stopImpersonatingAccount", body["from"])
    else:
        await ask(method, body)


async def resend_pending(journal: Journal, ask: Ask) -> None:
    """Put accepted transactions back into the pool; what the chain made impossible since is dropped."""
    for send in journal.pending().values():
        with suppress(NodeError):
            await resend(send, ask)


async def request_of(transaction: str, ask: Ask) -> Sequence[Any]:
    """The request, method and parameter, that sends a known transaction again exactly as it is."""
    body = await ask("eth_getTransactionByHash", transaction)
    if int(body["r"], 16) or int(body["s"], 16):
        return ["eth_sendRawTransaction", await ask("eth_getRawTransactionByHash", transaction)]
    # It was sent for an impersonated account and bears no signature.
    names = ["from", "to", "value", "gas", "nonce", "type", "chainId", "accessList"]
    names += ["maxFeePerGas", "maxPriorityFeePerGas"] if "maxFeePerGas" in body else ["gasPrice"]
    call = {name: body[name] for name in names if body.get(name) is not None}
    return ["eth_sendTransaction", {**call, "data": body["input"]}]


async def _play_block(block: Block, ask: Ask, send: SendAll) -> None:
    raw = [body for method, body in block.transactions if method == "eth_sendRawTransaction"]
    if len(raw) == len(block.transactions):
        for answer in await send(raw):
            if "error" in answer:
                raise NodeError(answer["error"])
    else:
        for each in block.transactions:
            await resend(each, ask)
    await ask("evm_setNextBlockTimestamp", block.timestamp)
    # After evm_revert anvil goes on with the base fee of the blocks it took back.
    await ask("anvil_setNextBlockBaseFeePerGas", hex(block.base_fee))
    (mined,) = await ask("evm_mine_detailed")
    if mined["hash"] != block.hash:
        raise _unplayable(
            f"Block {block.number} of the sandbox's chain came out other than it was",
            expected=block.hash,
            made=mined["hash"],
        )


def _unplayable(message: str, **details: Any) -> SandboxError:
    return SandboxError(message, details=details, hint="Start over, empty: iexec-lab sandbox reset.")
