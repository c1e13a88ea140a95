from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pandas as pd
import pytest
from helpers.mutated import mutated
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab import frames
from iexec_lab.errors import IexecError
from iexec_lab.frames import SCHEMAS, as_rlc, build, sum_exact, to_arrow, to_parquet
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32

ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
U256 = st.integers(min_value=0, max_value=2**256 - 1)


def order(**values):
    fields = {
        "app": ADDRESS.lower(),
        "appprice": 5,
        "volume": 10,
        "tag": NULL_BYTES32[:-1] + "3",
        "datasetrestrict": NULL_ADDRESS,
        "workerpoolrestrict": ADDRESS,
        "requesterrestrict": NULL_ADDRESS,
    }
    return {
        "order": {**fields, **values},
        "orderHash": "0xAB" + "0" * 62,
        "remaining": 3,
        "status": "open",
        "signer": ADDRESS,
        "publicationTimestamp": "2026-11-22T11:33:22.976Z",
    }


@pytest.mark.parametrize("kind", SCHEMAS)
def test_an_empty_frame_has_the_columns_of_a_full_one(kind):
    frame = build(kind, [])
    assert frame.empty
    required = [column.name for column in SCHEMAS[kind] if column.name not in frames._OPTIONAL.get(kind, ())]
    assert list(frame.columns) == required
    assert frame.attrs["kind"] == kind


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_row_of_nothing_is_all_missing(kind):
    frame = build(kind, [{}])
    assert frame.isna().all(axis=None)


def test_kinds_become_the_right_types():
    row = build("apporder", [order()]).iloc[0]
    assert row["app"] == ADDRESS
    assert row["app_price_nrlc"] == 5
    assert type(row["app_price_nrlc"]) is int
    assert row["order_hash"] == "0xab" + "0" * 62
    assert row["tag"] == ["scone", "tee"]
    assert pd.isna(row["dataset_restrict"])
    assert row["workerpool_restrict"] == ADDRESS
    assert row["published_at"] == pd.Timestamp("2026-11-22T11:33:22.976", tz="UTC")


def test_dtypes_do_not_depend_on_the_rows():
    empty, full = build("apporder", []), build("apporder", [order(), order()])
    assert dict(empty.dtypes) == dict(full.dtypes)
    assert str(full["published_at"].dtype) == "datetime64[us, UTC]"


def test_statuses_are_ordered_as_a_task_goes_through_them():
    frame = build("task", [{"statusName": name} for name in ("COMPLETED", "ACTIVE", "TIMEOUT")])
    assert list(frame.sort_values("status")["status"]) == ["ACTIVE", "TIMEOUT", "COMPLETED"]
    assert (frame["status"] < "COMPLETED").sum() == 2


def test_a_time_of_zero_is_no_time():
    frame = build("task", [{"revealDeadline": "0", "finalDeadline": "1790000000"}])
    assert frame["reveal_deadline"].isna().all()
    assert frame["final_deadline"][0] == pd.Timestamp(1790000000, unit="s", tz="UTC")


def test_a_tag_with_bits_nobody_named_keeps_its_hex():
    tag = "0x" + "f" * 64
    row = build("apporder", [order(tag=tag)]).iloc[0]
    assert row["tag"] is None
    assert row["tag_hex"] == tag


def test_attrs_say_where_the_rows_come_from():
    frame = build("account", [], chain="sandbox", chain_id=65535, contract=ADDRESS)
    assert {"kind", "chain", "chain_id", "contract", "fetched_at", "single"} <= set(frame.attrs)
    assert frame.head(1).attrs["chain"] == "sandbox"


@given(st.lists(U256, min_size=1, max_size=8))
def test_amounts_stay_exact(amounts):
    frame = build("account", [{"balance": {"stake": str(amount), "locked": 0}} for amount in amounts])
    assert list(frame["stake_nrlc"]) == amounts
    assert frame["stake_nrlc"].sum() == sum_exact(frame["stake_nrlc"]) == sum(amounts)


def test_sum_leaves_missing_values_out():
    assert sum_exact([2**200, None, float("nan"), 1]) == 2**200 + 1
    assert sum_exact([]) == 0


