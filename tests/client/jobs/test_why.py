from __future__ import annotations

from types import SimpleNamespace

import pytest
from helpers.labs import CHECKSUM, IMAGE, forward, open_lab
from helpers.waiting import until

from iexec_lab.client.jobs import why
from iexec_lab.client.jobs.failures import EXPLAINED, failure
from iexec_lab.client.jobs.status import JobDeal, TaskRef
from iexec_lab.client.jobs.why import LAST_LINES, LONGEST_LINE, Trouble, cause, ended_with
from iexec_lab.errors import ApiError, CallError, JobError, ObjectNotFoundError, WorkerpoolError
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32, Task
from iexec_lab.sandbox.state.apps import Apps
from iexec_lab.wallet.signer import LocalSigner

CRASH = """
import sys
sys.stderr.write("one\\n" * 20 + "the disk is full\\n")
raise SystemExit(3)
"""
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
    (folder / "app.py").write_text(CRASH)
    image = f"test/{unique.lower()[-20:]}:1"
    Apps(iexec_sandbox.folder / "apps").add(image, folder)
    lab = newcomer(nrlc=10**9)
    lab.account.deposit("0.5 RLC")
    app = lab.app.deploy(unique, image, CHECKSUM)
    lab.app.publish(app)
    return lab.app.run(app)


def test_a_job_knows_why_its_task_failed(crashed, iexec_sandbox):
    said = "no worker goes on: the app ended with exit code 3, its last words: the disk is full"
    assert until(crashed.why) == said
    assert crashed.why(0) == crashed.why()
    with pytest.raises(ObjectNotFoundError):
        crashed.why(1)


def test_a_wait_tells_why_nobody_goes_on_and_says_it_in_its_error(crashed, capsys, lab):
    with pytest.raises(JobError, match="cannot be expected to complete: no worker goes on") as caught:
        crashed.wait(fail_fast=True)
    assert caught.value.job is crashed
    [trouble] = caught.value.troubles
    assert (trouble.exit_code, trouble.stderr) == (3, ("one",) * 4 + ("the disk is full",))
    assert (trouble.said, trouble.cause) == ("RUNNING", "CONTRIBUTE_FAILED DETERMINISM_HASH_NOT_FOUND")
    assert capsys.readouterr() == ("", "")
    seen = []

    def leave(status):
        """Go once it was told."""
        seen.append(status)
        said = capsys.readouterr()
        assert said.out == ""
        if "the disk is full" in said.err:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crashed.wait(300, progress=leave)
    for stop in (
        lambda: crashed.result(fail_fast=True),
        lambda: crashed.results(fail_fast=True),
        lambda: lab.deal.show(crashed.deal_id, watch=True, fail_fast=True),
        lambda: lab.task.wait(crashed.task_ids[0], fail_fast=True),
        lambda: lab.task.show(crashed.task_ids[0], watch=True, fail_fast=True),
    ):
        with pytest.raises(JobError, match=r"Task 0 of deal 0x.* cannot be expected to complete") as caught:
            stop()
        assert caught.value.troubles[0].exit_code == 3
    for again in (crashed.result, crashed.results):
        with pytest.raises(JobError, match="did not end within") as caught:
            again(timeout=0.9)  # a new wait asks at once
        assert capsys.readouterr().err.count("the disk is full") == 1
        assert caught.value.troubles[0].exit_code == 3
    # Another wallet may not read the logs: nobody is asked for its password, and the rest is told.
    assert lab.job(crashed.deal_id).why() == "no worker goes on: the app ended with exit code 3"


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


DEAL, POOL, ME, APP = "0x" + "22" * 32, "0x" + "33" * 20, "0x" + "44" * 20, "0x" + "55" * 20
START = 1_700_000_200


def view(status=1, *, now=START, index=0):
    deal = bytes.fromhex(DEAL[2:]) if status else bytes(32)
    abi = (
        status,
        deal,
        index,
        300,
        START + 2100,
        0,
        START + 3000,
        bytes(32),
        0,
        0,
        [],
        bytes(32),
        b"",
        0,
        b"",
    )
    return TaskRef(f"0x{index:064x}", DEAL, index, START + 3000).seen(Task.from_abi(abi), now)


