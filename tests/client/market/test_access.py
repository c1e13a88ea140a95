from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest
from helpers.answers import official
from helpers.labs import CHECKSUM, IMAGE, forward, fund, open_lab
from helpers.stranger import Stranger
from helpers.waiting import until

from iexec_lab.errors import ValidationError
from iexec_lab.services.market import Market
from iexec_lab.wallet.signer import LocalSigner


def someone(handle, folder, nrlc=10**10):
    signer = LocalSigner.generate()
    fund(handle, signer.address, nrlc=nrlc, wei=10**18)
    return open_lab(handle, signer, folder)


@dataclass
class Given:
    owner: Any
    friend: Any
    app: str
    open: str
    only: str
    used: str
    closed: str
    dataset: str


@pytest.fixture(scope="module")
def given(iexec_sandbox, tmp_path_factory):
    """An owner's orders: open to all, for a friend alone, used up by the friend, closed; and a dataset's."""
    folder = tmp_path_factory.mktemp("access")
    owner, friend = someone(iexec_sandbox, folder), someone(iexec_sandbox, folder)
    app = owner.app.deploy("access", IMAGE, CHECKSUM)
    dear = owner.app.publish(app, price=50, volume=3)
    only = owner.app.publish(app, price=40, volume=2, requester_restrict=friend.session.address)
    used = owner.app.publish(app, price=1, volume=1)
    friend.account.deposit("1 RLC")
    friend.app.run(app, args="x")
    closed = owner.app.publish(app, price=60, volume=5)
    owner.order.cancel(kind="app", order_hash=closed)
    data = owner.dataset.deploy("table", "ipfs/x", "0x" + "00" * 32)
    dataset = owner.dataset.publish(data, price=7, volume=4, app_restrict=app)
    until(lambda: official(owner, "order.show", "app", used)["status"] == "filled")
    until(lambda: official(owner, "order.show", "app", closed)["status"] == "canceled")
    return Given(owner, friend, app, dear, only, used, closed, dataset)


def hashes(frame):
    return set(frame.order_hash)


def test_what_i_gave_and_is_open(given):
    frame = given.owner.order.list()
    assert frame.published_at.is_monotonic_decreasing
    # Orders of the same moment have no order: the chain's clock may be ahead, and stand.
    frame = frame.set_index("order_hash").loc[[given.dataset, given.only, given.open]]
    assert frame.kind.tolist() == ["dataset", "app", "app"]
    assert frame.price_nrlc.tolist() == [7, 40, 50]
    assert frame.remaining.tolist() == frame.volume.tolist() == [4, 2, 3]
    assert set(frame.status) == {"open"}
    assert frame.app_restrict[given.dataset] == given.app
    assert frame.requester_restrict[given.only] == given.friend.session.address
    assert set(frame.signer) == {given.owner.session.address}
    assert "--status any" in given.owner.order.list().attrs["remark"]
    assert official(given.owner, "order.list")["count"] == 3


def test_what_was_used_up_or_closed(given):
    frame = given.owner.order.list(status="any").set_index("order_hash")
    assert len(frame) == 5
    assert frame.status[given.used] == "filled"
    assert frame.status[given.closed] == "canceled"
    assert frame.remaining[[given.used, given.closed]].tolist() == [0, 0]
    assert hashes(given.owner.order.list(status="filled")) == {given.used}
    for word in ("canceled", "cancelled"):
        assert hashes(given.owner.order.list(status=word)) == {given.closed}


def test_what_i_was_given(given):
    assert hashes(given.friend.order.list(received=True)) == {given.only}
    assert len(given.owner.order.list(received=True)) == 0
    everything = hashes(given.friend.order.list(received=True, all=True, limit=None))
    assert {given.only, given.open} <= everything
    assert given.used in hashes(given.friend.order.list(received=True, all=True, status="filled"))
    assert len(given.friend.order.list()) == 0  # gave nothing


