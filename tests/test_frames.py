from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest
from helpers.mutated import mutated
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import IexecError
from iexec_lab.frames import (
    KINDS,
    OPTIONAL,
    SCHEMAS,
    build,
    columns_of,
    from_arrow,
    from_columns,
    rlc_name,
    sum_exact,
    to_arrow,
)
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_BYTES32,
    TASK_STATUSES,
    decode_tag,
    encode_tag,
    to_address,
)

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
    left = OPTIONAL.get(kind, set())
    left = left | {rlc_name(name) for name in left if name.endswith("_nrlc")}
    assert list(frame.columns) == [name for name in columns_of(kind) if name not in left]
    assert frame.attrs["kind"] == kind


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_row_of_nothing_is_all_missing(kind):
    frame = build(kind, [{}]).drop(columns="restricted", errors="ignore")
    assert frame.isna().all(axis=None)


def test_kinds_become_the_right_types():
    row = build("apporder", [order()]).iloc[0]
    assert row["app"] == ADDRESS
    assert row["app_price_nrlc"] == 5
    assert type(row["app_price_nrlc"]) is int
    assert row["order_hash"] == "0xab" + "0" * 62
    assert row["tag"] == "tee,scone"
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
    assert pd.isna(row["tag"])
    assert row["tag_hex"] == tag


def test_attrs_say_where_the_rows_come_from():
    frame = build("account", [], chain="sandbox", chain_id=65535, contract=ADDRESS)
    assert {"kind", "chain", "chain_id", "contract", "fetched_at", "single"} <= set(frame.attrs)
    assert frame.head(1).attrs["chain"] == "sandbox"
    assert frame.attrs["single"] is False
    assert build("account", [], single=True).attrs["single"] is True


def test_some_columns_are_there_when_a_row_has_them():
    rows = [{"address": ADDRESS, "balance": {"wei": None}}, {"address": ADDRESS, "balance": {"wei": 0}}]
    assert list(build("wallet", rows).columns) == ["address", "ether_wei", "rlc", "rlc_nrlc"]
    assert list(build("wallet", rows)["ether_wei"]) == [None, 0]
    assert list(build("wallet", rows[:1]).columns) == ["address", "rlc", "rlc_nrlc"]


def test_text_is_text_that_arrow_and_terminals_take():
    rows = build("log", [{"stdout": text, "taskid": text} for text in ("a\ud800b", "É\U0001f600", "A", 5)])
    assert list(rows["stdout"]) == ["a\ufffdb", "É\U0001f600", "A", "5"]
    assert list(rows["task_id"]) == ["a\ufffdb", "é\U0001f600", "a", "5"]


@given(st.lists(U256, min_size=1, max_size=8))
def test_amounts_stay_exact(amounts):
    frame = build("account", [{"balance": {"stake": str(amount), "locked": 0}} for amount in amounts])
    assert list(frame["stake_nrlc"]) == amounts
    assert frame["stake_nrlc"].sum() == sum_exact(frame["stake_nrlc"]) == sum(amounts)


def test_sum_leaves_missing_values_out():
    assert sum_exact([2**200, None, float("nan"), 1]) == 2**200 + 1
    assert sum_exact([]) == 0


def test_an_amount_has_a_twin_in_rlc_before_it():
    frame = build("account", [{"address": ADDRESS, "balance": {"stake": "1500000001", "locked": None}}])
    assert list(frame.columns) == ["address", "stake_rlc", "stake_nrlc", "locked_rlc", "locked_nrlc"]
    assert frame["stake_rlc"][0] == 1.500000001
    assert frame["locked_rlc"].isna().all()
    assert str(frame["stake_rlc"].dtype) == str(build("account", [])["stake_rlc"].dtype) == "float64"


TASK = {
    "taskid": "0x" + "AB" * 32,
    "dealid": "0x" + "CD" * 32,
    "idx": "3",
    "statusName": "COMPLETED",
    "taskTimedOut": False,
    "results": {"storage": "ipfs", "location": "/ipfs/Qm"},
    "contributionDeadline": 1_790_000_000,
    "revealDeadline": "1790000001",
    "finalDeadline": "1790000002",
    "consensusValue": "0x" + "12" * 32,
    "resultDigest": "0x" + "3F" * 32,
    "revealCounter": 1,
    "winnerCounter": "2",
    "contributors": [ADDRESS],
    "resultsCallback": "0x",
}
MOMENT = pd.Timestamp(1_790_000_000, unit="s", tz="UTC")
SECOND = pd.Timedelta(seconds=1)


