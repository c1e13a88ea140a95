from __future__ import annotations

import asyncio
import pickle
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from helpers.answers import official
from helpers.labs import CHECKSUM, IMAGE, forward, open_lab
from helpers.waiting import until

from iexec_lab import doors
from iexec_lab.client.jobs.detached import Detached, detached_await
from iexec_lab.client.jobs.job import Job
from iexec_lab.client.jobs.status import JobStatus
from iexec_lab.commands.official_json import fetch
from iexec_lab.errors import CallError, JobError, ObjectNotFoundError
from iexec_lab.wallet.signer import LocalSigner


@pytest.fixture(scope="module")
def finished(iexec_sandbox, tmp_path_factory, hello):
    """A finished job of two tasks."""
    lab = open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[0].key), tmp_path_factory.mktemp("job"))
    return lab.app.run(hello, args="there", volume=2, watch=True)


@pytest.fixture
def idle(lab, hello, idle_pool):
    """A job that nobody works on."""
    return lab.app.run(hello, workerpool=idle_pool)


class TestWait:
    def test_all_tasks_end(self, finished):
        status = finished.status()
        assert status.ended
        assert (status.total, status.completed, status.failed) == (2, 2, ())
        assert dict(status.counts) == {"COMPLETED": 2}
        assert str(status) == "2/2 tasks ended (2 COMPLETED)"
        assert finished.done

    def test_progress_is_told(self, lab, hello):
        told = []
        lab.app.run(hello).wait(progress=told.append)
        assert told[-1].ended
        assert all(status.total == 1 for status in told)

    def test_a_job_can_be_awaited(self, lab, hello):
        async def main():
            job = lab.app.run(hello)
            return job, await job

        job, same = asyncio.run(main())
        assert same is job
        assert job.status().completed == 1

    def test_a_timeout_leaves_the_job_alone(self, idle):
        with pytest.raises(JobError, match=r"did not end within 0.1 seconds; the job goes on") as caught:
            idle.wait(0.1)
        assert f"iexec-lab deal show {idle.deal_id} --watch" in caught.value.hint

    def test_a_node_that_is_away_for_a_moment_is_waited_for(self, lab, hello, monkeypatch):
        job = lab.app.run(hello)
        faults = [CallError("gone"), CallError("gone")]
        real = job._see
        monkeypatch.setattr(job, "_see", lambda eye: real(eye) if not faults else _raise(faults.pop()))
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _seconds: None)
        monkeypatch.setattr("iexec_lab.client.jobs.polling.time", clock)
        assert job.wait().done

    def test_a_node_that_stays_away_does_not_lose_the_job(self, idle, monkeypatch):
        monkeypatch.setattr("iexec_lab.client.jobs.polling.PATIENCE", 0)
        monkeypatch.setattr(idle, "_see", lambda _lookout: _raise(CallError("gone")))
        for wait in (idle.wait, lambda: asyncio.run(_wait(idle))):
            with pytest.raises(JobError, match="The node does not answer; the job goes on: gone") as caught:
                wait()
            assert f"iexec-lab deal show {idle.deal_id} --watch" in caught.value.hint

    def test_an_interrupt_detaches(self, idle):
        def interrupt(_status):
            raise KeyboardInterrupt

        with pytest.raises(Detached) as caught:
            idle.wait(progress=interrupt)
        assert isinstance(caught.value, KeyboardInterrupt)
        assert caught.value._render_traceback_() == [str(caught.value)]
        assert str(caught.value) == (
            f"Detached; the job goes on. Reattach: iexec-lab deal show {idle.deal_id} --watch"
        )

    @pytest.fixture
    def impatient(self, monkeypatch):
        """Somebody who presses Ctrl-C at the first pause."""
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _seconds: _raise(KeyboardInterrupt))
        monkeypatch.setattr("iexec_lab.client.jobs.polling.time", clock)

    @pytest.mark.usefixtures("impatient")
    def test_results_are_waited_for_and_an_interrupt_detaches(self, idle):
        for wait in (idle.wait, idle.result, idle.results, lambda: idle.result(wait=True)):
            with pytest.raises(Detached) as caught:
                wait()
            assert caught.value.line == f"deal show {idle.deal_id} --watch"
            assert f"Reattach: iexec-lab {caught.value.line}" in str(caught.value)
        for ask in (idle.result, idle.results):
            with pytest.raises(JobError, match="Task is not completed"):
                ask(wait=False)

    @pytest.mark.usefixtures("impatient")
    def test_one_result_waits_for_its_own_task_only(self, finished, monkeypatch):
        running, ended = finished.status().tasks
        running = replace(running, task=replace(running.task, status=1), now=0)
        monkeypatch.setattr(finished, "_see", lambda _lookout: JobStatus((running, ended)))
        assert finished.result(1).task_id == ended.task_id
        for wait in (finished.wait, finished.result, finished.results):
            with pytest.raises(Detached):
                wait()

    def test_a_cancelled_await_detaches_and_stays_a_cancellation(self, idle):
        async def main():
            waiting = asyncio.create_task(_wait(idle))
            await asyncio.sleep(0.1)
            waiting.cancel()
            await waiting

        with pytest.raises(asyncio.CancelledError) as caught:
            asyncio.run(main())
        assert isinstance(caught.value, detached_await())
        assert f"iexec-lab deal show {idle.deal_id} --watch" in caught.value._render_traceback_()[0]

    def test_the_status_knows_how_long_there_is(self, idle):
        status = idle.status()
        assert 350_000 < status.seconds_left <= 360_000
        assert (status.done, str(status)) == (0, "0/1 tasks ended (1 UNSET)")


