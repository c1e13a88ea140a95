"""Orders from iexec.json to a deal, and what is said when one of several fails."""

from __future__ import annotations

import json
import re
import time

import pytest

NONE = "No option specified, you should choose one (--app | --dataset | --workerpool | --request)"
HASH = "0x" + 64 * "1"


@pytest.fixture
def seller(iexec):
    """A project with a deployed app and workerpool, and unsigned orders for both and for a request."""
    stamp = f"{iexec.folder.name} {time.time_ns()}"
    iexec("app init")
    iexec("workerpool init")
    config = json.loads((iexec.folder / "iexec.json").read_text())
    config["app"]["name"] = config["workerpool"]["description"] = stamp
    (iexec.folder / "iexec.json").write_text(json.dumps(config))
    app, pool = iexec("app deploy")["address"], iexec("workerpool deploy")["address"]
    orders = iexec("order init --app --workerpool --request")
    assert orders["apporder"]["app"] == app
    assert orders["workerpoolorder"]["workerpool"] == pool
    assert orders["requestorder"]["requester"] == orders["requestorder"]["beneficiary"] == iexec.user
    request = {**orders["requestorder"], "app": app, "workerpool": pool}
    config = json.loads((iexec.folder / "iexec.json").read_text())
    config["order"]["requestorder"] = request
    (iexec.folder / "iexec.json").write_text(json.dumps(config))
    return iexec


def test_init_writes_all_kinds_unless_some_are_named(iexec):
    assert list(iexec("order init")) == ["ok", "apporder", "datasetorder", "workerpoolorder", "requestorder"]
    assert list(iexec("order init --dataset")) == ["ok", "datasetorder"]


def test_sign_publish_show_unpublish_cancel(seller):
    signed = seller("order sign --app --workerpool")
    assert list(signed["apporder"])[-2:] == ["salt", "sign"]
    assert json.loads((seller.folder / "orders.json").read_text())["65535"]["apporder"] == signed["apporder"]
    published = seller("order publish --app")["apporder"]["orderHash"]
    shown = seller("order show --app")["apporder"]
    assert (shown["orderHash"], shown["status"]) == (published, "open")
    assert seller(f"order show --app {published} --deals")["apporder"]["deals"]["count"] == 0
    assert seller("order unpublish --app")["apporder"]["orderHash"] == published
    assert "txHash" in seller("order cancel --app")["apporder"]
    assert seller.fails("order cancel --app") == "apporder: apporder already canceled"


def test_cancel_takes_the_hash_of_a_published_order_as_the_manual_shows(seller):
    seller("order sign --app")
    published = seller("order publish --app")["apporder"]["orderHash"]
    (seller.folder / "orders.json").unlink()
    assert "txHash" in seller(f"order cancel --app {published}")["apporder"]


def test_fill_local_orders(seller):
    seller("order sign --app --workerpool --request")
    filled = seller("order fill")
    assert list(filled) == ["ok", "dealid", "volume", "txHash"]
    deal = seller(f"deal show {filled['dealid']}")["deal"]
    assert deal["requester"] == seller.user
    assert seller.fails("order fill") in {
        "workerpoolorder is fully consumed",
        "requestorder is fully consumed",
        "apporder is fully consumed",
    }


def test_fill_published_orders_and_a_request_made_from_params(seller):
    seller("order sign --app --workerpool")
    hashes = {
        kind: seller(f"order publish --{kind}")[f"{kind}order"]["orderHash"] for kind in ("app", "workerpool")
    }
    (seller.folder / "orders.json").unlink()
    line = f"order fill --app {hashes['app']} --workerpool {hashes['workerpool']}"
    assert "orders.json" in seller.fails(line)
    plan = seller(f"{line} --params 'do it' --dry-run")
    assert (plan["action"], plan["tasks"], plan["requester"]) == ("order fill", "1", seller.user)
    assert (plan["app_price_nrlc"], plan["deadline_seconds"]) == ("0", "3000")
    assert int(plan["stake_left_nrlc"]) == int(seller("account show")["balance"]["stake"]) - int(
        plan["cost_nrlc"]
    )
    filled = seller(f"{line} --params 'do it' --force")
    deal = seller(f"deal show {filled['dealid']}")["deal"]
    assert json.loads(deal["params"])["iexec_args"] == "do it"


def test_fill_says_what_is_missing(seller):
    seller("order sign --app")
    assert seller.fails("order fill") == "Missing workerpoolorder"


def test_partial_failures_keep_what_succeeded_and_end_with_exit_code_1(seller):
    answer = seller("order sign", 1)
    assert answer["ok"] is False
    assert {"apporder", "workerpoolorder", "requestorder"} < set(answer)
    [failed] = answer["fail"]
    assert failed.startswith(
        'datasetorder: Missing datasetorder. You probably forgot to run "iexec order init'
    )
    out, err = seller.text("order sign", 1)
    assert re.search("✔ Signed apporder 0x.{64}, workerpoolorder 0x.{64}, requestorder 0x", out)
    assert "✖ datasetorder: Missing datasetorder" in err


@pytest.mark.parametrize("verb", ["publish", "unpublish", "cancel", "show"])
def test_some_kind_must_be_named(iexec, verb):
    assert iexec.fails(f"order {verb}") == NONE


def test_orders_that_are_not_there(iexec):
    missing = 'Missing "orders.json" file, did you forget to run "iexec init"?'
    assert iexec.fails("order publish --app") == missing
    assert iexec.fails("order show --app") == f"apporder: {missing}"
    (iexec.folder / "orders.json").write_text("{}")
    assert "Missing apporder" in iexec.fails("order publish --app")
    assert iexec.fails("order show --app 0x12") == "apporder: 0x12 is not a bytes32 hexstring"
    assert iexec.fails(f"order show --app {HASH}") == "apporder: API error: apporder not found"
    answer = iexec(f"order show --app {HASH} --workerpool 0x1", 1)
    assert len(answer["fail"]) == 2
