from __future__ import annotations

from types import SimpleNamespace

import pytest

from iexec_lab.client.jobs import running, status
from iexec_lab.client.jobs.status import MAX_TASKS, JobDeal, TaskRef
from iexec_lab.errors import JobError, WalletError
from iexec_lab.protocol import NULL_ADDRESS, to_address

ME, OTHER = (to_address(f"0x{digit * 40}") for digit in "12")


def deal_of(size, requester=ME):
    return SimpleNamespace(
        bot_size=size,
        requester=requester,
        start_time=0,
        task_price=5,
        indices=range(size),
        to_json=lambda: {"botSize": str(size)},
        task_ids=lambda deal_id: [f"{deal_id}/{index}" for index in range(size)],
    )


def held(name, size):
    return JobDeal(name, deal_of(size), 77)


@pytest.fixture
def find(monkeypatch):
    """``find(deals, ended)``: the rows of these deals, of whose tasks some have ended."""

    def look(_session, refs):
        return [
            SimpleNamespace(
                task_id=ref.task_id,
                deal_id=ref.deal_id,
                ended=ref.task_id in ended,
                completed=ref.task_id in ended and not ref.task_id.endswith("1"),
                status="TIMEOUT" if ref.task_id in ended and ref.task_id.endswith("1") else "other",
            )
            for ref in refs
        ]

    def make(deals, done=(), *, told=None, left_out=0, requester=None, address=ME, limit=20, **options):
        ended.clear()
        ended.update(done)
        names = [each.deal_id for each in deals] if told is None else told
        asked = []

        def deals_all(**filters):
            asked.append(filters)
            return SimpleNamespace(deals=[{"dealid": name.upper()} for name in names], left_out=left_out)

        def read(_session, ids, *, only):
            assert ids == [name.lower() for name in names]
            assert [only(deal_of(1, who)) for who in (ME, OTHER)] == [owner == ME, owner == OTHER]
            return deals

        owner = to_address(requester or address)
        monkeypatch.setattr(running, "read_deals", read)
        monkeypatch.setattr(running, "look", look)
        session = SimpleNamespace(
            address=address, to_address=to_address, market=SimpleNamespace(deals_all=deals_all)
        )
        rows = running.find_jobs(session, owner, limit, **options)
        assert asked == [{"limit": limit, "requester": owner}]
        return rows

    ended = set()
    return make


def test_deals_whose_tasks_have_not_all_ended(find):
    ended = {"0xa/0", "0xa/1", "0xb/0", "0xb/1"}
    rows = find([held("0xa", 3), held("0xb", 2), held("0xc", 1)], ended, running=True)
    assert list(rows) == [
        {
            "dealid": "0xa",
            "botSize": "3",
            "finalTime": "77",
            "state": "running",
            "done": 1,
            "failed": 1,
            "running": 1,
            "claimable": "5",
        },
        {
            "dealid": "0xc",
            "botSize": "1",
            "finalTime": "77",
            "state": "running",
            "done": 0,
            "failed": 0,
            "running": 1,
            "claimable": "0",
        },
    ]
    assert rows.left_out == 0
    assert list(find([])) == []


def test_all_deals_running_ones_first_then_late_ones(find):
    deals = [held("0xa", 1), held("0xb", 2), held("0xc", 1), held("0xd", 2)]
    rows = find(deals, {"0xa/0", "0xb/0", "0xb/1", "0xd/1"})
    assert [(row["dealid"], row["state"]) for row in rows] == [
        *[("0xc", "running"), ("0xd", "running")],
        *[("0xb", "late"), ("0xa", "ended")],
    ]


def test_what_is_claimable_is_said_even_of_deals_that_are_not_listed(find):
    ended = {"0xa/0", "0xb/0", "0xb/1", "0xd/1"}
    rows = find([held("0xa", 1), held("0xb", 2), held("0xd", 2)], ended, running=True)
    assert [row["dealid"] for row in rows] == ["0xd"]
    assert (rows.claimable, rows.late_deals) == (10, 2)
    claim = "0.00000001 RLC in late tasks of 2 deals is claimable: iexec-lab deal claim --all; "
    assert rows.remark.startswith(claim)
    assert rows.remark.removeprefix(claim).startswith("lab.job(deal_id) is the job again")
    assert " of 1 deal is " in find([held("0xb", 2)], {"0xb/1"}).remark
    assert "claimable" not in find([held("0xa", 1)], {"0xa/0"}).remark
    assert find([]).remark == ""


def test_what_the_market_told_and_the_chain_does_not_know_is_counted(find):
    rows = find([held("0xa", 1)], told=["0xa", "0xb", "0xc"], left_out=4)
    assert (len(rows), rows.left_out) == (1, 6)


def test_of_somebody_else(find):
    assert len(find([held("0xa", 1)], requester=OTHER.lower(), limit=5)) == 1
    assert len(find([held("0xa", 1)], requester=OTHER, address=NULL_ADDRESS)) == 1


def test_of_nobody():
    session = SimpleNamespace(address=NULL_ADDRESS, to_address=to_address)
    with pytest.raises(WalletError, match="Wallet file not found") as caught:
        running.find_deals(session, None, 1)
    assert caught.value.hint == "Name the requester, or connect with a wallet."


def test_deals_too_many_to_look_at_are_left_out(find, monkeypatch):
    monkeypatch.setattr(running, "MAX_TASKS", 5)
    deals = [held("0xa", 3), held("0xb", 3), held("0xc", 2), held("0xd", 1)]
    rows = find(deals)
    assert [row["dealid"] for row in rows] == ["0xa", "0xc"]
    assert rows.left_out == 2


def test_a_deal_of_any_size(monkeypatch):
    assert MAX_TASKS == 100_000
    monkeypatch.setattr(status, "MAX_TASKS", 2)
    fits = held("0xa", 2)
    assert not fits.too_many
    assert fits.refs() == [TaskRef(f"0xa/{index}", "0xa", index, 77) for index in range(2)]
    much = held("0xb", 3)
    assert much.too_many
    for ask in (much.task_ids, much.refs):
        with pytest.raises(JobError, match="Deal 0xb has 3 tasks, more than can be looked at") as caught:
            ask()
        assert caught.value.details == {"most": 2}
