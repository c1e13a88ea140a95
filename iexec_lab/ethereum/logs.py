"""Past events, over any range, however little the node gives at once.

Ours because web3's ``get_logs`` sends a single query: a node with a limit refuses it, and nothing halves it.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import CallError
from iexec_lab.ethereum.answers import to_int, to_logs
from iexec_lab.ethereum.transport import HINT_SLOW, RpcFault, says_too_fast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iexec_lab.ethereum.abi import Event
    from iexec_lab.ethereum.rpc import Provider

TIMEOUT = 120.0
"""Seconds in all for the logs of any number of blocks; the node states how many there are."""
# Public nodes give 1,000 to 100,000 blocks or 10,000 logs at once, and refuse more.
FIRST_SPAN = 10_000
TOGETHER = 4
"""Ranges of ``FIRST_SPAN`` blocks that are read side by side."""
_PAUSE = 1.0  # seconds before a node that limits requests is asked again; doubled each time
_LONGEST_PAUSE = 30.0


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
    deadline, pause = time.monotonic() + timeout, _PAUSE
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
            if says_too_fast(answer.message) and time.monotonic() + pause < deadline:
                time.sleep(max(pause, answer.wait))
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            if end == start or (answer.code == 0 and answer.hint != HINT_SLOW):
                raise answer.error("eth_getLogs")
            span = max((end - start + 1) // 2, 1)
            continue
        logs, pause = to_logs(answer), _PAUSE
        yield from reversed(logs) if newest_first else logs
        low, high = (low, start - 1) if newest_first else (end + 1, high)


def read_many_logs(
    rpc: Provider,
    address: str | Sequence[str],
    topics: Sequence[str | Sequence[str] | None],
    *,
    from_block: int,
    to_block: int,
    newest_first: bool = False,
) -> Iterator[list[dict[str, Any]]]:
    """The same for any number of blocks: range by range in order, several read side by side.

    Raises:
        CallError: As ``read_logs``; each range has the time-out for itself.
    """
    starts = range(from_block, to_block + 1, FIRST_SPAN)
    wanted = iter(reversed(starts) if newest_first else starts)

    def read(start: int) -> list[dict[str, Any]]:
        end = min(start + FIRST_SPAN - 1, to_block)
        return [*read_logs(rpc, address, topics, from_block=start, to_block=end, newest_first=newest_first)]

    if len(starts) <= 1:
        yield from map(read, wanted)
        return
    with ThreadPoolExecutor(TOGETHER, "logs") as pool:
        waiting = deque(pool.submit(read, start) for start in islice(wanted, TOGETHER))
        try:
            while waiting:
                found = waiting.popleft().result()
                waiting.extend(pool.submit(read, start) for start in islice(wanted, 1))
                yield found
        finally:
            for future in waiting:
                future.cancel()


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
