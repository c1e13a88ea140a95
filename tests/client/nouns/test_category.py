from __future__ import annotations

import pytest
from helpers.answers import facts
from helpers.labs import open_lab

from iexec_lab.commands.official_json import fetch
from iexec_lab.errors import CallError, OrderError, ValidationError
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.wallet.signer import LocalSigner


def test_show(lab):
    answer = fetch(lab, "category.show", "1")
    assert answer.to_official_json() == {
        "index": "1",
        "category": {"name": "S", "description": '""', "workClockTimeRef": "1200"},
    }
    assert lab.category.show(1).loc[0, "work_clock_seconds"] == 1200


def test_an_unknown_one(lab):
    with pytest.raises(CallError):
        lab.category.show(10**6)


def test_list_and_count_agree(lab):
    assert len(lab.category.list()) == lab.category.count() >= 5


def test_a_node_that_counts_without_end_does_not_hold_us(lab, monkeypatch):
    monkeypatch.setattr(lab.session.hub, "count_category", lambda: 10**30)
    with pytest.raises(CallError, match="more than can be listed"):
        lab.category.list()


def test_timeout_ratio(lab):
    assert lab.hub.timeout_ratio() == 10


def test_only_the_owner_of_the_hub_creates(lab):
    owner = LocalSigner(well_known_accounts().deployer.key).address
    with pytest.raises(OrderError, match=f"only category owner {owner} can create new categories"):
        lab.category.create("XXL", "huge", 100)


def test_create(iexec_sandbox, tmp_path, unique):
    owner = open_lab(iexec_sandbox, LocalSigner(well_known_accounts().deployer.key), tmp_path)
    plain = facts(owner, "category.create", unique, "for a test", "100")
    assert owner.category.show(plain["catid"]).loc[0, "name"] == unique


def test_a_name_is_needed(lab):
    with pytest.raises(ValidationError, match="name is a required field"):
        lab.category.create("", "x", 1)
