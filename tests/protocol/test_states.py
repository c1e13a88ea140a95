from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_BYTES32,
    Account,
    Category,
    Contribution,
    Deal,
    Task,
    deal_id,
    decode_results,
    task_id,
)
from iexec_lab.protocol.states import MAX_TASKS

A = "0x" + "aa" * 20
DEAL = (
    (A, A, 10), (NULL_ADDRESS, NULL_ADDRESS, 0), (A, A, 100), 1, 2, b"\1" * 32, A, A, NULL_ADDRESS, "{}",
    1_700_000_000, 3, 2, 30, 1, A,
)  # fmt: skip
TASK = (1, b"\2" * 32, 4, 300, 100, 50, 200, b"\0" * 32, 0, 0, [A], b"\0" * 32, b"", 0, b"\7")


def test_a_deal():
    deal = Deal.from_abi(DEAL)
    assert deal.exists
    assert (deal.app.price, deal.workerpool.price, deal.task_price) == (10, 100, 110)
    assert (deal.bot_first, deal.bot_size, list(deal.indices)) == (3, 2, [3, 4])
    the_id = deal_id(NULL_BYTES32, 3)
    assert deal.task_ids(the_id) == [task_id(the_id, 3), task_id(the_id, 4)]
    assert deal.final_time(300) == 1_700_003_000
    shown = deal.to_json()
    assert shown["app"] == {"pointer": deal.app.pointer, "owner": deal.app.owner, "price": "10"}
    assert (shown["startTime"], shown["botFirst"], shown["schedulerRewardRatio"]) == ("1700000000", "3", "1")
    assert list(shown)[-1] == "sponsor"


def test_an_unknown_deal_is_all_zeros():
    none = (NULL_ADDRESS, NULL_ADDRESS, 0)
    assert not Deal.from_abi((none, none, none, *DEAL[3:])).exists


@pytest.mark.parametrize(
    ("status", "now", "name", "timed_out"),
    [(0, 0, "UNSET", False), (1, 199, "ACTIVE", False), (1, 200, "TIMEOUT", True), (2, 200, "TIMEOUT", True),
     (3, 999, "COMPLETED", False), (4, 999, "FAILED", True), (9, 0, "9", False)],
)  # fmt: skip
def test_the_name_of_a_status_depends_on_the_time(status, now, name, timed_out):
    task = Task.from_abi((status, *TASK[1:]))
    assert task.status_name(now) == name
    assert task.timed_out(now) is timed_out


@pytest.mark.parametrize("size", [MAX_TASKS + 1, 10**12, 2**255])
def test_a_size_that_a_node_names_sizes_no_list(size):
    deal = Deal.from_abi((*DEAL[:12], size, *DEAL[13:]))
    assert 3 in deal.indices
    with pytest.raises(ValidationError, match=f"has {size} tasks"):
        deal.task_ids(NULL_BYTES32)


def test_a_task():
    task = Task.from_abi(TASK)
    assert task.exists
    assert not Task.from_abi((0, bytes(32), *TASK[2:])).exists
    shown = task.to_json()
    assert (shown["status"], shown["idx"], shown["resultsCallback"]) == (1, "4", "0x07")
    assert shown["results"] == {"storage": "none"}


def test_others():
    assert Category.from_abi(("XS", '""', 300)).to_json()["workClockTimeRef"] == "300"
    assert Account.from_abi((5, 6)).to_json() == {"stake": "5", "locked": "6"}
    assert Contribution.from_abi((3, bytes(32), bytes(32), A, 2)).status_name == "REJECTED"


def test_where_results_are():
    place = {"storage": "ipfs", "location": "/ipfs/Qm"}
    assert decode_results(json.dumps(place).encode()) == place
    for data in (b"", b"\xff", b"[1]", b"null", b"x", b"[" * 100_000):
        assert decode_results(data) == {"storage": "none"}


@given(st.binary())
def test_any_result_bytes_can_be_read(data):
    assert isinstance(decode_results(data), dict)
