"""Cards in the cells of a page: where they stand, who moves them, what a saved notebook has at the end."""

from __future__ import annotations

import asyncio
import re
import threading
from types import SimpleNamespace

import pytest
from helpers.jobs import held, view
from helpers.waiting import until

from iexec_lab import doors
from iexec_lab.client.jobs import job as room
from iexec_lab.client.jobs.job import Job
from iexec_lab.client.jobs.status import JobStatus
from iexec_lab.errors import CallError, JobError
from iexec_lab.notebook.drawing import live

RUNS, ENDED, FAILED = (view(0, 3), view(1, 1)), (view(0, 3), view(1, 3)), (view(0, 3), view(1, 4))


class Page:
    """A front end: its outputs by display id, in order, and the request that it has sent."""

    def __init__(self):
        self.outputs, self.drawn = {}, 0
        self.magics = SimpleNamespace(progress=True)
        self.run("first")

    def run(self, request, cell="", kind="execute_request"):
        self.parent = {"header": {"msg_id": request, "msg_type": kind}, "metadata": {"cellId": cell}}

    def publish(self, name, bundle, *, update=False):
        assert (name in self.outputs) is update
        self.outputs[name] = bundle["text/plain"]
        self.drawn += 1

    @property
    def shown(self):
        """The state that each card tells."""
        return [text.split(": ", 1)[1].split("\n")[0].split(",")[0] for text in self.outputs.values()]


@pytest.fixture
def page(monkeypatch):
    found = Page()
    kernel = SimpleNamespace(get_parent=lambda: found.parent)
    registry = SimpleNamespace(registry={"IexecMagics": found.magics})
    shell = SimpleNamespace(kernel=kernel, magics_manager=registry)
    monkeypatch.setattr(live, "_shell", lambda: shell)
    monkeypatch.setattr(live, "_publish", found.publish)
    monkeypatch.setattr(live, "INTERVAL", 0)
    monkeypatch.setattr(live, "_boards", type(live._boards)())
    monkeypatch.setattr(doors, "live", lambda: live)
    return found


class Chain:
    """What each look at a job of two tasks sees; the last one stays."""

    def __init__(self, *looks):
        self.looks, self.seen = [*looks], 0
        self.session = SimpleNamespace(
            network=SimpleNamespace(id=1, hub="0x1", name="sandbox", host="http://127.0.0.1:1"),
            wishes={},
            deals_seen={held().deal_id: held(tasks=2)},
            names_seen={},
            clocks={},
            rpc=None,
            each=lambda work, items: [work(item) for item in items],
        )

    def look(self):
        self.seen += 1
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, Exception):
            raise found
        return list(found)

    def job(self):
        made = Job(self.session, [held().deal_id])
        made._refs, made.deals = [], (held(tasks=2),)
        return made


@pytest.fixture
def chain(monkeypatch):
    """``chain(look, ...)``: a job whose looks see this."""

    def make(*looks):
        found = Chain(*looks)
        monkeypatch.setattr(room, "Lookout", lambda *_args: found)
        monkeypatch.setattr("iexec_lab.client.jobs.failures.ask", _nobody)
        monkeypatch.setattr("iexec_lab.client.jobs.doubts.ask", _nobody)
        return found.job()

    return make


def _nobody(*_args, **_options):
    raise CallError("nobody is asked")


def test_a_wait_is_one_card_that_ends_as_it_ended(page, chain):
    job = chain(RUNS, RUNS, ENDED)
    assert job.wait() is job
    job._ipython_display_()  # as the value of the same cell
    assert page.shown == ["completed"]
    assert page.drawn >= 3


def test_a_card_in_a_later_cell_moves_the_one_in_an_earlier_cell(page, chain):
    job = chain(RUNS, RUNS, ENDED)
    page.magics.progress = False  # nothing looks by itself
    job._ipython_display_()
    page.magics.progress = True
    page.run("second")
    assert page.shown == ["running"]
    job.wait()
    assert page.shown == ["completed", "completed"]


def test_what_had_ended_is_the_value_only(page, chain):
    job = chain(ENDED)
    job.wait()
    assert page.shown == []
    job._ipython_display_()
    job._ipython_display_()  # somebody asked for it twice
    assert page.shown == ["completed", "completed"]
    page.run("second")
    with live.manner("always"):
        job.wait()
    assert page.shown == ["completed"] * 3


def test_a_failure_is_the_last_state(page, chain):
    job = chain(RUNS, FAILED)
    with pytest.raises(JobError, match="1 task of deal") as caught:
        job.wait()
    assert page.shown == ["failed"]
    assert "<section" in caught.value._repr_html_()
    assert live._boards[job.key].waiting == []


def test_an_awaited_job_is_a_card_too(page, chain):
    async def main(job):
        return await job

    job = chain(RUNS, ENDED)
    assert asyncio.run(main(job)) is job
    assert page.shown == ["completed"]


