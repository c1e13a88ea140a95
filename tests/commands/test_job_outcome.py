"""What ``app run --download`` leaves when some of its tasks have no result."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from helpers.jobs import view

from iexec_lab.client.jobs import fetching
from iexec_lab.client.jobs.status import JobStatus
from iexec_lab.client.results.result import Origin, Result
from iexec_lab.commands import job_outcome
from iexec_lab.commands.context import Sight
from iexec_lab.errors import JobError


class Job:
    """A job of tasks that ended as their statuses say."""

    deal_id, done, _session = "0x1", True, None

    def __init__(self, folder, *views):
        self.folder, self.views = folder, views
        self.task_ids = [each.task_id for each in views]
        self._session = SimpleNamespace(each=lambda work, items, _told=None: [work(each) for each in items])

    def wait(self, *_args, **_options):
        failed = [view for view in self.views if not view.completed]
        if failed:
            raise JobError(f"{len(failed)} tasks did not complete")

    def status(self):
        return JobStatus(self.views)

    def card(self):
        return SimpleNamespace(deals=())


@pytest.fixture
def context(tmp_path):
    said = []

    @contextmanager
    def working(_doing):
        yield SimpleNamespace(update=lambda *_args: None)

    @contextmanager
    def watching(_doing):
        yield Sight()

    face = SimpleNamespace(working=working, watching=watching, remark=said.append, said=said)
    return SimpleNamespace(face=face, folder=tmp_path)


@pytest.fixture
def zips(monkeypatch, tmp_path):
    """Each completed task has a zip that names it."""

    def fetch(job, task, _known, *, index, wrong_key):
        path = tmp_path / f"cache-{task.task_id}.zip"
        path.write_text(task.task_id)
        return Result(path, task_id=task.task_id, origin=Origin(index, task.status))

    monkeypatch.setattr(fetching, "fetch", fetch)
    monkeypatch.setattr(Result, "save", lambda self, path: path.write_text(self.path.read_text()) and path)
    monkeypatch.setattr(job_outcome, "official_json", lambda _verb, job: _json(job))


def _json(job):
    failed = [{"idx": 0, "taskid": each, "status": 4, "statusName": "FAILED"} for each in job.task_ids[1:2]]
    return {"deals": [{"txHash": "0x"}], **({"failedTasks": failed} if len(job.views) > 1 else {})}


def test_a_failed_task_does_not_keep_the_results_of_the_others(context, zips, tmp_path):
    job = Job(tmp_path, view(0, 3), view(1, 4), view(2, 3))
    outcome = job_outcome.follow(context, job, watch=True, download="kept")
    assert outcome.raw["resultPaths"] == [str(tmp_path / "kept-0.zip"), str(tmp_path / "kept-2.zip")]
    assert (tmp_path / "kept-2.zip").read_text() == job.task_ids[2]
    assert not (tmp_path / "kept-1.zip").exists()
    assert outcome.failed
    assert isinstance(outcome.error, JobError)
    assert "kept-0.zip" in context.face.said[0]


def test_without_any_result_nothing_is_downloaded(context, zips, tmp_path):
    outcome = job_outcome.follow(context, Job(tmp_path, view(0, 4), view(1, 4)), watch=True, download=True)
    assert "resultPaths" not in outcome.raw
    assert context.face.said == []


def test_many_files_are_not_all_named(context, zips, tmp_path):
    job = Job(tmp_path, *(view(place, 4 if place == 1 else 3) for place in range(12)))
    job_outcome.follow(context, job, watch=True, download="kept")
    assert context.face.said[0].endswith("kept-0.zip … kept-11.zip (11 files)")


def test_what_the_card_says_is_a_line_only_where_no_card_is_drawn(context, zips, tmp_path, monkeypatch):
    monkeypatch.setattr(job_outcome, "tell_reports", lambda *_args: None)
    monkeypatch.setattr(
        job_outcome, "official_json", lambda _verb, _job: {"tasks": [], "deals": [{"txHash": "0x"}]}
    )
    outcome = job_outcome.follow(context, Job(tmp_path, view(0, 3)), watch=True)
    assert (outcome.said, outcome.told) == ("", "Deal 0x1: all tasks completed.")  # told by a drawn value
    assert outcome.line == outcome.told
