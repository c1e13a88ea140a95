"""The sandbox's own view of its chain: reads, transactions and events over one keep-alive connection.

Asynchronous, because one process runs all services; client code uses ``iexec_lab.ethereum``. Ours because
importing web3 takes 1.1 s of CPU time, as long as the whole start of a sandbox.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from iexec_lab.errors import CallError, TransactionError
from iexec_lab.sandbox.chain.connection import Head, HttpConnection, request, result, to_head
from iexec_lab.sandbox.ending import end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

    from iexec_lab.ethereum.abi import Function
    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.chain.connection import Connection

GAS = 8_000_000
"""Gas limit of a transaction; below 2^24, the most a transaction may ask since the Osaka fork (EIP-7825)."""
LOG_RANGE = 2_000
"""Blocks asked for in one eth_getLogs."""


@dataclass(frozen=True, slots=True)
class Batch:
    """All logs of blocks ``from_block`` to ``to_block``, both included, in chain order, in JSON-RPC form."""

    from_block: int
    to_block: int
    logs: Sequence[Mapping[str, Any]]


class Chain:
    """``async with Chain(url, chain_id) as chain``; in place of the URL of a node, any Connection to one.

    ``free_gas`` sends with gas price 0.
    """

    def __init__(self, node: str | Connection, chain_id: int, *, free_gas: bool = False) -> None:
        self.chain_id = chain_id
        self.head = Head(-1, 0)
        self._node = node
        self._connection: Connection
        self._free_gas = free_gas
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._moved = asyncio.Condition()
        self._rewinds: list[int] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            if isinstance(self._node, str):
                self._connection = await stack.enter_async_context(HttpConnection(self._node))
            else:
                self._connection = self._node
            await self._move(to_head(await self.rpc("eth_getBlockByNumber", "latest", False)))
            watcher = asyncio.create_task(self._connection.watch(self._move), name="chain heads")
            stack.push_async_callback(end, watcher)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def rpc(self, method: str, *params: Any) -> Any:
        """One JSON-RPC request; CallError with the node's words when it answers with an error."""
        return result(await self._connection.post(request(method, params)))

    async def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Several requests in one round trip, answers in order; CallError for the first that failed."""
        if not requests:
            return []
        payload = [request(method, params, i) for i, (method, params) in enumerate(requests)]
        answers = sorted(await self._connection.post(payload), key=lambda answer: answer["id"])
        return [result(answer) for answer in answers]

    async def call(self, to: str, function: Function, *args: Any) -> Any:
        """Read a contract at the newest block; the decoded value (a tuple for several); CallError."""
        return (await self.calls([(to, function, args)]))[0]

    async def calls(self, calls: Sequence[tuple[str, Function, Sequence[Any]]]) -> list[Any]:
        """Many reads in one round trip."""
        answers = await self.batch(
            [
                ("eth_call", [{"to": to, "data": "0x" + function.encode(*args).hex()}, "latest"])
                for to, function, args in calls
            ]
        )
        return [
            function.decode(bytes.fromhex(answer[2:]))
            for (_, function, _), answer in zip(calls, answers, strict=True)
        ]

    async def send(
        self, account: Account, to: str | None, data: bytes, value: int = 0, gas: int = GAS
    ) -> dict[str, Any]:
        """Send a transaction and wait for its receipt, in JSON-RPC form.

        ``value`` is in wei, ``to`` None creates a contract. Transactions of one account go one after the
        other. TransactionError with the reason when it is refused or reverted.
        """
        async with self._locks[account.address]:
            count, price = await self.batch(
                [
                    ("eth_getTransactionCount", [account.address, "pending"]),
                    ("eth_gasPrice", []),
                ]
            )
            raw = account.sign_transaction(
                nonce=int(count, 16),
                gas_price=0 if self._free_gas else int(price, 16),
                gas=gas,
                to=to,
                value=value,
                data=data,
                chain_id=self.chain_id,
            )
            try:
                receipt: dict[str, Any] = await self.rpc("eth_sendRawTransactionSync", raw)
            except CallError as error:
                raise TransactionError(error.message, reason=error.reason) from error
        if receipt["status"] != "0x1":
            reason = await self._reason(account.address, to, data, value)
            raise TransactionError(
                f"transaction reverted: {reason or 'no reason given'}",
                tx_hash=receipt["transactionHash"],
                reason=reason,
            )
        return receipt

    async def block_number(self) -> int:
        return int(await self.rpc("eth_blockNumber"), 16)

    async def next_block(self, after: int) -> Head:
        """Wait until there is a block above number ``after``; the newest head."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.head.number > after)
            return self.head

    async def follow(self, handler: Callable[[Batch], Awaitable[None]], from_block: int) -> None:
        """Give every block range from ``from_block`` on to ``handler``, in order; runs until cancelled.

        A handler keeps ``batch.to_block + 1`` in the same database transaction as what it derived, and passes
        it as ``from_block`` after a restart. When the chain is wound back (evm_revert), the blocks that
        replace the lost ones are given.
        """
        start, seen = min(from_block, self.head.number + 1), len(self._rewinds)
        while True:
            async with self._moved:
                while self.head.number < start and len(self._rewinds) == seen:
                    await self._moved.wait()
            # The chain may have been wound back and grown again while the handler was at work.
            start = min([start, *(number + 1 for number in self._rewinds[seen:])])
            seen = len(self._rewinds)
            end = min(self.head.number, start + LOG_RANGE - 1)
            if start <= end:
                logs = await self.rpc("eth_getLogs", {"fromBlock": hex(start), "toBlock": hex(end)})
                await handler(Batch(start, end, logs))
                start = end + 1

    async def _reason(self, sender: str, to: str | None, data: bytes, value: int) -> str | None:
        call = {"from": sender, "to": to, "data": "0x" + data.hex(), "value": hex(value), "gas": hex(GAS)}
        try:
            await self.rpc("eth_call", call, "latest")
        except CallError as error:
            return error.reason
        return None

    async def _move(self, head: Head) -> None:
        async with self._moved:
            if head.number < self.head.number:
                self._rewinds.append(head.number)
            self.head = head
            self._moved.notify_all()
