"""What looking on costs: a deal of 800 tasks while ``job.wait()`` waits, and one that nobody waits for.

    python benchmarks/bench_waiting.py [--tasks 800] [--rounds 2]

Both take turns on a sandbox of their own. The second one is only asked how many tasks are completed, with one
request to the workerpool every half second. Seconds are those of the wall clock; the CPU time is that of this
process, the sandbox, its node and all apps together: it says more on a machine that does other work too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import requests

sys.path.insert(0, str(Path(__file__).parent))

from bench_app_run import once, open_lab

from iexec_lab import Sandbox

if TYPE_CHECKING:
    from iexec_lab import IExec
    from iexec_lab.sandbox.control import Handle

BAR = 1.1


class Cost(NamedTuple):
    """Seconds of one deal, a task."""

    wall: float
    cpu: float


def cpu_seconds(root: int) -> float:
    """CPU time of this process and of a tree of others, children that have ended included (Linux only)."""
    ticks = os.sysconf("SC_CLK_TCK")
    parents, used = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            pid, _, rest = path.read_text().partition(" (")
            fields = rest.rpartition(") ")[2].split()
            parents[int(pid)] = int(fields[1])
            used[int(pid)] = sum(map(int, fields[11:15])) / ticks
    tree, found = {root}, True
    while found:
        found = {pid for pid, parent in parents.items() if parent in tree} - tree
        tree |= found
    return time.process_time() + sum(used.get(pid, 0) for pid in tree)


def run(lab: IExec, handle: Handle, app: str, tasks: int, *, waits: bool) -> Cost:
    """One deal from the match to its last task."""
    metrics = f"{handle.urls['workerpool']}/metrics"

    def completed() -> int:
        counts = requests.get(metrics, timeout=60).json()["currentTaskStatusesCount"]
        return counts.get("COMPLETED", 0)

    before, cpu, started = completed(), cpu_seconds(handle.pid), time.perf_counter()
    job = lab.app.run(app, volume=tasks)
    if waits:
        job.wait()
    while completed() < before + tasks:
        time.sleep(0.5)
    return Cost((time.perf_counter() - started) / tasks, (cpu_seconds(handle.pid) - cpu) / tasks)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    costs: dict[bool, list[Cost]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder, Sandbox() as handle:
        lab, app = open_lab(handle, Path(folder))
        lab.account.deposit("200 RLC")
        once(lab, app, "warm up")
        run(lab, handle, app, 20, waits=True)
        for number in range(2 * options.rounds):
            waits = (number + number // 2) % 2 == 0  # with, without, without, with
            cost = run(lab, handle, app, options.tasks, waits=waits)
            costs[waits].append(cost)
            print(
                f"{options.tasks} tasks {'with' if waits else 'without'} job.wait(): "
                f"{1000 * cost.wall:.1f} ms a task, {1000 * cost.cpu:.1f} ms of CPU",
                flush=True,
            )
    for name in Cost._fields:
        one, other = (
            statistics.mean(getattr(cost, name) for cost in costs[waits]) for waits in (True, False)
        )
        print(f"looking on: {one / other:.2f} times the {name} time (bar: {BAR})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