@pytest.fixture
def pool(monkeypatch):
    """A workerpool that answers ``pool.task`` and ``pool.logs``, or raises them; as seen by the requester."""
    signer = LocalSigner.generate()

    def say(answer):
        if isinstance(answer, Exception):
            raise answer
        return answer

    found = SimpleNamespace(
        task={"task": {"status": "RUNNING"}, "replicates": []}, logs=[], opened=None, signer=signer
    )

    def open_api(_session, address):
        assert address == POOL
        say(found.opened)
        return SimpleNamespace(task=lambda _id: say(found.task), logs=lambda _id, _gate: say(found.logs))

    monkeypatch.setattr(why, "workerpool_api", open_api)
    deal = SimpleNamespace(
        start_time=START,
        requester=signer.address,
        workerpool=SimpleNamespace(pointer=POOL),
        task_price=7,
        app=SimpleNamespace(pointer=APP),
        dataset=SimpleNamespace(pointer=NULL_ADDRESS),
        params='{"iexec_args":"do it"}',
        category=0,
        trust=1,
        tag=NULL_BYTES32,
        callback=NULL_ADDRESS,
        bot_size=1,
        beneficiary=signer.address,
    )
    found.deal = deal
    found.session = SimpleNamespace(
        wishes={},
        deals_seen={DEAL: JobDeal(DEAL, deal, START + 3000)},
        network=SimpleNamespace(host="https://node.example", name="far"),
        wallet=SimpleNamespace(at_hand=signer),
        gate=None,
        each=lambda work, items: [work(item) for item in items],
    )
    return found


class TestAsk:
    def test_while_somebody_works(self, pool):
        pool.task["replicates"] = [RUNNING]
        trouble = why.ask(pool.session, view())
        assert (trouble.said, trouble.headline, trouble.sentence()) == ("RUNNING", None, None)

    def test_last_words_are_few_and_short_and_clean(self, pool):
        pool.task["replicates"] = [CRASHED | {"worker": "0xb"}]
        words = "x" * 999 + "\n\n \n" + "\x1b[31mred\n" * 99 + "[iexec-lab] APP_COMPUTE_FAILED: 7\n"
        pool.logs = [{"worker": "0xa", "stderr": "other"}, {"worker": "0xb", "stderr": words}]
        trouble = why.ask(pool.session, view())
        assert trouble.stderr == ("red",) * LAST_LINES
        pool.logs[1]["stderr"] += "[iexec-lab] the module x is not installed\n"
        advised = why.ask(pool.session, view()).stderr
        assert advised[-2:] == ("red", "[iexec-lab] the module x is not installed")
        pool.logs = [{"worker": "0xa", "stderr": "y" * 999}]
        assert why.ask(pool.session, view()).stderr == ("y" * LONGEST_LINE + "…",)

    @pytest.mark.parametrize("logs", [[], [{"worker": "0xb", "stderr": None}], WorkerpoolError("gone")])
    def test_without_words(self, pool, logs):
        pool.task["replicates"], pool.logs = [CRASHED], logs
        assert why.ask(pool.session, view()).stderr == ()

    def test_what_the_worker_says_counts_where_the_app_did_not_fail(self, pool):
        pool.task["replicates"] = [REFUSED | {"worker": "0xb"}]
        pool.logs = [{"worker": "0xb", "stderr": "[iexec-lab] it wrote no computed.json\n"}]
        assert why.ask(pool.session, view()).sentence() == (
            "no worker goes on: CONTRIBUTE_FAILED DETERMINISM_HASH_NOT_FOUND, "
            "its last words: [iexec-lab] it wrote no computed.json"
        )

    @pytest.mark.parametrize("held", [None, "a browser", LocalSigner.generate()])
    def test_logs_are_only_asked_for_with_a_key_at_hand(self, pool, held):
        pool.task["replicates"], pool.logs = [CRASHED], AssertionError("asked")
        pool.session.wallet.at_hand = held
        assert why.ask(pool.session, view()).exit_code == 3

    def test_the_workerpool_gave_up(self, pool):
        pool.task = {"task": {"status": "FAILED"}, "replicates": []}
        trouble = why.ask(pool.session, view())
        assert trouble.hopeless
        assert trouble.sentence() == "the workerpool has given it up"
        assert "may still" not in trouble.advice()

    def test_nobody_contributed_in_time(self, pool):
        for status in (0, 1):
            trouble = why.ask(pool.session, view(status, now=START + 2100))
            assert trouble.hopeless
            assert trouble.headline == "no worker contributed in time"
        assert not why.ask(pool.session, view(2, now=START + 2100)).hopeless
        assert not why.ask(pool.session, view(1, now=START + 2099)).hopeless

    @pytest.mark.parametrize(
        ("opened", "task", "said"),
        [
            (WorkerpoolError(f"Impossible to resolve API url for workerpool {POOL}"), None, POOL),
            (None, WorkerpoolError("Connection failed"), f"{POOL}: Connection failed"),
            (None, ApiError("API error: 404", status=404), f"{POOL}: it does not know the task"),
            (None, ApiError("API error: no"), f"{POOL}: API error: no"),
        ],
    )
    def test_a_workerpool_that_says_nothing(self, pool, opened, task, said):
        pool.opened, pool.task = opened, task
        assert why.ask(pool.session, view()).sentence() is None
        trouble = why.ask(pool.session, view(0, now=START + 31))
        assert trouble.headline == "no scheduler has begun it for 31 s"
        assert trouble.details()["workerpool"].endswith(said)
        assert "--workerpool <address>" in trouble.advice()

    def test_a_scheduler_that_knows_the_task_is_busy(self, pool):
        pool.task["task"]["status"] = "INITIALIZING"
        assert why.ask(pool.session, view(0, now=START + 299)).headline is None
        assert why.ask(pool.session, view(0, now=START + 300)).waited == 300

    def test_a_scheduler_has_a_while_to_begin(self, pool):
        pool.task = WorkerpoolError("gone")
        assert why.ask(pool.session, view(0, now=START + 29)).headline is None
        assert why.ask(pool.session, view(0), waited=31).waited == 31
        pool.session.network.host = "http://127.0.0.1:1"
        assert why.ask(pool.session, view(0, now=START + 10)).waited == 10
        assert why.ask(pool.session, view(1, now=START + 99), waited=99).waited == 0


