from __future__ import annotations

import pytest

from iexec_lab.client.jobs import status
from iexec_lab.client.jobs.status import JobStatus, TaskView
from iexec_lab.errors import ValidationError
from iexec_lab.protocol import Task

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
    assert repr(job) == f"<JobStatus {job}>"  # not a page of 50 tasks
    over = JobStatus(views[:2])
    assert (over.ended, over.seconds_left, JobStatus(()).ended) == (True, 0, True)


def test_dates_are_utc():
    assert status.date(1_790_000_000) == "2026-09-21 14:13:20"
    assert status.date(0) == "none"
    with pytest.raises(ValidationError):
        status.date(10**12)