@pytest.mark.parametrize("how", ["setting", "quiet", "button"])
def test_nothing_is_drawn_that_nobody_wants(page, chain, how, capsys):
    job = chain(RUNS, RUNS, ENDED)
    if how == "setting":
        page.magics.progress = False
    if how == "button":
        page.run("click", kind="comm_msg")
    with live.manner("hushed" if how == "quiet" else "usual"):
        assert not live.is_seen(job)
        job.wait()
    assert page.shown == []
    job._teller(None)("a reason")
    assert capsys.readouterr().err == "a reason\n"


def test_reasons_go_to_the_card_where_there_is_one(page, chain, capsys):
    job = chain(RUNS, ENDED)
    said = []
    job.wait(progress=lambda _status: said.append(job._teller(None)("a reason")))
    job.wait(progress=lambda _status: job._teller(said.append)("for me"))
    assert capsys.readouterr().err.count("a reason") <= 1  # the first comes before the card
    assert "for me" in said


def test_a_form_draws_where_it_wants(page, chain):
    drawn = []
    job = chain(RUNS, ENDED)
    page.run("click", kind="comm_msg")
    with live.into(drawn.append):
        job.wait()
        job._ipython_display_()
    assert page.outputs == {}
    assert "running" in drawn[0]["text/plain"]
    assert "<section" in drawn[-1]["text/html"]
    assert "completed" in drawn[-1]["text/plain"]


def test_a_running_job_that_is_displayed_is_looked_at_by_one_thread_until_its_end(page, chain):
    job = chain(*[RUNS] * 6, ENDED)
    for _ in range(3):
        job._ipython_display_()
    threads = [thread for thread in threading.enumerate() if thread.name == "iexec-lab card"]
    assert len(threads) == 1
    assert threads[0].daemon
    until(lambda: page.shown == ["completed"] * 3)
    threads[0].join(60)
    assert not threads[0].is_alive()
    assert not live._boards[job.key].looking


def test_a_node_that_is_away_is_told_on_the_card(page, chain, monkeypatch):
    monkeypatch.setattr("iexec_lab.client.jobs.polling.PATIENCE", 0)
    job = chain(RUNS, CallError("gone"))
    with pytest.raises(JobError, match="does not answer"):
        job.wait()
    [text] = page.outputs.values()
    assert "! The node does not answer, and is asked again: gone" in text


def test_a_late_look_does_not_undo_the_end(page, chain):
    job = chain(RUNS, ENDED)
    job.wait()
    job._saw(JobStatus(RUNS))
    assert page.shown == ["completed"]


def test_a_cell_that_is_run_again_has_lost_its_cards(page, chain):
    job = chain(RUNS)
    page.magics.progress = False
    for number in range(3):
        page.run(f"request {number}", cell="the same")
        job._ipython_display_()
    assert len(live._boards[job.key].places) == 1
    for number in range(20):
        page.run(f"other {number}")
        job._ipython_display_()
    assert len(live._boards[job.key].places) == live._MOST_PLACES


def test_jobs_that_nobody_shows_cost_nothing(page, chain):
    job = chain(RUNS, ENDED)
    job.status()
    assert live._boards == {}
    assert page.drawn == 0


def test_without_a_page_it_is_text(chain):
    job = chain(RUNS)
    with pytest.raises(NotImplementedError):
        job._ipython_display_()
    bundle = job._repr_mimebundle_()
    assert bundle["text/plain"] == str(job)
    assert "1 completed, 1 running of 2 tasks" in bundle["text/plain"]
    assert repr(job).startswith("<Job 0x0")


def test_a_look_that_fails_draws_what_is_known(page, chain):
    job = chain(CallError("gone"))
    page.magics.progress = False
    job._ipython_display_()
    [text] = page.outputs.values()
    assert "The last look failed: gone" in text


def test_a_slow_first_look_leaves_no_cell_silent(page, chain, monkeypatch):
    monkeypatch.setattr(live, "PATIENCE", 0.01)
    gate = threading.Event()

    class Slow(list):
        def __iter__(self):
            assert gate.wait(30)
            return super().__iter__()

    def shows_it(job, work):
        gate.clear()
        thread = threading.Thread(target=work)
        thread.start()
        until(lambda: page.shown[-1:] == ["looking"])
        gate.set()
        thread.join()
        assert page.shown[-1:] == ["completed"]

    job = chain(Slow(ENDED))
    shows_it(job, job.wait)
    page.run("second")
    again = chain(Slow(ENDED))
    shows_it(again, again._ipython_display_)
    assert len(page.outputs) == 2


def test_an_error_beside_the_card_does_not_say_it_all_again(page, chain):
    job = chain(FAILED)
    with pytest.raises(JobError) as caught:
        job.wait()
    beside = "\n".join(caught.value._render_traceback_())
    assert "did not complete" in beside
    assert "The card above says more" in beside
    assert not re.search("task.debug", beside)  # a line or a call
    page.run("another cell")
    assert re.search("task.debug", "\n".join(caught.value._render_traceback_()))


def test_results_of_what_has_ended_draw_no_card(page, chain, monkeypatch):
    job = chain(FAILED)
    job.status()
    monkeypatch.setattr(room, "fetch_all", lambda *_args, **_options: "results")
    page.run("second")
    assert job.results(partial=True) == "results"
    assert page.outputs == {}
