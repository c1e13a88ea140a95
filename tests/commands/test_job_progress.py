"""What a step shows while tasks are waited for."""

from __future__ import annotations

from types import SimpleNamespace

from iexec_lab.commands.job_progress import telling, telling_task


def test_a_job_tells_its_tasks_by_status():
    told = []
    step = SimpleNamespace(update=lambda *values: told.append(values))
    telling(step)(SimpleNamespace(counts={"ACTIVE": 2, "COMPLETED": 1}, done=1, total=3))
    assert told == [("2 active, 1 completed", 1, 3)]


def test_a_task_tells_its_status():
    told = []
    telling_task(SimpleNamespace(update=told.append))(SimpleNamespace(status="REVEALING"))
    assert told == ["revealing"]
