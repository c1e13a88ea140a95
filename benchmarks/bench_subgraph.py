"""A page of the sandbox's subgraph beside plain SQL.

    python benchmarks/bench_subgraph.py [ROUNDS]

1,000 of 10,000 deals with all their fields and links: the query from its text to the answer as JSON, and the
same values read by one joined SELECT, rows written as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helpers.sandbox.index_rows import fill

from iexec_lab.sandbox.services.subgraph.app import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

BAR = 3.0
DEALS, PAGE = 10_000, 1_000
PLAIN = [
    "id",
    "timestamp",
    "startTime",
    "trust",
    "tag",
    "params",
    "botFirst",
    "botSize",
    "completedTasksCount",
    "claimedTasksCount",
    "appPrice",
    "datasetPrice",
    "workerpoolPrice",
    "workerStake",
    "schedulerRewardRatio",
]
LINKS = {
    "app": ("App", "id name"),
    "dataset": ("Dataset", "id name"),
    "workerpool": ("Workerpool", "id description"),
    "category": ("Category", "id name workClockTimeRef"),
    "requester": ("Account", "id"),
    "beneficiary": ("Account", "id"),
    "callback": ("Account", "id"),
    "sponsor": ("Account", "id"),
    "appOwner": ("Account", "id balance"),
    "workerpoolOwner": ("Account", "id balance"),
    "apporder": ("AppOrder", "id appprice"),
    "workerpoolorder": ("WorkerpoolOrder", "id workerpoolprice"),
    "requestorder": ("RequestOrder", "id"),
}


def query() -> str:
    nested = " ".join(f"{name} {{ {fields} }}" for name, (_, fields) in LINKS.items())
    return (
        f"query($last: ID!) {{ deals(first: {PAGE}, orderBy: id, where: {{id_gt: $last}}) "
        f"{{ {' '.join(PLAIN)} {nested} }} }}"
    )


def statement() -> str:
    columns = [f't."{name}"' for name in PLAIN]
    columns += [f'"{link}"."{name}"' for link, (_, names) in LINKS.items() for name in names.split()]
    joins = [
        f'LEFT JOIN "{table}" AS "{link}" ON "{link}".id = t."{link}"' for link, (table, _) in LINKS.items()
    ]
    return (
        f"SELECT {', '.join(columns)} FROM Deal t {' '.join(joins)} WHERE t.id > ? ORDER BY t.id LIMIT {PAGE}"
    )


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "subgraph.sqlite"
        started = time.perf_counter()
        fill(path, DEALS)
        print(f"{DEALS} deals written in {time.perf_counter() - started:.1f} s")
        engine = Engine(None, path)
        body = json.dumps({"query": query(), "variables": {"last": "0x4"}}).encode()
        answer = json.loads(engine.run(body))
        assert len(answer["data"]["deals"]) == PAGE, str(answer)[:300]
        with closing(sqlite3.connect(path)) as db:
            runs = lambda: json.dumps(db.execute(statement(), ("0x4",)).fetchall()), lambda: engine.run(body)
            times = [[seconds(run) for run in runs] for _ in range(rounds)]
        asyncio.run(engine.close())
    plain, ours = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"a page of {PAGE} deals, {len(PLAIN)} fields and {len(LINKS)} links; median of {rounds}")
    print(f"  plain SQL, JSON  {plain * 1000:6.1f} ms")
    print(f"  subgraph         {ours * 1000:6.1f} ms, {ours / plain:.2f} x (bar {BAR} x)")


if __name__ == "__main__":
    main()
