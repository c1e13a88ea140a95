from __future__ import annotations

import pytest
from helpers.labs import CHECKSUM, IMAGE, forward, open_lab
from helpers.waiting import until

from iexec_lab.client.jobs.why import cause
from iexec_lab.errors import ObjectNotFoundError
from iexec_lab.sandbox.state.apps import Apps
from iexec_lab.wallet.signer import LocalSigner

RUNNING = {"status": "COMPUTING", "exitCode": None, "statusHistory": []}
CRASHED = {"status": "ABORTED", "exitCode": 3, "statusHistory": []}
REFUSED = {
    "status": "ABORTED",
    "exitCode": 0,
    "statusHistory": [
        {"status": "COMPUTED"},
        {"status": "CONTRIBUTE_FAILED", "cause": "DETERMINISM_HASH_NOT_FOUND"},
        {"status": "ABORTED"},
    ],
}


@pytest.mark.parametrize("replicates", [[], [RUNNING], [CRASHED, RUNNING]])
def test_nothing_is_said_while_somebody_works(replicates):
    assert cause(replicates) is None


def test_a_crashed_app_is_named():
    assert cause([CRASHED]) == "the app ended with exit code 3"


def test_another_failure_is_named():
    assert cause([REFUSED]) == "CONTRIBUTE_FAILED DETERMINISM_HASH_NOT_FOUND"
    assert cause([{"status": "ABORTED"}]) == "ABORTED"
    assert cause([{"status": "ABORTED", "statusHistory": None}]) == "ABORTED"


@pytest.fixture
def crashed(newcomer, iexec_sandbox, tmp_path, unique):
    """A job whose only task has a worker that gave up."""
    folder = tmp_path / "crash"
    folder.mkdir()
    (folder / "app.py").write_text("raise SystemExit(3)")
    image = f"test/{unique.lower()[-20:]}:1"
    Apps(iexec_sandbox.folder / "apps").add(image, folder)
    lab = newcomer(nrlc=10**9)
    lab.account.deposit("0.5 RLC")
    app = lab.app.deploy(unique, image, CHECKSUM)
    lab.app.publish(app)
    return lab.app.run(app)


def test_a_job_knows_why_its_task_failed(crashed, iexec_sandbox):
    assert until(crashed.why) == "no worker goes on: the app ended with exit code 3"
    assert crashed.why(0) == crashed.why()
    with pytest.raises(ObjectNotFoundError):
        crashed.why(1)


def test_a_job_that_went_well_has_no_reason(lab, hello):
    job = lab.app.run(hello).wait()
    assert job.why() is None
    assert job.why(0) is None


def test_a_late_task_says_so(native_sandbox, tmp_path, unique):
    lab = open_lab(native_sandbox, LocalSigner.generate(), tmp_path)
    app = lab.app.deploy(unique, IMAGE, CHECKSUM)
    job = lab.app.run(app, workerpool=lab.workerpool.deploy(unique))
    assert job.why() is None
    forward(native_sandbox, 3001)
    why = job.why()
    assert why.startswith("nobody finished it by its deadline, 20")
    assert "the workerpool does not say why: Impossible to resolve API url" in why
    lab.deal.claim(job.deal_id)
    assert " UTC, and its price was claimed back; the" in lab.job(job.deal_id).why()
