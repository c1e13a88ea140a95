"""A published order is on disk before it is answered."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from helpers.sandbox.market_world import Desk

from iexec_lab.protocol import Domain
from iexec_lab.sandbox import control
from iexec_lab.sandbox.chain.accounts import well_known_accounts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.sandbox
def test_orders_survive_a_killed_sandbox(home: Path) -> None:
    scheduler = well_known_accounts().scheduler
    handle = control.start("killed")
    try:
        desk = Desk(Domain(handle.chain_id, handle.hub), handle.urls["market"])
        orders = [desk.workerpool_order(handle.workerpool, scheduler, volume=n) for n in range(1, 6)]
        hashes = [desk.publish(order, scheduler) for order in orders]
        gone = desk.publish(desk.workerpool_order(handle.workerpool, scheduler), scheduler)
        desk.put("/workerpoolorders", {"orderHash": gone}, scheduler)
        pending = desk.get("/challenge", address=scheduler.address)
        desk.session.close()
        os.kill(handle.pid, signal.SIGKILL)
        while control.find("killed"):
            time.sleep(0.01)

        desk.url = control.start("killed").urls["market"]
        found = [desk.order("workerpoolorder", each) for each in hashes]

        assert [(order["status"], order["remaining"]) for order in found] == [
            ("open", n) for n in range(1, 6)
        ]
        assert desk.get(f"/workerpoolorders/{gone}")[0] == 404
        assert desk.get("/challenge", address=scheduler.address) == pending
        desk.session.close()
    finally:
        control.stop("killed")
