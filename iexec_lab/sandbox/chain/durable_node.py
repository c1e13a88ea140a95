"""The node as everybody sees it: one that forgets nothing, even when it is killed.

All requests pass through here. Reads go on to anvil as they are. Whatever changes the chain is done one after
the other, and is in the journal before it is answered; anvil mines only when told to. An anvil that died is
replaced by one that plays the journal, and the request it died of is done again; until all is played nobody
may look, for what a reader sees must never be a past that the chain has left.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from iexec_lab.errors import ChainError, SandboxError
from iexec_lab.sandbox.chain import rpc_methods
from iexec_lab.sandbox.chain.connection import Head, HttpConnection, request, to_head
from iexec_lab.sandbox.chain.journal import Block, Decree
from iexec_lab.sandbox.chain.pipeline import ask_in_order
from iexec_lab.sandbox.chain.replay import NodeError, replay, request_of, resend_pending
from iexec_lab.sandbox.chain.snapshot import unpack_state, without_traces

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

    from iexec_lab.sandbox.chain.anvil import Anvil
    from iexec_lab.sandbox.chain.journal import Journal

log = logging.getLogger(__name__)

ENTRIES_PER_BASE = 500
"""Journal entries after which the whole state is written anew: a second's worth of playing."""

_LIVES = 5
"""How many nodes may die of one request."""
_BLOCK = "block"
"""Not a request to the node: our own name for what ``add_block`` does."""
_RECEIPT = "eth_getTransactionReceipt"
_DOOMED = "The sandbox's Ethereum node keeps ending"


