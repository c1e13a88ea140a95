"""What a card says of a job, from records."""

from __future__ import annotations

import re

import pytest
from helpers.jobs import APP, DATASET, FINAL, OTHER_POOL, POOL, REVEAL, START, WORKER, deal_id, held, view

from iexec_lab.client.jobs.again import Step
from iexec_lab.client.jobs.card import Card
from iexec_lab.client.jobs.shown import Shown
from iexec_lab.client.jobs.status import Clock, JobStatus
from iexec_lab.client.jobs.why import Trouble

HOSTILE = '"><img src=x onerror=alert(1)>'


def card(*views, deals=None, now=START + 10, **more):
    deals = [held(tasks=len(views))] if deals is None else deals
    status = JobStatus(views) if views else None
    ids = tuple(each.deal_id for each in deals)
    return Card("sandbox", ids, tuple(deals), status, now=now, **more)


def crashed(at, **more):
    return Trouble(
        at,
        POOL,
        **{
            "price_nrlc": 10**8,
            "said": "RUNNING",
            "gave_up": True,
            "exit_code": 3,
            "stderr": ("Traceback:", "ValueError: <b>row</b> 7"),
            "again": Step("Run it again", f"app run {APP}"),
            "sandbox": True,
            **more,
        },
    )


def test_everything_is_named():
    views = view(0, 3), view(1, 3), view(2, 1), view(3, 0), view(4, 0)
    shown = card(*views, names={APP: "hello", POOL: "our pool"}, elapsed=65, deals=[held(dataset=DATASET)])
    facts = dict(shown.facts())
    assert facts == {
        "app": "hello (0x11111111…1111)",
        "dataset": "0x55555555…5555",
        "workerpool": "our pool (0x22222222…2222)",
        "price": "0.1 RLC a task, 0.5 RLC for 5",
        "elapsed": "1 min 5 s",
        "deadline": "2023-11-14 23:03:20 UTC, 49 min 50 s left",
        "cost so far": "0.2 RLC, 0.3 RLC locked",
    }
    assert [(part.tasks, part.tone, part.name) for part in shown.parts] == [
        (2, "good", "completed"),
        (1, "going", "running"),
        (2, "calm", "waiting"),
    ]
    assert shown.state == ("running", "going")
    page = re.sub(r"<(?!br)[^>]*>", "", str(shown.html())).replace("<br>", ", ")
    for text in (shown.text(), page):
        for word in (*facts.values(), deal_id(), "2 completed, 1 running, 2 waiting of 5 tasks"):
            assert word in text
        assert f"deal show {deal_id()} --watch" in text
        assert "Interrupting is safe" in text
    assert 'role="img" aria-label="2 completed, 1 running, 2 waiting of 5"' in shown.html()


def test_no_line_breaks_a_short_address():
    for word in ("(0x11111111…1111)", "(0x22222222…2222)"):
        page = str(card(view(0, 3), names={APP: "hello", POOL: "<b>our</b> pool"}).html())
        assert f'<span style="white-space:nowrap" title="{word}">{word}</span>' in page
    assert "<b>our" not in page


def test_before_a_look_it_says_so():
    shown = Card("sandbox", (deal_id(),))
    assert shown.state == ("looking", "calm")
    assert deal_id() in shown.text()
    assert deal_id() in shown.html()
    assert shown.line() == f"{deal_id()} on sandbox: not looked at yet"


@pytest.mark.parametrize(
    ("statuses", "now", "state"),
    [
        ((3, 3), 10, "completed"),
        ((3, 4), 10, "failed"),
        ((3, 1), FINAL - START, "late"),
        ((3, 1), 10, "running"),
        ((0, 0), 10, "waiting"),
    ],
)
def test_the_whole_in_a_word(statuses, now, state):
    views = [view(index, status, now=START + now) for index, status in enumerate(statuses)]
    shown = card(*views, now=START + now)
    assert shown.state[0] == state
    said = f"{shown.text()}{shown.html()}"
    ended = state in {"completed", "failed", "late"}
    assert ("waiting" in said.lower()) is (state == "waiting")
    assert ("Come back" in said) is not ended
    assert (" left" in shown.text()) is not ended


def test_fifty_tasks_of_which_two_have_no_worker_any_more():
    views = [view(index, 1 if index in {7, 23} else 3) for index in range(50)]
    shown = card(*views, troubles=tuple(crashed(views[index]) for index in (7, 23)))
    assert shown.state == ("needs attention", "late")
    assert shown.counted() == "48 completed, 2 stuck of 50 tasks"
    assert dict(shown.facts())["late"] == "workerpool 0x22222222…2222, no worker goes on (tasks 7, 23)"
    [(_, indices)] = shown.reasons
    assert indices == [7, 23]
    lines = (
        f"deal claim {deal_id()}",
        f"sandbox forward {FINAL - START - 10}",
        f"app run {APP}",
        f"task debug {views[7].task_id} --logs",
        f"deal show {deal_id()} --watch",
    )
    text, page = shown.text(), str(shown.html())
    for drawn in (text, page):
        for word in (*lines, "tasks 7, 23: no worker goes on", "task RUNNING", "2023-11-14 23:03:20 UTC"):
            assert word in drawn
        assert drawn.count("Traceback:") == 1
    assert "exit code 3" in text
    assert "ValueError: &lt;b&gt;row&lt;/b&gt; 7" in page
    assert "<pre" in page


