"""Deals on a running sandbox, from the match to the result."""

from __future__ import annotations

import hashlib
import json
import shlex
import time

import pytest
from helpers.sandbox.buyer import TDX, Buyer, statuses

from iexec_lab.ethereum.contracts import HUB, WORKERPOOL_REGISTRY
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32, WorkerpoolOrder, encode_tag, keccak, to_address
from iexec_lab.sandbox.work.task_loop import Crew, agreeing_workers

HELLO = "iexechub/python-hello-world:8.0.4"


@pytest.fixture(scope="module")
def buyer(iexec_sandbox):
    return Buyer(iexec_sandbox)


@pytest.fixture(scope="module")
def hello(buyer):
    return buyer.deploy_app(HELLO)


@pytest.fixture(scope="module")
def task(buyer, hello):
    return buyer.run(hello, {"iexec_args": "from 'the test'"})


WRITE = """
import json, os, sys
out = os.environ["IEXEC_OUT"]
with open(out + "/result.txt", "w") as file:
    file.write({text})
with open(out + "/computed.json", "w") as file:
    json.dump({{"deterministic-output-path": out + "/result.txt", {more}}}, file)
"""


def writes(text, more=""):
    return WRITE.format(text=text, more=more)


class TestStandardFlow:
    def test_the_task_is_completed_on_chain(self, buyer, task):
        on_chain = buyer.task(task)
        assert on_chain.status_name(0) == "COMPLETED"
        assert on_chain.result()["storage"] == "ipfs"
        assert on_chain.result_digest == "0x" + hashlib.sha256(buyer.files(task)["result.txt"]).hexdigest()

    def test_the_result_has_the_app_s_files_and_what_it_printed(self, buyer, task):
        files = buyer.files(task)
        assert sorted(files) == ["computed.json", "result.txt", "stdout.txt"]
        assert files["result.txt"].startswith(b"Hello, from the test!\n")
        assert files["stdout.txt"] == files["result.txt"]

    def test_histories(self, buyer, task):
        model = buyer.model(task)
        assert statuses(model["dateStatusList"]) == [
            "RECEIVED",
            "INITIALIZING",
            "INITIALIZED",
            "RUNNING",
            "CONSENSUS_REACHED",
            "AT_LEAST_ONE_REVEALED",
            "RESULT_UPLOADING",
            "RESULT_UPLOADED",
            "FINALIZING",
            "FINALIZED",
            "COMPLETED",
        ]
        (replicate,) = model["replicates"]
        assert statuses(replicate["statusUpdateList"]) == [
            "CREATED",
            "STARTING",
            "STARTED",
            "APP_DOWNLOADING",
            "APP_DOWNLOADED",
            "DATA_DOWNLOADING",
            "DATA_DOWNLOADED",
            "COMPUTING",
            "COMPUTED",
            "CONTRIBUTING",
            "CONTRIBUTED",
            "REVEALING",
            "REVEALED",
            "RESULT_UPLOAD_REQUESTED",
            "RESULT_UPLOADING",
            "RESULT_UPLOADED",
            "COMPLETING",
            "COMPLETED",
        ]
        dates = [update["date"] for update in model["dateStatusList"]]
        assert dates == sorted(dates)
        assert replicate["appExitCode"] == 0
        assert replicate["resultLink"] == model["resultLink"] == buyer.task(task).results.decode()

    def test_everybody_is_paid(self, buyer, task):
        assert buyer.deal(buyer.task(task).deal_id).workerpool.price == 100_000_000
        assert buyer.task(task).contributors[0] in {worker.address for worker in buyer.accounts.workers}


class TestShortFlow:
    @pytest.mark.parametrize("names", [["tee", "tdx"], ["tee", "scone"], ["tee", "gramine"]])
    def test_tee_tasks_are_contributed_and_finalised_at_once(self, buyer, hello, names):
        task = buyer.run(hello, tag=encode_tag(names))
        model = buyer.model(task)
        assert statuses(model["dateStatusList"])[3:] == ["RUNNING", "FINALIZED", "COMPLETED"]
        (replicate,) = model["replicates"]
        assert statuses(replicate["statusUpdateList"])[8:] == [
            "COMPUTED",
            "CONTRIBUTE_AND_FINALIZE_ONGOING",
            "CONTRIBUTE_AND_FINALIZE_DONE",
            "COMPLETING",
            "COMPLETED",
        ]
        assert b"Hello, World!" in buyer.files(task)["result.txt"]

    def test_the_enclave_is_said_to_be_simulated_but_not_in_the_result(self, buyer, hello):
        task = buyer.run(hello, tag=TDX)
        assert "simulated enclave" in buyer.stderr(task)
        assert not any(b"simulated" in content for content in buyer.files(task).values())

    def test_tee_deals_that_want_more_trust_are_left_alone(self, buyer, hello):
        (task,) = buyer.tasks(buyer.match(hello, tag=TDX, trust=2))
        buyer.run(hello)
        assert buyer.task(task).status == 0


