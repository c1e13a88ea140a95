# ruff: noqa: ANN001,ANN201,ANN202,ANN204,PLC0415 -- imports belong to what is measured
"""History of many deals and tasks to Parquet and to pandas, beside fetching and discarding the same pages.

    python benchmarks/bench_history.py [deals=100000] [what=all|files|dask]

A subgraph in a process of its own answers with rows made before; there are three tasks a deal. ``fetch``
leaves the answers as bytes, ``discard`` parses them. Printed are rows a second, the seconds of a core and the
peak of memory of a process that only does this. Then one and two Dask workers, in turns, the best of three
runs: at a subgraph that answers at once, where two cores are shared by workers, subgraph and scheduler (what
each of them used is printed), and at one that takes 100 ms for a page, as those behind a network do.
"""

from __future__ import annotations

import json
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from helpers.graph_stub import BASE, Past

ABOUT = {"chain_id": 1, "hub": "0x"}
KINDS = 500  # different rows, before ids and times are put in
HELD = 400_000  # rows of a list that are made before; of a longer one when they are asked for
SLOW = 100  # ms
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
        self.held = {plural: self.made(plural) for plural, each in TABLES.items() if deals * each <= HELD}

    def made(self, plural):
        """All rows of a list, one after the other, and where each begins."""
        rows, edges = [], [0]
        for n in range(self.deals * TABLES[plural]):
            rows.append(self.row(plural, n))
            edges.append(edges[-1] + len(rows[-1]) + 1)
        return memoryview(b",".join(rows)), edges

    def row(self, plural, n):
        at, row = BASE + n * (30 // TABLES[plural]), self.rows[plural][n % KINDS]
        times = row.count(b'"%d"')
        # the row's id, its time, the id of what it made, and all other times
        return row % (n, at, n, *[at] * (times - 1))

    def page(self, plural, where, first):
        step = 30 // TABLES[plural]
        count = self.deals * TABLES[plural]
        low = max(0, -(-(int(where.get("timestamp_gte", BASE)) - BASE) // step))
        high = min(count, -(-(int(where.get("timestamp_lt", 1 << 40)) - BASE) // step), low + first)
        if plural in self.held and low < high:
            rows, edges = self.held[plural]
            filled = rows[edges[low] : edges[high] - 1]
        else:
            filled = b",".join(self.row(plural, n) for n in range(low, high))
        return b'{"data":{"rows":[', filled, b"]}}"

    def answer(self, asked):
        query, where = asked["query"], asked["variables"].get("where", {})
        end = BASE + self.deals * 30
        if "rows:" not in query:
            block = {"number": end // 5, "hash": "0x" + "ab" * 32, "timestamp": end}
            return (json.dumps({"data": {"_meta": {"block": block}}}).encode(),)
        plural = re.search(r"rows: (\w+)\(", query)[1]
        if plural == "transactions":
            number = int(next(iter(where.values())))
            row = {"id": "0x" + "ab" * 32, "blockNumber": str(number), "timestamp": str(number * 5)}
            return (json.dumps({"data": {"rows": [row]}}).encode(),)
        return self.page(plural, where, asked["variables"]["first"])


def serve(deals):
    """Answer POSTs; a path such as /100 says after how many milliseconds."""
    pages = Pages(deals)

    def answer(each):
        asking = each.makefile("rb")
        while line := asking.readline():
            path, size = line.split()[1][1:], 0
            while (line := asking.readline()) not in {b"\r\n", b""}:
                name, _, value = line.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
            body = asking.read(size)
            if path == b"cpu":
                text = (json.dumps(time.process_time()).encode(),)
            else:
                text = pages.answer(json.loads(body))
                time.sleep(int(path or 0) / 1000)
            length = sum(map(len, text))
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            each.sendall(head.encode() + text[0])
            for part in text[1:]:
                each.sendall(part)

    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(server.getsockname()[1], flush=True)
    while True:
        each = server.accept()[0]
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Thread(target=answer, args=(each,), daemon=True).start()


def fetch(url, table):
    """The pages that ``write`` fetches, as it does, left as they come."""
    return discard(url, table, look=Unread)


class Unread:
    """A page nobody looks into; only the times of its rows are needed to go on."""

    def __init__(self, body):
        self.times = [int(text) for text in re.findall(rb'"timestamp":"([0-9]+)","transaction"', body)]

    def pick(self, last):
        return self.times if last is None else [time for time in self.times if time != last]


def discard(url, table, look=None):
    """Fetch the pages that ``write`` fetches, as it does, and do nothing with them."""
    from iexec_lab.history.disk.streams import TOGETHER, outlook
    from iexec_lab.history.from_subgraph import SubgraphSource
    from iexec_lab.history.graph_rows import DEALS, TASKS
    from iexec_lab.history.records import Span

    source = SubgraphSource(url)
    listed = DEALS if table == "deals" else TASKS
    pieces = outlook(source, table, Span(0, source.head().time), {})

    def fetch(piece):
        return sum(len(rows) for rows, _ in source.raw_pages(listed, Span(*piece), {}, look=look))

    with ThreadPoolExecutor(TOGETHER) as pool:
        return sum(pool.map(fetch, pieces))


def write(url, table):
    from iexec_lab.history.disk.store import Store
    from iexec_lab.history.from_subgraph import SubgraphSource

    with tempfile.TemporaryDirectory() as folder:
        return Store(SubgraphSource(url), table, Path(folder), ABOUT).update().rows


def pandas(url, table):
    from iexec_lab.history.from_subgraph import SubgraphSource
    from iexec_lab.history.records import Span
    from iexec_lab.history.whole import fetch, to_frame

    source = SubgraphSource(url)
    return len(to_frame(table, fetch(source, table, Span(0, source.head().time))))


def in_dask(url, runs=3, pauses=(0, SLOW)):
    """One worker and two, in turns: for each the best of its runs, and what the parts used in it."""
    import dask
    import requests
    from distributed import Client, LocalCluster

    dask.config.set({"distributed.worker.daemon": True})

    def used(client):
        of = client.run(time.process_time)
        return [float(requests.post(url + "cpu").text), time.process_time(), *of.values()]

    clusters = [
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", silence_logs=40)
        for workers in (1, 2)
    ]
    clients = [Client(cluster, set_as_default=False) for cluster in clusters]
    for pause in pauses:
        best = {}
        for run in range(runs + 1):
            for workers, client in enumerate(clients, 1):
                before = used(client)
                rows, seconds = count(client, url + (str(pause) if pause else ""))
                parts = [after - each for after, each in zip(used(client), before, strict=True)]
                if run and seconds < best.get(workers, (1e9,))[0]:  # the first one imports
                    best[workers] = (seconds, rows, parts)
        print(f"subgraph that answers after {pause} ms:")
        for workers, (seconds, rows, parts) in best.items():
            server, own, *theirs = (f"{each:.1f}" for each in parts)
            print(
                f"  deals: {workers} Dask worker(s) {rows / seconds:9,.0f} rows/s, {seconds:.1f} s; of a core"
            )
            print(f"    workers {' + '.join(theirs)} s, subgraph {server} s, scheduler and client {own} s")
        print(f"  2 workers run at {best[1][0] / best[2][0]:.2f} x the speed of one", flush=True)
    for each in (*clients, *clusters):
        each.close()


def count(client, url):
    from iexec_lab.history.from_subgraph import SubgraphSource
    from iexec_lab.history.records import Span
    from iexec_lab.history.whole import Reading, to_dask

    frame = to_dask(SubgraphSource(url), Reading("subgraph", url, "0x", "deals", (), 60), Span(), rows=5_000)
    begun = time.perf_counter()
    rows = int(client.compute(frame["block"].count()).result())
    return rows, time.perf_counter() - begun


def measure(what, url, table):
    """A function of this module in a fresh process: rows, seconds, MB at the peak, seconds of a core."""
    done = subprocess.run(
        [sys.executable, __file__, what, url, table], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(deals, what):
    server = subprocess.Popen(
        [sys.executable, __file__, "serve", str(deals)], stdout=subprocess.PIPE, text=True
    )
    try:
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/"
        if what in {"all", "files"}:
            for table in ("deals", "tasks"):
                in_files(url, table)
            print(f"A subgraph that takes {SLOW} ms for a page:")
            in_files(f"{url}{SLOW}", "deals")
        if what in {"all", "dask"}:
            in_dask(url)
    finally:
        server.kill()


def in_files(url, table):
    found = {what: measure(what, url, table) for what in ("fetch", "discard", "write", "pandas")}
    for what, (rows, seconds, peak, cpu) in found.items():
        pace = f"{rows / seconds:9,.0f} rows/s  {cpu:5.1f} s of a core"
        print(f"{table}: {what:8} {rows:9,} rows  {pace}  peak {peak:4.0f} MB", flush=True)
    for of in ("fetch", "discard"):
        speed, core = (found[of][at] / found["write"][at] for at in (1, 3))
        print(f"{table}: write runs at {speed:.0%} of the speed of {of}, {core:.0%} by the seconds of a core")


def alone(what, url, table):
    begun = time.perf_counter()
    rows = {"fetch": fetch, "discard": discard, "write": write, "pandas": pandas}[what](url, table)
    seconds = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([rows, seconds, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
    elif len(sys.argv) > 3:
        alone(*sys.argv[1:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, sys.argv[2] if len(sys.argv) > 2 else "all")
