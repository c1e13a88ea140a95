from __future__ import annotations

from dataclasses import replace

import pytest

from iexec_lab.errors import OrderError


@pytest.fixture
def pool_order(lab, iexec_sandbox):
    return lab.orderbook.workerpool(iexec_sandbox.workerpool, category=0, max_tag="").loc[0, "order_hash"]


@pytest.fixture
def with_others(lab, hello, pool_order, monkeypatch):
    """A node whose receipts tell of a deal of somebody else's first; ``keep`` says whether of ours too."""
    lab.account.deposit(10**9)
    app_order = lab.order.sign("apporder", app=hello, volume=5)
    foreign = lab.order.fill(app_order, pool_order, params="other")
    receipt = lab.session.rpc.request("eth_getTransactionReceipt", foreign.tx_hashes[0])
    send = lab.session.sender.send

    def make(*, keep):
        def deceive(*args, **options):
            real = send(*args, **options)
            return replace(real, logs=[*receipt["logs"], *(real.logs if keep else [])])

        monkeypatch.setattr(lab.session.sender, "send", deceive)
        return app_order, foreign

    return make


def test_the_deal_is_the_one_of_our_request(lab, pool_order, with_others):
    app_order, foreign = with_others(keep=True)
    job = lab.order.fill(app_order, pool_order, params="ours")
    assert job.deal_id != foreign.deal_id
    assert "ours" in job.deals[0].deal.params


def test_a_deal_of_somebody_else_is_not_ours(lab, pool_order, with_others):
    app_order, _ = with_others(keep=False)
    with pytest.raises(OrderError, match="OrdersMatched not confirmed"):
        lab.order.fill(app_order, pool_order, params="ours")