class TestCallback:
    def test_the_data_goes_on_chain_and_nothing_is_uploaded(self, buyer, tmp_path):
        app = buyer.install(tmp_path / "callback", writes("'x'", "'callback-data': '0x00ff'"))
        contract = buyer.handle.hub  # any address will do: its failure is ignored
        task = buyer.run(app, callback=contract)
        on_chain = buyer.task(task)
        assert on_chain.results_callback == b"\0\xff"
        assert on_chain.result_digest == "0x" + keccak(b"\0\xff").hex()
        assert on_chain.result() == {"storage": "ethereum", "location": contract}
        assert buyer.model(task)["chainCallbackData"] == "0x00ff"

    def test_in_a_tee_deal_too(self, buyer, tmp_path):
        app = buyer.install(tmp_path / "callback", writes("'x'", "'callback-data': '0xab'"))
        task = buyer.run(app, callback=buyer.handle.hub, tag=TDX)
        assert buyer.task(task).results_callback == b"\xab"

    def test_without_data_nothing_is_contributed(self, buyer, tmp_path):
        app = buyer.install(tmp_path / "callback", writes("'x'"))
        (task,) = buyer.tasks(buyer.match(app, callback=buyer.handle.hub))
        replicate = buyer.wait_replicate(task)
        last = replicate["statusUpdateList"][-2]
        assert (last["status"], last["cause"]) == (
            "COMPUTE_FAILED",
            "POST_COMPUTE_RESULT_DIGEST_COMPUTATION_FAILED",
        )


class TestTrust:
    @pytest.mark.parametrize(("trust", "count"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4)])
    def test_workers_needed(self, trust, count):
        assert agreeing_workers(trust) == count

    @pytest.mark.parametrize(("trust", "count"), [(3, 2), (5, 3)])
    def test_several_workers_agree(self, buyer, hello, trust, count):
        task = buyer.run(hello, trust=trust)
        assert len(buyer.task(task).contributors) == count
        assert [replicate["currentStatus"] for replicate in buyer.model(task)["replicates"]] == [
            "COMPLETED"
        ] * count

    def test_one_who_disagrees_is_outvoted_by_more_workers(self, buyer, tmp_path):
        # One run says something else than all others; two begin at the same time.
        only_once = f"mkdir {shlex.quote(str(tmp_path / 'ran'))} 2>/dev/null"
        app = buyer.install(tmp_path / "odd", writes(f"'same' if os.system({only_once!r}) else 'odd'"))
        task = buyer.run(app, trust=3)
        on_chain = buyer.task(task)
        assert on_chain.status_name(0) == "COMPLETED"
        assert on_chain.winner_counter < len(on_chain.contributors)
        ends = [replicate["currentStatus"] for replicate in buyer.model(task)["replicates"]]
        assert ends.count("ABORTED") == len(on_chain.contributors) - on_chain.winner_counter
        assert buyer.files(task)["result.txt"] == b"same"

    def test_an_app_that_never_says_the_same_twice_finds_no_consensus(self, buyer, tmp_path):
        category = buyer.category(30)
        app = buyer.install(tmp_path / "random", writes("os.urandom(8).hex()"))
        (task,) = buyer.tasks(buyer.match(app, trust=3, category=category))
        while len(buyer.task(task).contributors) < len(buyer.accounts.workers):
            time.sleep(0.05)
        buyer.forward(7 * 30)
        assert statuses(buyer.wait(task)["dateStatusList"])[-2:] == ["CONTRIBUTION_TIMEOUT", "FAILED"]


class TestManyTasks:
    def test_each_task_of_a_deal_has_its_own_index(self, buyer, tmp_path):
        names = ("TASK_ID", "DEAL_ID", "TASK_INDEX", "BOT_SIZE", "BOT_FIRST_INDEX", "BOT_TASK_INDEX")
        app = buyer.install(
            tmp_path / "bag", writes(f"json.dumps([os.environ['IEXEC_' + name] for name in {names}])")
        )
        deal = buyer.match(app, volume=5)
        for index, task in enumerate(buyer.tasks(deal)):
            buyer.wait(task)
            seen = json.loads(buyer.files(task)["result.txt"])
            assert seen == [task, deal, str(index), "5", "0", str(index)]

    def test_more_than_one_transaction_initialises(self, buyer, hello, monkeypatch):
        tasks = buyer.tasks(buyer.match(hello, volume=60))
        blocks = {buyer.wait(task)["initializationBlockNumber"] for task in tasks}
        assert len(blocks) == 2

    def test_a_task_that_its_buyer_initialised_is_worked_on(self, buyer, hello):
        # Both try at the same time; whoever is second must not mind.
        deal = buyer.match(hello, volume=3)
        with_luck = [HUB.initialize.encode(bytes.fromhex(deal[2:]), index) for index in (2, 1)]
        for data in with_luck:
            try:
                buyer.send(buyer.handle.hub, data)
            except AssertionError:
                continue
        for task in buyer.tasks(deal):
            assert buyer.wait(task)["currentStatus"] == "COMPLETED"


