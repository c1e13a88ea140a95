from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest

from iexec_lab.client.matching import bulk
from iexec_lab.errors import (
    ApiError,
    ConfigurationError,
    IexecError,
    IpfsError,
    OrderError,
    ValidationError,
)
from iexec_lab.networks import NETWORKS
from iexec_lab.protocol import DATASET_INFINITE_VOLUME, DatasetOrder


@pytest.fixture
def orders(lab, unique):
    """Three signed orders of three datasets."""
    made = []
    for number in range(3):
        dataset = lab.dataset.deploy(
            f"{unique}-{number}", "/ipfs/QmW2WQi7j6c7UgJTarActp7tDNikE4B2qXtFCfLPdsgaTQ"
        )
        made.append(lab.order.sign("datasetorder", dataset=dataset, volume=DATASET_INFINITE_VOLUME))
    return made


def test_slices_are_uploaded_and_the_root_names_them(lab, orders, tmp_path):
    made = lab.dataset.prepare_bulk(orders, 2)
    assert made["volume"] == 2
    lab.session.ipfs.download(f"/ipfs/{made['cid']}", tmp_path / "root")
    slices = json.loads((tmp_path / "root").read_text())
    lab.session.ipfs.download(f"/ipfs/{slices[0]}", tmp_path / "slice")
    assert json.loads((tmp_path / "slice").read_text()) == [order.to_json() for order in orders[:2]]


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (0, "maxDatasetPerTask must be greater than or equal to 1"),
        (101, "maxDatasetPerTask must be less than or equal to 100"),
    ],
)
def test_slices_have_a_size(lab, count, message):
    with pytest.raises(ValidationError, match=message):
        lab.dataset.prepare_bulk([], count)


def test_no_orders_no_bulk(lab):
    with pytest.raises(ValidationError, match="datasetorders field must have at least 1 items"):
        lab.dataset.prepare_bulk([])


def test_bellecour_has_no_bulks(lab):
    lab.session.network = NETWORKS["bellecour"]
    with pytest.raises(ConfigurationError, match="Bulk processing is not available on network bellecour"):
        lab.dataset.prepare_bulk([])


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("network", ["arbitrum-mainnet", "bellecour"])
def test_bulks_of_known_networks_are_copied_and_nobody_waits_for_it(monkeypatch, network, fails):
    copied = []

    class Graph:
        def __init__(self, gateway, node, *, timeout):
            copied.append((gateway, node, timeout))

        def add(self, data, *, check):
            copied.append((data, check))
            if fails:
                raise IpfsError("not there")
            return "another cid"

    monkeypatch.setattr(bulk, "Ipfs", Graph)
    session = SimpleNamespace(
        network=NETWORKS[network], ipfs=SimpleNamespace(add=lambda data: f"cid of {data}")
    )
    assert bulk._upload(session, "text") == "cid of b'text'"
    graph = "https://ipfs.thegraph.com"
    assert copied == ([(graph, graph, 5), (b"text", False)] if network == "arbitrum-mainnet" else [])


def test_a_slice_holds_a_hundred_orders_unless_fewer_are_wanted():
    order = DatasetOrder(
        dataset="0x" + "12" * 20, volume=DATASET_INFINITE_VOLUME, salt="0x" + "00" * 32, signature="0x"
    )
    uploaded = []

    def add(data):
        uploaded.append(json.loads(data))
        return f"cid{len(uploaded)}"

    session = SimpleNamespace(
        network=replace(NETWORKS["bellecour"], unsupported=frozenset()),
        ipfs=SimpleNamespace(add=add),
        each=lambda work, items: [work(item) for item in items],
    )
    made = bulk.prepare_bulk(session, [order] * 101)
    assert (made.cid, [len(orders) for orders in made.slices]) == ("cid3", [100, 1])
    assert made.orders == [order] * 101
    assert [len(document) for document in uploaded] == [100, 1, 2]
    assert uploaded[2] == ["cid1", "cid2"]
    assert len(bulk.prepare_bulk(session, [order] * 101, 50).slices) == 3


@pytest.fixture
def published(lab, orders):
    """Their hashes on the market, and the frame of the order book."""
    hashes = [lab.order.publish(order) for order in orders]
    frame = lab.orderbook.dataset(dataset_owner=lab.session.address, bulk_only=True, limit=None)
    yield hashes, frame[frame["order_hash"].isin(hashes)].set_index("order_hash", drop=False).loc[hashes]
    for order_hash in hashes:
        with suppress(IexecError):
            lab.order.unpublish("datasetorder", order_hash)


