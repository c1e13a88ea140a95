from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from iexec_lab.client.matching import bulk
from iexec_lab.errors import ConfigurationError, IpfsError, ValidationError
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
    assert bulk.prepare_bulk(session, [order] * 101) == {"cid": "cid3", "volume": 2}
    assert [len(document) for document in uploaded] == [100, 1, 2]
    assert uploaded[2] == ["cid1", "cid2"]
    assert bulk.prepare_bulk(session, [order] * 101, 50)["volume"] == 3
