# ruff: noqa: S608 -- names of tables and columns in SQL are our own
"""Publishing and unpublishing: the market's rules, in the order in which the real service checks them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ChainError
from iexec_lab.ethereum.contracts import ENTRY, HUB, REGISTRY
from iexec_lab.protocol import NULL_ADDRESS, ORDERS, to_address
from iexec_lab.protocol.typed_data import hash_struct
from iexec_lab.sandbox.services.market.book import backing
from iexec_lab.sandbox.services.market.icap import behind_icap
from iexec_lab.sandbox.services.market.kinds import DATASET, REQUEST, WORKERPOOL, Kind
from iexec_lab.sandbox.services.market.refusals import ChainFailedError, RuleError
from iexec_lab.sandbox.services.market.schemas import TARGETS
from iexec_lab.sandbox.services.market.store import has_tee

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from iexec_lab.ethereum.abi import Function
    from iexec_lab.sandbox.context import Context
    from iexec_lab.sandbox.services.market.book import Book
    from iexec_lab.sandbox.services.market.feed import Message
    from iexec_lab.sandbox.services.market.options import MarketOptions

_CALLS: Final = 500
"""Reads of one round trip."""


class Publisher:
    """Takes orders into the book. Its calls must not run at the same time as the watcher's (Market.lock)."""

    def __init__(self, ctx: Context, book: Book, options: MarketOptions) -> None:
        self._ctx = ctx
        self._book = book
        self._options = options
        self._seen: dict[tuple[Any, ...], Any] = {}

    async def publish(self, kind: Kind, order: Mapping[str, Any], wallet: str) -> tuple[str, list[Message]]:
        """Put an order of ``wallet`` into the book; its hash and the messages to send.

        Raises:
            RuleError: a rule of the market forbids it.
            ChainFailedError: the chain could not be asked, or a call reverted.
        """
        order_hash = self._hash(kind, order)
        if self._is_published(order_hash):
            raise RuleError("order already published")
        signer = await self._signer(kind, order)
        if signer != wallet:
            raise RuleError(f"only order signer {signer} can publish an order")
        await self._check_signature(signer, order_hash, order["sign"])
        self._check_room(kind, signer)
        remaining = await self._remaining(order, order_hash)
        await self._check_backing(kind, order, signer, remaining)
        if kind is REQUEST:
            self._check_offers(order)
        with self._book.db:
            return order_hash, self._book.add(
                kind, order, order_hash=order_hash, signer=signer, remaining=remaining, now=self._now()
            )

    async def publish_many(
        self, orders: Sequence[tuple[Kind, Mapping[str, Any]]], at: float
    ) -> tuple[list[str], list[Message]]:
        """Put many orders into the book at once, or none; the hashes of those that were not there before.

        Whoever signed an order publishes it. ``at`` is the Unix time that they are published at.

        Raises:
            RuleError, ChainFailedError: as ``publish``.
        """
        hashed = [(kind, order, self._hash(kind, order)) for kind, order in orders]
        fresh = [each for each in hashed if not self._is_published(each[2])]
        try:
            await self._look_ahead(fresh)
            told = []
            for kind, order, order_hash in fresh:
                signer = await self._signer(kind, order)
                await self._check_signature(signer, order_hash, order["sign"])
                remaining = await self._remaining(order, order_hash)
                await self._check_backing(kind, order, signer, remaining)
                told.append((kind, order, order_hash, signer, remaining))
        finally:
            self._seen.clear()
        messages, now = [], _to_text(at)
        with self._book.db:
            for kind, order, order_hash, signer, remaining in told:
                self._check_room(kind, signer)
                if kind is REQUEST:
                    self._check_offers(order)
                messages += self._book.add(
                    kind, order, order_hash=order_hash, signer=signer, remaining=remaining, now=now
                )
        return [order_hash for _, _, order_hash in fresh], messages

    def _is_published(self, order_hash: str) -> bool:
        existing = self._book.find(order_hash)
        return existing is not None and existing["status"] != "dead"

    def _check_room(self, kind: Kind, signer: str) -> None:
        most = self._options.max_open_orders
        if self._book.count_open(kind, signer) >= most:
            raise RuleError(
                f"maximum of {most} published open {kind.name} has been reached for wallet {signer}"
            )

    async def _remaining(self, order: Mapping[str, Any], order_hash: str) -> int:
        consumed = await self._read(self._ctx.hub, HUB.viewConsumed, _bytes(order_hash))
        remaining: int = order["volume"] - consumed
        if remaining == 0:
            raise RuleError("order already consumed")
        return remaining

    async def _look_ahead(self, orders: Sequence[tuple[Kind, Mapping[str, Any], str]]) -> None:
        """Read what will be asked of the chain for these orders (with their hashes), in two round trips."""
        hub = self._ctx.hub
        calls: list[tuple[str, Function, tuple[Any, ...]]] = []
        for kind, order, order_hash in orders:
            calls.append((hub, HUB.viewConsumed, (_bytes(order_hash),)))
            if kind is not REQUEST:
                resource = order[kind.resource]
                registry = self._ctx.registries[kind.resource]
                calls += [(registry, REGISTRY.isRegistered, (resource,)), (resource, ENTRY.owner, ())]
        await self._see(calls)
        calls = []
        for kind, order, order_hash in orders:
            signer = await self._signer(kind, order)
            calls.append((hub, self._verify, (signer, _bytes(order_hash), _bytes(order["sign"]))))
            if kind in {REQUEST, WORKERPOOL}:
                calls.append((hub, HUB.viewAccount, (signer,)))
        await self._see(calls)

    async def _see(self, calls: Sequence[tuple[str, Function, tuple[Any, ...]]]) -> None:
        wanted = list(
            {(to, function.signature, args): (to, function, args) for to, function, args in calls}.items()
        )
        for start in range(0, len(wanted), _CALLS):
            part = wanted[start : start + _CALLS]
            try:
                answers = await self._ctx.chain.calls([call for _, call in part])
            except ChainError:
                continue  # one of them reverts: each is asked for where it is needed
            self._seen.update(zip((key for key, _ in part), answers, strict=True))

    @property
    def _verify(self) -> Function:
        return HUB.verifyPresignatureOrSignature if self._options.accept_presigned else HUB.verifySignature

    def _now(self) -> str:
        """The chain's time where that was moved ahead, else the machine's."""
        return _to_text(max(time.time(), self._ctx.chain.head.timestamp))

    def unpublish(
        self, kind: Kind, target: str, subject: str, wallet: str
    ) -> tuple[list[str], list[Message]]:
        """Take open orders of ``wallet`` out of the book; their hashes, newest first, and the messages.

        Raises:
            RuleError: there is no such order, or it is not the wallet's.
        """
        rows = (
            self._named(kind, subject, wallet)
            if target == TARGETS[0]
            else self._signed(kind, subject, wallet)
        )
        gone = rows[:1] if target == TARGETS[1] else rows
        with self._book.db:
            return [row["hash"] for row in gone], self._book.remove(gone)

    def _named(self, kind: Kind, order_hash: str, wallet: str) -> list[sqlite3.Row]:
        row = self._book.find(order_hash)
        if row is None or row["status"] != "open" or row["kind"] != kind.name:
            raise RuleError(f"{kind.name} with orderHash {order_hash} is not published")
        if row["signer"] != wallet:
            raise RuleError(f"only order signer {row['signer']} can unpublish an order")
        return [row]

    def _signed(self, kind: Kind, address: str, wallet: str) -> list[sqlite3.Row]:
        rows = self._book.db.execute(
            f"SELECT * FROM orders WHERE signer = ? AND kind = ? AND status = 'open' AND {kind.resource} = ?"
            " ORDER BY published DESC, id DESC",
            (wallet, kind.name, address),
        ).fetchall()
        if not rows:
            raise RuleError(f"no open {kind.name} published by signer {wallet} for {kind.resource} {address}")
        return rows

    def _hash(self, kind: Kind, order: Mapping[str, Any]) -> str:
        """The order's hash; like the real service, the market asks nothing of tags and parameters here."""
        message = {name: behind_icap(value) for name, value in order.items() if name != "params"}
        message |= {"params": order["params"]} if "params" in order else {}
        types = _types(kind)
        return "0x" + self._ctx.domain.digest(hash_struct(next(iter(types)), types, message)).hex()

    async def _signer(self, kind: Kind, order: Mapping[str, Any]) -> str:
        """Today's owner of the resource; a request's signer is its requester."""
        resource: str = order[kind.resource]
        if kind is REQUEST:
            return resource
        registry, resource = self._ctx.registries[kind.resource], behind_icap(resource)
        if not await self._read(registry, REGISTRY.isRegistered, resource):
            raise RuleError("Resource not deployed")
        return to_address(await self._read(resource, ENTRY.owner))

    async def _check_signature(self, signer: str, order_hash: str, sign: str) -> None:
        """The hub judges. What it can not read makes it revert, and so does a presigned order's."""
        try:
            signature = _bytes(sign)
        except ValueError:
            raise ChainFailedError from None
        if not await self._read(self._ctx.hub, self._verify, signer, _bytes(order_hash), signature):
            raise RuleError("invalid sign")

    async def _check_backing(self, kind: Kind, order: Mapping[str, Any], signer: str, remaining: int) -> None:
        if kind not in {REQUEST, WORKERPOOL}:
            return
        needed = backing({**order, "kind": kind.name, "price": order[kind.price]}, remaining)
        stake, _ = await self._read(self._ctx.hub, HUB.viewAccount, signer)
        if stake >= needed:
            return
        if kind is WORKERPOOL:
            raise RuleError("workerpool owner's stake is too low to cover required workerpool lock")
        raise RuleError(
            "requester stake is too low to cover requestorder payment, "
            f"minimum stake required is {needed} nRLC"
        )

    def _check_offers(self, order: Mapping[str, Any]) -> None:
        """A request needs published offers for its app and its dataset; workerpools are not looked at."""
        request = {**order, "tee": has_tee(order["tag"])}
        app, dataset = order["app"], order["dataset"]
        price = self._book.best_app_price(request)
        if price is None:
            tee = "tee enabled " if request["tee"] else ""
            raise RuleError(f"No {tee}apporder published for app {app}")
        if price > order["appmaxprice"]:
            raise RuleError(f"appmaxprice for app {app} is too low, actual best price is {price} nRLC")
        if dataset == NULL_ADDRESS:
            return
        price = self._book.best_dataset_price(request)
        if price is None:
            raise RuleError(f"No {DATASET.name} published for dataset {dataset}")
        if price > order["datasetmaxprice"]:
            raise RuleError(
                f"datasetmaxprice for dataset {dataset} is too low, actual best price is {price} nRLC"
            )

    async def _read(self, to: str, function: Function, *args: Any) -> Any:
        if (to, function.signature, args) in self._seen:
            return self._seen[to, function.signature, args]
        try:
            return await self._ctx.chain.call(to, function, *args)
        except ChainError:
            raise ChainFailedError from None


@cache
def _types(kind: Kind) -> dict[str, list[dict[str, str]]]:
    """EIP-712 types of an order."""
    struct, _, members = ORDERS[kind.name].encode_type().rstrip(")").partition("(")
    pairs = (member.split(" ") for member in members.split(","))
    return {struct: [{"name": name, "type": type_} for type_, name in pairs]}


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _to_text(seconds: float) -> str:
    """A time as JavaScript's Date prints it."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
