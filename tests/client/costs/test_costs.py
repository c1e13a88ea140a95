"""Costs of real deals: every nRLC and every wei, compared with the accounts on chain."""

from __future__ import annotations

import re
import threading

import pytest
from helpers.labs import CHECKSUM, IMAGE, forward, open_lab
from helpers.waiting import until

from iexec_lab.client.costs import facts
from iexec_lab.client.iexec import connect
from iexec_lab.client.plan import rehearse
from iexec_lab.errors import BudgetError, CallError
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.project.spent import SPENT
from iexec_lab.wallet.signer import LocalSigner

PRICE = 1_234_567


@pytest.fixture(scope="module")
def app(iexec_sandbox, tmp_path_factory):
    """An app that everybody may run."""
    owner = open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[2].key), tmp_path_factory.mktemp("app"))
    address = owner.app.deploy("costs", IMAGE, CHECKSUM)
    owner.app.publish(address, volume=10_000)
    return address


@pytest.fixture
def pool(newcomer, unique):
    """A workerpool that takes deals at a price, and does no work."""
    owner = newcomer(nrlc=10**9)
    owner.account.deposit(10**9)
    pool = owner.workerpool.deploy(unique)
    owner.workerpool.publish(pool, category=4, price=PRICE, volume=100)
    return pool


@pytest.fixture
def buyer(newcomer):
    lab = newcomer(nrlc=10**9)
    lab.account.deposit(10**9)
    return lab


def held(lab):
    account = lab.account.show().iloc[0]
    return account.stake_nrlc, account.locked_nrlc


def wei(lab):
    return int(Rpc(lab.session.network.host).request("eth_getBalance", lab.session.address, "latest"), 16)


def test_locked_then_returned_and_the_gas_to_the_last_wei(buyer, pool, app, iexec_sandbox):
    before = wei(buyer)
    with buyer.costs(budget="0.01 RLC") as costs:
        job = buyer.app.run(app, workerpool=pool, volume=3)
        assert costs.total() == {
            "signed_nrlc": 3 * PRICE,
            "locked_nrlc": 3 * PRICE,
            "paid_nrlc": 0,
            "returned_nrlc": 0,
            "gas_wei": before - wei(buyer),
        }
        assert held(buyer) == (10**9 - 3 * PRICE, 3 * PRICE)
        assert (costs.used, costs.left) == (3 * PRICE, 10**7 - 3 * PRICE)
        with pytest.raises(BudgetError, match=r"app run would pass the budget of 0\.01 RLC"):
            buyer.app.run(app, workerpool=pool, volume=6)
        row = costs.frame().iloc[0]
        assert (row.what, row.deal_id, row.state, row.tasks, row.ended) == (
            *("app run", job.deal_id, "running"),
            *(3, 0),
        )
        forward(iexec_sandbox, 40 * 24 * 3600)
        assert costs.frame().state[0] == "late"
        with buyer.costs() as inner:
            buyer.deal.claim(job.deal_id)
        assert inner.total()["returned_nrlc"] == 3 * PRICE
        # Nobody is refused for what came back: the chain is asked before.
        buyer.app.run(app, workerpool=pool, volume=8)
    total = costs.total()
    assert total["gas_wei"] == before - wei(buyer)
    assert (total["returned_nrlc"], total["locked_nrlc"]) == (3 * PRICE, 8 * PRICE)
    assert held(buyer) == (10**9 - 8 * PRICE, 8 * PRICE)
    assert list(costs.frame().what) == ["app run", "deal claim", "app run"]
    assert buyer.costs.total() != total  # the deposit had its gas


def test_paid_when_the_tasks_completed(buyer, app):
    job = buyer.app.run(app, volume=2, watch=True)
    total = buyer.costs.total()
    assert total["paid_nrlc"] == total["signed_nrlc"] == job.cost["total_nrlc"] > 0
    assert total["locked_nrlc"] == total["returned_nrlc"] == 0
    assert held(buyer) == (10**9 - total["paid_nrlc"], 0)


def test_a_request_stands_until_it_is_cancelled_and_is_counted_once(buyer, pool, app):
    request = buyer.order.sign("request", app=app, workerpoolmaxprice=PRICE, volume=5, category=4)
    costs = buyer.costs
    assert (costs.total()["signed_nrlc"], costs.used) == (5 * PRICE, 5 * PRICE)
    costs.budget = costs.used
    [order] = buyer.orderbook.workerpool(pool, category=4).order_hash
    buyer.order.fill(buyer.orderbook.app(app).order_hash[0], order, request)
    assert costs.total()["locked_nrlc"] == 5 * PRICE
    assert costs.used == 5 * PRICE
    with pytest.raises(BudgetError):
        buyer.order.sign("request", app=app, workerpoolmaxprice=1, volume=1, category=4)
    costs.budget = None
    other = buyer.order.sign("request", app=app, workerpoolmaxprice=7, volume=2, category=4)
    costs.total()
    assert costs.used == 5 * PRICE + 14
    buyer.order.cancel(other)
    costs.total()
    assert costs.used == 5 * PRICE


