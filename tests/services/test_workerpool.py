from __future__ import annotations

import pytest
from helpers.faulty_server import FaultyServer, Reply, garbage, json_reply, status
from helpers.mutated import mutated
from helpers.replay import CHALLENGE, gate_of, recorder
from helpers.stranger import ANSWERS, Stranger
from hypothesis import given

from iexec_lab.errors import ApiError, IexecError, ValidationError, WorkerpoolError
from iexec_lab.frames import build
from iexec_lab.protocol import is_address
from iexec_lab.services.workerpool import WorkerpoolApi

LOGIN = {**CHALLENGE, "domain": {"name": "iExec Core", "version": "1", "chainId": 65535}}
TASK = "0x" + "ab" * 32
WORKER = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
GATE = gate_of(chain_id=65535)
HISTORY = [{"date": "2026-11-22T11:33:26.000+00:00", "status": "RECEIVED"}]


@pytest.fixture(scope="module")
def stranger():
    with Stranger() as server:
        yield server


@pytest.mark.parametrize(
    ("told", "workers"),
    [({"aliveWorkers": 3}, 3), ({"aliveWorkers": 0}, 0), ({}, None), ({"aliveWorkers": "3"}, None)],
)
def test_how_many_workers_there_are(told, workers):
    with recorder(lambda _: told) as server:
        assert WorkerpoolApi(server.url).alive_workers() == workers
    assert server.requests[0].path == "/metrics"


def test_a_task_is_told_as_task_debug_shows_it():
    told = {
        "chainTaskId": TASK,
        "currentStatus": "COMPLETED",
        "dateStatusList": HISTORY,
        "replicates": [
            {
                "walletAddress": "0xW",
                "appExitCode": 0,
                "currentStatus": "COMPLETED",
                "statusUpdateList": HISTORY,
                "resultLink": "x",
            }
        ],
    }
    with recorder(lambda _: told) as server:
        task = WorkerpoolApi(server.url).task(TASK.upper().replace("X", "x"))
    assert task == {
        "task": {"status": "COMPLETED", "statusHistory": HISTORY},
        "replicates": [{"worker": "0xW", "exitCode": 0, "status": "COMPLETED", "statusHistory": HISTORY}],
    }
    assert server.requests[0].path == f"/tasks/{TASK}"


def test_a_task_without_replicates():
    with recorder(lambda _: {"currentStatus": "RECEIVED"}) as server:
        task = WorkerpoolApi(server.url).task(TASK)
    assert task == {"task": {"status": "RECEIVED", "statusHistory": None}, "replicates": []}


def test_logs_are_for_the_requester():
    gate = gate_of(chain_id=65535)

    def answer(request):
        if request.path.startswith("/tasks/logs/challenge"):
            return LOGIN
        return {
            "chainTaskId": TASK,
            "computeLogsList": [{"walletAddress": WORKER, "stdout": "out", "stderr": ""}],
        }

    with recorder(answer) as server:
        logs = WorkerpoolApi(server.url).logs(TASK, gate)
    assert logs == [{"worker": WORKER, "stdout": "out", "stderr": ""}]
    challenge, read = server.requests
    assert challenge.path == f"/tasks/logs/challenge?address={gate.address}&chainId=65535"
    assert read.path == f"/tasks/{TASK}/logs"
    assert read.headers["Authorization"].endswith(f"_{gate.address}")


def test_no_logs_is_an_empty_list():
    with recorder(lambda r: LOGIN if "challenge" in r.path else {}) as server:
        assert WorkerpoolApi(server.url).logs(TASK, gate_of(chain_id=65535)) == []


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (status(500), WorkerpoolError, "Workerpool API error: Server at {} encountered an internal error"),
        (garbage("[]"), ApiError, "The http response is not what was asked for"),
        (garbage('{"replicates": [1]}'), ApiError, "The http response is not what was asked for"),
        (status(404), ApiError, "The http response is not of JSON type"),
    ],
    ids=["500", "list", "numbers", "404"],
)
def test_a_scheduler_that_fails(fault, error, words):
    with FaultyServer(always=fault) as server, pytest.raises(error) as caught:
        WorkerpoolApi(server.url).task(TASK)
    assert caught.value.message == words.format(server.url)


def test_a_refusal_is_told():
    def answer(request):
        return json_reply(LOGIN) if "challenge" in request.path else Reply(403, b"{}")

    with FaultyServer(answer=answer) as server, pytest.raises(ApiError, match="API error: 403 Forbidden"):
        WorkerpoolApi(server.url).logs(TASK, gate_of(chain_id=65535))


def test_a_task_id_is_checked():
    with pytest.raises(ValidationError, match="is not a bytes32 hexstring"):
        WorkerpoolApi("http://127.0.0.1:9").task("0x12")


@given(told=mutated(ANSWERS["task"], {"currentStatus": "RECEIVED"}))
def test_a_story_is_well_formed_or_our_error(told, stranger):
    stranger.said = told
    try:
        found = WorkerpoolApi(stranger.url).task(TASK)
    except IexecError:
        return
    for one in (found["task"], *found["replicates"]):
        assert one["status"] is None or one["status"].isprintable()
        for step in one["statusHistory"] or ():
            assert step["status"].isprintable()
            assert {type(value) for value in step.values()} <= {str, int, type(None)}
    assert {type(one["exitCode"]) for one in found["replicates"]} <= {int, type(None)}


@given(told=mutated(ANSWERS["logs"]))
def test_logs_are_texts_or_our_error(told, stranger):
    stranger.said = told
    stranger.paths = {"challenge": LOGIN}
    try:
        logs = WorkerpoolApi(stranger.url).logs(TASK, GATE)
    except IexecError:
        return
    assert len(build("log", logs)) == len(logs)
    for log in logs:
        assert is_address(log["worker"])
        "".join(text for text in (log["stdout"], log["stderr"]) if text is not None).encode()


def test_logs_of_nobody_are_left_out_and_counted(stranger):
    good = {"walletAddress": WORKER, "stdout": "\ud800 \x1b[2J", "stderr": 5}
    stranger.said = {"computeLogsList": [{"walletAddress": "me"}, {}, good]}
    stranger.paths = {"challenge": LOGIN}
    logs = WorkerpoolApi(stranger.url).logs(TASK, GATE)
    assert logs == [{"worker": WORKER, "stdout": "\ufffd \x1b[2J", "stderr": None}]
    assert logs.left_out == 2
