"""When blocks were made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import CallError
from iexec_lab.ethereum.answers import HINT_NOT_A_NODE
from iexec_lab.ethereum.calls import block_at, checked
from iexec_lab.ethereum.rpc import to_int

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iexec_lab.ethereum.rpc import Provider
    from iexec_lab.history.records import Block

_MOST: Final = 200_000
"""Blocks whose time is remembered."""


class BlockTimes:
    """Block number -> seconds since 1970; those of many logs are asked for together."""

    def __init__(self, rpc: Provider) -> None:
        self._rpc = rpc
        self._known: dict[int, int] = {}

    def __getitem__(self, number: int) -> int:
        if number not in self._known:
            self._known[number] = to_int(block_at(self._rpc, hex(number))["timestamp"])
        return self._known[number]

    def learn(self, logs: Iterable[Mapping[str, Any]]) -> None:
        """Read the times of all blocks of these logs.

        Raises:
            CallError: The node does not tell them.
        """
        if len(self._known) > _MOST:
            self._known.clear()
        missing = sorted({to_int(log["blockNumber"]) for log in logs} - self._known.keys())
        answers = self._rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number in missing])
        for number, answer in zip(missing, answers, strict=True):
            block = checked(answer, "eth_getBlockByNumber")
            if block is None or block.get("timestamp") is None:
                raise CallError(f"The node has no block {number}", hint=HINT_NOT_A_NODE)
            self._known[number] = to_int(block["timestamp"])

    def first_at(self, moment: int, head: Block) -> int:
        """The first block of that moment or later; the one after the head when there is none."""
        if head.time < moment:
            return head.number + 1
        low, high = 0, head.number
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self[middle] >= moment else (middle + 1, high)
        return low