class TestAdvice:
    def advice(self, status=1, *, now=START, **known):
        return Trouble(view(status, now=now), POOL, **({"price_nrlc": 7, "gave_up": True} | known)).advice()

    def test_while_there_is_time(self):
        said = self.advice()
        assert "The deal lasts until 2023-11-14 23:06:40 UTC; another worker may still come." in said
        assert f"After that, get the RLC back: iexec-lab deal claim {DEAL}." in said
        assert "sandbox forward" not in said

    def test_on_a_sandbox_time_can_be_moved(self):
        assert "iexec-lab sandbox forward 3000." in self.advice(sandbox=True)

    def test_what_cost_nothing_is_not_claimed(self):
        assert "claim" not in self.advice(price_nrlc=0)
        assert "claim" not in self.advice(price_nrlc=0, now=START + 3000)

    def test_late(self):
        assert (
            self.advice(now=START + 3000) == f"Get the RLC back: iexec-lab deal claim {DEAL}. Run it again."
        )

    def test_claimed(self):
        assert self.advice(4) == "Run it again."


class TestFailure:
    def test_it_names_tasks_and_reasons_and_what_to_do(self, pool):
        pool.task["replicates"] = [CRASHED | {"worker": "0xb"}]
        pool.logs = [{"worker": "0xb", "stderr": "first\nlast\n"}]
        late = [view(1, now=START + 3000, index=index) for index in range(12)]
        error = failure(pool.session, late, job="job")
        assert error.message == f"12 tasks of deal {DEAL} did not complete"
        assert [name for name in error.details if name.startswith("task ")] == [
            f"task {n}" for n in range(10)
        ]
        assert error.details["why"].endswith("; the app ended with exit code 3, its last words: last")
        assert "also" not in error.details
        assert error.details["stderr"] == "first\nlast"
        assert f"iexec-lab deal claim {DEAL}" in error.hint
        assert (error.job, len(error.troubles)) == ("job", EXPLAINED)

    def test_claimed_tasks_are_not_claimed_again(self, pool):
        assert "claim" not in failure(pool.session, [view(4, now=START + 3000)]).hint

    def test_what_the_wait_found_out_is_not_asked_for_again(self, pool):
        pool.opened = AssertionError("asked")
        late = view(1, now=START + 3000)
        known = {late.task_id: Trouble(view(), POOL, gave_up=True, exit_code=5)}
        assert "exit code 5" in failure(pool.session, [late], known).details["why"]

    def test_a_node_that_is_away_hides_no_failure(self, pool, monkeypatch):
        def away(*_args, **_options):
            raise CallError("away")

        monkeypatch.setattr("iexec_lab.client.jobs.failures.ask", away)
        error = failure(pool.session, [view(4, now=START + 3000)])
        assert (error.message, error.troubles) == (f"1 task of deal {DEAL} did not complete", ())


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (1, "exit code 1"),
        (127, "exit code 127 (what it starts is not there)"),
        (128, "exit code 128"),
        (137, "exit code 137 (killed, as when memory runs out)"),
        (143, "exit code 143 (ended by SIGTERM)"),
        (255, "exit code 255"),
    ],
)
def test_an_exit_code_says_what_it_means(code, said):
    assert ended_with(code) == said
    assert all(ended_with(each).startswith(f"exit code {each}") for each in range(256))
