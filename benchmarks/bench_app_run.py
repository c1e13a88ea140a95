"""From ``app run`` to the result on disk: one task ten times over, then one deal of a hundred tasks.

    python benchmarks/bench_app_run.py [--runs 10] [--tasks 100]

A sandbox of its own in a temporary folder, warmed up by one run. What is timed is the client's verb: market,
signature, match, execution of the hello app, result downloaded.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from iexec_lab import Sandbox, connect
from iexec_lab.networks import sandbox_network
from iexec_lab.wallet.signer import LocalSigner

if TYPE_CHECKING:
    from iexec_lab import IExec
    from iexec_lab.sandbox.control import Handle

IMAGE = "iexechub/python-hello-world:8.0.4"


def open_lab(handle: Handle, project: Path) -> tuple[IExec, str]:
    network = sandbox_network(
        chain_id=handle.chain_id, hub=handle.hub, native=handle.native, urls=handle.urls
    )
    user = handle.users[0]
    lab = connect(network, LocalSigner(user.key), project=project)
    app = lab.app.deploy(name="hello", type="DOCKER", multiaddr=IMAGE, checksum="0x" + "00" * 32)
    lab.app.publish(app)
    return lab, app


def once(lab: IExec, app: str, number: object) -> float:
    """Seconds until the result is on disk."""
    started = time.perf_counter()
    job = lab.app.run(app, args=f"run {number}", watch=False)
    result = job.result()
    assert result.path.exists()
    assert f"run {number}" in result.text("result.txt")
    return time.perf_counter() - started


def bag(lab: IExec, app: str, tasks: int) -> float:
    """Seconds from the match to the last completed task."""
    started = time.perf_counter()
    job = lab.app.run(app, volume=tasks, watch=False)
    job.wait()
    seconds = time.perf_counter() - started
    assert job.status().done == tasks
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Sandbox() as handle:
        lab, app = open_lab(handle, Path(folder))
        once(lab, app, "warm up")
        seconds = [once(lab, app, number) for number in range(options.runs)]
        print(
            f"app run, warm: median {statistics.median(seconds):.3f} s, "
            f"min {min(seconds):.3f} s, max {max(seconds):.3f} s of {options.runs} (bar: 1 s)"
        )
        print(f"one deal of {options.tasks} tasks: {bag(lab, app, options.tasks):.1f} s (bar for 100: 15 s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
