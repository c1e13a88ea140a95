"""A PoCo subgraph of made-up deals and tasks, which answers the queries of ``history`` and no others.

with GraphStub(Past(deals=300)) as stub:
    SubgraphSource(stub.url)
"""

from __future__ import annotations

import json
import random
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BASE = 1_760_000_000
CATEGORIES = {0: 300, 1: 1200, 2: 3600}
EMPTY = "0x" + "00" * 20


def address(*seed):
    return "0x" + random.Random(repr(seed)).randbytes(20).hex()


def word(*seed):
    return "0x" + random.Random(repr(seed)).randbytes(32).hex()


def rlc(nrlc):
    whole, rest = divmod(nrlc, 10**9)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


def link(each):
    return {"id": each}


class Past:
    """Lists of a subgraph by name; ``step`` seconds between deals, ``together`` deals in one second."""

    def __init__(self, *, deals=100, tasks=3, step=3_600, together=2, seed=1, block=None):
        self.random = random.Random(seed)
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.step, self.together, self.tasks = step, together, tasks
        self.made = 0
        self.add_deals(deals)
        self.head = block or self.block_of(self.now) + 100

    @property
    def now(self):
        return BASE + (self.made // self.together) * self.step + 40

    @staticmethod
    def block_of(time):
        return (time - BASE) // 5 + 1_000

    def add(self, plural, time, log, **fields):
        row = {
            "id": f"{self.block_of(time)}-{log}",
            "timestamp": str(time),
            "transaction": link(word("tx", time, log // 20)),
            **fields,
        }
        self.lists.setdefault(plural, []).append(row)
        self.lists.setdefault("transactions", []).append(
            {**row["transaction"], "timestamp": str(time), "blockNumber": str(self.block_of(time))}
        )
        return row

    def add_deals(self, count):
        for _ in range(count):
            number, draw = self.made, self.random
            self.made += 1
            time, log = BASE + (number // self.together) * self.step, 20 * (number % self.together)
            category, dataset = draw.choice([*CATEGORIES]), draw.random() < 0.5
            deal = {
                "id": word("deal", number),
                "startTime": str(time),
                "trust": "1",
                "tag": "0x" + "00" * 31 + draw.choice(["00", "09"]),
                "params": json.dumps({"iexec_args": f"é {number}"}, ensure_ascii=False),
                "botFirst": "0",
                "botSize": str(self.tasks),
                "completedTasksCount": "0",
                "claimedTasksCount": "0",
                "appPrice": rlc(draw.choice([0, 1, 10**9, draw.randrange(10**12)])),
                "datasetPrice": rlc(draw.randrange(10**10) if dataset else 0),
                "workerpoolPrice": rlc(draw.randrange(10**9)),
                "workerStake": str(draw.randrange(10**9)),
                "schedulerRewardRatio": "1",
                "app": link(address("app", draw.randrange(5))),
                "dataset": link(address("dataset", draw.randrange(5))) if dataset else None,
                "workerpool": link(address("pool", draw.randrange(3))),
                "category": {"id": str(category), "workClockTimeRef": str(CATEGORIES[category])},
                "appOwner": link(address("owner", draw.randrange(3))),
                "datasetOwner": link(address("seller") if dataset else EMPTY),
                "workerpoolOwner": link(address("scheduler")),
                "requester": link(address("requester", draw.randrange(7))),
                "beneficiary": link(address("requester", draw.randrange(7))),
                "callback": link(EMPTY),
                "sponsor": link(address("sponsor")),
                "apporder": link(word("apporder", draw.randrange(9))),
                "datasetorder": link(word("datasetorder", draw.randrange(9))) if dataset else None,
                "workerpoolorder": link(word("workerpoolorder", draw.randrange(9))),
                "requestorder": link(word("requestorder", number)),
            }
            self.add("ordersMatcheds", time, log, deal=deal)
            for index in range(self.tasks):
                self.add_task(deal, time + 10, 20 * (number % self.together) + index, index)

    def add_task(self, deal, time, log, index):
        task = {
            "id": word("task", deal["id"], index),
            "index": str(index),
            "status": "ACTIVE",
            "results": None,
            "resultDigest": None,
            "resultsCallback": None,
            "consensus": None,
            "contributionDeadline": str(time + 2_100),
            "revealDeadline": None,
            "finalDeadline": str(time + 3_000),
            "requester": deal["requester"],
            "deal": {name: deal[name] for name in ("id", "app", "dataset", "workerpool", "category")},
            "events": [{"__typename": "TaskInitialize", "id": f"{log}-1", "timestamp": str(time)}],
            "rewards": [],
            "seizes": [],
        }
        self.add("taskInitializes", time, log, task=task, workerpool=deal["workerpool"])
        if self.random.random() < 0.8:
            self.finish(deal, task, time + 20)

    def finish(self, deal, task, time):
        """The task is computed and paid."""
        worker = {"worker": link(address("worker", self.random.randrange(4)))}
        steps = ("TaskContribute", "TaskConsensus", "TaskReveal", "TaskFinalize")
        for number, step in enumerate(steps):
            about = worker if step == "TaskContribute" else {}
            task["events"].append(
                {"__typename": step, "id": f"{self.block_of(time)}-{number}", "timestamp": str(time), **about}
            )
        task |= {"status": "COMPLETED", "results": "0x" + b'{"storage":"ipfs"}'.hex()}
        task |= {"resultDigest": word("digest"), "consensus": word("consensus"), "resultsCallback": "0x"}
        task["rewards"] = [{"value": "0.000000001"}, {"value": rlc(self.random.randrange(10**9))}]
        task["seizes"] = [{"value": "0.5"}]
        deal["completedTasksCount"] = str(int(deal["completedTasksCount"]) + 1)

    def rows(self, query, variables):
        """What a query of ``history`` asks for."""
        if "rows:" not in query:
            found = self.lists["transactions"]
            digest = word("block", self.head)
            time = int(found[-1]["timestamp"]) + 500
            return {"_meta": {"block": {"number": self.head, "hash": digest, "timestamp": time}}}
        plural = re.search(r"rows: (\w+)\(", query)[1]
        order_by = re.search(r"orderBy: (\w+)", query)[1]
        key = {
            "timestamp": lambda row: (int(row["timestamp"]), row["id"]),
            "id": lambda row: row["id"],
            "blockNumber": lambda row: int(row["blockNumber"]),
        }[order_by]
        rows = [*filter(meeting(variables["where"]), self.lists.get(plural, []))]
        rows.sort(key=key, reverse=variables["order"] == "desc")
        return {"rows": rows[: variables.get("first", 1)]}


_COMPARE = {
    "_gte": lambda wanted: lambda held, least=int(wanted): int(held) >= least,
    "_lte": lambda wanted: lambda held, most=int(wanted): int(held) <= most,
    "_lt": lambda wanted: lambda held, end=int(wanted): int(held) < end,
    "_gt": lambda wanted: lambda held: held > wanted,
    "_in": lambda wanted: lambda held: held in wanted,
    "": lambda wanted: lambda held: held == wanted,
}


def meeting(where):
    """Whether a row meets a filter, as a function."""
    tests = []
    for name, wanted in where.items():
        if isinstance(wanted, dict):
            tests.append((name.removesuffix("_"), meeting(wanted)))
            continue
        suffix = next(each for each in _COMPARE if name.endswith(each))
        tests.append((name.removesuffix(suffix), _of_link(_COMPARE[suffix](wanted))))
    return lambda row: all(test(row[name]) for name, test in tests)


def _of_link(test):
    return lambda held: test(held["id"] if isinstance(held, dict) else held)


class GraphStub:
    """Serves a ``Past``; ``before`` may answer a request in its stead: (status, value)."""

    def __init__(self, past, before=None):
        self.past, self.before = past, before
        self.asked: list[dict[str, Any]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.asked.append(body)
                instead = stub.before(body, len(stub.asked)) if stub.before else None
                status, value = instead or (200, {"data": stub.past.rows(body["query"], body["variables"])})
                text = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/subgraph"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
