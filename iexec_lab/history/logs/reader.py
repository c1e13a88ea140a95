"""The logs of a hub, whatever a node gives at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.ethereum.calls import block_at, latest_block
from iexec_lab.ethereum.hub import Hub
from iexec_lab.ethereum.logs import FIRST_SPAN, read_many_logs
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.history.logs.block_times import BlockTimes
from iexec_lab.history.records import Block, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iexec_lab.ethereum.abi import Event
    from iexec_lab.ethereum.rpc import Provider

    Log = dict[str, Any]

_BEGINS: Final = {134: 4_543_300, 1: 9_917_600}
"""Chain id -> a block before which the hub did not exist; elsewhere logs are read from the first block."""


class LogReader:
    """A hub, its logs, and the times of their blocks."""

    def __init__(self, rpc: Provider, hub: str) -> None:
        self.rpc = rpc
        self.hub = Hub(rpc, hub)
        self.times = BlockTimes(rpc)

    def __repr__(self) -> str:
        return f"LogReader({self.rpc.name!r})"

    def head(self) -> Block:
        return _block(latest_block(self.rpc))

    def block(self, number: int) -> Block:
        head = self.head()
        return head if number >= head.number else _block(block_at(self.rpc, hex(number)))

    def anchor(self, number: int) -> Block:
        return self.block(number)

    def logs(
        self,
        events: Sequence[Event],
        first: int,
        last: int,
        *,
        address: str | None = None,
        newest_first: bool = False,
    ) -> Iterator[list[Log]]:
        """Logs of these events of the hub (or of another contract), in lists of some blocks each."""
        topics = [[event.topic for event in events]]
        known = {event.topic: event for event in events}
        for logs in read_many_logs(
            self.rpc,
            address or self.hub.address,
            topics,
            from_block=first,
            to_block=last,
            newest_first=newest_first,
        ):
            yield [log for log in logs if log["topics"] and known[log["topics"][0]].matches(log)]

    def blocks(self, span: Span) -> tuple[int, int]:
        """First and last block of a span; the last is before the first when there is none."""
        head = self.head()
        begin = max(span.first_block, min(_BEGINS.get(self.rpc.chain_id, 0), head.number))
        last = head.number if span.end_block is None else min(head.number, span.end_block - 1)
        if span.start > 0:
            begin = max(begin, self.times.first_at(span.start, head))
        if span.end is not None:
            last = min(last, self.times.first_at(span.end, head) - 1)
        return begin, last

    def until(self, first: int, moment: int | None) -> Iterator[tuple[int, int]]:
        """Ranges of blocks from ``first`` up to the moment, or to the head for None."""
        head = self.head()
        last = head.number
        if moment is not None and moment < head.time:
            last = self.times.first_at(moment + 1, head)
        for start in range(first, last + 1, FIRST_SPAN):
            yield start, min(start + FIRST_SPAN - 1, last)


def _block(found: Mapping[str, Any]) -> Block:
    return Block(to_int(found["number"]), to_int(found["timestamp"]), str(found.get("hash") or ""))