class DurableNode:
    """A Connection to ``anvil``, which has loaded the journal's base; ``start_anvil`` makes another one.

    ``async with`` plays the journal at its start; at its end it writes the state and ends the node.
    """

    def __init__(self, journal: Journal, anvil: Anvil, start_anvil: Callable[[], Anvil]) -> None:
        self.head = Head(-1, 0)
        self._journal = journal
        self._anvil = anvil
        self._start_anvil = start_anvil
        self._connection = HttpConnection(anvil.url)
        self._lock = asyncio.Lock()
        self._whole = asyncio.Event()
        self._automine = True
        self._pause = 0
        self._interval: asyncio.Task[None] | None = None
        self._clock_moved = False
        self._offset = 0
        self._sends: dict[str, Sequence[Any]] = {}
        self._listeners: set[Callable[[Head], Awaitable[None]]] = set()

    @property
    def url(self) -> str:
        """Where anvil itself listens; another place after it was replaced."""
        return self._connection.url

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        try:
            await self._play()
        except BaseException:
            await self._connection.session.close()
            self._anvil.stop()
            raise
        self._whole.set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_interval()
        async with self._lock:
            if self._journal.size:
                with suppress(ChainError, NodeError, sqlite3.Error, OSError):
                    # Without a new base the next start plays the journal.
                    await self._rebase(without_traces)
            await self._connection.session.close()
            self._anvil.stop()

    async def post(self, payload: Any) -> Any:
        """Answer a JSON-RPC request or batch; a batch that changes something is done in its order."""
        if not isinstance(payload, list):
            return await self._answer(payload)
        if any(rpc_methods.changes(entry.get("method", "")) for entry in payload):
            return [await self._answer(entry) for entry in payload]
        return await self._read(payload)

    async def relay(self, body: bytes) -> bytes:
        """Answer reads as they are on the wire; not for anything that ``changes``."""
        for _ in range(_LIVES):
            await self._whole.wait()
            anvil = self._anvil
            try:
                return await self._connection.relay(body)
            except ChainError:
                async with self._lock:
                    if not await self._replaced(anvil):
                        raise
        raise ChainError(_DOOMED)

    async def watch(self, moved: Callable[[Head], Awaitable[None]]) -> None:
        self._listeners.add(moved)
        try:
            await moved(self.head)
            await asyncio.Event().wait()
        finally:
            self._listeners.discard(moved)

    async def forward(self, seconds: int) -> Head:
        """Move the chain's time ahead and mine a block that shows it."""
        await self._change("evm_increaseTime", [seconds])
        await self._change("evm_mine", [])
        return self.head

    async def add_block(self, transactions: Sequence[str], timestamp: int) -> list[dict[str, Any]]:
        """Mine signed transactions (0x text) in their order as one block of that time; their receipts.

        All of them come into the block or, when the node refuses one, none: then NodeError is raised. A time
        that is over already becomes the first possible one.
        """
        receipts: list[dict[str, Any]] = await self._change(_BLOCK, [transactions, timestamp])
        return receipts

    async def shorten(self) -> None:
        """Write the state anew after much has happened, so that the next start has nothing to play."""
        async with self._lock:
            await self._shorten(without_traces)

    async def refresh(self, seconds: float) -> None:
        """Mine a block when the newest is older than ``seconds``, as a chain with traffic would have one."""
        if self._automine and time.time() + self._offset - self.head.timestamp > seconds:
            await self._change("evm_mine", [])

    async def alive(self) -> str:
        """The URL of an anvil that runs, replaced before if need be."""
        await self._whole.wait()
        if self._anvil.process.poll() is not None:
            await self._read(request("eth_chainId"))
        return self.url

    async def _answer(self, entry: Mapping[str, Any]) -> Any:
        method = entry.get("method", "")
        if not rpc_methods.changes(method):
            return await self._read(entry)
        frame = {"jsonrpc": "2.0", "id": entry.get("id")}
        plain = method.removesuffix("Sync")
        try:
            result = await self._change(plain, entry.get("params") or [])
            return {**frame, "result": result if plain == method else await self._receipt(result)}
        except NodeError as error:
            return {**frame, "error": error.error}

    async def _read(self, payload: Any) -> Any:
        return json.loads(await self.relay(json.dumps(payload).encode()))

    async def _change(self, method: str, params: Sequence[Any]) -> Any:
        async with self._lock:
            for _ in range(_LIVES):
                try:
                    return await self._do(method, params)
                except ChainError:
                    if not await self._replaced(self._anvil):
                        raise
                except (sqlite3.Error, OSError) as error:
                    # What is not in the journal has not happened: the next request finds another node.
                    self._anvil.stop()
                    raise ChainError(f"The sandbox can not write down its chain: {error}") from error
            raise ChainError(_DOOMED)

    async def _do(self, method: str, params: Sequence[Any]) -> Any:
        if method in rpc_methods.SEND:
            return await self._send(method, params)
        if method == _BLOCK:
            return await self._make_block(*params)
        name = method.partition("_")[2]
        if name in rpc_methods.MINING_MODE:
            return await self._mining_mode(name, *params)
        result = await self._ask(method, *params)
        await self._note(method, name, params)
        return result

    async def _note(self, method: str, name: str, params: Sequence[Any]) -> None:
        """Journal what a request, which the node has just done, has changed."""
        if name in rpc_methods.MINE:
            await self._take_down_new_blocks()
        elif name in rpc_methods.CLOCK:
            await self._keep_offset()
            self._clock_moved = True
        elif name in rpc_methods.REWIND:
            await self._start_over()
        elif name in rpc_methods.DROP:
            await self._forget_dropped()
        elif name not in rpc_methods.SESSION and not name.startswith("get"):
            self._journal.add_decree(Decree(method, params))

    async def _mining_mode(self, name: str, value: Any = None) -> Any:
        """Anvil itself mines only when told to; how it would, had it the choice, is kept here."""
        match name:
            case "getAutomine":
                return self._automine
            case "getIntervalMining":
                return self._pause or None
            case "setAutomine":
                await self._set_automine(bool(value))
            case "setIntervalMining":
                self._set_interval(value)
        return None

    async def _send(self, method: str, params: Sequence[Any]) -> str:
        transaction: str = await self._ask(method, *params)
        raw = method == "eth_sendRawTransaction"
        self._sends[transaction] = [method, params[0]] if raw else await request_of(transaction, self._ask)
        if self._automine:
            await self._mine_executable()
        if transaction in self._sends:
            self._journal.add_pending(transaction, self._sends[transaction])
        return transaction

    async def _make_block(self, transactions: Sequence[str], timestamp: int) -> list[dict[str, Any]]:
        sends = [["eth_sendRawTransaction", raw] for raw in transactions]
        answers = await self._send_all(transactions)
        hashes = [answer["result"] for answer in answers if "result" in answer]
        refused = next((answer["error"] for answer in answers if "error" in answer), None)
        if refused is not None:
            await self._ask_all([("anvil_dropTransaction", [one]) for one in hashes])
            raise NodeError(refused)
        self._sends.update(zip(hashes, sends, strict=True))
        await self._ask("evm_setNextBlockTimestamp", max(timestamp, self.head.timestamp + 1))
        self._clock_moved = True
        await self._take_down(await self._ask("evm_mine_detailed"))
        return [answer["result"] for answer in await self._ask_all([(_RECEIPT, [one]) for one in hashes])]

    async def _receipt(self, transaction: str) -> Any:
        answer = await self._read(request(_RECEIPT, [transaction]))
        if answer.get("result") is None:
            raise NodeError({"code": 4, "message": f"Transaction {transaction} waits in the pool"})
        return answer["result"]

    async def _mine_executable(self) -> None:
        """Mine what can be mined; a transaction that waits for an earlier nonce stays in the pool."""
        if int((await self._ask("txpool_status"))["pending"], 16):
            await self._take_down(await self._ask("evm_mine_detailed"))

    async def _set_automine(self, wanted: bool) -> None:
        self._stop_interval()
        self._automine = wanted
        if wanted:
            await self._mine_executable()

    def _set_interval(self, seconds: int | str) -> None:
        self._stop_interval()
        self._automine = False
        self._pause = int(seconds, 16) if isinstance(seconds, str) else seconds
        if self._pause:
            self._interval = asyncio.create_task(self._mine_every(self._pause), name="interval mining")

    def _stop_interval(self) -> None:
        self._pause = 0
        if self._interval is not None:
            self._interval.cancel()
            self._interval = None

    async def _mine_every(self, seconds: int) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._change("evm_mine", [])

    async def _take_down_new_blocks(self) -> None:
        newest = int(await self._ask("eth_blockNumber"), 16)
        numbers = range(self.head.number + 1, newest + 1)
        await self._take_down([await self._ask("eth_getBlockByNumber", hex(one), True) for one in numbers])

    async def _take_down(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Append blocks, given with whole transactions, to the journal; then tell everybody."""
        blocks, hashes = [], []
        for block in found:
            own = [transaction["hash"] for transaction in block["transactions"]]
            sends = [await self._send_of(one) for one in own]
            head = to_head(block)
            base_fee = int(block["baseFeePerGas"], 16)
            blocks.append(Block(head.number, block["hash"], head.timestamp, base_fee, sends))
            hashes += own
        if not found:
            return
        self._journal.add_blocks(blocks, hashes)
        await self._publish(to_head(found[-1]))
        with suppress(ChainError):
            # The request is done; a node that dies here must not make it be done again.
            if self._clock_moved:
                # Only now is the offset of evm_setNextBlockTimestamp known.
                await self._keep_offset()
                self._clock_moved = False
            if self._journal.size >= max(ENTRIES_PER_BASE, self.head.number // 4):
                await self._shorten()

    async def _send_of(self, transaction: str) -> Sequence[Any]:
        if transaction in self._sends:
            return self._sends.pop(transaction)
        return await request_of(transaction, self._ask)

    async def _keep_offset(self) -> None:
        self._offset = await self._ask("evm_increaseTime", 0)
        self._journal.keep("offset", self._offset)

    async def _start_over(self) -> None:
        """The chain was wound back or replaced: the journal begins again from what it is now."""
        await self._rebase()
        await self._keep_offset()
        await self._publish(await self._newest())

    async def _forget_dropped(self) -> None:
        pool = await self._ask("txpool_content")
        left = {
            transaction["hash"]
            for senders in pool.values()
            for by_nonce in senders.values()
            for transaction in by_nonce.values()
        }
        self._journal.drop_pending(set(self._journal.pending()) - left)
        self._sends = {one: send for one, send in self._sends.items() if one in left}

    async def _rebase(self, shrink: Callable[[bytes], bytes] = bytes) -> None:
        started = time.perf_counter()
        dump = await self._ask("anvil_dumpState")
        self._journal.rebase(await asyncio.to_thread(lambda: shrink(unpack_state(dump))))
        log.info("state of block %d written in %.3f s", self.head.number, time.perf_counter() - started)

    async def _shorten(self, shrink: Callable[[bytes], bytes] = bytes) -> None:
        try:
            await self._rebase(shrink)
        except (ChainError, NodeError, sqlite3.Error, OSError) as error:
            log.warning("the journal stays as long as it is: %s", error)

    async def _newest(self) -> Head:
        return to_head(await self._ask("eth_getBlockByNumber", "latest", False))

    async def _publish(self, head: Head) -> None:
        self.head = head
        for moved in list(self._listeners):
            await moved(head)

    async def _play(self) -> None:
        await asyncio.to_thread(self._anvil.wait_ready)
        await replay(self._journal, self._ask, self._send_all)
        self._sends = dict(self._journal.pending())
        await resend_pending(self._journal, self._ask)
        self._offset = await self._ask("evm_increaseTime", 0)
        await self._publish(await self._newest())
        if self._automine:
            await self._mine_executable()

    async def _replaced(self, anvil: Anvil) -> bool:
        """True when ``anvil`` has died and another one has taken its place."""
        if self._anvil is not anvil:
            return True
        if not await _ended(anvil):
            return False
        self._whole.clear()
        try:
            await self._replace()
        except BaseException:
            # Whoever comes next finds no node and tries again, not one that has played half the journal.
            self._anvil.stop()
            raise
        finally:
            self._whole.set()
        return True

    async def _replace(self) -> None:
        for _ in range(_LIVES):
            log.warning("anvil ended with exit code %s; replacing it", self._anvil.process.returncode)
            self._anvil.stop()
            self._anvil = self._start_anvil()
            self._connection.url = self._anvil.url
            try:
                await self._play()
            except (ChainError, SandboxError):
                if not await _ended(self._anvil):
                    raise
            else:
                return
        raise ChainError(_DOOMED)

    async def _ask(self, method: str, *params: Any) -> Any:
        answer = await self._connection.post(request(method, params))
        if "error" in answer:
            raise NodeError(answer["error"])
        return answer["result"]

    async def _send_all(self, transactions: Sequence[str]) -> list[dict[str, Any]]:
        """The answers to signed transactions, which are sent in their order."""
        requests = [request("eth_sendRawTransaction", [raw]) for raw in transactions]
        return await ask_in_order(self._anvil.place, requests) if requests else []

    async def _ask_all(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[dict[str, Any]]:
        """The answers to several requests, in their order, errors as they are."""
        if not requests:
            return []
        payload = [request(method, params, number) for number, (method, params) in enumerate(requests)]
        return sorted(await self._connection.post(payload), key=lambda answer: answer["id"])


async def _ended(anvil: Anvil) -> bool:
    """Whether a node that does not answer is gone; that may be seen a moment after the connection broke."""
    for _ in range(500):
        if anvil.process.poll() is not None:
            return True
        await asyncio.sleep(0.01)
    return False
