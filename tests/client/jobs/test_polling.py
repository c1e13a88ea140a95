"""The one wait behind ``job.wait``, ``job.result``, ``lab.task.wait`` and ``--watch``."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from iexec_lab.client.jobs import polling
from iexec_lab.client.jobs.detached import Detached
from iexec_lab.client.jobs.polling import looks, pauses, watch
from iexec_lab.errors import CallError, JobError

LOCAL = SimpleNamespace(network=SimpleNamespace(host="http://127.0.0.1:1"))
FAR = SimpleNamespace(network=SimpleNamespace(host="https://node.example"))
LEFT = Detached("Come back: lab.job(...)", "deal show 0x")


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

    return watch(session, look, lambda each: each == "end", what="The tasks", left=LEFT, **options)


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
    assert (caught.value.line, str(caught.value)) == ("deal show 0x", "Come back: lab.job(...)")


def test_a_node_that_is_away_for_a_moment_is_looked_for_again(clock):
    assert waiting("a", CallError("away"), CallError("away"), "end") == "end"


def test_a_node_that_stays_away_does_not_lose_the_work(clock):
    with pytest.raises(JobError, match="does not answer; the job goes on: away") as caught:
        waiting("a", CallError("away"))
    assert caught.value.hint == "Come back: lab.job(...)"
    assert clock[0] >= polling.PATIENCE


def test_a_far_node_is_asked_less_often(clock):
    near, far = pauses(LOCAL), pauses(FAR)
    assert max(next(near) for _ in range(50)) == 0.25
    assert max(next(far) for _ in range(50)) == 5.0
    assert next(pauses(FAR)) == 0.05


def test_looks_never_end_by_themselves(clock):
    seen = looks(LOCAL, lambda: "a")
    assert [next(seen) for _ in range(3)] == ["a"] * 3
