from __future__ import annotations

import json

import pytest

from iexec_lab.errors import ConfigurationError, ValidationError
from iexec_lab.networks import NETWORKS
from iexec_lab.protocol import DATASET_INFINITE_VOLUME


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
    bulk = lab.dataset.prepare_bulk(orders, 2)
    assert bulk["volume"] == 2
    lab.session.ipfs.download(f"/ipfs/{bulk['cid']}", tmp_path / "root")
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
