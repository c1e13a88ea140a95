from __future__ import annotations

import pytest
from helpers.answers import facts, official

from iexec_lab.client.jobs.detached import Detached
from iexec_lab.errors import JobError, ObjectNotFoundError

UNKNOWN = "0x" + "00" * 32


@pytest.fixture
def done(lab, hello):
    """Id of a finished task."""
    return lab.app.run(hello, args="task", watch=True).task_ids[0]


@pytest.fixture
def unbegun(lab, hello, idle_pool):
    """A job whose only task nobody initialises."""
    return lab.app.run(hello, workerpool=idle_pool)


@pytest.fixture
def waiting(lab, unbegun):
    """Id of a task that was initialised on chain and that nobody works on."""
    from iexec_lab.ethereum.contracts import HUB

    data = HUB.initialize.encode(bytes.fromhex(unbegun.deal_id[2:]), 0)
    lab.session.sender.send(lab.session.network.hub, data)
    return unbegun.task_ids[0]


class TestShow:
    def test_raw_is_the_official_json(self, lab, done):
        raw = official(lab, "task.show", done)
        assert raw["claimable"] is False
        assert list(raw["task"]) == [
            *("taskid", "status", "dealid", "idx", "timeref", "contributionDeadline", "revealDeadline"),
            *("finalDeadline", "consensusValue", "revealCounter", "winnerCounter", "contributors"),
            *("resultDigest", "results", "resultsTimestamp", "resultsCallback", "statusName", "taskTimedOut"),
        ]
        assert (raw["task"]["status"], raw["task"]["statusName"]) == (3, "COMPLETED")
        assert raw["task"]["results"]["storage"] == "ipfs"

    def test_as_a_row(self, lab, done):
        row = lab.task.show(done).iloc[0]
        assert (row["task_id"], row["status"]) == (done, "COMPLETED")

    def test_unknown(self, lab):
        with pytest.raises(ObjectNotFoundError, match="No task found for id 0x00"):
            lab.task.show(UNKNOWN)

    def test_watch_and_download_under_a_name(self, lab, hello):
        job = lab.app.run(hello)
        while not job.status().tasks[0].task.exists:
            pass
        raw = facts(lab, "task.show", job.task_ids[0], watch=True, download="out")
        assert raw["resultPath"] == str((lab.session.folder / "out.zip").absolute())
        assert (lab.session.folder / "out.zip").is_file()

    def test_download_under_its_id(self, lab, done):
        lab.task.show(done, download=True)
        assert (lab.session.folder / f"{done}.zip").is_file()

    def test_nothing_to_download_yet(self, lab, waiting):
        raw = facts(lab, "task.show", waiting, download=True)
        assert "resultPath" not in raw
        assert raw["task"]["statusName"] == "ACTIVE"


class TestNotBegun:
    """Tasks that no scheduler has initialised, as all are for a moment after their deal."""

    @pytest.fixture
    def task(self, unbegun):
        return unbegun.task_ids[0]

    def test_are_known_where_the_deal_is(self, lab, task):
        shown = lab.task.show(task).iloc[0]
        assert (shown["task_id"], shown["status"]) == (task, "UNSET")
        assert official(lab, "task.show", task)["claimable"] is False

    def test_can_be_waited_for(self, lab, task):
        with pytest.raises(JobError, match=r"did not end within 0\.1 seconds"):
            lab.task.wait(task, 0.1)

    def test_have_no_result(self, lab, task):
        with pytest.raises(JobError, match="Task is not completed"):
            lab.task.result(task)

    def test_can_not_be_claimed(self, lab, task):
        with pytest.raises(JobError, match="Cannot claim a task before"):
            lab.task.claim(task)

    def test_are_not_known_elsewhere(self, other, task):
        with pytest.raises(ObjectNotFoundError, match="No task found"):
            other.task.show(task)


class TestWait:
    def test_observe_ends_with_the_task(self, lab, hello):
        job = lab.app.run(hello)
        while not job.status().tasks[0].task.exists:
            pass
        seen = list(lab.task.observe(job.task_ids[0]))
        assert seen[-1].completed
        assert [view.completed for view in seen[:-1]] == [False] * (len(seen) - 1)

    def test_a_finished_task_is_not_waited_for(self, lab, done):
        assert lab.task.wait(done).loc[0, "status"] == "COMPLETED"

    def test_timeout(self, lab, waiting):
        with pytest.raises(JobError, match=r"did not end within 0\.1 seconds"):
            lab.task.wait(waiting, 0.1)

    def test_interrupt(self, lab, waiting):
        def interrupt(_view):
            raise KeyboardInterrupt

        with pytest.raises(Detached, match=r"Come back: iexec-lab task show"):
            lab.task.wait(waiting, progress=interrupt)


class TestResult:
    def test_text(self, lab, done):
        assert lab.task.result(done).text().startswith("Hello, task!")

    def test_none_yet(self, lab, waiting):
        with pytest.raises(JobError, match="Task is not completed"):
            lab.task.result(waiting)


class TestDebug:
    def test_all_there_is(self, lab, done):
        raw = facts(lab, "task.debug", done, logs=True)
        assert set(raw) == {"onchainData", "offchainData", "appLogs"}
        assert raw["offchainData"]["task"]["status"] == "COMPLETED"
        assert raw["offchainData"]["replicates"][0]["exitCode"] == 0
        assert "Hello, task!" in raw["appLogs"][0]["stdout"]

    def test_what_can_not_be_had_is_left_out_and_told(self, lab, waiting):
        warnings = []
        raw = facts(lab, "task.debug", waiting, logs=True, warn=warnings.append)
        assert set(raw) == {"onchainData"}
        assert len(warnings) == 2
        assert "Impossible to resolve API url for workerpool" in warnings[0]

    def test_logs(self, lab, other, done):
        frame = lab.task.logs(done)
        assert frame.loc[0, "task_id"] == done
        assert "Hello, task!" in frame.loc[0, "stdout"]
        with pytest.raises(JobError, match="Only task requester"):
            other.task.logs(done)


class TestClaim:
    def test_not_before_its_time(self, lab, waiting, done):
        with pytest.raises(
            JobError, match="Cannot claim a task before reaching the consensus deadline date: 20"
        ):
            lab.task.claim(waiting)
        with pytest.raises(JobError, match="Cannot claim a task having status COMPLETED"):
            lab.task.claim(done)

    @pytest.mark.parametrize("begun", [True, False])
    def test_afterwards(self, native_sandbox, tmp_path, unique, begun):
        from helpers.labs import CHECKSUM, IMAGE, forward, open_lab

        from iexec_lab.ethereum.contracts import HUB
        from iexec_lab.wallet.signer import LocalSigner

        lab = open_lab(native_sandbox, LocalSigner.generate(), tmp_path)
        app = lab.app.deploy(unique, IMAGE, CHECKSUM)
        job = lab.app.run(app, workerpool=lab.workerpool.deploy(unique))
        if begun:
            data = HUB.initialize.encode(bytes.fromhex(job.deal_id[2:]), 0)
            lab.session.sender.send(lab.session.network.hub, data)
        forward(native_sandbox, 3001)
        assert facts(lab, "task.show", job.task_ids[0])["claimable"] is True
        assert set(official(lab, "task.claim", job.task_ids[0])) == {"txHash"}
        assert lab.task.show(job.task_ids[0]).loc[0, "status"] == "FAILED"
