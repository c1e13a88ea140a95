"""A sandbox that is killed while it works."""

from __future__ import annotations

import os
import signal
import time
import urllib.error
from contextlib import suppress
from pathlib import Path

import pytest
from helpers.sandbox.buyer import TDX, Buyer
from helpers.waiting import until

from iexec_lab.sandbox.control import Sandbox

pytestmark = pytest.mark.sandbox

SLOW = """
import json, os, time
time.sleep(0.2)
out = os.environ["IEXEC_OUT"]
with open(out + "/result.txt", "w") as file:
    file.write(os.environ["IEXEC_TASK_INDEX"])
with open(out + "/computed.json", "w") as file:
    json.dump({"deterministic-output-path": out + "/result.txt"}, file)
"""


def test_twenty_tasks_are_finished_after_kill_9(tmp_path):
    folder = tmp_path / "state"
    tasks = []
    for completed in (0, 3, 8, 14, 20):
        with Sandbox(folder) as handle:
            buyer = Buyer(handle)
            if not tasks:
                app = buyer.install(tmp_path / "app", SLOW)
                tasks = buyer.tasks(buyer.match(app, volume=15))
                tasks += buyer.tasks(buyer.match(app, volume=5, tag=TDX))
            end = time.monotonic() + 240
            while sum(buyer.task(task).status == 3 for task in tasks) < completed:
                assert time.monotonic() < end, [buyer.task(task).status for task in tasks]
                time.sleep(0.02)
            if completed < len(tasks):
                os.kill(handle.pid, signal.SIGKILL)
                continue
            for index, task in enumerate(tasks):
                assert buyer.wait(task)["currentStatus"] == "COMPLETED"
                assert len(buyer.task(task).contributors) == 1
                assert buyer.files(task)["result.txt"].decode() == str(index if index < 15 else index - 15)
                (replicate,) = buyer.model(task)["replicates"]
                assert replicate["currentStatus"] == "COMPLETED"


def test_what_is_not_finished_in_time_can_be_claimed(tmp_path):
    from iexec_lab.ethereum.contracts import HUB

    folder = tmp_path / "state"
    with Sandbox(folder) as handle:
        buyer = Buyer(handle)
        app = buyer.install(tmp_path / "app", "import time; time.sleep(600)")
        tasks = buyer.tasks(buyer.match(app, volume=3))
        assert until(lambda: any(is_computing(buyer, task) for task in tasks))  # which, is chance
        before = buyer.call(handle.hub, HUB.viewAccount, buyer.user.address)
        os.kill(handle.pid, signal.SIGKILL)
    with Sandbox(folder) as handle:
        buyer = Buyer(handle)
        handle.forward(3000)
        for task in tasks:
            assert buyer.wait(task)["currentStatus"] == "FAILED"
        buyer.send(handle.hub, HUB.claimArray.encode([bytes.fromhex(task[2:]) for task in tasks]))
        stake, locked = buyer.call(handle.hub, HUB.viewAccount, buyer.user.address)
        assert (stake, locked) == (before[0] + 3 * 100_000_000, before[1] - 3 * 100_000_000)
        hello = buyer.deploy_app("iexechub/python-hello-world:8.0.4")
        assert buyer.run(hello)


def is_computing(buyer, task):
    try:
        replicates = buyer.model(task)["replicates"]
    except urllib.error.HTTPError:  # not yet known
        return False
    return any(replicate["currentStatus"] == "COMPUTING" for replicate in replicates)


def test_a_node_that_is_killed_costs_no_task(tmp_path):
    with Sandbox(tmp_path / "state") as handle:
        buyer = Buyer(handle)
        app = buyer.install(tmp_path / "app", SLOW)
        tasks = buyer.tasks(buyer.match(app, volume=12))
        buyer.wait(tasks[0])
        for pid in _children(handle.pid, "anvil"):
            os.kill(pid, signal.SIGKILL)
        for task in tasks:
            assert buyer.wait(task)["currentStatus"] == "COMPLETED"
            assert len(buyer.task(task).contributors) == 1


def _children(parent, name):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            pid, _, rest = path.read_text().partition(" (")
            comm, _, fields = rest.rpartition(") ")
            if int(fields.split()[1]) == parent and comm == name:
                found.append(int(pid))
    assert found
    return found