async def _wait(job):
    await job


def _raise(error):
    raise error


class TestFrames:
    def test_tasks(self, finished):
        tasks = finished.tasks
        assert list(tasks["task_id"]) == finished.task_ids
        assert list(tasks["status"]) == ["COMPLETED", "COMPLETED"]
        assert (tasks["deal_id"] == finished.deal_id).all()
        assert tasks["task_index"].tolist() == [0, 1]

    def test_logs(self, finished):
        logs = finished.logs()
        assert len(logs) == 2
        assert "Hello, there!" in logs.loc[0, "stdout"]
        assert list(finished.logs(1)["task_index"]) == [1]

    @pytest.mark.parametrize("index", [2, -1])
    def test_a_task_that_is_not_there(self, finished, index):
        for ask in (finished.logs, finished.result):
            with pytest.raises(ObjectNotFoundError, match=f"No task found for id {index} of job 0x"):
                ask(index)

    def test_cost(self, finished):
        assert finished.cost == {
            "app_nrlc": 0,
            "dataset_nrlc": 0,
            "workerpool_nrlc": 200_000_000,
            "total_nrlc": 200_000_000,
        }

    def test_unset_tasks_know_their_deal(self, idle):
        row = idle.tasks.iloc[0]
        assert (row["status"], row["deal_id"], row["task_index"]) == ("UNSET", idle.deal_id, 0)
        assert row["final_deadline"] > pd.Timestamp.now(tz="UTC")


class TestResult:
    def test_files(self, finished):
        result = finished.result(1)
        assert set(result.files) == {"computed.json", "result.txt", "stdout.txt"}
        assert result.text().startswith("Hello, there!")
        assert result.json("computed.json")["deterministic-output-path"].endswith("result.txt")

    def test_all_results(self, finished):
        results = finished.results()
        assert [result.task_id for result in results] == finished.task_ids
        assert [result.task_index for result in results] == [0, 1]
        assert results.summary()["status"].tolist() == ["COMPLETED"] * 2
        assert results.summary()["first_lines"].str.startswith("Hello, there!").all()
        assert (results.failed, len(results.completed)) == ([], 2)

    def test_what_there_is_of_a_job_that_goes_on(self, idle):
        [result] = idle.results(wait=False, partial=True)
        assert (result.status, result.task_index, result.files) == ("UNSET", 0, [])
        with pytest.raises(JobError, match="Task is not completed"):
            result.text()
        with pytest.raises(JobError, match="Task is not completed") as caught:
            idle.results(wait=False)
        assert "partial" not in caught.value.hint  # there are no others

    def test_progress_is_shown_where_somebody_looks(self, finished, monkeypatch):
        told = []

        class Step:
            def update(self, text, done=None, total=None, unit=""):
                told.append((unit, done, total))

        monkeypatch.setattr(doors, "working", [lambda doing: nullcontext(told.append(doing) or Step())])
        finished.results()
        assert told == ["Downloading", ("results", 1, 2), ("results", 2, 2)]

    def test_no_such_task(self, finished):
        with pytest.raises(ObjectNotFoundError, match="No task found for id 2 of job"):
            finished.result(2)

    def test_not_yet(self, idle):
        with pytest.raises(JobError, match="Task is not completed") as caught:
            idle.result(wait=False)
        assert caught.value.details["status"] == "UNSET"

    def test_only_the_requester_reads_the_logs(self, other, finished):
        with pytest.raises(JobError, match="can access replicates logs"):
            other.job(finished.deal_id).logs()


