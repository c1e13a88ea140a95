from __future__ import annotations

import subprocess
import sys
from functools import partial

import pytest
from helpers.answers import facts, official

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import NULL_ADDRESS


def test_the_standing_offers_of_the_sandbox(lab, iexec_sandbox):
    book = lab.orderbook.workerpool(iexec_sandbox.workerpool, category=0)
    assert list(book["workerpool_price_nrlc"]) == sorted(book["workerpool_price_nrlc"])
    assert set(book["category"]) == {0}
    assert set(book["tag"]) >= {"", "tee,tdx", "tee,scone"}


def test_raw_has_the_keys_of_the_official_cli(lab, iexec_sandbox):
    raw = official(lab, "orderbook.workerpool", iexec_sandbox.workerpool, category=0)
    assert raw["count"] == len(raw["workerpoolOrders"])
    assert list(raw["workerpoolOrders"][0]) == [
        *("orderHash", "price", "remaining", "category", "tag", "trust", "workerpool"),
        *("apprestrict", "datasetrestrict", "requesterrestrict"),
    ]
    assert raw["workerpoolOrders"][0]["price"] == 100_000_000


@pytest.mark.parametrize(
    ("filters", "count"),
    [({"tag": "tee,tdx"}, 1), ({"require_tag": "tee"}, 3), ({"max_tag": ""}, 1), ({"min_trust": 10**6}, 0)],
)
def test_tags_and_trust(lab, iexec_sandbox, filters, count):
    assert len(lab.orderbook.workerpool(iexec_sandbox.workerpool, category=0, **filters)) == count


def test_pages_and_limits(lab, iexec_sandbox):
    whole = facts(lab, "orderbook.workerpool", iexec_sandbox.workerpool)
    page = facts(lab, "orderbook.workerpool", iexec_sandbox.workerpool, page=0, page_size=10)
    assert (page.count, len(page.orders), page.has_more) == (whole.count, 10, True)
    assert len(lab.orderbook.workerpool(iexec_sandbox.workerpool, limit=3)) == 3


def test_all_pages_are_read(newcomer, unique):
    lab = newcomer()
    app = lab.app.deploy(unique, "image", "0x" + "00" * 32)
    hashes = {lab.app.publish(app, price=price) for price in range(12)}
    assert set(lab.orderbook.app(app)["order_hash"]) == hashes
    assert list(lab.orderbook.app(app)["app_price_nrlc"]) == list(range(12))
    assert set(lab.orderbook.app(app_owner=lab.session.address)["order_hash"]) == hashes


def test_requests(lab, other, hello):
    app_order = lab.app.publish(hello, requester_restrict=other.session.address)
    wanted = other.app.request_execution(hello, workerpool_price=7, category=4)
    book = lab.orderbook.requester(other.session.address, category=4)
    assert wanted in set(book["order_hash"])
    raw = official(lab, "orderbook.requester", other.session.address, category=4)
    assert raw["requestOrders"][0]["price"] == 7
    assert lab.orderbook.requester(other.session.address, max_trust=0, category=3).empty
    other.order.unpublish("requestorder", wanted)
    lab.order.unpublish("apporder", app_order)


def test_an_unknown_tag_is_an_error(lab):
    with pytest.raises(ValidationError, match="Unknown tag foo"):
        lab.orderbook.workerpool(tag="foo")


def test_an_empty_book_is_an_empty_frame(lab):
    assert lab.orderbook.dataset(NULL_ADDRESS).empty


def served(asked, stale, kind, **filters):
    """A market that has not noticed yet what happened to its app orders."""
    return stale if kind == "apporder" else asked(kind, **filters)


