from __future__ import annotations

import pickle

import pandas as pd
import pytest
from helpers.graph_stub import BASE, GraphStub, Past

from iexec_lab.history.from_subgraph import SubgraphSource
from iexec_lab.history.records import Span
from iexec_lab.history.whole import Reading, fetch, partition, to_dask, to_frame

pytest.importorskip("dask.dataframe")


def reading(stub, table, **where):
    return Reading("subgraph", stub.url, "0x", table, tuple(where.items()), 30)


@pytest.mark.parametrize("table", ["deals", "tasks"])
def test_partitions_are_the_same_rows_as_in_pandas(table):
    with GraphStub(Past(deals=800, tasks=2)) as stub:
        source = SubgraphSource(stub.url)
        lazy = to_dask(source, reading(stub, table), Span(), rows=200)
        assert lazy.npartitions > 2
        found = lazy.compute(scheduler="threads").reset_index(drop=True)
        pd.testing.assert_frame_equal(found, to_frame(table, fetch(source, table).to_page()))
        amount = "app_price_nrlc" if table == "deals" else "reward_nrlc"
        assert all(type(value) is int for value in found[amount])
        assert lazy[amount.replace("nrlc", "rlc")].sum().compute(scheduler="threads") > 0


def test_what_goes_to_a_worker_is_small_and_says_no_address():
    with GraphStub(Past(deals=20)) as stub:
        told = pickle.loads(pickle.dumps(reading(stub, "deals")))
        assert len(partition((BASE, BASE + 10**9), told)) == 20
        assert stub.url not in repr(told)
        assert len(to_dask(SubgraphSource(stub.url), told, Span(1, 2)).compute(scheduler="sync")) == 0


def test_the_workers_of_a_distributed_client_read():
    distributed = pytest.importorskip("distributed")
    with (
        GraphStub(Past(deals=600, tasks=1)) as stub,
        distributed.LocalCluster(2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        lazy = to_dask(SubgraphSource(stub.url), reading(stub, "deals"), Span(), rows=200)
        assert int(lazy["tasks"].sum().compute()) == 600
