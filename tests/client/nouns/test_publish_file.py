"""From a file to a dataset on the market, run once, twice, and after an interruption anywhere."""

from __future__ import annotations

import pytest
from helpers.answers import facts

from iexec_lab.client.matching import file_sale as module
from iexec_lab.client.plan import rehearse
from iexec_lab.crypto import decrypt_dataset
from iexec_lab.errors import ConfigurationError, CryptoError, OrderError, ValidationError
from iexec_lab.ipfs.unixfs import cid_of
from iexec_lab.protocol import NULL_ADDRESS, ORDERS
from iexec_lab.services.market import Market
from iexec_lab.services.sms import Sms

ALL = ["encrypt", "upload", "deploy", "push-secret", "publish"]


@pytest.fixture
def table(lab, unique):
    file = lab.session.folder / "table.csv"
    file.write_text(f"{unique}\n1,2\n")
    return file


def publish(lab, file, **options):
    return facts(lab, "dataset.publish_file", file, **options)


def book(lab, dataset):
    everybody = {"app": "any", "workerpool": "any", "requester": "any"}
    return lab.orderbook.dataset(dataset, **everybody)


def test_one_call_does_everything_and_another_one_nothing(lab, other, table, hello, iexec_sandbox, tmp_path):
    terms = {
        "price": "5 nRLC",
        "volume": 3,
        "app_restrict": hello,
        "requester_restrict": other.session.address,
    }
    told = []
    frame = lab.dataset.publish_file("table.csv", progress=lambda *step: told.append(step), **terms)
    row = frame.iloc[0]
    assert list(frame.columns) == [
        *("dataset", "order_hash", "price_rlc", "price_nrlc"),
        *("cid", "checksum", "key_file", "done", "skipped"),
    ]
    assert (row.done, row.skipped) == ("encrypted, uploaded, deployed, key pushed, published", "")
    steps = dict.fromkeys(each[0] for each in told if each[0] != "Encrypting table.csv")
    assert list(steps) == [
        "Looking for what is done already",
        "Uploading table.csv.enc",
        "Deploying the dataset",
        "Giving the key to the secret manager",
        "Publishing the order",
    ]
    shown = lab.dataset.show(row.dataset).iloc[0]
    assert (shown["name"], shown.multiaddr) == ("table.csv", f"/p2p/{row.cid}")
    assert lab.dataset.check_secret(row.dataset)
    order = book(lab, row.dataset).iloc[0]
    assert (order.order_hash, order.dataset_price_nrlc, order.volume, order.tag) == (
        row.order_hash,
        5,
        3,
        "tee",
    )
    assert (order.app_restrict, order.requester_restrict) == (hello, other.session.address)
    again = publish(lab, table, **terms)
    assert (again["done"], again["skipped"], again["orderHash"]) == ([], ALL, row.order_hash)
    assert "txHash" not in again
    assert len(book(lab, row.dataset)) == 1

    app_order = lab.app.publish(hello, requester_restrict=other.session.address, tag="tee,tdx")
    other.account.deposit("1 RLC")
    job = other.app.run(hello, dataset=row.dataset, workerpool=iexec_sandbox.workerpool, args="x")
    assert row.dataset in job.result().text("result.txt")
    lab.order.unpublish("apporder", app_order)


def test_other_terms_are_another_order_of_the_same_dataset(lab, table):
    first = publish(lab, table, price=5)
    second = publish(lab, table, price=6)
    assert (second["done"], second["address"]) == (["publish"], first["address"])
    assert len(book(lab, first["address"])) == 2
    named = publish(lab, table, price=5, name="another name")
    assert (named["done"], named["key"]) == (["deploy", "push-secret", "publish"], first["key"])


