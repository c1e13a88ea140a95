"""The one wait behind ``job.wait``, ``job.result``, ``lab.task.wait`` and ``--watch``."""

from __future__ import annotations

import asyncio
import itertools
from types import SimpleNamespace

import pytest

from iexec_lab.client.jobs import polling
from iexec_lab.client.jobs.detached import Detached
from iexec_lab.client.jobs.polling import looks, patiently, pauses, to_timeout, watch, watch_async
from iexec_lab.client.jobs.status import TaskRef
from iexec_lab.errors import CallError, JobError, ValidationError
from iexec_lab.protocol import NULL_BYTES32

DEAL = "0x" + "22" * 32


LOCAL = SimpleNamespace(network=SimpleNamespace(host="http://127.0.0.1:1"))
FAR = SimpleNamespace(network=SimpleNamespace(host="https://node.example"))
LEFT = Detached("Detached.", "deal show 0x", "Come back: lab.job(...)")


@pytest.fixture
def clock(monkeypatch):
    """Time passes only while somebody sleeps."""
    now = [0.0]
    fake = SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds)
    )
    monkeypatch.setattr(polling, "time", fake)
    return now


def waiting(*seen, session=LOCAL, **options):
    """``watch`` of these answers, the last for ever; an exception among them is raised."""
    left = list(seen)

    def look():
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    pauses = polling.waiting(
        session, look, lambda each: each == "end", what="The tasks", left=LEFT, **options
    )
    return watch(pauses, LEFT)


def test_it_ends_with_what_was_seen_and_tells_each_look(clock):
    told = []
    assert waiting("a", "b", "end", progress=told.append) == "end"
    assert told == ["a", "b", "end"]


def test_nothing_is_slept_once_it_has_ended(clock):
    assert waiting("end", timeout=0) == "end"
    assert clock[0] == 0


def test_a_timeout_leaves_the_work_alone(clock):
    with pytest.raises(JobError, match=r"^The tasks did not end within 3 seconds; the job goes on") as caught:
        waiting("a", timeout=3)
    assert caught.value.details == {"status": "a"}
    assert caught.value.hint == "Come back: lab.job(...)"
    assert 3 <= clock[0] < 4


def test_without_a_timeout_it_waits_for_long(clock):
    assert waiting(*["a"] * 1000, "end") == "end"
    assert clock[0] > 200


def test_an_interrupt_says_how_to_come_back(clock):
    with pytest.raises(Detached) as caught:
        waiting("a", KeyboardInterrupt())
    assert (caught.value.line, str(caught.value)) == ("deal show 0x", "Detached. Come back: lab.job(...)")


def test_a_node_that_is_away_for_a_moment_is_looked_for_again(clock):
    assert waiting("a", CallError("away"), CallError("away"), "end") == "end"


def test_a_node_that_stays_away_does_not_lose_the_work(clock):
    with pytest.raises(JobError, match="does not answer; the job goes on: away") as caught:
        waiting("a", CallError("away"))
    assert caught.value.hint == "Come back: lab.job(...)"
    assert clock[0] >= polling.PATIENCE


def test_looks_never_end_by_themselves(clock):
    seen = looks(LOCAL, lambda: "a")
    assert [next(seen) for _ in range(3)] == ["a"] * 3


def test_doubts_are_heard_while_it_goes_on(clock):
    heard = []
    assert waiting("a", "b", "end", doubt=heard.append) == "end"
    assert heard == ["a", "b"]

    def no_hope(_seen):
        raise JobError("no hope")

    with pytest.raises(JobError, match="no hope"):
        waiting("a", doubt=no_hope)


def test_a_pause_is_not_longer_than_the_time_that_is_left(clock):
    with pytest.raises(JobError, match="within 2 seconds"):
        waiting("a", session=FAR, timeout=2)
    assert clock[0] == pytest.approx(2)


def test_work_of_many_parts_is_looked_at_less_often(clock):
    assert waiting(*"abcd", "end", least=lambda seen: 7 if seen < "c" else 0) == "end"
    assert 14 < clock[0] < 15


def test_a_timeout_holds_while_the_node_is_away(clock):
    with pytest.raises(JobError, match="The node does not answer; the job goes on: away"):
        waiting("a", CallError("away"), timeout=5)
    assert clock[0] < 7


@pytest.mark.parametrize("timeout", [None, 0, 3, 0.5])
def test_a_timeout_is_seconds(timeout):
    assert to_timeout(timeout) is timeout


@pytest.mark.parametrize("timeout", [-1, True, "5", float("nan"), float("inf"), [1]])
def test_nothing_else_is_a_timeout(timeout):
    with pytest.raises(ValidationError, match="timeout cannot be"):
        to_timeout(timeout)


def test_an_event_loop_waits_in_the_same_way():
    def pauses_of(*seen):
        for _ in seen[:-1]:
            yield 0
        if isinstance(seen[-1], Exception):
            raise seen[-1]
        return seen[-1]

    assert asyncio.run(watch_async(pauses_of("a", "b", "end"), LEFT)) == "end"
    with pytest.raises(JobError, match="no"):
        asyncio.run(watch_async(pauses_of("a", JobError("no")), LEFT))


class TestPatience:
    @pytest.fixture
    def clock(self, monkeypatch):
        clock = SimpleNamespace(now=0.0, slept=[])
        clock.monotonic = lambda: clock.now

        def sleep(seconds):
            clock.slept.append(seconds)
            clock.now += seconds

        clock.sleep = sleep
        monkeypatch.setattr(polling, "time", clock)
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


class TestLook:
    """What the node answers is believed only when it is about the task that was asked for."""

    def look(self, monkeypatch, number, *, deal=DEAL, index=0, block=None, status_=1):
        zero = bytes(32)
        abi = (status_, bytes.fromhex(deal[2:]), index, 1, 1, 1, 100, zero, 0, 0, [], zero, b"", 0, b"")
        monkeypatch.setattr(polling.Call, "decode", lambda _call, _answer: abi)
        asked = []

        def batch(requests):
            asked.extend(requests)
            head = {"number": "0x7", "timestamp": "0x63"} if block is None else block
            return [head] + ["0x"] * (len(requests) - 1)

        session = SimpleNamespace(
            network=SimpleNamespace(hub="0x" + "11" * 20), rpc=SimpleNamespace(batch=batch)
        )
        refs = [TaskRef(f"0x{each:064x}", DEAL, 0, 100) for each in range(number)]
        found = polling.look(session, refs)
        assert [method for method, _ in asked] == ["eth_getBlockByNumber"] + ["eth_call"] * number
        assert asked[0][1] == ["latest", False]
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

    @pytest.mark.parametrize("block", ["0x", [], {}, {"number": "0x1"}, {"timestamp": "0x1"}])
    def test_no_clock(self, monkeypatch, block):
        with pytest.raises(CallError):
            self.look(monkeypatch, 1, block=block)