def test_everybodys(given):
    frame = given.friend.order.list(all=True, limit=None)
    assert hashes(given.owner.order.list()) <= hashes(frame)
    assert {"workerpool", "app", "dataset"} <= set(frame.kind)
    assert frame.published_at.is_monotonic_decreasing


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"kind": "dataset"}, {"dataset"}),
        ({"kind": "apporder"}, {"open", "only"}),
        ({"app": True}, {"open", "only", "dataset"}),
        ({"requester": True}, {"only"}),
        ({"tag": "gpu"}, set()),
        ({"category": 1}, set()),
        ({"since": "1d"}, {"open", "only", "dataset"}),
        ({"until": "2020-01-01"}, set()),
    ],
)
def test_filters(given, filters, found):
    places = {"app": given.app, "requester": given.friend.session.address}
    values = {
        name: places[name] if value is True and name in places else value for name, value in filters.items()
    }
    frame = given.owner.order.list(**values)
    assert hashes(frame) == {getattr(given, name) for name in found}


def test_a_limit_takes_the_newest(given):
    whole, cut = given.owner.order.list(), given.owner.order.list(limit=2)
    assert cut.order_hash.tolist() == whole.order_hash.tolist()[:2]
    assert official(given.owner, "order.list", limit=2)["count"] == 3


@pytest.mark.parametrize(
    "wrong", [{"kind": "cake"}, {"status": "lost"}, {"limit": -1}, {"limit": 0}, {"since": "x"}]
)
def test_what_makes_no_sense_is_refused(lab, wrong):
    with pytest.raises(ValidationError):
        lab.order.list(**wrong)


def test_an_order_of_a_former_owner_is_not_open(given, iexec_sandbox, tmp_path):
    seller = someone(iexec_sandbox, tmp_path)
    app = seller.app.deploy("sold", IMAGE, CHECKSUM)
    sold = seller.app.publish(app, price=3, volume=1)
    [row] = seller.session.market.orderbook_all("apporder", app=app).orders
    with Stranger() as stranger:
        # A market that has not noticed.
        page = {"ok": True, "count": 1, "orders": [row]}
        none = {"ok": True, "count": 0, "orders": [], "deals": []}
        stranger.said, stranger.paths = none, {"/apporders": page}
        seller.app.transfer(app, given.friend.session.address)
        seller.session.market = Market(stranger.url, seller.session.network.id)
        assert len(seller.order.list()) == 0
        frame = seller.order.list(status="dead")
        assert frame.order_hash.tolist() == [sold]
    forward(iexec_sandbox, 1)


def test_a_market_that_lies_is_not_believed(given, iexec_sandbox, tmp_path):
    """Other terms under a true hash, somebody else's order, absurd numbers: left out, and counted."""
    me = open_lab(iexec_sandbox, LocalSigner.generate(), tmp_path)
    [row] = [
        row
        for row in given.owner.session.market.orderbook_all("apporder", app=given.app).orders
        if row["orderHash"] == given.open
    ]
    cheap = copy.deepcopy(row)
    cheap["order"]["appprice"] = 1
    absurd = {**copy.deepcopy(row), "remaining": "9" * 90}
    boast = {**copy.deepcopy(row), "remaining": 10**9, "status": "open"}
    with Stranger() as stranger:
        empty = {"ok": True, "count": 0, "orders": []}

        def says(*orders):
            stranger.said = empty
            stranger.paths = {"/apporders": {"ok": True, "count": len(orders), "orders": list(orders)}}

        for lab in (me, given.owner):
            lab.session.market = Market(stranger.url, lab.session.network.id)
        says(row)
        frame = me.order.list()
        assert (len(frame), frame.attrs["left_out"]) == (0, 1)  # not mine
        says(cheap, absurd)
        frame = given.owner.order.list()
        assert (len(frame), frame.attrs["left_out"]) == (0, 2)
        says(boast)
        frame = given.owner.order.list()
        assert (frame.remaining[0], frame.price_nrlc[0]) == (3, 50)  # by the hub, whatever the market says
    del given.owner.session.market


def test_show_has_all_of_an_order(given):
    frame = given.owner.order.show("app", given.only)
    assert frame.signature[0].startswith("0x")
    assert len(frame.salt[0]) == 66
    assert "salt" not in given.owner.orderbook.app(given.app).columns