@pytest.mark.parametrize(
    ("owner", "name", "done"),
    [
        (module, "cid_of", []),
        (module, "_deploy", ["upload"]),
        (Sms, "push_dataset_secret", ["upload", "deploy"]),
        (Market, "publish", ["upload", "deploy", "push-secret"]),
    ],
)
def test_an_interrupted_call_is_ended_by_the_next_one(lab, table, monkeypatch, owner, name, done):
    def stop(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, stop)
        with pytest.raises(KeyboardInterrupt):
            publish(lab, table)
    [key] = (lab.session.folder / ".secrets/datasets").iterdir()
    before = key.read_text()
    made = publish(lab, table)
    assert made["skipped"] == ["encrypt", *done]
    assert key.read_text() == before
    decrypt_dataset(made["encrypted"], lab.session.folder / "back", before, checksum=made["checksum"])
    assert (lab.session.folder / "back").read_bytes() == table.read_bytes()
    assert len(book(lab, made["address"])) == 1
    assert publish(lab, table)["done"] == []


def test_stopped_after_publishing_it_was_published(lab, table, monkeypatch):
    publishing = Market.publish

    def published(*args):
        publishing(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Market, "publish", published)
        with pytest.raises(KeyboardInterrupt):
            publish(lab, table)
    assert publish(lab, table)["done"] == []


def test_a_canceled_order_does_not_count(lab, table):
    made = publish(lab, table)
    lab.order.cancel(kind="datasetorder", order_hash=made["orderHash"])
    again = publish(lab, table)
    assert again["done"] == ["publish"]
    assert again["orderHash"] != made["orderHash"]


def test_an_order_of_a_stranger_does_not_count(lab, table, monkeypatch):
    made = publish(lab, table)
    monkeypatch.setattr(ORDERS["datasetorder"], "signer", lambda *_: NULL_ADDRESS)
    monkeypatch.setattr(
        type(lab.session.hub), "verify_signatures", lambda _self, claims: [False for _ in claims]
    )
    assert publish(lab, table)["orderHash"] != made["orderHash"]


def test_a_dataset_that_was_given_away_is_not_sold(lab, other, table):
    made = publish(lab, table)
    lab.dataset.transfer(made["address"], other.session.address)
    with pytest.raises(OrderError, match="belongs to another wallet") as caught:
        publish(lab, table)
    assert caught.value.details["owner"] == other.session.address
    assert "--name" in caught.value.hint


def test_a_rehearsal_writes_nothing_and_says_what_is_left(lab, table):
    before = sorted(lab.session.folder.rglob("*"))
    plan = rehearse(lambda: publish(lab, table, price=7))
    assert plan.details["steps"] == ", ".join(ALL)
    assert (plan.details["datasetprice_nrlc"], "dataset" in plan.details) == ("7", False)
    assert sorted(lab.session.folder.rglob("*")) == before
    made = publish(lab, table, price=7)
    left = rehearse(lambda: publish(lab, table, price=8))
    assert (left.details["steps"], left.details["dataset"]) == ("publish", made["address"])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"price": "x"}, ValidationError),
        ({"tag": "foo"}, ValidationError),
        ({"app_restrict": "0x12"}, ValidationError),
        ({"volume": -1}, ValidationError),
    ],
)
def test_mistakes_in_the_terms_are_told_before_anything_is_done(lab, table, options, error):
    with pytest.raises(error):
        publish(lab, table, **options)
    assert [path.name for path in lab.session.folder.iterdir()] == ["table.csv"]


def test_no_such_file(lab):
    with pytest.raises(CryptoError, match=r"nothing\.csv"):
        publish(lab, "nothing.csv")


def test_a_network_without_an_upload_node(lab, table, monkeypatch):
    monkeypatch.setattr(lab.session.ipfs, "_node", None)
    with pytest.raises(ConfigurationError, match="No IPFS node to upload to"):
        publish(lab, table)
    monkeypatch.undo()
    publish(lab, table)


def test_a_node_that_cuts_files_in_its_own_way(lab, table, monkeypatch):
    """Its address is another one than we computed: the plan is made again, with that."""
    asked = []
    monkeypatch.setattr(module, "cid_of", lambda file: cid_of(file, 1))
    plan = type(lab.session).plan
    monkeypatch.setattr(
        type(lab.session), "plan", lambda self, *args, **more: asked.append(more) or plan(self, *args, **more)
    )
    made = publish(lab, table)
    assert made["done"] == ALL
    assert made["cid"].startswith("Qm")
    assert [more["multiaddr"] for more in asked if "multiaddr" in more][-1] == made["multiaddr"]
