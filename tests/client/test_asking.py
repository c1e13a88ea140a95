"""Every verb that signs or spends, on a network where RLC has value.

Nothing leaves without a yes, and what is signed is what was shown, field by field.

``ACTIONS`` is the table; ``test_no_verb_is_forgotten`` compares it with the verbs there are.
"""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest
from helpers.spending_verbs import ACTIONS, BUDGETED, FILES, GUEST, Stage, terms

from iexec_lab.client.iexec import IExec
from iexec_lab.client.nouns._table import NOUNS
from iexec_lab.client.permit import spend
from iexec_lab.client.plan import ROUTINE
from iexec_lab.errors import AbortedError, BudgetError, SignatureError
from iexec_lab.sandbox.control import Sandbox

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with Sandbox() as token, Sandbox(native=True) as native:
        yield Stage(token, native, tmp_path_factory.mktemp("asking"))


def test_no_verb_is_forgotten():
    verbs = set()
    for noun in NOUNS:
        for verb, member in inspect.getmembers(type(getattr(IExec(None), noun)), callable):
            if not verb.startswith("_") and "force" in inspect.signature(member).parameters:
                verbs.add(f"{noun}.{verb}")
                assert inspect.signature(member).parameters["force"].default is False
    assert verbs - FILES == set(ACTIONS)


def test_what_the_official_cli_carries_out_unasked_is_one_list():
    assert {action.name for action in ACTIONS.values()} >= ROUTINE
    assert {action.name for action in ACTIONS.values()} - ROUTINE == {
        *("account approve", "account deposit", "account withdraw"),
        *("app publish", "app request-execution", "app run", "app transfer", "app unpublish"),
        *("dataset publish", "dataset publish-file", "dataset transfer", "dataset unpublish"),
        *("workerpool publish", "workerpool transfer", "workerpool unpublish"),
        *("order cancel", "order fill", "order publish", "order unpublish"),
        *("ens configure", "ens register", "ens set-text"),
        *("wallet bridge-to-mainchain", "wallet bridge-to-sidechain"),
        *("wallet send-RLC", "wallet send-ether", "wallet sweep"),
    }


@pytest.mark.parametrize("verb", ACTIONS)
def test_nothing_leaves_without_a_yes(stage, verb):
    action = ACTIONS[verb]
    call = action.prepare(stage)
    stage.signer.forget()
    with pytest.raises(AbortedError, match=f"{action.name} on sandbox was not confirmed"):
        call(stage.lab(native=action.native))
    asked = []
    with pytest.raises(AbortedError, match="Operation aborted by user"):
        call(stage.lab(asked.append, native=action.native))
    assert [plan.action for plan in asked] == [action.name]
    thrifty = stage.lab(asked.append, native=action.native)
    thrifty.costs.budget = 0
    with pytest.raises(BudgetError if verb in BUDGETED else AbortedError) as caught:
        call(thrifty, force=verb in BUDGETED)
    if verb in BUDGETED:
        assert caught.value.message == f"{action.name} would pass the budget of 0.0 RLC"
    assert len(asked) == (1 if verb in BUDGETED else 2)
    assert thrifty.costs.used == 0
    assert stage.signer.nothing


@pytest.mark.parametrize("verb", ACTIONS)
def test_what_is_signed_is_what_was_shown(stage, verb):
    action = ACTIONS[verb]
    call, shown = action.prepare(stage), []
    stage.signer.forget()
    lab = stage.lab(lambda plan: shown.append(plan) or True, native=action.native)
    call(lab)
    [plan] = shown
    session, signer = lab.session, stage.signer
    assert (plan.action, plan.real_value) == (action.name, True)
    assert (plan.place.chain_id, plan.place.hub) == (session.network.id, session.network.hub)
    assert f"chain: {plan.place.chain_id}, hub {plan.place.hub}" in str(plan)
    compare_orders(plan, signer.orders, action.orders)
    assert len(signer.logins) == action.logs_in
    assert len(signer.secrets) == action.secrets
    compare_transactions(plan, signer.sent, action.calls(stage, plan))
    signer.forget()


def compare_orders(plan, signed, count):
    assert len(signed) == len(plan.orders) == count
    for (domain, message), order in zip(
        sorted(signed, key=lambda each: "requester" in each[1]),
        sorted(plan.orders, key=lambda each: each.kind == "requestorder"),
        strict=True,
    ):
        assert domain == plan.place.domain.to_json()
        assert {name: message[name] for name in order.layout} == {
            name: str(getattr(order, name)) for name in order.layout
        }
        if plan.action not in {"app run", "order fill"}:  # these show four orders; see ``matched``
            assert {name: message[name] for name in order.layout} == terms(order.kind, plan)


def compare_transactions(plan, sent, expected):
    assert len(sent) == len(expected)
    for transaction, (to, data, value) in zip(sent, expected, strict=True):
        assert transaction["to"].lower() == to.lower()
        assert bytes.fromhex(transaction["data"][2:]) == data
        assert transaction["chainId"] == plan.place.chain_id
        if value is not ...:
            assert transaction["value"] == value
        if transaction["value"] and plan.cost_wei is not None:
            assert transaction["value"] <= plan.cost_wei


def test_an_order_that_was_not_shown_is_not_signed(stage):
    lab = stage.lab(lambda _: True)
    order = lab.order.create("request", app=stage.app, appmaxprice=1, category=0)
    session = lab.session
    permit = spend(session, session.plan("order sign", signs=[order]))
    for other in (replace(order, appmaxprice=2), replace(order, volume=2), replace(order, requester=GUEST)):
        with pytest.raises(SignatureError, match="is not the one that was shown"):
            permit.sign(other)
    assert stage.signer.nothing
    assert permit.sign(order).appmaxprice == 1
    stage.signer.forget()