def test_frames_rows_and_hashes_stand_for_published_orders(lab, orders, published):
    hashes, frame = published
    wanted = lab.dataset.prepare_bulk(orders, 2)
    assert lab.dataset.prepare_bulk(frame, 2) == wanted
    assert lab.dataset.prepare_bulk(hashes, 2) == wanted
    assert lab.dataset.prepare_bulk(frame["order_hash"], 2) == wanted
    mixed = [frame.iloc[0], frame.iloc[1].to_dict(), orders[2].to_json()]
    assert lab.dataset.prepare_bulk(mixed, 2) == wanted
    assert lab.dataset.prepare_bulk(list(frame.itertuples()), 2) == wanted
    assert lab.dataset.prepare_bulk([frame.iloc[:2], hashes[2]], 2) == wanted
    assert lab.dataset.prepare_bulk(hashes[0]) == lab.dataset.prepare_bulk([orders[0]])
    assert lab.dataset.prepare_bulk(frame.iloc[0]) == lab.dataset.prepare_bulk([orders[0]])


def test_orders_that_cannot_be_used_any_more_are_refused(lab, other, orders, published, unique):
    hashes, _ = published
    lab.order.cancel(kind="datasetorder", order_hash=hashes[0])
    with pytest.raises(OrderError, match="datasetorder is fully consumed") as caught:
        lab.dataset.prepare_bulk(hashes)
    assert caught.value.details["order"] == hashes[0]
    lab.dataset.transfer(orders[1].dataset, other.session.address)
    with pytest.raises(OrderError, match="datasetorder invalid sign"):
        lab.dataset.prepare_bulk(hashes[1:])


def test_other_rows_and_priced_orders_are_told(lab, orders):
    with pytest.raises(ValidationError, match="has no orders of datasets") as caught:
        lab.dataset.prepare_bulk(lab.orderbook.workerpool(limit=3))
    assert "--bulk-only" in caught.value.hint
    priced = lab.dataset.publish(orders[0].dataset, price=1)
    with pytest.raises(ValidationError, match="is not valid for bulk") as caught:
        lab.dataset.prepare_bulk([priced])
    assert caught.value.details["dataset"] == orders[0].dataset
    with pytest.raises(ApiError):
        lab.dataset.prepare_bulk(["0x" + "99" * 32])
    with pytest.raises(ValidationError, match="is not a bytes32 hexstring"):
        lab.dataset.prepare_bulk(["0x12"])


def test_each_task_of_a_bulk_from_the_order_book_has_its_datasets(lab, other, hello, iexec_sandbox, unique):
    """Three confidential files, sold, found in the order book, used in one run."""
    sold = []
    for number in range(3):
        (lab.session.folder / f"part{number}.csv").write_text(f"{unique} {number}")
        made = lab.dataset.publish_file(
            f"part{number}.csv", volume=DATASET_INFINITE_VOLUME, requester_restrict=other.session.address
        )
        sold.append(made.iloc[0].dataset)
    lab.app.publish(hello, requester_restrict=other.session.address, tag="tee,tdx")
    book = other.orderbook.dataset(
        dataset_owner=lab.session.address, bulk_only=True, requester=other.session.address, limit=None
    )
    book = book[book["dataset"].isin(sold)].sort_values("dataset", key=lambda names: names.map(sold.index))
    other.account.deposit("1 RLC")
    made = other.dataset.prepare_bulk(book, 2)
    options = {"workerpool": iexec_sandbox.workerpool, "args": "bulk"}
    plan = other.app.run(hello, bulk=made, dry_run=True, **options)
    assert (plan.row()["tasks"], plan.row()["datasets"], plan.row()["tag"]) == (2, 3, "tee,tdx")
    job = other.app.run(hello, bulk=made, **options)
    assert list(job.tasks["datasets"]) == [sold[:2], sold[2:]]
    texts = [result.text("result.txt") for result in job.results()]
    assert [[dataset in text for dataset in sold] for text in texts] == [
        [True, True, False],
        [False, False, True],
    ]
    assert list(other.deal.tasks(job.deal_id)["datasets"]) == [sold[:2], sold[2:]]

    for wrong, message in (
        ({"volume": 3}, "volume must be less than or equal to 2"),
        ({"dataset": sold[0]}, "exclude each other"),
    ):
        with pytest.raises(ValidationError, match=message):
            other.app.run(hello, bulk=made["cid"], **wrong)
    with pytest.raises(OrderError, match="datasetorder is restricted to requester") as caught:
        lab.app.run(hello, bulk=made["cid"], dry_run=True, **options)
    assert caught.value.details["dataset"] in sold