def test_a_task_s_row():
    row = build("task", [TASK]).iloc[0].to_dict()
    assert row == {
        "task_id": "0x" + "ab" * 32,
        "deal_id": "0x" + "cd" * 32,
        "task_index": 3,
        "status": "COMPLETED",
        "timed_out": False,
        "storage": "ipfs",
        "location": "/ipfs/Qm",
        "contribution_deadline": MOMENT,
        "reveal_deadline": MOMENT + SECOND,
        "final_deadline": MOMENT + 2 * SECOND,
        "consensus": "0x" + "12" * 32,
        "result_digest": "0x" + "3f" * 32,
        "reveals": 1,
        "winners": 2,
        "contributors": [ADDRESS],
        "callback_result": "0x",
        "datasets": None,
    }


def test_words_of_zeros_are_missing():
    """Until there is a consensus it is zero on chain, and so is the checksum of a dataset that has none."""
    zeros = {"consensusValue": NULL_BYTES32, "resultDigest": NULL_BYTES32.upper()}
    row = build("task", [{**TASK, **zeros}]).iloc[0]
    assert pd.isna(row["consensus"])
    assert pd.isna(row["result_digest"])
    sums = ["0x" + "AB" * 32, NULL_BYTES32, None]
    datasets = build("dataset", [{"dataset": {"datasetChecksum": each}} for each in sums])
    assert list(datasets["checksum"].isna()) == [False, True, True]
    assert datasets["checksum"][0] == "0x" + "ab" * 32
    apps = build("app", [{"app": {"appChecksum": each}} for each in sums])
    assert list(apps["checksum"][:2]) == ["0x" + "ab" * 32, NULL_BYTES32]
    files = build("encrypted_file", [{"checksum": each} for each in sums])
    assert list(files["checksum"][:2]) == ["0x" + "ab" * 32, NULL_BYTES32]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_statuses_are_categories_also_without_rows(kind):
    frames = build(kind, []), build(kind, [{"status": "dead", "statusName": "FAILED"}])
    for column in SCHEMAS[kind]:
        categories = KINDS[column.kind].categories
        if categories is not None:
            for frame in frames:
                assert frame[column.name].dtype == pd.CategoricalDtype(categories, ordered=True)


def test_flags_are_true_false_or_missing():
    rows = build("task", [{"taskTimedOut": value} for value in (True, False, None)])
    assert str(rows["timed_out"].dtype) == "boolean"
    assert [rows["timed_out"][0], rows["timed_out"][1]] == [True, False]
    assert pd.isna(rows["timed_out"][2])
    for value in (1, 0, "true"):
        with pytest.raises(IexecError, match=f"timed_out cannot be read: {value} is neither true nor false"):
            build("task", [{"taskTimedOut": value}])


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


def _is_hash(value):
    return isinstance(value, str) and value == value.lower()


