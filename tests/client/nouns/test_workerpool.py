from __future__ import annotations

import pytest
from helpers.answers import official

from iexec_lab.errors import ConfigurationError, OrderError, ValidationError


def test_the_sandbox_s_own_pool_tells_where_its_api_is(lab, iexec_sandbox):
    pool = iexec_sandbox.workerpool
    raw = official(lab, "workerpool.show", pool)
    assert raw["apiUrl"] == iexec_sandbox.urls["workerpool"]
    assert raw["workerpool"]["workerStakeRatioPolicy"] == "30"
    assert lab.workerpool.api_url(pool) == raw["apiUrl"]


def test_a_new_pool_has_no_api(newcomer, unique):
    lab = newcomer()
    address = lab.workerpool.deploy(unique)
    assert lab.workerpool.predict(unique) == address
    assert lab.workerpool.api_url(address) is None
    frame = lab.workerpool.show(address)
    assert frame.loc[0, "description"] == unique
    assert frame["api_url"].isna().all()
    assert lab.workerpool.deploy(unique) == address
    with pytest.raises(OrderError, match="Workerpool already deployed"):
        lab.workerpool.deploy(unique, exist_ok=False)


def test_the_sandbox_serves_the_pools_of_its_users(lab, iexec_sandbox, unique):
    address = lab.workerpool.deploy(unique)
    assert lab.workerpool.api_url(address) == iexec_sandbox.urls["workerpool"]


def test_a_description_is_needed(lab):
    with pytest.raises(ValidationError, match="description is a required field"):
        lab.workerpool.deploy("")


def test_publish_and_find_by_owner(newcomer, unique):
    lab = newcomer(nrlc=10**9)
    lab.account.deposit("1 RLC")
    pool = lab.workerpool.deploy(unique)
    order_hash = lab.workerpool.publish(pool, category=2, price="0.1 RLC", volume=5, trust=3, tag="gpu")
    book = lab.orderbook.workerpool(workerpool_owner=lab.session.address)
    assert list(book["order_hash"]) == [order_hash]
    assert (book.loc[0, "category"], book.loc[0, "trust"], book.loc[0, "tag"]) == (2, 3, "gpu")
    assert lab.workerpool.unpublish(pool) == order_hash


def test_api_urls_are_not_kept_in_ens_here(lab, iexec_sandbox):
    with pytest.raises(
        ConfigurationError, match="Workerpool API Registration is not available on network sandbox"
    ):
        lab.workerpool.set_api_url("http://127.0.0.1", iexec_sandbox.workerpool)
