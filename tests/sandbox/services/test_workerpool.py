"""The public API of the default workerpool."""

from __future__ import annotations

import json
import re
import urllib.error

import pytest
from helpers.sandbox.buyer import TDX, Buyer

from iexec_lab.protocol import NULL_BYTES32, encode_tag, hash_typed_data, login_token
from iexec_lab.sandbox.work.worker import COMPLETED

DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"


@pytest.fixture(scope="module")
def buyer(iexec_sandbox):
    return Buyer(iexec_sandbox)


@pytest.fixture(scope="module")
def base(buyer):
    return buyer.handle.urls["workerpool"]


@pytest.fixture(scope="module")
def task(buyer):
    return buyer.run(buyer.deploy_app("iexechub/python-hello-world:8.0.4"), {"iexec_args": "a b"})


def status_of(buyer, url, headers=None):
    """Status and body of a refusal."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        buyer.get(url, headers)
    return caught.value.code, caught.value.read()


def token_of(buyer, base, signer):
    challenge = json.loads(buyer.get(f"{base}/tasks/logs/challenge?address={signer.address}"))
    return login_token(challenge, signer)


def test_version_is_text(buyer, base):
    assert re.match(r"\d+\.\d+\.\d+", buyer.get(f"{base}/version"))


def test_metrics(buyer, base, task):
    metrics = json.loads(buyer.get(f"{base}/metrics"))
    assert metrics["aliveWorkers"] == 4
    assert metrics["currentTaskStatusesCount"]["COMPLETED"] >= 1
    assert metrics["dealsCount"] >= 1
    assert metrics["latestBlockNumberWithDeal"] <= metrics["latestBlockMetric"]["blockNumber"]
    assert re.fullmatch(DATE, metrics["latestBlockMetric"]["blockTimestamp"])
    assert metrics["aliveTotalCpu"] == metrics["aliveRegisteredCpu"]


class TestTask:
    def test_has_every_field_of_the_model(self, buyer, task):
        model = buyer.model(task)
        assert list(model) == [
            "chainTaskId",
            "replicates",
            "maxExecutionTime",
            "tag",
            "dappType",
            "dappName",
            "commandLine",
            "initializationBlockNumber",
            "currentStatus",
            "trust",
            "uploadingWorkerWalletAddress",
            "consensus",
            "contributionDeadline",
            "revealDeadline",
            "finalDeadline",
            "resultLink",
            "chainCallbackData",
            "dateStatusList",
        ]
        assert model["maxExecutionTime"] == 300_000
        assert model["dappName"] == "iexechub/python-hello-world:8.0.4"
        assert model["commandLine"] == "a b"
        assert model["consensus"] == buyer.task(task).consensus_value
        assert model["chainCallbackData"] is None
        for name in ("contributionDeadline", "revealDeadline", "finalDeadline"):
            assert re.fullmatch(DATE, model[name])

    @pytest.mark.parametrize("tag", [NULL_BYTES32, TDX])
    def test_is_over_as_soon_as_the_chain_says_so(self, buyer, tag):
        app = buyer.deploy_app("iexechub/python-hello-world:8.0.4")
        for _ in range(3):
            (task,) = buyer.tasks(buyer.match(app, tag=tag))
            while buyer.task(task).status != COMPLETED:
                pass
            model = buyer.model(task)
            assert model["currentStatus"] == "COMPLETED"
            assert [replicate["currentStatus"] for replicate in model["replicates"]] == ["COMPLETED"]

    def test_may_be_asked_for_in_any_case(self, buyer, base, task):
        upper = "0x" + task[2:].upper()
        assert json.loads(buyer.get(f"{base}/tasks/{upper}"))["chainTaskId"] == task

    @pytest.mark.parametrize("name", ["0x" + "00" * 32, "nonsense"])
    def test_that_is_unknown_is_an_empty_404(self, buyer, base, name):
        assert status_of(buyer, f"{base}/tasks/{name}") == (404, b"")

    def test_replicates_have_addresses_of_their_own(self, buyer, base, task):
        (replicate,) = buyer.model(task)["replicates"]
        assert json.loads(buyer.get(replicate["self"])) == replicate
        assert "teeSessionGenerationError" not in replicate
        assert "chainCallbackData" not in replicate

    @pytest.mark.parametrize("worker", ["0x" + "11" * 20, "nobody"])
    def test_unknown_replicates(self, buyer, base, task, worker):
        assert status_of(buyer, f"{base}/tasks/{task}/replicates/{worker}") == (404, b"")


class TestLogs:
    def test_challenge_comes_bare_with_a_number_for_the_chain(self, buyer, base):
        url = f"{base}/tasks/logs/challenge?chainId=1&address={buyer.user.address}"
        challenge = json.loads(buyer.get(url))
        assert challenge["domain"] == {"name": "iExec Core", "version": "1", "chainId": buyer.handle.chain_id}
        assert challenge["primaryType"] == "Challenge"
        assert len(challenge["message"]["challenge"]) == 44
        assert json.loads(buyer.get(url)) == challenge

    @pytest.mark.parametrize("query", ["", "?address=", "?address=nobody"])
    def test_challenge_for_nobody(self, buyer, base, query):
        assert status_of(buyer, f"{base}/tasks/logs/challenge{query}")[0] == 400

    def test_the_requester_reads_them_as_often_as_wanted(self, buyer, base, task):
        headers = {"Authorization": token_of(buyer, base, buyer.user.signer)}
        for _ in range(2):
            logs = json.loads(buyer.get(f"{base}/tasks/{task}/logs", headers))
            assert logs["chainTaskId"] == task
            (log,) = logs["computeLogsList"]
            assert log["stdout"].startswith("Hello, a b!")
            assert log["stderr"] == ""
        (replicate,) = buyer.model(task)["replicates"]
        assert json.loads(buyer.get(replicate["appLogs"], headers)) == log

    def test_of_nothing(self, buyer, base, task):
        headers = {"Authorization": token_of(buyer, base, buyer.user.signer)}
        assert status_of(buyer, f"{base}/tasks/0x{'00' * 32}/logs", headers) == (403, b"")
        assert status_of(buyer, f"{base}/tasks/nonsense/logs", headers) == (403, b"")
        url = f"{base}/tasks/{task}/replicates/{buyer.user.address}/logs"
        assert status_of(buyer, url, headers)[0] == 404

    @pytest.mark.parametrize("header", [None, "", "a_b", "a_b_c", "a_b_c_d", "0x00_0x00_0x00"])
    def test_malformed_authorisation(self, buyer, base, task, header):
        headers = {"Authorization": header} if header is not None else {}
        assert status_of(buyer, f"{base}/tasks/{task}/logs", headers) == (401, b"")

    def test_somebody_else_is_refused(self, buyer, base, task):
        headers = {"Authorization": token_of(buyer, base, buyer.accounts.users[1].signer)}
        assert status_of(buyer, f"{base}/tasks/{task}/logs", headers) == (403, b"")

    def test_a_signature_by_somebody_else_is_refused(self, buyer, base, task):
        digest, _, address = token_of(buyer, base, buyer.user.signer).split("_")
        forged = buyer.accounts.users[1].signer.sign_digest(bytes.fromhex(digest[2:]))
        headers = {"Authorization": f"{digest}_{forged}_{address}"}
        assert status_of(buyer, f"{base}/tasks/{task}/logs", headers) == (401, b"")

    def test_a_challenge_that_was_never_given_is_refused(self, buyer, base, task):
        challenge = json.loads(buyer.get(f"{base}/tasks/logs/challenge?address={buyer.user.address}"))
        challenge["message"]["challenge"] = "mine"
        token = login_token(challenge, buyer.user.signer)
        assert hash_typed_data(challenge["domain"], challenge["types"], challenge["message"])
        headers = {"Authorization": token}
        assert status_of(buyer, f"{base}/tasks/{task}/logs", headers) == (401, b"")


class TestStandingOrders:
    def offers(self, buyer, category):
        query = f"chainId={buyer.handle.chain_id}&category={category}&pageSize=100&workerpool=any"
        return json.loads(buyer.get(f"{buyer.handle.urls['market']}/workerpoolorders?{query}"))["orders"]

    @pytest.mark.parametrize("category", range(5))
    def test_every_category_is_offered_to_every_framework(self, buyer, category):
        offers = [item["order"] for item in self.offers(buyer, category)]
        ours = [order for order in offers if order["workerpool"] == buyer.handle.workerpool]
        assert sorted(int(order["tag"], 16) for order in ours) == [0x0, 0x3, 0x5, 0x9]
        assert {order["workerpoolprice"] for order in ours} == {100_000_000 * (category + 1)}
        assert {order["trust"] for order in ours} == {16}

    def test_a_new_category_is_offered_soon(self, buyer):
        category = buyer.category(77)
        for names in ("", "tee,tdx", "tee,scone", "tee,gramine"):
            assert buyer.workerpool_order(category, encode_tag(names)).category == category

    def test_an_order_that_is_gone_is_replaced(self, buyer):
        (hash_before,) = [item["orderHash"] for item in self.offers(buyer, 1) if _is_plain(item["order"])]
        market, owner = buyer.handle.urls["market"], buyer.accounts.scheduler
        query = f"chainId={buyer.handle.chain_id}"
        challenge = json.loads(buyer.get(f"{market}/challenge?{query}&address={owner.address}"))
        headers = {"Authorization": login_token(challenge, owner.signer)}
        body = {"target": "unpublish_orderHash", "orderHash": hash_before}
        buyer.post(f"{market}/workerpoolorders?{query}", body, headers, method="PUT")
        buyer.category(78)  # makes the workerpool look at its orders
        order = buyer.workerpool_order(1)
        assert order.hash(buyer.domain) != hash_before


def _is_plain(order):
    return int(order["tag"], 16) == 0


def test_what_tasks_decrypt_is_for_the_owner_of_the_sandbox_only(buyer):
    assert (buyer.handle.folder / "workerpool").stat().st_mode & 0o077 == 0
