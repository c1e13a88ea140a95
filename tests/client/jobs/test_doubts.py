"""Tasks that nobody goes on with: asked about beside the wait, told once, or the end of it."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from iexec_lab.client.jobs import doubts as room
from iexec_lab.client.jobs.doubts import AT_ONCE, FIRST, LONGEST, MOST_TOLD, Doubts
from iexec_lab.client.jobs.status import JobDeal, TaskRef
from iexec_lab.client.jobs.why import Trouble
from iexec_lab.errors import CallError, JobError
from iexec_lab.protocol import Task

DEAL = "0x" + "22" * 32
POOL = "0x" + "33" * 20


def view(index=0, status=1, *, now=1000, final=4000):
    deal = bytes.fromhex(DEAL[2:]) if status else bytes(32)
    abi = (status, deal, index, 300, 3100, 0, final, bytes(32), 0, 0, [], bytes(32), b"", 0, b"")
    return TaskRef(f"0x{index:064x}", DEAL, index, final).seen(Task.from_abi(abi), now)


@pytest.fixture
def world(monkeypatch):
    """A wait whose clock is ``world.clock``, and whose workerpool answers ``world.answer(view)``."""
    held = JobDeal(DEAL, SimpleNamespace(start_time=1000, workerpool=SimpleNamespace(pointer=POOL)), 4000)
    network = SimpleNamespace(host="http://127.0.0.1:1", name="sandbox")
    world = SimpleNamespace(
        clock=0.0,
        told=[],
        asked=[],
        answer=lambda seen: Trouble(seen, POOL),
        session=SimpleNamespace(wishes={}, deals_seen={DEAL: held}, network=network),
    )

    def ask(_session, seen, *, waited):
        world.asked.append((seen.index, waited))
        return world.answer(seen)

    monkeypatch.setattr(room, "ask", ask)
    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: world.clock))

    def doubts(**options):
        return Doubts(world.session, tell=world.told.append, back="Come back.", **options)

    def pass_by(waiting, views, seconds):
        """Seconds pass, the workerpool answers, the next look comes."""
        world.clock += seconds
        waiting.consider(views)
        if waiting._round is not None:
            waiting._round.join()
        waiting.consider(views)

    world.doubts, world.pass_by = doubts, pass_by
    return world


def crashed(seen):
    return Trouble(seen, POOL, said="RUNNING", gave_up=True, exit_code=3, stderr=("no such file",))


def test_the_workerpool_is_asked_after_a_moment_and_less_and_less_often(world):
    waiting = world.doubts()
    waiting.consider([view()])
    assert world.asked == []
    moments = []
    for _ in range(600):
        before = len(world.asked)
        world.pass_by(waiting, [view()], 0.5)
        if len(world.asked) > before:
            moments.append(world.clock)
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert moments[0] == FIRST
    assert gaps == sorted(gaps)
    assert gaps[-1] == LONGEST
    assert world.told == []


def test_a_reason_is_told_once_whatever_number_of_tasks_has_it(world):
    world.answer = crashed
    waiting, views = world.doubts(), [view(index) for index in range(20)]
    for _ in range(10):
        world.pass_by(waiting, views, 60)
    [text] = world.told
    assert text.startswith(f"Task 0 of deal {DEAL} has no result: no worker goes on.\n")
    assert "  app: the app ended with exit code 3\n  stderr: no such file\n" in text
    assert len(waiting.troubles) == 20


def test_different_reasons_are_told_up_to_a_number(world):
    world.answer = lambda seen: Trouble(seen, POOL, gave_up=True, exit_code=seen.index + 1)
    waiting, views = world.doubts(), [view(index) for index in range(20)]
    for _ in range(10):
        world.pass_by(waiting, views, 60)
    assert len(world.told) == MOST_TOLD


def test_rounds_go_through_all_tasks(world):
    waiting, views = world.doubts(), [view(index) for index in range(3 * AT_ONCE)]
    for _ in range(3):
        world.pass_by(waiting, views, 60)
    assert [index for index, _ in world.asked] == list(range(3 * AT_ONCE))


def test_what_ended_or_went_on_meanwhile_is_no_trouble(world):
    world.answer = crashed
    waiting = world.doubts(fail_fast=True)
    world.clock = FIRST
    waiting.consider([view(0), view(1)])
    waiting._round.join()
    waiting.consider([view(0, 3), view(1, 2)])
    assert world.told == []
    assert waiting.troubles == {}


def test_who_wants_no_other_worker_gets_an_error(world):
    world.answer = crashed
    with pytest.raises(JobError) as caught:
        world.pass_by(world.doubts(fail_fast=True), [view(4)], FIRST)
    error = caught.value
    assert error.message == (
        f"Task 4 of deal {DEAL} cannot be expected to complete: "
        "no worker goes on: the app ended with exit code 3, its last words: no such file"
    )
    assert error.details["stderr"] == "no such file"
    assert error.details["workerpool"] == f"{POOL}: task RUNNING"
    assert error.hint.endswith("Come back.")
    assert [each.exit_code for each in error.troubles] == [3]
    assert world.told == []  # the error says it all


def test_a_new_wait_for_stuck_work_tells_it_at_once(world):
    world.answer = crashed
    first = world.doubts(fail_fast=True)
    with pytest.raises(JobError):
        world.pass_by(first, [view()], FIRST)
    world.pass_by(world.doubts(after=first), [view()], 0)
    assert len(world.told) == 1
    world.pass_by(world.doubts(after=world.doubts()), [view()], 0)  # nothing was known
    assert len(world.told) == 1


class TestNotBegun:
    def answer(self, **known):
        return lambda seen: Trouble(seen, POOL, waited=12, **known)

    def test_a_scheduler_has_a_moment(self, world):
        waiting = world.doubts()
        for _ in range(9):
            world.pass_by(waiting, [view(0, 0)], 1)
        assert world.asked == []

    def test_what_an_earlier_wait_has_seen_counts(self, world):
        world.answer = self.answer()
        first = world.doubts()
        for _ in range(20):
            world.pass_by(first, [view(0, 0)], 1)
        world.pass_by(world.doubts(after=first), [view(0, 0)], 0)
        assert len(world.told) == 2

    def test_then_it_is_said(self, world):
        world.answer = self.answer()
        waiting = world.doubts()
        for _ in range(20):
            world.pass_by(waiting, [view(0, 0)], 1)
        [text] = world.told
        assert "has no result: no scheduler has begun it for 12 s.\n" in text

    def test_the_chain_s_clock_counts_too(self, world):
        world.answer = self.answer()
        world.pass_by(world.doubts(), [view(0, 0, now=1011)], FIRST)
        assert len(world.told) == 1

    def test_a_scheduler_that_begins_one_task_after_the_other_is_at_work(self, world):
        world.answer = self.answer()
        waiting, views = world.doubts(), [view(index, 0, now=1100) for index in range(5)]
        for index in range(4):
            views[index] = view(index, 3, now=1100)
            for _ in range(9):
                world.pass_by(waiting, views, 1)
        assert world.told == []
        world.pass_by(waiting, views, 60)
        assert len(world.told) == 1

    def test_a_scheduler_that_answers_may_still_begin(self, world):
        world.answer = self.answer(said="RECEIVED")
        world.pass_by(world.doubts(fail_fast=True), [view(0, 0, now=1011)], FIRST)
        assert len(world.told) == 1

    def test_nobody_at_all_is_no_hope(self, world):
        world.answer = self.answer(unasked="Impossible to resolve API url")
        with pytest.raises(JobError, match="no scheduler has begun it for 12 s"):
            world.pass_by(world.doubts(fail_fast=True), [view(0, 0, now=1011)], FIRST)


def test_a_question_that_fails_does_not_end_the_wait(world):
    def away(_seen):
        raise CallError("the node is away")

    world.answer = away
    world.pass_by(world.doubts(fail_fast=True), [view()], FIRST)
    assert [index for index, _ in world.asked] == [0]
    assert world.told == []


def test_an_error_that_ends_the_wait_says_what_was_found_out(world):
    world.answer = crashed
    waiting = world.doubts()
    world.pass_by(waiting, [view()], FIRST)
    error = JobError("too long")
    waiting.explain(error, "job")
    assert error.job == "job"
    assert error.details["why"].startswith("no worker goes on: the app ended with exit code 3")
    other = JobError("something else")
    world.doubts().explain(other)
    assert (other.details, other.troubles, other.job) == ({}, (), None)


def test_by_default_standard_error_has_it(capsys):
    room.on_stderr("a reason")
    assert capsys.readouterr() == ("", "a reason\n")
