"""10,000 orders from a market into a DataFrame, beside the official SDK reading page by page.

    python benchmarks/bench_orderbook.py [--delay MILLISECONDS] [--orders N] [--growth]

Our own market on loopback answers both; ``--delay`` is its time for a page (default 20 ms, like a nearby data
centre; 50 ms for one that is farther, 0 for loopback). npm installs the official SDK once into the cache.
``--growth``: instead, time and memory of 10,000 and of 100,000 orders, each in a new process.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from helpers.official.tools import sdk

from iexec_lab.frames import build
from iexec_lab.services.market import Market

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

CHAIN_ID = 65535
HUB = "0x00000000000000000000000000000000000000AA"
NULL = "0x" + "00" * 20
ROUNDS = 5

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


def serve(count: int, delay: float, ready: Connection) -> None:
    """The market, in its own process; entries are written in advance. It reports its port when it is up."""
    texts = [json.dumps(entry(number)).encode() for number in range(count)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            size, page = int(query["pageSize"][0]), int(query["pageIndex"][0])
            part = texts[size * page : size * (page + 1)]
            more = b',"nextPage":%d' % (size * (page + 1)) if len(part) == size else b""
            body = b'{"ok":true,"count":%d%b,"orders":[%b]}' % (count, more, b",".join(part))
            time.sleep(delay)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ready.send(server.server_address[1])
    server.serve_forever()


def ours(url: str, count: int) -> float:
    started = time.perf_counter()
    page = Market(url, CHAIN_ID).orderbook_all("workerpoolorder")
    frame = build("workerpoolorder", page.orders)
    assert len(frame) == count
    return time.perf_counter() - started


def grown(url: str, count: int, told: Connection) -> None:
    """Seconds, and how much the peak of the memory grew for a row, in bytes; to be run in a new process."""
    build("workerpoolorder", Market(url, CHAIN_ID).orderbook_all("workerpoolorder", limit=100).orders)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = ours(url, count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told.send((seconds, (peak - before) * 1024 / count))


def growth(delay: float) -> None:
    """Time and memory of lists of two sizes."""
    fresh = multiprocessing.get_context("spawn")
    for count in (10_000, 100_000):
        here, there = multiprocessing.Pipe()
        market = multiprocessing.Process(target=serve, args=(count, delay, there), daemon=True)
        market.start()
        url = f"http://127.0.0.1:{here.recv()}"
        reader = fresh.Process(target=grown, args=(url, count, there))
        reader.start()
        seconds, size = here.recv()
        reader.join()
        market.terminate()
        each = seconds / count * 1e6
        print(f"{count:,} orders: {seconds:.2f} s, {each:.0f} us a row; {size:.0f} bytes a row at the peak")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=20.0, help="of the market for a page, in milliseconds")
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--growth", action="store_true", help="time and memory of two sizes")
    asked = parser.parse_args()
    if asked.growth:
        growth(asked.delay / 1000)
        return
    here, there = multiprocessing.Pipe()
    market = multiprocessing.Process(
        target=serve, args=(asked.orders, asked.delay / 1000, there), daemon=True
    )
    market.start()
    url = f"http://127.0.0.1:{here.recv()}"
    key = "0x" + "11" * 32
    mine = statistics.median(ours(url, asked.orders) for _ in range(ROUNDS))
    print(f"ours, to a DataFrame: {mine:.3f} s")
    for size, rounds in ((1000, ROUNDS), (20, 1)):
        times = sdk(
            "9.0.1",
            READ_ALL,
            market=url,
            hub=HUB,
            key=key,
            pageSize=size,
            orders=asked.orders,
            rounds=rounds,
        )
        theirs = statistics.median(times)
        print(f"official SDK, pages of {size}: {theirs:.3f} s, {theirs / mine:.1f} times ours")
    market.terminate()


if __name__ == "__main__":
    main()
