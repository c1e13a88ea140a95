"""Following the chain: deals, cancellations, stakes and owners.

What a range of blocks changes and how far the chain was read are one transaction. Volumes, stakes and
owners are read at the newest block, also for blocks of the past, as the real service does.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ChainError
from iexec_lab.ethereum.abi import Event, Function
from iexec_lab.ethereum.contracts import DEAL, ERC721_EVENTS, EVENTS, HUB, REGISTRY
from iexec_lab.protocol import NULL_ADDRESS, to_address
from iexec_lab.sandbox.services.market.book import backing
from iexec_lab.sandbox.services.market.kinds import APP, DATASET, WORKERPOOL
from iexec_lab.sandbox.services.market.records import add_category, add_deal, forget, to_hex
from iexec_lab.sandbox.services.market.store import counter, set_counter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from iexec_lab.sandbox.chain.client import Batch
    from iexec_lab.sandbox.context import Context
    from iexec_lab.sandbox.services.market.book import Book
    from iexec_lab.sandbox.services.market.feed import Feed, Message
    from iexec_lab.sandbox.services.market.kinds import Kind

log = logging.getLogger(__name__)

LAST_BLOCK: Final = "lastBlock"
CHECKPOINT: Final = "checkpointBlock"
CONFIRMATIONS: Final = 10
_CALLS: Final = 500
_RETRY: Final = 0.5

# A string and bytes have the same encoding; a deal's params need not be UTF-8.
_VIEW_DEAL: Final = Function("viewDeal(bytes32)", DEAL.replace("string", "bytes"))
_MATCH_HASHES: Final = ("appHash", "datasetHash", "workerpoolHash", "requestHash")
_CLOSED: Final = {
    EVENTS.ClosedAppOrder: "appHash",
    EVENTS.ClosedDatasetOrder: "datasetHash",
    EVENTS.ClosedWorkerpoolOrder: "workerpoolHash",
    EVENTS.ClosedRequestOrder: "requestHash",
}
_HUB_EVENTS: Final = {
    event.topic: event for event in (EVENTS.OrdersMatched, EVENTS.Transfer, EVENTS.CreateCategory, *_CLOSED)
}
_OWNED: Final = (APP, DATASET, WORKERPOOL)


class Watcher:
    """Applies blocks to the book. ``lock`` keeps publications out meanwhile."""

    def __init__(self, ctx: Context, book: Book, feed: Feed, lock: asyncio.Lock) -> None:
        self._ctx = ctx
        self._book = book
        self._feed = feed
        self._lock = lock
        self._applied = asyncio.Event()
        self._kinds = {ctx.registries[kind.resource].lower(): kind for kind in _OWNED}

    async def run(self) -> None:
        """Follow the chain from where the database stands, until cancelled."""
        while True:
            last = counter(self._book.db, LAST_BLOCK)
            try:
                if last is None:
                    await self._adopt_categories()
                await self._ctx.chain.follow(self.apply, 0 if last is None else last + 1)
            except ChainError as error:
                log.warning("the market lost the chain: %s", error.message)
            except Exception:
                log.exception("the market could not read the chain")
            await asyncio.sleep(_RETRY)

    async def apply(self, batch: Batch) -> None:
        """Do what the logs of some blocks say."""
        async with self._lock:
            found = Findings(self._ctx.hub, self._kinds, batch.logs)
            await found.read(self._ctx, self._book)
            rewound = await self._rewound(batch)
            with self._book.db:
                if rewound is not None:
                    forget(self._book.db, batch.from_block)
                    self._book.rewind(rewound)
                messages = self._act(found)
                self._count(batch)
        self._applied.set()
        await self._feed.send(messages)

    async def caught_up(self) -> None:
        """Wait until the book knows the block that is the newest now."""
        chain, newest = self._ctx.chain, self._ctx.chain.head.number
        while (counter(self._book.db, LAST_BLOCK) or 0) < newest <= chain.head.number:
            self._applied.clear()
            await self._applied.wait()

    async def _adopt_categories(self) -> None:
        """Take categories over from the address that the hub had before it was moved to a known network's."""
        created = {"fromBlock": "0x0", "toBlock": "latest", "topics": [EVENTS.CreateCategory.topic]}
        records = await self._ctx.chain.rpc("eth_getLogs", created)
        hub = self._ctx.hub
        for former in {record["address"] for record in records if record["address"].lower() != hub.lower()}:
            found = Findings(former, {}, records)
            await found.read(self._ctx, self._book)
            count = await self._ctx.chain.call(hub, HUB.countCategory)
            with self._book.db:
                for _, args, record in found.events:
                    if args["catid"] < count:
                        add_category(self._book.db, args, record, found.times)

    async def _rewound(self, batch: Batch) -> dict[str, int] | None:
        """When blocks come that were here before: consumed volumes of the known orders as of now."""
        last = counter(self._book.db, LAST_BLOCK)
        if last is None or batch.from_block > last:
            return None
        return await consumed_volumes(self._ctx, self._book.settled_hashes())

    def _act(self, found: Findings) -> list[Message]:
        book, messages = self._book, []
        matches = [args for event, args, _ in found.events if event is EVENTS.OrdersMatched]
        requests = [to_hex(args["requestHash"]) for args in matches]
        # First: a request that was just filled does not need the offers that were filled with it.
        settled = {each: book.settle(each, found.consumed[each]) for each in requests}
        for event, args, record in found.events:
            if event is EVENTS.OrdersMatched:
                for name in _MATCH_HASHES:
                    order_hash = to_hex(args[name])
                    messages += book.settle(order_hash, found.consumed[order_hash])
                    messages += settled.pop(order_hash, [])
                deal = found.deals[to_hex(args["dealid"])]
                messages += add_deal(book.db, self._ctx.chain_id, args, deal, record, found.times)
            elif event in _CLOSED:
                messages += book.cancel(to_hex(args[_CLOSED[event]]))
            elif event is EVENTS.CreateCategory:
                add_category(book.db, args, record, found.times)
        for payer, stake in found.stakes.items():
            messages += book.charge(payer, stake, found.consumed)
        for kind, resource, seller in found.sales:
            if found.owners[resource] != seller:
                messages += book.disown(kind, resource, seller)
        return messages

    def _count(self, batch: Batch) -> None:
        db = self._book.db
        set_counter(db, LAST_BLOCK, batch.to_block)
        checkpoint = counter(db, CHECKPOINT) or 0
        confirmed = max(checkpoint, batch.to_block - CONFIRMATIONS)
        set_counter(db, CHECKPOINT, min(confirmed, batch.to_block))


