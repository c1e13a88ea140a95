# ruff: noqa: ANN001,ANN002,ANN201,ANN202,ANN204,PLC0415 -- imports belong to what is measured
"""History of many deals and tasks to Parquet, beside fetching and discarding the same pages.

    python benchmarks/bench_history.py [deals=100000]

A subgraph in a process of its own makes up pages as fast as it can; there are three tasks a deal. Printed are
rows a second and the peak of memory of a process that only does this, then the same with one and with two
Dask workers.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from helpers.graph_stub import BASE, Past

ABOUT = {"chain_id": 1, "hub": "0x"}
KINDS = 500  # different rows, before ids and times are put in
TABLES = {"ordersMatcheds": 1, "taskInitializes": 3}


class Pages:
    """The made-up subgraph: row ``n`` of a list has the time BASE + n * step."""

    def __init__(self, deals):
        past = Past(deals=KINDS, seed=7)
        self.deals = deals
        self.rows = {}
        for plural in TABLES:
            rows = []
            for row in past.lists[plural][:KINDS]:
                text = json.dumps(row, separators=(",", ":")).replace("%", "%%")
                own = row["deal" if "deal" in row else "task"]
                text = text.replace(row["id"], "%d-1", 1)
                text = re.sub(r'"(timestamp|startTime)":"\d+"', r'"\1":"%d"', text)
                text = text.replace(own["id"], "0x%064x", 1)
                rows.append(text.encode())
            self.rows[plural] = rows

    def page(self, plural, where, first):
        step = 30 // TABLES[plural]
        count = self.deals * TABLES[plural]
        low = max(0, -(-(int(where.get("timestamp_gte", BASE)) - BASE) // step))
        high = min(count, -(-(int(where.get("timestamp_lt", 1 << 40)) - BASE) // step), low + first)
        rows = self.rows[plural]
        filled = []
        for n in range(low, high):
            at, row = BASE + n * step, rows[n % KINDS]
            times = row.count(b'"%d"')
            # the row's id, its time, the id of what it made, and all other times
            filled.append(row % (n, at, n, *[at] * (times - 1)))
        return b'{"data":{"rows":[' + b",".join(filled) + b"]}}"

    def answer(self, asked):
        query, where = asked["query"], asked["variables"].get("where", {})
        end = BASE + self.deals * 30
        if "rows:" not in query:
            block = {"number": end // 5, "hash": "0x" + "ab" * 32, "timestamp": end}
            return json.dumps({"data": {"_meta": {"block": block}}}).encode()
        plural = re.search(r"rows: (\w+)\(", query)[1]
        if plural == "transactions":
            number = int(next(iter(where.values())))
            row = {"id": "0x" + "ab" * 32, "blockNumber": str(number), "timestamp": str(number * 5)}
            return json.dumps({"data": {"rows": [row]}}).encode()
        return self.page(plural, where, asked["variables"]["first"])


def serve(deals):
    pages = Pages(deals)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = pages.answer(asked)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


def discard(url, table):
    """Fetch the pages that ``write`` fetches, as it does, and do nothing with them."""
    from iexec_lab.history.disk.streams import TOGETHER, outlook
    from iexec_lab.history.from_subgraph import SubgraphSource
    from iexec_lab.history.graph_rows import DEALS, TASKS
    from iexec_lab.history.records import Span

    source = SubgraphSource(url)
    listed = DEALS if table == "deals" else TASKS
    pieces = outlook(source, table, Span(0, source.head().time), {})

    def fetch(piece):
        return sum(len(rows) for rows, _ in source.raw_pages(listed, Span(*piece), {}))

    with ThreadPoolExecutor(TOGETHER) as pool:
        return sum(pool.map(fetch, pieces))


def write(url, table):
    from iexec_lab.history.disk.store import Store
    from iexec_lab.history.from_subgraph import SubgraphSource

    with tempfile.TemporaryDirectory() as folder:
        return Store(SubgraphSource(url), table, Path(folder), ABOUT).update().rows


def in_dask(url, table, workers):
    import dask
    from distributed import Client, LocalCluster

    from iexec_lab.history.from_subgraph import SubgraphSource
    from iexec_lab.history.records import Span
    from iexec_lab.history.whole import Reading, partition, to_dask

    dask.config.set({"distributed.worker.daemon": True})
    with (
        LocalCluster(workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        reading = Reading("subgraph", url, "0x", table, (), 60)
        client.run(partition, (BASE, BASE + 60), reading)  # imports are not measured
        frame = to_dask(SubgraphSource(url), reading, Span(), rows=5_000)
        begun = time.perf_counter()
        rows = int(frame["block"].count().compute())
        return rows, time.perf_counter() - begun


def measure(what, url, table):
    """A function of this module in a fresh process: rows, seconds, MB at the peak, seconds of a core."""
    done = subprocess.run(
        [sys.executable, __file__, what, url, table], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(deals):
    server = subprocess.Popen(
        [sys.executable, __file__, "serve", str(deals)], stdout=subprocess.PIPE, text=True
    )
    try:
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/"
        for table in ("deals", "tasks"):
            found = {what: measure(what, url, table) for what in ("discard", "write")}
            for what, (rows, seconds, peak, cpu) in found.items():
                pace = f"{rows / seconds:9,.0f} rows/s  {cpu:5.1f} s of a core"
                print(f"{table}: {what:8} {rows:9,} rows  {pace}  peak {peak:4.0f} MB")
            speed = {what: rows / seconds for what, (rows, seconds, *_) in found.items()}
            print(f"{table}: write runs at {speed['write'] / speed['discard']:.0%} of the speed of discard")
        paces = {}
        for workers in (1, 2):
            rows, seconds, *_ = measure(f"dask{workers}", url, "deals")
            paces[workers] = rows / seconds
            print(f"deals: {workers} Dask worker(s) {rows / seconds:9,.0f} rows/s")
        print(f"2 workers run at {paces[2] / paces[1]:.2f} x the speed of one")
    finally:
        server.kill()


def alone(what, url, table):
    begun = time.perf_counter()
    if what.startswith("dask"):
        rows, seconds = in_dask(url, table, int(what[4:]))
    else:
        rows = {"discard": discard, "write": write}[what](url, table)
        seconds = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([rows, seconds, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
    elif len(sys.argv) > 2:
        alone(*sys.argv[1:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
