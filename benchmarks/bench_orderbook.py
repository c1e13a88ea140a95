"""10,000 orders from a market into a DataFrame, beside the official SDK reading page by page.

    python benchmarks/bench_orderbook.py [--delay MILLISECONDS] [--orders N] [--small] [--growth]

A market on loopback with answers written in advance, in a process of its own, answers both; ``--delay`` is
its time for a page (without it: 0 and 50 ms). Starts and imports are in neither's time. npm installs the
official SDK once into the cache. ``--growth``: instead, time and memory of 10,000 and of 100,000 orders and
deals, each in a new process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from helpers.official.tools import sdk

from iexec_lab.frames import build
from iexec_lab.protocol import deal_id
from iexec_lab.services.market import Market

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

CHAIN_ID = 65535
HUB = "0x00000000000000000000000000000000000000AA"
NULL = "0x" + "00" * 20
ROUNDS, TURNS = 6, 3

READ_ALL = """
const http = await import('node:http');
const chain = http.createServer((request, response) => {
  let text = '';
  request.on('data', (part) => { text += part; });
  request.on('end', () => {
    const answer = ({ id }) => ({ jsonrpc: '2.0', id, result: '0xffff' });
    const asked = JSON.parse(text);
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(Array.isArray(asked) ? asked.map(answer) : answer(asked)));
  });
});
await new Promise((ready) => chain.listen(0, '127.0.0.1', ready));
const rpc = `http://127.0.0.1:${chain.address().port}`;
const ethProvider = iexec.utils.getSignerFromPrivateKey(rpc, key, { allowExperimentalNetworks: true });
const options = { hubAddress: hub, iexecGatewayURL: market, allowExperimentalNetworks: true };
const lab = new iexec.IExec({ ethProvider }, options);
const times = [];
for (let round = 0; round < rounds; round += 1) {
  const started = performance.now();
  let page = await lab.orderbook.fetchWorkerpoolOrderbook({ pageSize });
  let count = page.orders.length;
  while (page.more && page.orders.length) { page = await page.more(); count += page.orders.length; }
  times.push((performance.now() - started) / 1000);
  if (count !== orders) throw Error(`${count} orders`);
}
return times;
"""


def entry(number: int) -> dict[str, object]:
    """An order; each wallet has one pool and fifty orders, the most that a market takes from it."""
    word = f"0x{number:064x}"
    owner, pool = (f"0x{(number // 50) * 2 + role:040x}" for role in (0, 1))
    order = {
        "workerpool": pool,
        "workerpoolprice": number,
        "volume": 1000,
        "tag": "0x" + "00" * 32,
        "category": 0,
        "trust": 0,
        "apprestrict": NULL,
        "datasetrestrict": NULL,
        "requesterrestrict": NULL,
        "salt": word,
        "sign": "0x" + "11" * 65,
    }
    return {
        "order": order,
        "orderHash": word,
        "chainId": CHAIN_ID,
        "remaining": 1000,
        "status": "open",
        "publicationTimestamp": "2026-11-22T11:33:22.976Z",
        "signer": owner,
    }


def deal(number: int) -> dict[str, object]:
    """A deal with all that a market tells of one."""
    request = f"0x{number:064x}"
    party = {"pointer": f"0x{number // 50:040x}", "owner": f"0x{number // 50 + 1:040x}", "price": number}
    return {
        "dealid": deal_id(request, 0),
        "chainId": CHAIN_ID,
        **dict.fromkeys(("app", "dataset", "workerpool"), party),
        **dict.fromkeys(
            ("appHash", "datasetHash", "workerpoolHash", "requestHash", "transactionHash"), request
        ),
        **dict.fromkeys(("requester", "beneficiary", "callback"), NULL),
        "params": json.dumps({"iexec_args": str(number)}),
        "tag": "0x" + "00" * 32,
        **dict.fromkeys(("category", "trust", "botFirst", "schedulerRewardRatio"), 0),
        **dict.fromkeys(("botSize", "volume", "workerStake", "blockNumber"), number + 1),
        "startTime": 1764000000,
        "blockTimestamp": "2026-11-22T11:33:22.976Z",
    }


def pages_of(count: int, size: int, key: str) -> list[bytes]:
    """The whole answers, head and body."""
    texts = [json.dumps((deal if key == "deals" else entry)(number)) for number in range(count)]
    answers = []
    for start in range(0, count, size):
        part = texts[start : start + size]
        more = f',"nextPage":{start + size}' if len(part) == size else ""
        answers.append(answer_of(f'{{"ok":true,"count":{count}{more},"{key}":[{",".join(part)}]}}'))
    return [*answers, answer_of(f'{{"ok":true,"count":{count},"{key}":[]}}')]


def answer_of(body: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def serve(count: int, delay: float, ready: Connection, key: str = "orders") -> None:
    """The market, in its own process; its answers are written in advance. It tells its port."""
    written = {size: pages_of(count, size, key) for size in ((1000, 20) if count <= 10_000 else (1000,))}

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                query = parse_qs(urlsplit(head.split(b" ")[1].decode()).query)
                answers = written.get(int(query["pageSize"][0]), written[1000])
                await asyncio.sleep(delay)  # of this request only; others go on
                writer.write(answers[min(int(query["pageIndex"][0]), len(answers) - 1)])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def ours(url: str, count: int) -> float:
    started = time.perf_counter()
    page = Market(url, CHAIN_ID).orderbook_all("workerpoolorder")
    frame = build("workerpoolorder", page.orders)
    assert len(frame) == count
    return time.perf_counter() - started


def grown(url: str, count: int, key: str, told: Connection) -> None:
    """Seconds, and how much the peak of the memory grew for a row, in bytes; to be run in a new process."""
    market = Market(url, CHAIN_ID, timeout=300)

    def read(limit: int | None) -> int:
        if key == "deals":
            return len(build("deal", market.deals_all(limit=limit).deals))
        return len(build("workerpoolorder", market.orderbook_all("workerpoolorder", limit=limit).orders))

    read(100)  # what is imported late is imported now
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    assert read(None) == count
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told.send((seconds, (peak - before) * 1024 / count))


def growth(delay: float) -> None:
    """Time and memory of lists of two sizes."""
    fresh = multiprocessing.get_context("spawn")
    for key in ("orders", "deals"):
        for count in (10_000, 100_000):
            market, url = started(count, delay, key)
            here, there = multiprocessing.Pipe()
            reader = fresh.Process(target=grown, args=(url, count, key, there))
            reader.start()
            there.close()
            seconds, size = here.recv()
            reader.join()
            market.terminate()
            each = f"{seconds / count * 1e6:.0f} us, {size:.0f} bytes at the peak"
            print(f"{count:,} {key}: {seconds:.2f} s, {count / seconds:,.0f} rows a second; a row: {each}")


def started(count: int, delay: float, key: str = "orders") -> tuple[multiprocessing.Process, str]:
    here, there = multiprocessing.Pipe()
    market = multiprocessing.Process(target=serve, args=(count, delay, there, key), daemon=True)
    market.start()
    return market, f"http://127.0.0.1:{here.recv()}"


def beside(delay: float, count: int, *, small: bool) -> None:
    """Both in turns, the best of each: what else the machine does is in neither."""
    market, url = started(count, delay)
    about = {"market": url, "hub": HUB, "key": "0x" + "11" * 32, "orders": count}
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(TURNS):
        mine += [ours(url, count) for _ in range(ROUNDS)]
        theirs += sdk("9.0.1", READ_ALL, **about, pageSize=1000, rounds=ROUNDS)
    load = os.getloadavg()[0]
    print(f"{count:,} orders, {delay * 1000:.0f} ms away (load average {load:.1f}): ours, to a DataFrame,")
    print(
        f"  {min(mine):.3f} s, {count / min(mine):,.0f} rows a second; median {statistics.median(mine):.3f} s"
    )
    print(
        f"  official SDK, pages of 1000: {min(theirs):.3f} s, {min(theirs) / min(mine):.1f} times ours",
        end="",
    )
    print(f"; median {statistics.median(theirs):.3f} s")
    if small:
        slow = min(sdk("9.0.1", READ_ALL, **about, pageSize=20, rounds=1))
        print(f"  official SDK, pages of 20: {slow:.3f} s, {slow / min(mine):.1f} times ours")
    market.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, help="of the market for a page, in milliseconds; 0 and 50")
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--small", action="store_true", help="the SDK with pages of 20 as well")
    parser.add_argument("--growth", action="store_true", help="time and memory of two sizes")
    asked = parser.parse_args()
    if asked.growth:
        growth((asked.delay or 0) / 1000)
        return
    for delay in (0, 50) if asked.delay is None else (asked.delay,):
        beside(delay / 1000, asked.orders, small=asked.small)


if __name__ == "__main__":
    main()
