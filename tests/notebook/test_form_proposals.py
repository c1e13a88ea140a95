"""What forms propose, read from a real market."""

from __future__ import annotations

import pytest
from helpers.labs import open_lab

from iexec_lab.errors import MarketError
from iexec_lab.notebook.forms.opening import lab_form
from iexec_lab.notebook.forms.proposals import Proposals, deployed_here
from iexec_lab.project import Project
from iexec_lab.wallet.signer import LocalSigner

IMAGE = {"multiaddr": "iexechub/python-hello-world:8.0.4", "checksum": "0x" + 64 * "0"}


@pytest.fixture
def lab(iexec_sandbox, tmp_path):
    return open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[0].key), tmp_path)


@pytest.fixture
def other(iexec_sandbox, tmp_path):
    return open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[1].key), tmp_path)


def test_apps_with_orders_and_own_ones_have_names_and_prices(lab, other, tmp_path):
    mine = lab.app.deploy(name=f"mine <b>{tmp_path}", **IMAGE)
    theirs = other.app.deploy(name=f"theirs {tmp_path}", **IMAGE)
    other.app.publish(theirs, price="0.25 RLC")
    known = Proposals(lab).of("app")
    assert known[mine].startswith("mine <b>")
    assert known[mine].endswith("yours")
    assert known[theirs].endswith("from 0.25 RLC")


def test_categories_say_how_long_and_how_much(lab):
    known = Proposals(lab).of("category")
    assert known["0"] == "XS, 5 min, from 0.1 RLC"
    assert known["2"].startswith("M, 1 h, ")


def test_datasets_are_those_that_the_app_may_use(lab, other, tmp_path):
    app = lab.app.deploy(name=f"app {tmp_path}", **IMAGE)
    free, bound = (
        other.dataset.deploy(
            name=f"{name} {tmp_path}",
            multiaddr="/ipfs/QmW2WQi7j6c7UgJTarActp7tDNikE4B2qXtFCfLPdsgaTQ",
            checksum=IMAGE["checksum"],
        )
        for name in ("free", "bound")
    )
    other.dataset.publish(free, price=1, skip_preflight_check=True)
    other.dataset.publish(bound, price=2, app_restrict=app, skip_preflight_check=True)
    known = Proposals(lab)
    assert bound not in known.of("dataset")
    assert {free, bound} <= set(known.of("dataset", app))


def test_a_form_has_them_after_a_moment_and_without_a_market_none(lab, tmp_path):
    address = lab.app.deploy(name=f"known {tmp_path}", **IMAGE)
    Project(tmp_path).save_deployed("app", lab.session.network.id, address)
    made = lab_form(lab, "app run")
    made.propose()
    made._proposing.join()
    options = made.fields["app"]._control.options
    assert any(option.startswith(address) and "yours" in option for option in options)
    made.fields["app"].value = address
    assert "yours" in made.fields["app"]._labelled._note.value


def test_what_is_deployed_from_this_folder_needs_no_market(tmp_path):
    Project(tmp_path).save_deployed("app", 1, "0x" + "ab" * 20)
    assert deployed_here(tmp_path, "app", 1) == {"0x" + "ab" * 20: "deployed from this folder"}
    assert deployed_here(tmp_path, "app", 2) == {}
    assert deployed_here(tmp_path, "app", None) == {}


def test_a_market_that_does_not_answer_proposes_nothing():
    class Away:
        def __getattr__(self, _name):
            raise MarketError("away")

    assert Proposals(Away()).of("app") == {}
