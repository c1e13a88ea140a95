from __future__ import annotations

from copy import deepcopy

import pytest
from helpers.mutated import mutated
from helpers.stranger import ANSWERS, CHAIN_ID, DOMAIN, KINDS
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.frames import build, columns_of
from iexec_lab.frames.schemas import OPTIONAL
from iexec_lab.protocol import ORDERS, deal_id
from iexec_lab.services.market_rows import deal_row, order_row

DEAL = ANSWERS["deals"]["deals"][0]


def row_of(kind):
    return deepcopy(ANSWERS[f"{kind}s"]["orders"][0])


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_market_tells_is_kept_as_it_is(kind):
    assert order_row(kind, CHAIN_ID, row_of(kind)) == row_of(kind)
    single = {name: value for name, value in ANSWERS[kind].items() if name != "ok"}
    assert order_row(kind, CHAIN_ID, ANSWERS[kind]) == single
    assert single["chainId"] == str(CHAIN_ID)  # a number in lists
    assert deal_row(CHAIN_ID, DEAL) == DEAL


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_an_order_is_well_formed_or_refused(kind, data):
    told = data.draw(mutated(row_of(kind), ANSWERS[kind]))
    try:
        row = order_row(kind, CHAIN_ID, told)
    except ValidationError:
        return
    order = ORDERS[kind].from_json(row["order"], stage="signed", frameworks=None)
    assert len(order.hash(DOMAIN)) == 66
    frame = build(kind, [row])
    assert list(frame.columns) == [name for name in columns_of(kind) if name not in OPTIONAL[kind]]
    assert int(frame["remaining"][0]) == int(row["remaining"])


@given(told=mutated(DEAL))
def test_a_deal_is_well_formed_or_refused(told):
    try:
        row = deal_row(CHAIN_ID, told)
    except ValidationError:
        return
    if {"requestHash", "botFirst"} <= set(row):
        assert row["dealid"] == deal_id(row["requestHash"], row["botFirst"])
    assert build("deal", [row])["deal_id"][0] == row["dealid"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chainId": 42161}, "chainId cannot be 42161"),
        ({"chainId": True}, "chainId cannot be True"),
        ({"orderHash": "0x12"}, "orderHash cannot be 0x12"),
        ({"remaining": -1}, "remaining cannot be -1"),
        ({"remaining": 10**400}, "remaining cannot be 1000"),
        ({"remaining": None}, "remaining is missing"),
        ({"status": "\x1b[2J"}, "status cannot be  [2J"),
        ({"publicationTimestamp": "2026-02-30T11:33:22.976Z"}, "publicationTimestamp cannot be"),
        ({"signer": "0x"}, "signer cannot be 0x"),
        ({"bulk": "yes"}, "bulk cannot be yes"),
        ({"order": []}, "order cannot be []"),
    ],
)
def test_the_field_that_is_wrong_is_named(change, words):
    with pytest.raises(ValidationError) as caught:
        order_row("apporder", CHAIN_ID, {**row_of("apporder"), **change})
    assert caught.value.message.startswith(words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"appprice": 1.5}, "order.appprice cannot be 1.5"),
        ({"appprice": -1}, "order.appprice cannot be -1"),
        ({"appprice": True}, "order.appprice cannot be True"),
        ({"volume": 2**256}, "order.volume cannot be 1157920892373"),
        ({"app": "0x12"}, "order.app cannot be 0x12"),
        ({"app": None}, "order.app is missing"),
        ({"tag": "tee"}, "order.tag cannot be tee"),
        ({"sign": "0x1"}, "order.sign cannot be 0x1"),
        ({"salt": "0x"}, "order.salt cannot be 0x"),
    ],
)
def test_the_field_of_the_order_that_is_wrong_is_named(change, words):
    row = row_of("apporder")
    row["order"] |= change
    with pytest.raises(ValidationError) as caught:
        order_row("apporder", CHAIN_ID, row)
    assert caught.value.message.startswith(words)


@pytest.mark.parametrize("params", ["", "{", "NaN", {}, '"\ud800', "[" * 5000])
def test_parameters_are_json_text(params):
    row = row_of("requestorder")
    row["order"]["params"] = params
    with pytest.raises(ValidationError, match=r"order\.params cannot be"):
        order_row("requestorder", CHAIN_ID, row)


def test_an_order_of_another_kind_is_refused():
    with pytest.raises(ValidationError, match=r"order\.app is missing"):
        order_row("apporder", CHAIN_ID, row_of("workerpoolorder"))


def test_what_nobody_knows_is_dropped():
    row = {**row_of("apporder"), "evil": "\x1b"}
    row["order"]["more"] = {}
    assert order_row("apporder", CHAIN_ID, row) == row_of("apporder")
    assert "evil" not in deal_row(CHAIN_ID, {**DEAL, "evil": 1})


def test_numbers_may_be_text():
    row = row_of("workerpoolorder")
    row["order"]["volume"] = str(2**200 + 1)
    [volume] = build("workerpoolorder", [order_row("workerpoolorder", CHAIN_ID, row)])["volume"]
    assert volume == 2**200 + 1


def test_a_deal_whose_id_is_not_that_of_its_request_is_refused():
    with pytest.raises(ValidationError, match="is not the id of a deal of request order"):
        deal_row(CHAIN_ID, {**DEAL, "requestHash": "0x" + "ab" * 32})
    with pytest.raises(ValidationError, match="is not the id of a deal of request order"):
        deal_row(CHAIN_ID, {**DEAL, "botFirst": 1})