#: What a cell can be that is not missing.
SHAPES = {
    **dict.fromkeys(("u256", "nrlc", "wei"), lambda value: type(value) is int and abs(value) < 2**256),
    "count": lambda value: type(value) is int and abs(value) < 2**256,
    "flag": lambda value: value in {True, False},
    "text": lambda value: value.encode().decode() == value,
    "address": lambda value: value == to_address(value),
    "anyone": lambda value: value == to_address(value) != NULL_ADDRESS,
    "hash": _is_hash,
    "word": lambda value: _is_hash(value) and value != NULL_BYTES32,
    "tag": lambda value: value == ",".join(decode_tag(encode_tag(value))),
    "words": lambda value: value != "none",
    "object": lambda _value: True,
    "time": lambda value: value.utcoffset() == pd.Timedelta(0),
    "order_status": lambda value: value in {"open", "filled", "canceled", "dead"},
    "task_status": lambda value: value in {*TASK_STATUSES, "TIMEOUT"},
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
    for name, dtype in build(kind, []).dtypes.items():
        assert frame[name].dtype == dtype or (dtype == "Int64" and frame[name].dtype == object)
    for column in (column for column in SCHEMAS[kind] if column.name in frame.columns):
        for value in frame[column.name]:
            if column.kind == "object" or isinstance(value, list) or not pd.isna(value):
                assert SHAPES[column.kind](value), (column, value)
    assert from_arrow(to_arrow(frame)).shape == frame.shape


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
def test_a_count_that_does_not_fit_is_an_exact_object(value):
    frame = build("workerpoolorder", [{"order": {"trust": each}} for each in (value, 1)])
    assert list(frame["trust"]) == [int(value), 1]
    assert frame["trust"].dtype == object
    assert build("workerpoolorder", [{"order": {"trust": 1}}])["trust"].dtype == "Int64"


def test_columns_make_the_same_frame_as_rows():
    rows = [order(), order(appprice=7, tag="0x" + "f" * 64)]
    columns = {
        column.name: [
            each["order"].get(column.path[6:]) if "." in column.path else each.get(column.path)
            for each in rows
        ]
        for column in SCHEMAS["apporder"]
        if column.name not in {"tag", "restricted", "deals"}
    }
    wanted = build("apporder", rows)
    pd.testing.assert_frame_equal(from_columns("apporder", columns), wanted)
    assert from_columns("apporder", {}).shape == (0, len(wanted.columns))
    assert from_columns("apporder", {"volume": [1, 2]})["app"].isna().all()
    with pytest.raises(IexecError, match="have not the same length"):
        from_columns("apporder", {"volume": [1, 2], "app": []})


def test_a_tag_of_nothing_has_no_words():
    book = build("apporder", [order(tag=NULL_BYTES32), order()])
    assert list(book["tag"]) == ["", "tee,scone"]
    assert list(build("run_plan", [{"tag": "none"}, {"tag": "tee,tdx"}])["tag"]) == ["", "tee,tdx"]


def test_restrictions_are_words_too():
    free = {"workerpoolrestrict": NULL_ADDRESS}
    rows = [order(), order(**free), order(datasetrestrict=ADDRESS, requesterrestrict=ADDRESS)]
    assert list(build("apporder", rows)["restricted"]) == ["workerpool", "", "dataset,workerpool,requester"]


PARAMS = {
    "iexec_args": "--seed 5",
    "iexec_input_files": ["https://a.b/c", "https://d"],
    "iexec_secrets": {"1": "key", "2": "word"},
    "iexec_result_storage_provider": "ipfs",
    "iexec_result_encryption": True,
    "bulk_cid": "QmX",
    "more": [1],
}
DECODED = ["args", "input_files", "secrets", "storage", "encrypted", "bulk_cid"]


@pytest.mark.parametrize("kind", ["requestorder", "deal"])
def test_parameters_are_columns(kind):
    texts = [json.dumps(PARAMS), "{}", "plain words", None]
    frame = from_columns(kind, {"params": texts})
    assert frame.loc[0, DECODED].to_list() == list(PARAMS.values())[:-1]
    assert frame.loc[1, DECODED].isna().to_list() == [True, True, True, True, False, True]
    assert frame["encrypted"].to_list()[:3] == [True, False, False]
    assert frame.loc[2, "args"] == "plain words"
    assert frame.loc[3, DECODED].isna().all()
    assert list(frame["params"])[:3] == texts[:3]
    assert "params_unread" not in frame.attrs
    by_row = build(kind, [{"params": text, "order": {"params": text}} for text in texts])
    pd.testing.assert_frame_equal(by_row[DECODED], frame[DECODED])


ABSURD = [
    {**PARAMS, "iexec_args": 5},
    {**PARAMS, "iexec_input_files": "https://a"},
    {**PARAMS, "iexec_input_files": [None]},
    {**PARAMS, "iexec_secrets": {"1": {"2": 3}}},
    {**PARAMS, "iexec_result_encryption": "yes"},
    {**PARAMS, "bulk_cid": 2**80},
]


def test_absurd_parameters_are_missing_and_counted():
    frame = from_columns("deal", {"params": [json.dumps(each) for each in ABSURD]})
    assert frame.attrs["params_unread"] == len(ABSURD)
    assert list(frame[DECODED].isna().sum(axis=1)) == [1] * len(ABSURD)


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(list(PARAMS)), x),
    ).map(json.dumps)
)
def test_any_parameters_are_a_row(text):
    frame = from_columns(
        "deal", {"params": [text, "[" * 5000, '{"iexec_args": "' + "9" * 5000 + '"}', "9" * 5000]}
    )
    assert len(from_arrow(to_arrow(frame))) == 4