def test_rlc_columns_stand_beside_the_exact_ones():
    frame = build("account", [{"address": ADDRESS, "balance": {"stake": "1500000001", "locked": "0"}}])
    shown = as_rlc(frame)
    assert list(shown.columns) == ["address", "stake_nrlc", "stake_rlc", "locked_nrlc", "locked_rlc"]
    assert shown["stake_rlc"][0] == Decimal("1.500000001")
    assert "stake_rlc" not in frame.columns


@given(st.lists(U256, max_size=4))
def test_arrow_does_not_overflow(amounts):
    pytest.importorskip("pyarrow")
    frame = build("account", [{"balance": {"stake": amount, "locked": 0}} for amount in amounts])
    table = to_arrow(frame)
    assert [int(text) for text in table["stake_nrlc"].to_pylist()] == amounts


def test_parquet_round_trip(tmp_path):
    pytest.importorskip("pyarrow")
    frame = build("apporder", [order(appprice=2**255)])
    to_parquet(frame, tmp_path / "orders.parquet")
    again = pd.read_parquet(tmp_path / "orders.parquet")
    assert int(again["app_price_nrlc"][0]) == 2**255
    assert again["status"][0] == "open"


def test_without_pyarrow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(IexecError, match="Arrow needs pyarrow") as caught:
        to_arrow(build("account", []))
    assert "analytics" in caught.value.hint


def test_importing_the_schemas_imports_no_pandas():
    code = "import sys, iexec_lab.frames; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


ROWS = {
    "apporder": order(),
    "task": {"taskid": "0x" + "ab" * 32, "idx": "0", "statusName": "ACTIVE", "contributors": [ADDRESS]},
    "deal": {
        "dealid": "0x" + "ab" * 32,
        "app": {"pointer": ADDRESS, "owner": ADDRESS, "price": "1"},
        "startTime": 5,
    },
    "voucher": {"address": ADDRESS, "balance": 5, "expirationTimestamp": 4_000_000_000, "sponsoredApps": []},
    "receipt": {"address": ADDRESS, "txHash": "0x" + "ab" * 32, "catid": "5", "amount": 1},
    "log": {"taskid": "0x" + "ab" * 32, "index": 0, "worker": ADDRESS, "stdout": "x"},
    "job": {"dealid": "0x" + "ab" * 32, "category": 0, "done": 1, "finalTime": "1795636684"},
    "workerpool": {"address": ADDRESS, "workerpool": {"workerpoolDescription": "x"}, "apiUrl": "https://a"},
}


@pytest.mark.parametrize("kind", ROWS)
@given(data=st.data())
def test_any_row_is_a_frame_or_our_error(kind, data):
    row = data.draw(mutated(ROWS[kind]))
    try:
        frame = build(kind, [row, row])
    except IexecError as error:
        message = error.message
        assert message.isprintable()
        return
    assert len(frame) == 2
    to_arrow(frame)


def test_a_cell_that_can_not_be_read_is_named():
    with pytest.raises(IexecError, match=r"volume cannot be read: 1\.5 is not a number"):
        build("apporder", [order(volume=1.5)])
    with pytest.raises(IexecError, match="app cannot be read"):
        build("apporder", [order(), order(app="0x12")])
    with pytest.raises(IexecError, match="order_hash cannot be read: a value of another kind"):
        build("apporder", [None])


def test_a_status_that_nobody_knows_is_missing():
    frame = build("task", [{"statusName": "EVIL"}, {"statusName": "ACTIVE"}])
    assert list(frame["status"].isna()) == [True, False]


@pytest.mark.parametrize("value", [10**400, -(10**400), 2**256, "1_000", "١٢", True, 1.5, "9" * 5000])
def test_an_amount_is_a_whole_number_of_256_bits(value):
    with pytest.raises(IexecError, match="remaining cannot be read"):
        build("apporder", [{**order(), "remaining": value}])


@pytest.mark.parametrize("value", [2**63, "9" * 30, 2**200])
def test_a_count_fits_its_column(value):
    with pytest.raises(IexecError, match="trust cannot be read"):
        build("workerpoolorder", [{"order": {"trust": value}}])
