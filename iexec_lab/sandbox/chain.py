"""The sandbox's own view of its chain: reads, transactions and events over one keep-alive connection.

Asynchronous, because one process runs all services; client code uses ``iexec_lab.ethereum``.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import aiohttp

from iexec_lab.errors import CallError, ChainError, TransactionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

    from iexec_lab.ethereum.abi import Function
    from iexec_lab.sandbox.accounts import Account

GAS = 8_000_000
"""Gas limit of a transaction; below 2^24, the most a transaction may ask since the Osaka fork (EIP-7825)."""
LOG_RANGE = 2_000
"""Blocks asked for in one eth_getLogs."""


class Head(NamedTuple):
    """The newest block; ``timestamp`` (s) is the chain's time, which ``forward`` moves ahead of the clock."""

    number: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Batch:
    """All logs of blocks ``from_block`` to ``to_block``, both included, in chain order, in JSON-RPC form."""

    from_block: int
    to_block: int
    logs: Sequence[Mapping[str, Any]]


class Chain:
    """``async with Chain(url, chain_id) as chain``; WebSocket is on the same port of ``url``.

    ``free_gas`` sends with gas price 0.
    """

    def __init__(self, url: str, chain_id: int, *, free_gas: bool = False) -> None:
        self.url = url
        self.chain_id = chain_id
        self.head = Head(-1, 0)
        self._free_gas = free_gas
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._moved = asyncio.Condition()
        self._session: aiohttp.ClientSession
        self._watcher: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=8))
        await self._refresh()
        self._watcher = asyncio.create_task(self._watch(), name="chain heads")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watcher.cancel()
        with suppress(asyncio.CancelledError):
            await self._watcher
        await self._session.close()

    async def rpc(self, method: str, *params: Any) -> Any:
        """One JSON-RPC request; CallError with the node's words when it answers with an error."""
        return _result(await self._post(_request(method, params)))

    async def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Several requests in one round trip, answers in order; CallError for the first that failed."""
        if not requests:
            return []
        payload = [_request(method, params, i) for i, (method, params) in enumerate(requests)]
        answers = sorted(await self._post(payload), key=lambda answer: answer["id"])
        return [_result(answer) for answer in answers]

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
        start = from_block
        while True:
            async with self._moved:
                while self.head.number == start - 1:
                    await self._moved.wait()
            start = min(start, self.head.number + 1)
            while start <= (end := min(self.head.number, start + LOG_RANGE - 1)):
                logs = await self.rpc("eth_getLogs", {"fromBlock": hex(start), "toBlock": hex(end)})
                await handler(Batch(start, end, logs))
                start = end + 1

    async def _post(self, payload: Any) -> Any:
        try:
            async with self._session.post(self.url, json=payload) as response:
                return await response.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ChainError(f"the sandbox's Ethereum node does not answer: {error}") from error

    async def _reason(self, sender: str, to: str | None, data: bytes, value: int) -> str | None:
        call = {"from": sender, "to": to, "data": "0x" + data.hex(), "value": hex(value), "gas": hex(GAS)}
        try:
            await self.rpc("eth_call", call, "latest")
        except CallError as error:
            return error.reason
        return None

    async def _watch(self) -> None:
        """Keep ``head`` at the newest block; the subscription is opened anew when the node was restarted."""
        while True:
            with suppress(aiohttp.ClientError, ChainError):
                async with self._session.ws_connect(self.url.replace("http", "ws", 1)) as socket:
                    await socket.send_json(_request("eth_subscribe", ["newHeads"]))
                    await self._refresh()
                    async for message in socket:
                        header = message.json().get("params", {}).get("result")
                        if header:
                            await self._move(header)
            await asyncio.sleep(0.1)

    async def _refresh(self) -> None:
        await self._move(await self.rpc("eth_getBlockByNumber", "latest", False))

    async def _move(self, header: Mapping[str, Any]) -> None:
        async with self._moved:
            self.head = Head(int(header["number"], 16), int(header["timestamp"], 16))
            self._moved.notify_all()


def _request(method: str, params: Sequence[Any], number: int = 0) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def _result(answer: Mapping[str, Any]) -> Any:
    if "error" not in answer:
        return answer.get("result")
    message = str(answer["error"].get("message", "unknown error"))
    _, reverted, reason = message.partition("execution reverted")
    reason = reason.lstrip(": ") if reverted else message
    raise CallError(message, reason=reason or None)
