from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from helpers.strategies import JSON, objects
from hypothesis import given

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import DATASET_INFINITE_VOLUME, DatasetOrder, bulk_root, bulk_slices, check_bulk_order

ORDER = DatasetOrder(
    dataset="0x" + "22" * 20,
    volume=DATASET_INFINITE_VOLUME,
    salt="0x" + "00" * 32,
    signature="0x" + "11" * 65,
)


def test_orders_are_cut_into_slices():
    slices = bulk_slices([ORDER] * 5, 2)
    assert [len(json.loads(text)) for text in slices] == [2, 2, 1]
    assert slices[2] == json.dumps([ORDER.to_json()], separators=(",", ":"))
    assert bulk_root(["Qm1", "Qm2"]) == '["Qm1","Qm2"]'
    assert len(bulk_slices([ORDER] * 101)) == 2


def test_an_order_in_normal_form_keeps_its_key_order_and_another_is_turned_round():
    normal = ORDER.to_json()
    shuffled = dict(sorted(normal.items()))
    assert check_bulk_order(ORDER) == check_bulk_order(normal) == normal
    assert list(check_bulk_order(shuffled)) == list(shuffled)
    changed = check_bulk_order({**normal, "volume": DATASET_INFINITE_VOLUME - 1, "more": 1})
    assert list(changed) == list(reversed(normal))
    assert changed["volume"] == "9007199254740990"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"datasetprice": "1 RLC"}, "datasetprice (1 RLC) is not valid for bulk datasetorder expected 0"),
        (
            {"datasetprice": ["1", "RLC"]},
            'datasetprice ([\n  "1",\n  "RLC"\n]) is not valid for bulk datasetorder',
        ),
        ({"volume": 5}, "volume (5) is not valid for bulk datasetorder expected DATASET_INFINITE_VOLUME"),
        ({"sign": None}, "sign is a required field"),
        ({"tag": "foo"}, "foo is not a valid tag. Unknown tag foo"),
    ],
)
def test_orders_that_do_not_suit(change, problem):
    with pytest.raises(ValidationError) as caught:
        bulk_slices([{**ORDER.to_json(), **change}])
    assert caught.value.message.startswith(problem)


@pytest.mark.parametrize(
    ("size", "problem"),
    [
        (0, "maxDatasetPerTask must be greater than or equal to 1"),
        (101, "maxDatasetPerTask must be less than or equal to 100"),
        ("x", "maxDatasetPerTask must be a `number` type"),
        (True, "maxDatasetPerTask must be a `number` type"),
    ],
)
def test_sizes_that_do_not_suit(size, problem):
    with pytest.raises(ValidationError) as caught:
        bulk_slices([ORDER], size)
    assert caught.value.message.startswith(problem)


def test_slices_of_one_and_of_other_frameworks():
    assert len(bulk_slices([ORDER] * 3, 1)) == 3
    assert len(bulk_slices([ORDER] * 100, 100)) == 1
    scone = replace(ORDER, tag="0x" + "0" * 63 + "3")
    for order in (scone, scone.to_json()):
        assert check_bulk_order(order) == scone.to_json()
        assert bulk_slices([order]) == bulk_slices([scone])
    tdx = replace(ORDER, tag="0x" + "0" * 63 + "9").to_json()
    assert check_bulk_order(tdx) == check_bulk_order(tdx, frameworks=("tdx",)) == tdx
    named = {**ORDER.to_json(), "tag": "tee,tdx"}
    for check in (check_bulk_order, lambda order, **options: bulk_slices([order], **options)):
        assert check(named)
        with pytest.raises(ValidationError, match="Unknown tag tdx"):
            check(named, frameworks=("scone", "gramine"))


def test_there_must_be_an_order_and_it_must_be_signed():
    with pytest.raises(ValidationError, match="at least 1"):
        bulk_slices([])
    with pytest.raises(ValidationError, match="sign is a required field"):
        bulk_slices([replace(ORDER, signature=None)])


@given(JSON | objects([*ORDER.to_json()]))
def test_anything_suits_or_is_refused(value):
    with suppress(ValidationError):
        order = check_bulk_order(value)
        read = DatasetOrder.from_json(value, stage="signed")
        assert order == read.to_json()
        assert (read.datasetprice, read.signature is None) == (0, False)
        assert read.volume >= DATASET_INFINITE_VOLUME - 1