def test_a_failed_transaction_costs_its_gas_alone(buyer):
    before = wei(buyer)
    with buyer.costs(budget=10) as costs, pytest.raises(Exception, match="exceed"):
        buyer.wallet.send_rlc(11, "nRLC", to="0x" + "12" * 20)
    assert (costs.used, costs.total()["gas_wei"]) == (0, before - wei(buyer))


def test_a_rehearsal_says_which_budget_would_refuse_it(buyer, pool, app):
    with buyer.costs(budget=2 * PRICE):
        within = buyer.app.run(app, workerpool=pool, volume=2, dry_run=True).row()
        assert "budget" not in within["notes"]
        told = buyer.app.run(app, workerpool=pool, volume=3, dry_run=True).row()["notes"]
        sent = rehearse(lambda: buyer.account.approve(3 * PRICE, "0x" + "12" * 20))
    for notes in (told, sent.row()["notes"]):
        assert "would pass the budget of 0.002469134 RLC" in notes
        assert "budget of this block" in notes
    here = buyer.costs.here()
    here.budget = PRICE
    record = buyer.session.folder / SPENT
    before = record.read_text() if record.exists() else ""
    assert "this folder" in buyer.app.run(app, workerpool=pool, volume=3, dry_run=True).row()["notes"]
    assert (record.read_text() if record.exists() else "") == before
    assert buyer.costs.used == 0


def test_threads_share_a_budget(buyer, pool, app):
    refused = []

    def run():
        try:
            buyer.app.run(app, workerpool=pool)
        except BudgetError:
            refused.append(1)

    with buyer.costs(budget=2 * PRICE) as costs:
        threads = [threading.Thread(target=run) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(refused), costs.total()["locked_nrlc"]) == (3, 2 * PRICE)


def test_the_folder_tells_it_to_anybody_and_its_budget_holds(buyer, pool, app, iexec_sandbox, tmp_path):
    job = buyer.app.run(app, workerpool=pool)
    fresh = connect(buyer.session.network, "new", project=tmp_path)
    here = fresh.costs.here()
    frame = here.frame()
    row = frame[frame.deal_id == job.deal_id].iloc[0]
    assert (row.locked_nrlc, row.wallet) == (PRICE, buyer.session.address)
    here.budget = "0.000001 RLC"
    with pytest.raises(BudgetError):
        buyer.app.run(app, workerpool=pool)
    assert here.budget == 1000
    here.budget = None
    buyer.app.run(app, workerpool=pool)
    drawn = here._repr_mimebundle_()
    assert job.deal_id in drawn["text/plain"]
    assert job.deal_id in drawn["text/html"]
    assert "Costs of this folder" in drawn["text/html"]


def test_what_another_sandbox_of_that_name_sold_is_not_listed_nor_counted(buyer, pool, app, tmp_path):
    buyer.app.run(app, workerpool=pool)
    path = tmp_path / SPENT
    other = path.read_text()
    for name in ("tx", "request", "deal"):
        other = re.sub(f'"{name}":"0x....', f'"{name}":"0xabcd', other)
    other = re.sub('"id":"....', '"id":"dddd', other)
    old = re.sub('"at":[0-9]+', '"at":7', other.replace('"id":"dddd', '"id":"eeee'))
    path.write_text(path.read_text() + other + old)
    here = buyer.costs.here()
    here.budget = "1 RLC"
    assert here.total()["locked_nrlc"] == here.total()["signed_nrlc"] == PRICE
    own, frame = buyer.costs.frame(), here.frame()
    assert list(frame[frame.wallet == buyer.session.address].tx_hash) == list(own.tx_hash)


def test_a_node_that_is_away_is_said_and_what_was_seen_last_is_shown(buyer, pool, app, monkeypatch):
    buyer.app.run(app, workerpool=pool)
    buyer.costs.total()

    def away(*_, **_options):
        raise CallError("nobody there")

    monkeypatch.setattr(facts, "read_deals", away)
    drawn = buyer.costs._repr_mimebundle_()
    assert "As seen last: nobody there" in drawn["text/plain"]
    assert "locked: 0.001234567 RLC" in drawn["text/plain"]
    buyer.costs.budget = buyer.costs.used
    with pytest.raises(BudgetError):
        buyer.app.run(app, workerpool=pool)


def test_nothing_yet(newcomer):
    drawn = newcomer().costs._repr_mimebundle_()
    assert "nothing was signed or sent yet" in drawn["text/plain"]
    assert newcomer().costs.frame().empty


def test_a_deployment_costs_gas(newcomer, unique):
    lab = newcomer()
    before = wei(lab)
    lab.app.deploy(unique, IMAGE, CHECKSUM)
    until(lambda: lab.costs.total()["gas_wei"] == before - wei(lab))
    assert lab.costs.used == 0