class TestAgain:
    def test_a_deal_id_is_enough(self, other, finished):
        again = other.job(finished.deal_id.upper().replace("0X", "0x"))
        assert again.task_ids == finished.task_ids
        assert again.result().text().startswith("Hello")

    def test_an_unknown_deal(self, lab):
        with pytest.raises(ObjectNotFoundError, match="No deal found for id 0x00"):
            lab.job("0x" + "00" * 32)

    def test_running_jobs_are_found_by_wallet(self, newcomer, lab, idle_pool, unique):
        buyer = newcomer()
        assert buyer.jobs(buyer.session.address).empty
        app = buyer.app.deploy(unique, IMAGE, CHECKSUM)
        job = buyer.app.run(app, workerpool=idle_pool, volume=3)
        # The market hears of a deal a moment after the chain.
        found = until(lambda: lab.jobs(buyer.session.address), lambda frame: not frame.empty)
        assert list(found["deal_id"]) == [job.deal_id]
        assert (found.loc[0, "tasks"], found.loc[0, "done"], found.loc[0, "running"]) == (3, 0, 3)
        raw = official(lab, "jobs", buyer.session.address)
        assert (raw["count"], raw["jobs"][0]["dealid"]) == (1, job.deal_id)

    def test_finished_jobs_are_not_running(self, lab, finished):
        assert finished.deal_id not in set(lab.jobs(running=True)["deal_id"])
        assert finished.deal_id in set(lab.jobs()["deal_id"])

    def test_a_job_shows_where_it_stands(self, finished, idle):
        assert "2/2 tasks ended" in repr(finished)
        assert "not looked at yet" in repr(idle)
        assert finished.deal_id in finished._repr_html_()

    def test_a_wallet_s_key_does_not_travel_with_a_job(self, finished):
        with pytest.raises(Exception, match=r"pickle|signer"):
            pickle.dumps(finished)


def test_waiting_works_in_a_thread(lab, hello):
    job = lab.app.run(hello)
    thread = threading.Thread(target=job.wait)
    thread.start()
    thread.join(300)
    assert job.done


class TestLate:
    """These move the chain's clock, so they have a sandbox of their own."""

    def test_a_late_deal_is_claimed(self, native_sandbox, tmp_path, unique):
        lab = open_lab(native_sandbox, LocalSigner.generate(), tmp_path)
        app = lab.app.deploy(unique, IMAGE, CHECKSUM)
        job = lab.app.run(app, workerpool=lab.workerpool.deploy(unique), volume=2)
        with pytest.raises(JobError, match="Cannot claim a deal before reaching the final time"):
            lab.deal.claim(job.deal_id)
        forward(native_sandbox, 3001)
        with pytest.raises(JobError, match=r"2 tasks of deal 0x.* did not complete") as late:
            job.wait(300)
        assert late.value.job is job
        assert "claim" not in late.value.hint  # it cost nothing
        assert job.status().counts == {"TIMEOUT": 2}
        with pytest.raises(JobError, match="Task is not completed") as caught:
            job.result(wait=False)
        assert "task claim" in caught.value.hint
        answer = fetch(lab, "deal.claim", job.deal_id)
        claimed = answer.facts
        assert claimed["claimed"] == dict(zip("01", job.task_ids, strict=True))
        assert [sent["type"] for sent in claimed["transactions"]] == ["initializeAndClaimArray"]
        assert list(answer.to_value()["task_index"]) == [0, 1]
        for again in (job, Job(lab.session, [job.deal_id])):
            with pytest.raises(JobError, match=r"2 tasks of deal 0x.* did not complete") as gone:
                again.wait()
            assert "claim" not in gone.value.hint
            assert again.status().counts == {"FAILED": 2}
            with pytest.raises(JobError, match="Task is not completed") as gone:
                again.result()
            assert "claim" not in gone.value.hint
        with pytest.raises(JobError, match="Nothing to claim"):
            lab.deal.claim(job.deal_id)
        with pytest.raises(JobError, match="Cannot claim a task having status FAILED"):
            lab.task.claim(job.task_ids[0])
        assert "failedTasks" in job.to_json()
