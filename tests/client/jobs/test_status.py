from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from iexec_lab.client.jobs import status
from iexec_lab.client.jobs.status import JobStatus, TaskRef, TaskView, look_again, patiently, pauses
from iexec_lab.errors import CallError, JobError, ValidationError
from iexec_lab.protocol import NULL_BYTES32, Task

DEAL = "0x" + "22" * 32


def view(number, *, now=0, final=100, name="0x1"):
    task = Task.from_abi(
        (number, bytes.fromhex(DEAL[2:]), 0, 1, 1, 1, final, bytes(32), 0, 0, [], bytes(32), b"", 0, b"")
    )
    return TaskView(name, DEAL, 0, task, now, final)


@pytest.mark.parametrize(
    ("number", "now", "name", "timed_out", "ended", "completed"),
    [
        (0, 99, "UNSET", False, False, False),
        (0, 100, "TIMEOUT", True, True, False),
        (1, 99, "ACTIVE", False, False, False),
        (1, 100, "TIMEOUT", True, True, False),
        (2, 99, "REVEALING", False, False, False),
        (2, 101, "TIMEOUT", True, True, False),
        (3, 99, "COMPLETED", False, True, True),
        (3, 101, "COMPLETED", False, True, True),
        (4, 99, "FAILED", False, True, False),
        (4, 101, "FAILED", True, True, False),
    ],
)
def test_a_task_at_a_moment(number, now, name, timed_out, ended, completed):
    task = view(number, now=now)
    assert (task.status, task.timed_out, task.ended, task.completed) == (name, timed_out, ended, completed)
    shown = task.to_json()
    assert (shown["statusName"], shown["taskTimedOut"], shown["taskid"]) == (name, timed_out, "0x1")
    if number == 0:
        assert (shown["dealid"], shown["idx"], shown["finalDeadline"]) == (DEAL, "0", "100")


def test_all_tasks_of_a_job():
    views = view(3), view(4), view(1, final=70), view(1, final=60), view(1, now=100)
    job = JobStatus(views)
    assert (job.total, job.done, job.completed, job.failed) == (5, 3, 1, (views[1], views[4]))
    assert (job.ended, job.seconds_left) == (False, 70)
    assert dict(job.counts) == {"COMPLETED": 1, "FAILED": 1, "ACTIVE": 2, "TIMEOUT": 1}
    assert str(job) == "3/5 tasks ended (1 COMPLETED, 1 FAILED, 2 ACTIVE, 1 TIMEOUT)"
    over = JobStatus(views[:2])
    assert (over.ended, over.seconds_left, JobStatus(()).ended) == (True, 0, True)


def test_only_what_runs_is_asked_for_again(monkeypatch):
    ended, running = view(3, name="0xa"), view(1, name="0xb")
    refs = [TaskRef(name, DEAL, 0, 100) for name in ("0xb", "0xa")]
    asked = []

    def look(_session, wanted):
        asked.append([ref.task_id for ref in wanted])
        return [view(4, name=ref.task_id) for ref in wanted]

    monkeypatch.setattr(status, "look", look)
    found = look_again(None, refs, [ended, running])
    assert [(each.task_id, each.status) for each in found] == [("0xb", "FAILED"), ("0xa", "COMPLETED")]
    assert found[1] is ended
    assert asked == [["0xb"]]


class TestPatience:
    @pytest.fixture
    def clock(self, monkeypatch):
        clock = SimpleNamespace(now=0.0, slept=[])
        clock.monotonic = lambda: clock.now

        def sleep(seconds):
            clock.slept.append(seconds)
            clock.now += seconds

        clock.sleep = sleep
        monkeypatch.setattr(status, "time", clock)
        return clock

    def test_a_node_has_a_minute_to_come_back(self, clock):
        def look():
            if clock.now < 60:
                raise CallError("gone")
            return "there"

        assert patiently(look) == "there"
        assert clock.slept == [1] * 60

    def test_and_no_longer(self, clock):
        def look():
            raise CallError(f"gone at {clock.now:g}")

        with pytest.raises(CallError, match="gone at 60"):
            patiently(look)

    def test_other_errors_are_not_waited_out(self, clock):
        def look():
            raise JobError("no")

        with pytest.raises(JobError):
            patiently(look)
        assert clock.slept == []


@pytest.mark.parametrize(
    ("host", "longest"),
    [
        ("http://127.0.0.1:8545", 0.25),
        ("http://localhost", 0.25),
        ("http://[::1]:1", 0.25),
        ("https://node.example", 5.0),
        ("http://10.0.0.1", 5.0),
        ("mainnet", 5.0),
    ],
)
def test_looks_are_rarer_and_rarer(host, longest):
    found = list(itertools.islice(pauses(SimpleNamespace(network=SimpleNamespace(host=host))), 40))
    assert found[0] == 0.05
    assert found[1] == pytest.approx(0.065)
    assert found == sorted(found)
    assert found[-1] == longest


def test_dates_are_utc():
    assert status.date(1_790_000_000) == "2026-09-21 14:13:20"
    assert status.date(0) == "none"
    with pytest.raises(ValidationError):
        status.date(10**12)


class TestLook:
    """What the node answers is believed only when it is about the task that was asked for."""

    def look(self, monkeypatch, number, *, deal=DEAL, index=0, block=None, status_=1):
        zero = bytes(32)
        abi = (status_, bytes.fromhex(deal[2:]), index, 1, 1, 1, 100, zero, 0, 0, [], zero, b"", 0, b"")
        monkeypatch.setattr(status.Call, "decode", lambda _call, _answer: abi)
        asked = []

        def batch(requests):
            asked.extend(requests)
            return ["0x"] * (len(requests) - 1) + [{"timestamp": "0x63"} if block is None else block]

        session = SimpleNamespace(
            network=SimpleNamespace(hub="0x" + "11" * 20), rpc=SimpleNamespace(batch=batch)
        )
        refs = [TaskRef(f"0x{each:064x}", DEAL, 0, 100) for each in range(number)]
        found = status.look(session, refs)
        assert [method for method, _ in asked] == ["eth_call"] * number + ["eth_getBlockByNumber"]
        assert asked[-1][1] == ["latest", False]
        return found

    def test_with_the_chain_s_clock(self, monkeypatch):
        found = self.look(monkeypatch, 2)
        assert [(each.now, each.final_time, each.index) for each in found] == [(99, 100, 0)] * 2
        assert [each.task_id for each in found] == [f"0x{each:064x}" for each in range(2)]

    @pytest.mark.parametrize("other", [{"deal": "0x" + "33" * 32}, {"index": 1}])
    def test_another_task(self, monkeypatch, other):
        with pytest.raises(CallError, match="The node did not answer with task 0x00") as caught:
            self.look(monkeypatch, 1, **other)
        told = {"deal": DEAL, "index": 0} | other
        assert caught.value.details == {"answer": f"task {told['index']} of deal {told['deal']}"}

    def test_one_that_was_not_begun_may_be_any(self, monkeypatch):
        assert self.look(monkeypatch, 1, deal=NULL_BYTES32, index=5, status_=0)[0].status == "UNSET"

    def test_an_unknown_status(self, monkeypatch):
        assert self.look(monkeypatch, 1, status_=4)[0].status == "FAILED"
        with pytest.raises(CallError, match="an unknown status: 5"):
            self.look(monkeypatch, 1, status_=5)

    @pytest.mark.parametrize("block", ["0x", [], {}])
    def test_no_clock(self, monkeypatch, block):
        with pytest.raises(CallError):
            self.look(monkeypatch, 1, block=block)