def test_of_many_reasons_some_are_told_and_no_line_twice():
    views = [view(index, 1, now=FINAL) for index in range(8)]
    troubles = [crashed(view(index, 1), exit_code=index + 1) for index in range(6)]
    shown = card(*views, now=FINAL, troubles=tuple(troubles))
    for drawn in (shown.text(), str(shown.html())):
        assert drawn.count(f"deal claim {deal_id()}") == drawn.count(f"app run {APP}") == 1
        assert "2 more reasons" in drawn
        assert "Why tasks 6, 7 failed was not asked" in drawn


def test_a_task_that_somebody_goes_on_with_is_not_stuck():
    before, after = view(0, 1), view(0, 2)
    shown = card(after, troubles=(crashed(before),))
    assert shown.reasons == []
    assert shown.counted() == "1 running of 1 task"


def test_what_ended_late_says_why_and_what_comes_back():
    late = view(0, 1, now=FINAL), view(1, 3), view(2, 4, now=FINAL)
    shown = card(*late, now=FINAL, troubles=(crashed(view(0, 1)),))
    facts = dict(shown.facts())
    assert facts["late"] == "workerpool 0x22222222…2222, no result in time (task 0)"
    assert facts["comes back"] == "0.1 RLC, once claimed"
    assert facts["came back"] == "0.1 RLC"
    assert facts["cost so far"] == "0.1 RLC"
    assert "nobody finished it by its deadline" in shown.text()
    assert "sandbox forward" not in shown.text()
    assert shown.text().count(f"deal claim {deal_id()}") == 1
    unexplained = card(*late, now=FINAL)
    assert f"Get the RLC of late tasks back: iexec-lab deal claim {deal_id()}." in unexplained.text()


def test_workers_who_are_late():
    views = view(0, 1, now=REVEAL), view(1, 2, now=REVEAL, contributors=[WORKER])
    assert card(*views, now=REVEAL).late == [
        "workers of 0x22222222…2222, no contribution in time (task 0)",
        "0x66666666…6666, contributed and revealed nothing (task 1)",
    ]
    slow = view(0, 0)
    assert card(slow).late == []
    assert card(slow, troubles=(Trouble(slow, POOL, waited=70),)).late == [
        "workerpool 0x22222222…2222, it has not begun (task 0)"
    ]


def test_a_job_of_several_deals():
    deals = [held(1, tasks=2), held(2, tasks=1, price=3 * 10**8, pool=OTHER_POOL)]
    views = view(0, 3), view(1, 1), view(0, 1, number=2)
    shown = card(*views, deals=deals)
    facts = dict(shown.facts())
    assert facts["price"] == "0.1 RLC to 0.3 RLC a task, 0.5 RLC for 3"
    assert facts["cost so far"] == "0.1 RLC, 0.4 RLC locked"
    assert facts["workerpool"] == "0x22222222…2222, 0x33333333…3333"
    assert shown.title() == "Job 0x00000000…0001 and 1 more"
    for drawn in (shown.text(), shown.html()):
        assert deal_id(1) in drawn
        assert deal_id(2) in drawn


def test_bulks_sponsors_and_what_is_free():
    bulk = held(tasks=1, price=0, params='{"bulk_cid":"Qm<b>x"}', sponsor=POOL)
    shown = card(view(0, 3), deals=[bulk])
    facts = dict(shown.facts())
    assert facts["dataset"] == "bulk Qm<b>x"
    assert facts["price"] == "free"
    assert facts["cost so far"] == "paid by a voucher or sponsor"
    assert "<b>x" not in shown.html()


def test_what_strangers_wrote_is_text():
    trouble = crashed(view(0, 1), stderr=(HOSTILE,), cause=HOSTILE, said=HOSTILE)
    shown = card(view(0, 1), names={APP: HOSTILE, POOL: HOSTILE}, troubles=(trouble,), remark=HOSTILE)
    assert "<img" not in shown.html()
    assert shown.html().count("&lt;img") > 4


def test_one_task_of_a_deal():
    shown = card(view(3, 1), deals=[held(tasks=50)], is_task=True)
    assert shown.title() == "Task 3 of deal 0x00000000…0001"
    assert dict(shown.facts())["price"] == "0.1 RLC"
    assert f"task show {view(3, 1).task_id} --watch" in shown.text()


def test_a_page_has_no_script_and_no_colour_of_text_without_a_ground():
    shown = str(card(view(0, 1), troubles=(crashed(view(0, 1)),)).html())
    assert "<script" not in shown
    assert not re.search(r" on\w+=", shown)
    for style in re.findall(r'style="([^"]*)"', shown):
        assert not re.search(r"(^|;)color:", style) or "background:" in style


def test_the_clock_runs_between_blocks_and_stops_at_the_end(monkeypatch):
    passed = [0.0]
    monkeypatch.setattr("iexec_lab.client.jobs.status.time.monotonic", lambda: passed[0])
    clock = Clock()
    assert clock.elapsed(START) is None
    clock.look(JobStatus((view(0, 1),)))
    passed[0] = 5
    clock.look(JobStatus((view(0, 1),)))  # no block since
    assert clock.elapsed(START) == 15
    passed[0] = 7
    clock.look(JobStatus((view(0, 3),)))
    passed[0] = 99
    assert clock.elapsed(START) == 17
    unseen = Clock()
    unseen.look(JobStatus((view(0, 3),)))
    assert unseen.elapsed(START) is None


def test_printed_it_is_looked_at():
    class Work(Shown):
        deal_ids, tx_hashes, looks = (deal_id(),), (), 0
        _last = None

        @property
        def ended(self):
            return self.looks > 1

        def _look(self):
            self.looks += 1

        def card(self):
            return Card("sandbox", self.deal_ids, remark=f"look {self.looks}")

    work = Work()
    assert ["look 1" in str(work), "look 2" in str(work), "look 2" in str(work)] == [True] * 3
    assert work.looks == 2  # not again, once it has ended
