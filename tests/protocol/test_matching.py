from __future__ import annotations

from dataclasses import replace

import pytest

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import (
    NULL_BYTES32,
    TDX_TAG,
    AppOrder,
    DatasetOrder,
    RequestOrder,
    WorkerpoolOrder,
    check_match,
    encode_tag,
)

A, B, C, D = ("0x" + digit * 40 for digit in "1234")
APP = AppOrder(app=A, appprice=1, tag=TDX_TAG)
DATASET = DatasetOrder(dataset=B, datasetprice=2)
POOL = WorkerpoolOrder(workerpool=C, workerpoolprice=3, category=1, trust=5, tag=encode_tag("tee,tdx,gpu"))
REQUEST = RequestOrder(
    app=A,
    appmaxprice=1,
    dataset=B,
    datasetmaxprice=2,
    workerpool=C,
    workerpoolmaxprice=3,
    requester=D,
    category=1,
    trust=5,
    beneficiary=D,
    params="{}",
)


def test_orders_that_fit():
    assert check_match(APP, POOL, REQUEST, DATASET) == TDX_TAG
    assert check_match(APP, POOL, REQUEST, DATASET, frameworks=("tdx",)) == TDX_TAG
    anywhere = replace(REQUEST, dataset="0x" + "00" * 20, workerpool="0x" + "00" * 20, tag="gpu")
    assert check_match(APP, POOL, anywhere) == encode_tag("tee,tdx,gpu")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"request": {"app": D}}, f"app address mismatch between requestorder ({D}) and apporder ({A})"),
        (
            {"request": {"dataset": D}},
            f"dataset address mismatch between requestorder ({D}) and datasetorder ({B})",
        ),
        (
            {"request": {"workerpool": D}},
            f"workerpool address mismatch between requestorder ({D}) and workerpoolorder ({C})",
        ),
        ({"request": {"category": 2}}, "category mismatch between requestorder (2) and workerpoolorder (1)"),
        ({"request": {"trust": 6}}, "workerpoolorder trust is too low (expected 6, got 5)"),
        ({"pool": {"tag": NULL_BYTES32}}, "Missing tags [tee,tdx] in workerpoolorder"),
        ({"request": {"tag": "0x" + "00" * 31 + "40"}}, "Missing tags [6] in workerpoolorder"),
        ({"app": {"tag": NULL_BYTES32}, "request": {"tag": TDX_TAG}}, "Missing tag [tee] in apporder"),
        ({"request": {"appmaxprice": 0}}, "appmaxprice too low (expected 1, got 0)"),
        ({"request": {"datasetmaxprice": 1}}, "datasetmaxprice too low (expected 2, got 1)"),
        ({"request": {"workerpoolmaxprice": 2}}, "workerpoolmaxprice too low (expected 3, got 2)"),
        (
            {"request": {"tag": encode_tag("tee,scone")}},
            "Matching order would produce an invalid deal tag. tee framework",
        ),
    ],
)
def test_orders_that_do_not_fit(change, problem):
    app = replace(APP, **change.get("app", {}))
    pool = replace(POOL, **change.get("pool", {}))
    with pytest.raises(ValidationError) as caught:
        check_match(app, pool, replace(REQUEST, **change.get("request", {})), DATASET)
    assert caught.value.message.startswith(problem)
