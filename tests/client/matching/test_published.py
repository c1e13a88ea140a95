from __future__ import annotations

from dataclasses import replace

import pytest
import requests
from helpers.answers import facts
from helpers.stranger import Stranger

from iexec_lab.client.matching import signing
from iexec_lab.errors import ApiError, MarketError, OrderError, ValidationError
from iexec_lab.protocol import AppOrder
from iexec_lab.services.market import Market

DEAR = 700 * 10**9


def told(lab, order, **about):
    """What an honest market says of a signed order."""
    return {
        "ok": True,
        "order": {
            name: int(value) if value.isdecimal() else value for name, value in order.to_json().items()
        },
        "orderHash": order.hash(lab.session.domain),
        "chainId": str(lab.session.network.id),
        "remaining": order.volume,
        "status": "open",
        "publicationTimestamp": "2026-11-22T11:33:22.976Z",
        "signer": lab.session.address,
        **about,
    }


@pytest.fixture
def liar(lab):
    """The market of ``lab``, which answers with ``said`` to everything it has no path for."""
    with Stranger() as market:
        lab.session.market = Market(market.url, lab.session.network.id)
        yield market


@pytest.fixture
def cheap(lab, hello):
    return lab.order.sign("apporder", app=hello, appprice=10**9, volume=5)


@pytest.fixture
def dear(lab, hello):
    return lab.order.sign("apporder", app=hello, appprice=DEAR, volume=5)


@pytest.fixture
def swapped(lab, liar, cheap, dear):
    """A hash that was asked for, and a market that answers with another order of the same app."""
    wanted = cheap.hash(lab.session.domain)
    liar.said = told(lab, dear, orderHash=wanted)
    return wanted


def consumed(lab, order):
    return lab.session.hub.view_consumed([order.hash(lab.session.domain)])[0]


class TestAnotherOrder:
    """The market answers ``GET /apporders/{a}`` with order b."""

    def test_is_not_closed(self, lab, swapped, dear):
        with pytest.raises(MarketError, match=f"The market did not answer with apporder {swapped}") as caught:
            lab.order.cancel(kind="app", order_hash=swapped, force=True)
        assert dear.hash(lab.session.domain) in caught.value.details["answer"]
        assert consumed(lab, dear) == 0

    def test_is_not_filled(self, lab, swapped, iexec_sandbox, dear):
        pool = lab.session.market.__class__(iexec_sandbox.urls["market"], lab.session.network.id)
        [offer, *_] = pool.orderbook_all("workerpoolorder", category=0).orders
        with pytest.raises(MarketError, match="The market did not answer with apporder"):
            lab.order.fill(swapped, offer["order"], params="x", force=True)
        with pytest.raises(MarketError, match="The market did not answer with apporder"):
            lab.order.estimate(swapped, offer["order"], offer["order"])
        assert consumed(lab, dear) == 0

    def test_is_not_shown(self, lab, swapped):
        with pytest.raises(MarketError, match="The market did not answer with apporder"):
            lab.order.show("app", swapped)

    def test_of_another_kind_is_refused(self, lab, liar, cheap):
        wanted = cheap.hash(lab.session.domain)
        liar.said = told(lab, cheap)
        with pytest.raises(ApiError, match=r"The market's answer is not datasetorder .*: order.dataset is"):
            lab.order.show("dataset", wanted)
        with pytest.raises(ApiError, match="The market's answer is not workerpoolorder"):
            lab.order.cancel(kind="workerpool", order_hash=wanted, force=True)

    @pytest.mark.parametrize("field", ["appprice", "volume", "salt", "app", "tag", "requesterrestrict"])
    def test_one_field_makes_it_another(self, lab, liar, cheap, field):
        answer = told(lab, cheap)
        was = answer["order"][field]
        answer["order"][field] = (
            was + 1 if isinstance(was, int) else was[:-1] + ("1" if was[-1] != "1" else "2")
        )
        liar.said = answer
        with pytest.raises(MarketError, match="The market did not answer with apporder"):
            lab.order.show("app", cheap.hash(lab.session.domain))


