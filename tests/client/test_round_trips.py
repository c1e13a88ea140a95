"""How often the verbs wait for a service: what does not depend on each other is asked at once."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from helpers.faulty_server import FaultyServer, status
from helpers.labs import CHECKSUM, IMAGE, open_lab
from helpers.trips import far_away, fewest
from helpers.waiting import until

from iexec_lab.client.iexec import connect
from iexec_lab.errors import MarketError, OrderError
from iexec_lab.wallet.signer import LocalSigner

DEAL_IN = 5
"""Look-up and order books; checks; gas, fees and nonce; the transaction; its receipt."""


class World:
    """A sandbox far away, with a hello app that everybody may use, and a task that is done."""

    def __init__(self, sandbox, handle, trips, folder):
        self.sandbox, self.handle, self.trips, self.folder = sandbox, handle, trips, folder
        seller = open_lab(sandbox, LocalSigner(sandbox.users[2].key), folder)
        self.app = seller.app.deploy("hello far away", IMAGE, CHECKSUM)
        self.app_order = seller.app.publish(self.app)
        self.near = open_lab(sandbox, LocalSigner(sandbox.users[0].key), folder)
        job = self.near.app.run(self.app, watch=True)
        self.deal_id, self.task_id = job.deal_id, job.task_ids[0]
        self.own = self.near.app.deploy("mine far away", IMAGE, CHECKSUM)
        self.pool_order = self.near.orderbook.workerpool(category=0).order_hash[0]
        self.number = 0

    def lab(self, **options):
        """A lab just opened: it knows nothing yet."""
        return open_lab(self.handle, LocalSigner(self.sandbox.users[0].key), self.folder, **options)

    def unique(self):
        self.number += 1
        return f"far away {self.number}"


@pytest.fixture(scope="module")
def world(iexec_sandbox, tmp_path_factory):
    with far_away(iexec_sandbox) as (handle, trips):
        yield World(iexec_sandbox, handle, trips, tmp_path_factory.mktemp("far"))


VERBS = {
    # verb: what to do with a lab, round trips of a lab just opened, and of one that was used before
    "app run": (lambda lab, world: lab.app.run(world.app), DEAL_IN, DEAL_IN),
    "app run of one's own app": (lambda lab, world: lab.app.run(world.own), DEAL_IN, DEAL_IN),
    "app run --dry-run": (lambda lab, world: lab.app.run(world.app, dry_run=True), 2, 2),
    "order fill": (
        lambda lab, world: lab.order.fill(world.app_order, world.pool_order, params="{}"),
        DEAL_IN + 1,
        DEAL_IN,
    ),
    "deal show": (lambda lab, world: lab.deal.show(world.deal_id), 1, 1),
    "deal tasks": (lambda lab, world: lab.deal.tasks(world.deal_id), 1, 1),
    "task show": (lambda lab, world: lab.task.show(world.task_id), 2, 1),
    "job": (lambda lab, world: lab.job(world.deal_id), 1, 1),
    "job status": (lambda lab, world: lab.job(world.deal_id).status(), 2, 2),
    "orderbook": (lambda lab, world: lab.orderbook.workerpool(), 1, 1),
    "app show": (lambda lab, world: lab.app.show(world.app), 2, 1),
    "account show": (lambda lab, world: lab.account.show(), 1, 1),
    "app deploy": (lambda lab, world: lab.app.deploy(world.unique(), IMAGE, CHECKSUM), 5, 4),
    "app publish": (lambda lab, world: lab.app.publish(world.own), 3, 2),
    "app request-execution": (lambda lab, world: lab.app.request_execution(world.app), 3, 2),
    "account deposit": (lambda lab, world: lab.account.deposit(1), 4, 3),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_waits_no_oftener_than_it_must(world, verb):
    work, cold, warm = VERBS[verb]
    labs = []

    def first():
        labs.append(world.lab())
        work(labs[-1], world)

    assert not fewest(world.trips, first, cold)
    assert not fewest(world.trips, lambda: work(labs[-1], world), warm)


def test_a_result_is_two_round_trips_away_once_it_is_there(world):
    lab = world.lab()

    def result():
        job = lab.app.run(world.app, args=world.unique())
        near = world.near.job(job.deal_id)
        until(near.status, lambda status: status.ended)
        world.trips.begin()
        assert "hello" in job.result().text("result.txt").lower()

    assert not fewest(world.trips, result, 2)


def test_a_job_that_has_ended_is_not_asked_for_again(world):
    job = world.lab().job(world.deal_id)
    job.wait()
    world.trips.begin()
    job.wait()
    assert job.status().ended
    assert world.trips.count == 0


def test_of_several_failures_the_first_in_order_is_told(world):
    """The books of orders are asked for beside the look-up, and each beside the others."""

    def broken(exchange):
        if "/apporders" in exchange.request.path:
            time.sleep(0.2)  # the other book fails long before
        status(500)(exchange)

    with FaultyServer(always=broken) as market:
        urls = dict(world.sandbox.urls) | {"market": market.url}
        user = LocalSigner(world.sandbox.users[0].key)
        lab = open_lab(replace(world.sandbox, urls=urls), user, world.folder)
        for _ in ("cold", "warm"):
            with pytest.raises(OrderError, match=f"(?m)^No app deployed at address {user.address}$"):
                lab.app.run(user.address)
            with pytest.raises(MarketError) as caught:
                lab.app.run(world.app)
            assert caught.value.details["url"].endswith("/apporders")
            with pytest.raises(MarketError) as caught:
                lab.app.run(world.own)  # needs no order of its app
            assert caught.value.details["url"].endswith("/workerpoolorders")


def test_what_was_read_before_somebody_was_asked_is_read_anew(world):
    """A person may think for hours: the place, the owner and the login are those of the moment of signing."""
    valued = replace(world.handle.network, real_value=True)

    def agree(_plan):
        world.trips.begin()
        return True

    lab = connect(valued, LocalSigner(world.sandbox.users[0].key), project=world.folder, confirm=agree)
    lab.app.publish(world.own)
    asked = str(world.trips)
    assert "rpc 2 call, chainId" in asked
    assert "GET /challenge" in asked
    lab.app.run(world.app)
    asked = str(world.trips)
    assert "estimateGas" in asked
    assert "getTransactionCount" in asked