class TestDeadlines:
    def test_an_app_that_left_nothing_times_out_when_the_chain_says_so(self, buyer, tmp_path):
        app = buyer.install(tmp_path / "fails", "raise SystemExit(7)")
        (task,) = buyer.tasks(buyer.match(app))
        replicate = buyer.wait_replicate(task)
        assert replicate["appExitCode"] == 7
        assert statuses(replicate["statusUpdateList"])[-3:] == ["COMPUTED", "CONTRIBUTE_FAILED", "ABORTED"]
        assert replicate["statusUpdateList"][-2]["cause"] == "DETERMINISM_HASH_NOT_FOUND"
        assert buyer.model(task)["currentStatus"] == "RUNNING"
        assert "exit code 7" in buyer.stderr(task)
        buyer.forward(2100)
        assert statuses(buyer.wait(task)["dateStatusList"])[-2:] == ["CONTRIBUTION_TIMEOUT", "FAILED"]
        assert buyer.task(task).status_name(0) == "ACTIVE"
        buyer.forward(900)
        buyer.send(buyer.handle.hub, HUB.claim.encode(bytes.fromhex(task[2:])))
        assert buyer.task(task).status_name(0) == "FAILED"

    def test_a_deadline_ends_an_app_that_is_still_at_it(self, buyer, tmp_path):
        app = buyer.install(tmp_path / "hangs", "import time; time.sleep(600)")
        (task,) = buyer.tasks(buyer.match(app))
        buyer.wait_replicate(task, until=("COMPUTING",))
        buyer.forward(2100)
        model = buyer.wait(task)
        assert statuses(model["dateStatusList"])[-2:] == ["CONTRIBUTION_TIMEOUT", "FAILED"]
        end = model["replicates"][0]["statusUpdateList"][-1]
        assert (end["status"], end["cause"]) == ("ABORTED", "CONTRIBUTION_TIMEOUT")

    def test_the_time_of_the_category_ends_an_app(self, buyer, tmp_path):
        app = buyer.install(tmp_path / "hangs", "import time; print('begun'); time.sleep(600)")
        for limit in (2, 30):  # more where two seconds are too little to get as far as printing
            (task,) = buyer.tasks(buyer.match(app, category=buyer.category(limit)))
            replicate = buyer.wait_replicate(task)
            assert replicate["appExitCode"] == 137
            assert "APP_COMPUTE_TIMEOUT" in buyer.stderr(task)
            (log,) = buyer.logs(task)["computeLogsList"]
            if log["stdout"]:
                break
        assert log["stdout"] == "begun\n"


class TestOtherWorkerpools:
    def test_a_pool_of_a_known_user_is_served(self, buyer, hello):
        owner = buyer.accounts.users[2]
        registry = buyer.handle.registries["workerpool"]
        arguments = owner.address, f"pool {time.time_ns()}"
        pool = to_address(buyer.call(registry, WORKERPOOL_REGISTRY.predictWorkerpool, *arguments))
        buyer.send(registry, WORKERPOOL_REGISTRY.createWorkerpool.encode(*arguments), account=owner)
        order = WorkerpoolOrder(
            workerpool=pool,
            workerpoolprice=5,
            volume=10,
            tag=NULL_BYTES32,
            category=0,
            trust=1,
            apprestrict=NULL_ADDRESS,
            datasetrestrict=NULL_ADDRESS,
            requesterrestrict=NULL_ADDRESS,
        ).sign(buyer.domain, owner.signer)
        task = buyer.run(hello, workerpool_order=order)
        assert buyer.task(task).status_name(0) == "COMPLETED"
        urls = buyer.handle.urls
        found = buyer.get(f"{urls['compass']}/{buyer.handle.chain_id}/workerpools/{pool}")
        assert json.loads(found) == {"apiUrl": urls["workerpool"]}
        assert buyer.logs(task)["computeLogsList"]


def test_the_crew_shares_the_work(buyer):
    crew = Crew(buyer.accounts.workers)
    first = crew.choose(2, [])
    second = crew.choose(2, [])
    assert {worker.address for worker in first + second} == {w.address for w in buyer.accounts.workers}
    assert crew.choose(9, [first[0].address]) != []
    assert len(crew.choose(9, [worker.address for worker in buyer.accounts.workers])) == 0