class TestTheOrderItself:
    def test_is_shown(self, lab, liar, cheap):
        liar.said = told(lab, cheap)
        wanted = cheap.hash(lab.session.domain)
        shown = facts(lab, "order.show", "app", wanted.upper().replace("X", "x"))
        assert shown == {name: value for name, value in liar.said.items() if name != "ok"}
        assert lab.order.show("app", wanted).loc[0, "app_price_nrlc"] == 10**9

    def test_shows_the_hash_that_it_has(self, lab, liar, cheap, dear):
        liar.said = told(lab, cheap, orderHash=dear.hash(lab.session.domain))
        wanted = cheap.hash(lab.session.domain)
        assert lab.order.show("app", wanted).loc[0, "order_hash"] == wanted

    @pytest.mark.parametrize("sign", ["0x", "0x" + "11" * 65, "another's"])
    def test_with_a_wrong_signature_is_dead(self, lab, other, liar, cheap, sign):
        if sign == "another's":
            sign = other.session.signer.sign_digest(cheap.digest(lab.session.domain))
        liar.said = told(lab, replace(cheap, signature=sign))
        assert lab.order.show("app", cheap.hash(lab.session.domain)).loc[0, "status"] == "dead"

    def test_that_was_presigned_is_open(self, lab, liar, hello):
        from iexec_lab.ethereum.contracts import HUB
        from iexec_lab.protocol import SIGN

        order = AppOrder(app=hello, salt="0x" + "5a" * 32).presigned()
        data = HUB.manageAppOrder.encode((order.to_tuple(), SIGN, b""))
        lab.session.sender.send(lab.session.network.hub, data)
        liar.said = told(lab, order)
        assert lab.order.show("app", order.hash(lab.session.domain)).loc[0, "status"] == "open"

    def test_with_a_wrong_signature_is_not_filled(self, lab, liar, iexec_sandbox, cheap):
        forged = replace(cheap, signature="0x" + "11" * 65)
        [offer, *_] = (
            Market(iexec_sandbox.urls["market"], lab.session.network.id)
            .orderbook_all("workerpoolorder", category=0, max_tag="0x" + "00" * 32)
            .orders
        )
        liar.said = told(lab, forged)
        with pytest.raises(OrderError, match="apporder invalid sign"):
            lab.order.fill(cheap.hash(lab.session.domain), offer["order"], params="x", force=True)

    def test_lists_its_own_deals_only(self, lab, liar, cheap, dear):
        wanted = cheap.hash(lab.session.domain)
        others = {"dealid": "0x" + "ab" * 32, "appHash": dear.hash(lab.session.domain)}
        own = {"dealid": "0x" + "cd" * 32, "appHash": wanted}
        liar.paths = {"/deals": {"ok": True, "count": 2, "deals": [others, own]}}
        liar.said = told(lab, cheap)
        assert facts(lab, "order.show", "app", wanted, deals=True)["deals"]["lastDeals"] == [own]


class TestUnsigned:
    """What nobody signed is refused before anybody is asked or the market hears of it."""

    @pytest.mark.parametrize("take_away", [{"sign"}, {"sign", "salt"}, {"salt"}])
    def test_json(self, lab, liar, cheap, take_away):
        asked = []
        lab.session.confirm = lambda plan: bool(asked.append(plan)) or True
        held = {name: value for name, value in cheap.to_json().items() if name not in take_away}
        with pytest.raises(ValidationError, match=r"(sign|salt) is a required field"):
            lab.order.publish(held)
        assert (asked, liar.asked) == ([], [])

    def test_an_order(self, lab, liar, hello):
        with pytest.raises(ValidationError, match="sign is a required field") as caught:
            lab.order.publish(lab.order.create("apporder", app=hello))
        assert caught.value.hint == "Sign the apporder first: iexec-lab order sign."
        assert liar.asked == []

    def test_is_read_where_it_may_be(self, cheap):
        unsigned = {name: value for name, value in cheap.to_json().items() if name not in {"sign", "salt"}}
        assert signing.to_order("apporder", unsigned, signed=False).signature is None
        for options in ({}, {"signed": True}):
            with pytest.raises(ValidationError, match="is a required field"):
                signing.to_order("apporder", unsigned, **options)
            assert signing.to_order("apporder", cheap.to_json(), **options) == cheap


class TestNames:
    """The market tells of another order than the one it was given."""

    @pytest.fixture
    def challenge(self, iexec_sandbox, lab, liar):
        query = {"chainId": str(lab.session.network.id), "address": lab.session.address}
        real = requests.get(f"{iexec_sandbox.urls['market']}/challenge", params=query, timeout=30)
        liar.paths["/challenge"] = real.json()

    @pytest.mark.usefixtures("challenge")
    def test_publishing(self, lab, liar, cheap, dear):
        own, another = (order.hash(lab.session.domain) for order in (cheap, dear))
        liar.said = {"ok": True, "published": {"orderHash": another}}
        with pytest.raises(MarketError, match=f"was given apporder {own} but names another"):
            lab.order.publish(cheap)
        liar.said = {"ok": True, "published": {"orderHash": own}}
        assert lab.order.publish(cheap) == own

    @pytest.mark.usefixtures("challenge")
    def test_unpublishing(self, lab, liar, cheap, dear):
        own, another = (order.hash(lab.session.domain) for order in (cheap, dear))
        for named in ([another], [own, another]):
            liar.said = {"ok": True, "unpublished": named}
            with pytest.raises(MarketError, match=f"asked to take order {own} off but names another"):
                lab.order.unpublish("app", own)
        liar.said = {"ok": True, "unpublished": [own]}
        assert lab.order.unpublish("app", own) == own