class Findings:
    """The logs that matter to the market, and what has to be read from the chain to act on them."""

    def __init__(self, hub: str, kinds: Mapping[str, Kind], logs: Iterable[Mapping[str, Any]]) -> None:
        self.events: list[tuple[Event, dict[str, Any], Mapping[str, Any]]] = []
        self.sales: list[tuple[Kind, str, str]] = []
        self.consumed: dict[str, int] = {}
        self.deals: dict[str, Any] = {}
        self.stakes: dict[str, int] = {}
        self.owners: dict[str, str] = {}
        self.times: dict[str, str] = {}
        for record in logs:
            source = record["address"].lower()
            if source == hub.lower():
                self._add_hub_event(record)
            elif source in kinds and ERC721_EVENTS.Transfer.matches(record):
                args = ERC721_EVENTS.Transfer.decode(record)
                sender = to_address(args["from"])
                if sender != NULL_ADDRESS:
                    resource = to_address(args["tokenId"].to_bytes(32, "big")[12:])
                    self.sales.append((kinds[source], resource, sender))

    def _add_hub_event(self, record: Mapping[str, Any]) -> None:
        event = _HUB_EVENTS.get(next(iter(record["topics"]), ""))
        if event is not None and event.matches(record):
            self.events.append((event, event.decode(record), record))

    async def read(self, ctx: Context, book: Book) -> None:
        """Ask the chain for what the events only hint at."""
        matches = [args for event, args, _ in self.events if event is EVENTS.OrdersMatched]
        payers = self._payers()
        accounts = await _read(ctx, {payer: (ctx.hub, HUB.viewAccount, (payer,)) for payer in payers})
        self.stakes = {payer: stake for payer, (stake, _) in accounts.items()}
        hashes = {to_hex(args[name]) for args in matches for name in _MATCH_HASHES}
        hashes |= set(self._doubtful(book))
        self.consumed = await consumed_volumes(ctx, hashes)
        deals = {to_hex(args["dealid"]): args["dealid"] for args in matches}
        self.deals = await _read(
            ctx, {name: (ctx.hub, _VIEW_DEAL, (value,)) for name, value in deals.items()}
        )
        registries = {resource: ctx.registries[kind.resource] for kind, resource, _ in self.sales}
        owners = await _read(
            ctx,
            {
                resource: (registry, REGISTRY.ownerOf, (int(resource, 16),))
                for resource, registry in registries.items()
            },
        )
        self.owners = {resource: to_address(owner) for resource, owner in owners.items()}
        await self._read_times(ctx)

    def _doubtful(self, book: Book) -> Iterator[str]:
        """Orders that the stake of a payer does not back, unless deals took some of them meanwhile."""
        for payer, stake in self.stakes.items():
            for row in book.backed_by(payer):
                if stake < backing(row, row["remaining"]):
                    yield row["hash"]

    def _payers(self) -> set[str]:
        """Wallets whose stake became less."""
        transfers = [args for event, args, _ in self.events if event is EVENTS.Transfer and args["value"]]
        return {to_address(args["from"]) for args in transfers} - {NULL_ADDRESS}

    async def _read_times(self, ctx: Context) -> None:
        blocks = sorted(
            {
                record["blockNumber"]
                for event, _, record in self.events
                if event in {EVENTS.OrdersMatched, EVENTS.CreateCategory}
            }
        )
        headers = await ctx.chain.batch([("eth_getBlockByNumber", [block, False]) for block in blocks])
        for block, header in zip(blocks, headers, strict=True):
            if header is None:
                raise ChainError(f"block {int(block, 16)} is gone")
            time = datetime.fromtimestamp(int(header["timestamp"], 16), UTC)
            self.times[block] = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def consumed_volumes(ctx: Context, hashes: Iterable[str]) -> dict[str, int]:
    """``viewConsumed`` of many orders."""
    calls = {each: (ctx.hub, HUB.viewConsumed, (bytes.fromhex(each[2:]),)) for each in hashes}
    return await _read(ctx, calls)


async def _read(ctx: Context, calls: Mapping[str, tuple[str, Function, Any]]) -> dict[str, Any]:
    names, wanted = list(calls), list(calls.values())
    answers: list[Any] = []
    for start in range(0, len(wanted), _CALLS):
        answers += await ctx.chain.calls(wanted[start : start + _CALLS])
    return dict(zip(names, answers, strict=True))
