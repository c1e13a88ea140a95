"""Looking at many tasks: what is asked for, and what a node that lacks events or lies cannot hide."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from iexec_lab.client.jobs import lookout, polling
from iexec_lab.client.jobs.lookout import FEW, FULL_LOOKS, OVERLAP, Lookout
from iexec_lab.client.jobs.status import TaskRef
from iexec_lab.errors import CallError
from iexec_lab.ethereum.contracts import EVENTS
from iexec_lab.ethereum.transport import RpcFault

DEAL = "0x" + "22" * 32
UNSET, ACTIVE, COMPLETED, FAILED = 0, 1, 3, 4
MANY = 100


class Chain:
    """A node: statuses of tasks, events by block, and all requests that it was asked."""

    def __init__(self, tasks, final=1000):
        self.refs = [TaskRef(f"0x{index:064x}", DEAL, index, final) for index in range(tasks)]
        self.statuses = {ref.task_id: UNSET for ref in self.refs}
        self.block, self.time, self.seconds, self.asked = 100, 500, 0.0, []
        self.logs = []
        self.fault = None
        self.session = SimpleNamespace(
            network=SimpleNamespace(hub="0x" + "11" * 20), rpc=SimpleNamespace(batch=self.batch)
        )

    def happen(self, event, index, status, *, told=True):
        self.block += 1
        self.statuses[self.refs[index].task_id] = status
        if told:
            topics = [getattr(EVENTS, event).topic, self.refs[index].task_id]
            self.logs.append({"block": self.block, "blockHash": f"0x{self.block:064x}", "topics": topics})

    def batch(self, requests):
        self.asked.append([method for method, _ in requests])
        return [self._answer(method, params) for method, params in requests]

    def _answer(self, method, params):
        if method == "eth_getBlockByNumber":
            return {"number": hex(self.block), "timestamp": hex(self.time)}
        if method == "eth_getLogs":
            if isinstance(self.fault, CallError):
                raise self.fault
            if self.fault:
                return self.fault
            return [log for log in self.logs if log["block"] >= int(params[0]["fromBlock"], 16)]
        return "0x" + params[0]["data"][10:]

    def calls(self):
        """How many tasks were read since this was asked last."""
        found = sum(methods.count("eth_call") for methods in self.asked)
        self.asked.clear()
        return found


@pytest.fixture
def chain(monkeypatch):
    node = Chain(MANY)

    def decode(_call, answer):
        zero, status = bytes(32), node.statuses[answer]
        deal = zero if status == UNSET else bytes.fromhex(DEAL[2:])
        return (status, deal, int(answer, 16), 1, 900, 1, 1000, zero, 0, 0, [], zero, b"", 0, b"")

    monkeypatch.setattr(polling.Call, "decode", decode)
    monkeypatch.setattr(lookout, "time", SimpleNamespace(monotonic=lambda: node.seconds))
    return node


def names(views):
    return {view.index: view.status for view in views if view.status != "UNSET"}


def test_a_look_at_many_tasks_in_which_nothing_happened_is_two_requests(chain):
    look = Lookout(chain.session, chain.refs).look
    assert [view.index for view in look()] == list(range(MANY))
    assert chain.calls() == MANY
    chain.time += 7
    assert {view.now for view in look()} == {chain.time}
    assert chain.asked == [["eth_getBlockByNumber", "eth_getLogs"]]


@pytest.mark.parametrize(
    ("event", "status", "name"),
    [
        ("TaskInitialize", ACTIVE, "ACTIVE"),
        ("TaskConsensus", 2, "REVEALING"),
        ("TaskReopen", ACTIVE, "ACTIVE"),
        ("TaskFinalize", COMPLETED, "COMPLETED"),
        ("TaskClaimed", FAILED, "FAILED"),
    ],
)
def test_only_what_an_event_names_is_read_and_once(chain, event, status, name):
    look = Lookout(chain.session, chain.refs).look
    look()
    chain.happen(event, 7, status)
    chain.calls()
    assert names(look()) == {7: name}
    assert chain.calls() == 1
    for _ in range(3):
        assert names(look()) == {7: name}
    assert chain.calls() == 0


def test_a_whole_job_costs_a_read_for_each_step(chain):
    look = Lookout(chain.session, chain.refs).look
    look()
    chain.calls()
    for event, status in (("TaskInitialize", ACTIVE), ("TaskConsensus", 2), ("TaskFinalize", COMPLETED)):
        for index in range(MANY - FEW):
            chain.happen(event, index, status)
            look()
    assert chain.calls() == 3 * (MANY - FEW)


def test_events_of_others_cost_nothing(chain):
    look = Lookout(chain.session, chain.refs).look
    look()
    chain.calls()
    stranger = {"block": chain.block + 1, "blockHash": "0x1", "topics": [EVENTS.TaskFinalize.topic, "0xff"]}
    chain.logs += [stranger, {**stranger, "topics": [EVENTS.TaskFinalize.topic]}, {**stranger, "topics": []}]
    assert names(look()) == {}
    assert chain.calls() == 0


def test_few_tasks_are_read_at_each_look(chain):
    look = Lookout(chain.session, chain.refs[:FEW]).look
    for _ in range(3):
        look()
        assert chain.asked.pop() == ["eth_getBlockByNumber", *["eth_call"] * FEW]


def test_what_ended_is_not_read_again(chain):
    look = Lookout(chain.session, chain.refs[:3]).look
    chain.happen("TaskFinalize", 1, COMPLETED, told=False)
    look()
    chain.calls()
    look()
    assert chain.calls() == 2


class TestANodeThatKeepsEventsBack:
    def test_now_and_then_everything_is_read(self, chain):
        look = Lookout(chain.session, chain.refs).look
        look()
        chain.happen("TaskFinalize", 7, COMPLETED, told=False)
        chain.calls()
        assert names(look()) == {}
        chain.seconds += FULL_LOOKS[0]
        assert names(look()) == {7: "COMPLETED"}
        assert chain.calls() == MANY

    def test_less_and_less_often(self, chain):
        look = Lookout(chain.session, chain.refs).look
        moments = []
        for second in range(400):
            chain.seconds = float(second)
            look()
            if chain.calls():
                moments.append(second)
        assert moments == [0, 10, 30, 70, 130, 190, 250, 310, 370]

    def test_the_end_is_seen_at_the_deadline(self, chain):
        look = Lookout(chain.session, chain.refs).look
        look()
        chain.happen("TaskFinalize", 7, COMPLETED, told=False)
        chain.calls()
        chain.time = 1000
        views = look()
        assert chain.calls() == MANY
        assert views[7].status == "COMPLETED"
        assert {view.status for view in views[8:]} == {"TIMEOUT"}
        assert all(view.ended for view in look())
        assert chain.calls() == 0

    def test_an_end_that_was_told_and_cannot_be_read_yet_is_read_again(self, chain):
        """Behind one address the events may come from another node than the tasks."""
        look = Lookout(chain.session, chain.refs).look
        look()
        chain.happen("TaskFinalize", 7, UNSET)
        assert names(look()) == {}
        chain.statuses[chain.refs[7].task_id] = COMPLETED
        assert names(look()) == {7: "COMPLETED"}

    def test_a_late_node_is_asked_for_some_blocks_twice(self, chain):
        look = Lookout(chain.session, chain.refs).look
        look()
        chain.happen("TaskFinalize", 7, COMPLETED)
        kept, chain.logs = chain.logs, []
        chain.block += OVERLAP - 1
        assert names(look()) == {}
        chain.logs = kept
        assert names(look()) == {7: "COMPLETED"}


@pytest.mark.parametrize(
    "fault", [RpcFault(-32601, "the method does not exist"), CallError("null in place of logs")]
)
def test_a_node_without_events_is_asked_for_everything_with_pauses(chain, monkeypatch, fault):
    look = Lookout(chain.session, chain.refs).look
    read = lookout.read_tasks

    def slow(*args):
        chain.seconds += 0.1
        return read(*args)

    monkeypatch.setattr(lookout, "read_tasks", slow)
    chain.fault = fault
    look()
    chain.happen("TaskFinalize", 6, COMPLETED)
    assert names(look()) == {6: "COMPLETED"}
    chain.happen("TaskFinalize", 7, COMPLETED)
    chain.calls()
    for _ in range(2):
        chain.seconds += 0.9
        chain.time += 1
        assert {view.now for view in look() if not view.ended} == {chain.time}
    assert chain.calls() == 0
    chain.seconds += 0.3
    assert names(look()) == {6: "COMPLETED", 7: "COMPLETED"}
    chain.time = 1000
    assert all(view.ended for view in look())


def test_events_are_tried_again_after_a_while(chain):
    look = Lookout(chain.session, chain.refs).look
    look()
    chain.fault = RpcFault(-32000, "too many requests")
    look()
    chain.fault = None
    chain.seconds += FULL_LOOKS[0]
    look()
    chain.calls()
    look()
    assert chain.asked == [["eth_getBlockByNumber", "eth_getLogs"]]


def test_a_look_that_failed_is_made_up_for(chain, monkeypatch):
    look = Lookout(chain.session, chain.refs).look
    look()
    chain.happen("TaskFinalize", 7, COMPLETED)
    read = lookout.read_tasks

    def away(*_args):
        raise CallError("away")

    monkeypatch.setattr(lookout, "read_tasks", away)
    with pytest.raises(CallError, match="away"):
        look()
    monkeypatch.setattr(lookout, "read_tasks", read)
    assert names(look()) == {7: "COMPLETED"}


def test_a_late_task_may_still_be_claimed_so_a_new_look_reads_it(chain):
    chain.time = 1000
    seen = Lookout(chain.session, chain.refs[:2]).look()
    assert {view.status for view in seen} == {"TIMEOUT"}
    chain.happen("TaskClaimed", 0, FAILED)
    chain.calls()
    again = Lookout(chain.session, chain.refs[:2], seen).look()
    assert [view.status for view in again] == ["FAILED", "TIMEOUT"]
    assert chain.calls() == 2
    Lookout(chain.session, chain.refs[:2], again).look()
    assert chain.calls() == 1
