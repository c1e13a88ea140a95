"""How fast the sandbox's market serves an order book of 10,000 orders, and takes new ones.

    python benchmarks/bench_market.py [--orders N]

A sandbox on loopback is filled on disk, then read over HTTP: page by page over one connection, several
pages at a time (``services.market.Market.orderbook_all``), with filters on tags and restrictions.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from helpers.sandbox.market_world import Desk

from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32, Domain
from iexec_lab.sandbox import Sandbox
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.services.market.book import Book
from iexec_lab.sandbox.services.market.kinds import WORKERPOOL
from iexec_lab.sandbox.services.market.store import open_store
from iexec_lab.services.market import Market

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 5
TAGS = [NULL_BYTES32, *("0x" + f"{tag:064x}" for tag in (3, 5, 9, 0x109))]


def fill(folder: Path, orders: int) -> None:
    """Workerpool orders of many sellers, straight into the market's database."""
    db = open_store(folder / "market.sqlite")
    book = Book(db)
    with db:
        for number in range(orders):
            order: dict[str, Any] = dict.fromkeys(WORKERPOOL.fields, NULL_ADDRESS)
            order |= {
                "workerpool": "0x" + secrets.token_hex(20),
                "volume": 1 + number % 7,
                "tag": TAGS[number % 5],
            }
            order |= {
                "workerpoolprice": secrets.randbelow(10**9),
                "category": number % 5,
                "trust": number % 2,
            }
            order |= {"salt": "0x" + secrets.token_hex(32), "sign": "0x" + secrets.token_hex(65)}
            values = {"order_hash": "0x" + secrets.token_hex(32), "signer": order["workerpool"]}
            now = f"2026-11-22T11:33:22.{number % 1000:03d}Z"
            book.add(WORKERPOOL, order, remaining=order["volume"], now=now, **values)
    db.close()


def measure(name: str, work: Callable[[], Any], unit: float = 1.0) -> None:
    """Median of some rounds, after one that warms up."""
    work()
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    print(f"{name:58} {statistics.median(times) / unit * 1000:9.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    orders = parser.parse_args().orders
    with Sandbox() as handle:
        fill(handle.folder, orders)
        url, session = handle.urls["market"], requests.Session()
        query = {"chainId": str(handle.chain_id), "pageSize": "1000"}

        def page(**more: str) -> Any:
            return session.get(f"{url}/workerpoolorders", params=query | more, timeout=60).json()

        def pages(size: int) -> None:
            for index in range(-(-page()["count"] // size)):
                page(pageIndex=str(index), pageSize=str(size))

        market = Market(url, handle.chain_id)
        measure("first page of 20", lambda: page(pageSize="20"))
        measure("first page of 1000", page)
        measure("last page of 1000", lambda: page(pageIndex=str(orders // 1000 - 1)))
        measure("page of 1000 by tag bits", lambda: page(minTag=TAGS[1], maxTag=TAGS[4]))
        measure("page of 1000 for an app, a dataset and a requester", lambda: page(
            app="0x" + "11" * 20, dataset="any", requester="0x" + "22" * 20, category="1", minVolume="2"
        ))  # fmt: skip
        measure("the whole book, 1000 a page, one after the other", lambda: pages(1000))
        measure("the whole book, 20 a page, one after the other", lambda: pages(20))
        measure("the whole book, Market.orderbook_all", lambda: market.orderbook_all("workerpoolorder"))
        publish(handle)
        session.close()


def publish(handle: Any) -> None:
    """Sign, log in and publish: 20 orders from one wallet."""
    seller = well_known_accounts().scheduler
    desk = Desk(Domain(handle.chain_id, handle.hub), handle.urls["market"])
    count = 20

    def work() -> None:
        hashes = [
            desk.publish(desk.workerpool_order(handle.workerpool, seller), seller) for _ in range(count)
        ]
        for order_hash in hashes:
            desk.put("/workerpoolorders", {"orderHash": order_hash}, seller)

    measure("publish and unpublish one order", work, unit=count)
    desk.session.close()


if __name__ == "__main__":
    main()
