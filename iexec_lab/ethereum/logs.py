"""Past events, over any range, however little the node gives at once.

Ours because web3's ``get_logs`` sends a single query: a node with a limit refuses it, and nothing halves it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import CallError
from iexec_lab.ethereum.answers import to_int, to_logs
from iexec_lab.ethereum.transport import HINT_SLOW, RpcFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iexec_lab.ethereum.abi import Event
    from iexec_lab.ethereum.rpc import Provider

TIMEOUT = 120.0
"""Seconds in all for the logs of any number of blocks; the node states how many there are."""
# Public nodes give 1,000 to 100,000 blocks or 10,000 logs at once, and refuse more.
FIRST_SPAN = 10_000


def read_logs(
    rpc: Provider,
    address: str | Sequence[str],
    topics: Sequence[str | Sequence[str] | None],
    *,
    from_block: int,
    to_block: int | None = None,
    newest_first: bool = False,
    timeout: float = TIMEOUT,
) -> Iterator[dict[str, Any]]:
    """Logs as JSON-RPC objects, block range by block range; a range that the node finds too wide is halved.

    Args:
        rpc: The node.
        address: Contract, or several.
        topics: As in ``eth_getLogs``: text, alternatives, or None for any.
        from_block: First block.
        to_block: Last block; the newest when None.
        newest_first: Go back in time, to stop at the first hit.
        timeout: Seconds in all.

    Raises:
        CallError: The node cannot be asked, refuses even a single block, or is too slow.
    """
    deadline = time.monotonic() + timeout
    last = to_int(rpc.request("eth_blockNumber")) if to_block is None else to_block
    span, low, high = FIRST_SPAN, from_block, last
    while low <= high:
        if time.monotonic() > deadline:
            raise CallError(
                f"The logs of blocks {from_block} to {last} were not read within {timeout:g} s",
                details={"left": f"blocks {low} to {high}", "node": rpc.name},
                hint=HINT_SLOW,
            )
        start, end = (max(low, high - span + 1), high) if newest_first else (low, min(high, low + span - 1))
        query = {"address": address, "topics": list(topics), "fromBlock": hex(start), "toBlock": hex(end)}
        answer = rpc.attempt("eth_getLogs", query)
        if isinstance(answer, RpcFault):
            if answer.code == 0 or end == start:
                raise answer.error("eth_getLogs")
            span = max((end - start + 1) // 2, 1)
            continue
        logs = to_logs(answer)
        yield from reversed(logs) if newest_first else logs
        low, high = (low, start - 1) if newest_first else (end + 1, high)


def read_events(
    rpc: Provider,
    address: str,
    event: Event,
    *,
    from_block: int,
    to_block: int | None = None,
    newest_first: bool = False,
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of (arguments, log) of one kind of event of one contract."""
    logs = read_logs(
        rpc,
        address,
        [event.topic],
        from_block=from_block,
        to_block=to_block,
        newest_first=newest_first,
    )
    for log in logs:
        if event.matches(log):
            yield event.decode(log), log
