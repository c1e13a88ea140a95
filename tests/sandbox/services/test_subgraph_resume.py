"""The index of a sandbox that is killed, and one that is made anew."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing

import pytest
import requests
from helpers.poco_world import World
from helpers.waiting import until

from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.sandbox import control
from iexec_lab.sandbox.services.subgraph.model import model

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]
NAME = "subgraph-killed"


def ask(handle, text):
    answer = requests.post(handle.urls["subgraph"], json={"query": text}, timeout=60).json()
    assert "errors" not in answer, answer
    return answer["data"]


def content(handle):
    """All rows of all types, with the versions before."""
    ask(handle, "{ _meta { block { number } } }")
    with closing(sqlite3.connect(handle.folder / "subgraph.sqlite")) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert {name for name, each in model().entities.items() if not each.is_interface} <= set(names)
        return {name: sorted(map(repr, db.execute(f'SELECT * FROM "{name}"'))) for name in names}


def kill(handle):
    os.kill(handle.pid, signal.SIGKILL)
    until(lambda: control.find(NAME) is None)


def test_nothing_is_missing_and_nothing_twice(home):
    """On a chain that looks like Arbitrum, whose contracts were moved after their first blocks."""
    handle = control.start(NAME, preset="arbitrum-mainnet")
    try:
        first = ask(
            handle, '{ protocol(id: "iExec") { tvl categoriesCount workerpoolsCount } workerpools { id } }'
        )
        assert first["protocol"] == {"tvl": "10450000", "categoriesCount": "5", "workerpoolsCount": "1"}
        assert first["workerpools"] == [{"id": handle.workerpool.lower()}]
        world = World(Rpc(handle.urls["rpc"]), handle)
        world.match(world.orders(volume=3))
        kill(handle)  # while the last blocks are being indexed, and the scheduler is at work
        handle = control.start(NAME)
        until(lambda: len(ask(handle, "{ tasks { id } }")["tasks"]) == 3)
        resumed = content(handle)
        assert len(resumed["Deal"]) == 1

        kill(handle)
        (handle.folder / "subgraph.sqlite").write_bytes(b"no database" * 1000)
        for file in handle.folder.glob("subgraph.sqlite-*"):
            file.unlink()
        handle = control.start(NAME)
        assert content(handle) == resumed
    finally:
        control.stop(NAME)
