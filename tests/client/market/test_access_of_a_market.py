"""Orders of a market with months of history: what is left of each, against a ledger of raw logs."""

from __future__ import annotations

import pytest
from helpers.labs import open_lab

from iexec_lab.wallet.signer import LocalSigner


@pytest.fixture(scope="module")
def lab(populated, tmp_path_factory):
    return open_lab(populated, LocalSigner.generate(), tmp_path_factory.mktemp("access"))


def test_all_orders_of_all_are_as_the_ledger_has_them(lab, ledger):
    frame = lab.order.list(all=True, status="any", limit=None)
    assert "left_out" not in frame.attrs
    assert frame.order_hash.is_unique
    assert {"app", "dataset", "workerpool", "request"} == set(frame.kind)
    assert {"open", "filled", "canceled"} <= set(frame.status)
    for row in frame.itertuples():
        used = ledger.consumed.get(row.order_hash, 0)
        closed = row.order_hash in ledger.cancelled
        assert row.remaining == (0 if closed else row.volume - used), row
        if closed:
            assert row.status == "canceled"
        elif used == row.volume:
            assert row.status == "filled"
        else:
            assert row.status in {"open", "dead"}
    listed = set(frame.order_hash[frame.status == "open"])
    assert listed == set(lab.order.list(all=True, limit=None).order_hash)
    few = lab.order.list(all=True, limit=3)
    assert few.attrs["total"] == len(listed)
    assert f"{len(listed) - 3} more: limit={len(listed)} shows all" in few.attrs["remark"]


def test_what_one_gave_is_a_part_of_it(lab):
    everything = lab.order.list(all=True, status="any", limit=None)
    givers = everything.signer.value_counts()
    for who in (givers.index[0], givers.index[-1]):
        mine = lab.order.list(who, status="any", limit=None)
        assert set(mine.order_hash) == set(everything.order_hash[everything.signer == who])
        assert len(lab.order.list(who, status="any", limit=2)) == min(2, len(mine))
    given_to = everything.requester_restrict.dropna()
    for who in given_to.unique()[:3]:
        received = lab.order.list(who, received=True, limit=None)
        wanted = (everything.requester_restrict == who) & (everything.status == "open")
        assert set(received.order_hash) == set(everything.order_hash[wanted])