class TestComputed:
    """What is computed from the book is what the lists say, and what ``app run`` does."""

    @pytest.fixture
    def sold(self, lab, other, unique):
        """An app of somebody else with orders that fit, and one for somebody else."""
        app = other.app.deploy(unique, "image", "0x" + "00" * 32)
        few = other.app.publish(app, price=5, volume=3)
        hashes = [few, other.app.publish(app, price=8, volume=100)]
        hashes.append(other.app.publish(app, price=1, requester_restrict=app))
        return app, hashes

    def test_the_first_combination_is_what_a_run_takes(self, lab, sold, iexec_sandbox):
        app, (few, many, strange) = sold
        pool, deals = iexec_sandbox.workerpool, {"category": 0, "workerpool": iexec_sandbox.workerpool}
        found = lab.orderbook.match(app, **deals)
        [match] = lab.app.run(app, dry_run=True, **deals).matches
        first = found.iloc[0]
        assert first["fits"]
        assert first["workerpool"] == pool
        assert first["apporder_hash"] == match.app.hash(lab.session.domain)
        assert first["workerpoolorder_hash"] == match.workerpool.hash(lab.session.domain)
        assert first["task_price_nrlc"] == match.task_cost
        assert set(found[found["apporder_hash"] == strange]["reason"].str.partition("; ")[0]) == {
            f"apporder is restricted to requester {app}"
        }
        others = found[(found["category"] != 0) & (found["apporder_hash"] == many)]
        assert not others["fits"].any()
        assert others["reason"].str.contains("workerpoolorder is for category").all()
        assert list(found["fits"]) == sorted(found["fits"], reverse=True)
        assert found.loc[found["fits"] & (found["apporder_hash"] == few), "volume"].max() == 3
        assert len(lab.orderbook.match(app, limit=2, **deals)) == 2
        raw = official(lab, "orderbook.match", app, limit=1, **deals)
        assert raw["combinations"][0]["price"] == str(match.task_cost)
        assert raw["remark"].startswith("1 of ")

    def test_an_order_that_the_chain_refuses(self, lab, other, sold, monkeypatch):
        app, (few, _, _) = sold
        asked = lab.session.market.orderbook_all
        stale = asked("apporder", app=app)
        monkeypatch.setattr(lab.session.market, "orderbook_all", partial(served, asked, stale))
        other.order.cancel(kind="apporder", order_hash=few)
        found = lab.orderbook.match(app, category=0)
        refused = found[found["apporder_hash"] == few]
        assert refused["reason"].str.startswith("apporder is fully consumed").all()
        assert found.iloc[0]["app_price_nrlc"] == 8

    def test_a_simulation_makes_the_deals_of_a_run(self, lab, sold):
        app, (few, many, _) = sold
        found = lab.orderbook.simulate(10, app=app, category=0)
        plan = lab.app.run(app, dry_run=True, volume=10, category=0)
        assert [(match.task_cost, match.request.volume) for match in plan.matches] == list(
            zip(found["price_nrlc"], found["taken"], strict=True)
        )
        assert list(found["apporder_hash"]) == [few, many]
        assert found["cumulated_cost_nrlc"].iloc[-1] == plan.plan.cost_nrlc
        with pytest.raises(ValidationError, match="max_tag is not for the deals of an app"):
            lab.orderbook.simulate(1, app=app, max_tag="")

    def test_levels_and_fills_are_those_of_the_list(self, lab, sold):
        app, _ = sold
        book = lab.orderbook.app(app)
        depth = lab.orderbook.depth("app", app=app)
        assert list(depth["price_nrlc"]) == sorted(set(book["app_price_nrlc"]))
        assert depth["cumulated"].iloc[-1] == sum(book["remaining"])
        [best] = lab.orderbook.best("app", app=app)["price_nrlc"]
        assert best == min(book["app_price_nrlc"])
        found = lab.orderbook.simulate(2, "app", app=app)
        assert found["taken"].iloc[0] == min(2, book["remaining"].iloc[0])

    def test_a_spread_has_both_sides(self, lab, other, hello):
        ask = min(lab.orderbook.workerpool(category=3)["workerpool_price_nrlc"])
        sold = lab.app.publish(hello, requester_restrict=other.session.address)
        wanted = other.app.request_execution(hello, workerpool_price=ask + 3, category=3)
        [row] = lab.orderbook.spread(category=3).to_dict("records")
        assert (row["ask_nrlc"], row["bid_nrlc"], row["spread_nrlc"]) == (ask, ask + 3, -3)
        assert row["bid_order_hash"] == wanted
        other.order.unpublish("requestorder", wanted)
        lab.order.unpublish("apporder", sold)

    def test_a_category_that_does_not_exist_is_said(self, lab):
        assert lab.orderbook.depth(category=99).attrs["remark"].startswith("There is no category 99.")

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda book: book.depth("dog"), "dog is not a list of the order book"),
            (lambda book: book.depth(max_trust=1), "workerpoolorders have no filter max_trust"),
            (lambda book: book.best(by="colour"), "are not told apart by colour"),
            (lambda book: book.simulate(0), "volume must be greater than or equal to 1"),
            (lambda book: book.match(NULL_ADDRESS, limit=0), "limit cannot be 0"),
        ],
    )
    def test_what_makes_no_sense(self, lab, call, message):
        with pytest.raises(ValidationError, match=message):
            call(lab.orderbook)


def test_reading_the_book_imports_neither_web3_nor_pandas(iexec_sandbox):
    code = f"""
import sys
from iexec_lab.client.iexec import connect
from iexec_lab.commands.official_json import fetch
from iexec_lab.networks import sandbox_network
network = sandbox_network(chain_id={iexec_sandbox.chain_id}, hub="{iexec_sandbox.hub}", native=False,
                          urls={dict(iexec_sandbox.urls)!r})
page = fetch(connect(network), "orderbook.workerpool", category=0).facts
assert page.orders
heavy = ("web3", "pandas", "eth_account", "IPython", "iexec_lab.crypto", "iexec_lab.ipfs")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
