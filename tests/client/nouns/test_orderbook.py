from __future__ import annotations

import subprocess
import sys

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
