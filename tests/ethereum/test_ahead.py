from __future__ import annotations

from contextvars import copy_context

import pytest
from helpers.faulty_server import Clock

from iexec_lab.errors import CallError
from iexec_lab.ethereum import ahead
from iexec_lab.ethereum.ahead import Ahead, expect, forget, one_look
from iexec_lab.ethereum.nonces import Nonces, count_request
from iexec_lab.ethereum.providers import Etherscan, ProviderSet
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.ethereum.transport import RpcFault

A, B, C = ("eth_call", ["a", "latest"]), ("eth_call", ["b", "latest"]), ("eth_call", ["c", "latest"])


class Node:
    """Counts: an answer says how often its question was asked. ``faults`` stand in for answers."""

    name = "node"
    chain_id = 5

    def __init__(self):
        self.asked = []
        self.times = {}
        self.faults = {}
        self.broken = []

    def batch(self, requests):
        asked = [params[0] if params else method for method, params in requests]
        self.asked.append(asked)
        if any(name in self.broken for name in asked):
            raise CallError("the node was lost")
        return [self.answer(name) for name in asked]

    def answer(self, name):
        if name in self.faults:
            return self.faults[name]
        self.times[name] = self.times.get(name, 0) + 1
        return hex(5) if name == "eth_chainId" else f"{name}{self.times[name]}"

    def attempt(self, method, *params):
        return self.batch([(method, params)])[0]

    def request(self, method, *params):
        answer = self.attempt(method, *params)
        if isinstance(answer, RpcFault):
            raise answer.error(method)
        return answer


@pytest.fixture
def node():
    return Node()


@pytest.fixture
def rpc(node):
    return Ahead(node)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(ahead, "time", clock)
    return clock


def test_what_is_foreseen_comes_along_and_is_not_asked_for_again(node, rpc):
    with one_look():
        expect(rpc, [B, C])
        assert rpc.batch([A]) == ["a1"]
        assert rpc.batch([C]) == ["c1"]
        assert rpc.request(*B[:1], *B[1]) == "b1"
    assert node.asked == [["a", "b", "c"]]


def test_only_what_is_missing_is_asked(node, rpc):
    with one_look():
        expect(rpc, [B])
        rpc.batch([A])
        assert rpc.batch([A, B, C]) == ["a2", "b1", "c1"]
    assert node.asked == [["a", "b"], ["a", "c"]]


@pytest.mark.parametrize("ask", ["batch", "request", "attempt"])
def test_a_foreseen_answer_is_used_once(node, rpc, ask):
    method, params = B

    def asked():
        return rpc.batch([B])[0] if ask == "batch" else getattr(rpc, ask)(method, *params)

    with one_look():
        expect(rpc, [B])
        rpc.batch([A])
        assert [asked(), asked(), asked()] == ["b1", "b2", "b3"]


def test_what_is_asked_and_foreseen_is_needed_twice(node, rpc):
    with one_look():
        expect(rpc, [A])
        assert [rpc.batch([A, B]), rpc.batch([A]), rpc.batch([A])] == [["a1", "b1"], ["a1"], ["a2"]]
    assert node.asked == [["a", "b"], ["a"]]


def test_what_is_there_is_not_asked_for_because_it_is_foreseen_again(node, rpc):
    with one_look():
        expect(rpc, [B])
        rpc.batch([A])
        expect(rpc, [B])
        rpc.batch([A])
    assert node.asked == [["a", "b"], ["a"]]


def test_nothing_is_foreseen_outside_of_a_look(node, rpc):
    expect(rpc, [B])
    rpc.batch([A])
    with one_look():
        expect(rpc, [B])
    with one_look():
        rpc.batch([A])
    forget()
    assert node.asked == [["a"], ["a"]]


def test_a_look_inside_another_one_belongs_to_it(node, rpc):
    with one_look():
        with one_look():
            expect(rpc, [B])
        rpc.batch([A])
    assert node.asked == [["a", "b"]]


def test_time_that_passes_makes_an_answer_void(node, rpc, clock):
    with one_look():
        expect(rpc, [B, C])
        rpc.batch([A])
        clock.ahead += ahead.LASTS - 1
        assert rpc.batch([B]) == ["b1"]
        clock.ahead += 2
        assert rpc.batch([C]) == ["c2"]


def test_a_transaction_makes_answers_void(node, rpc):
    with one_look():
        expect(rpc, [B])
        rpc.batch([A])
        rpc.attempt("eth_sendRawTransaction", "0xraw")
        assert rpc.batch([B]) == ["b2"]


def test_a_nonce_counted_before_a_transaction_is_counted_again(node, rpc):
    node.answer = lambda name: hex(len(node.asked)) if name == "sender" else "0x"
    with one_look():
        expect(rpc, [count_request("sender")])
        rpc.batch([A])
        assert Nonces().next(rpc, "sender") == 1  # counted by the first batch
        expect(rpc, [count_request("sender")])
        rpc.batch([A])
        rpc.attempt("eth_sendRawTransaction", "0xraw")
        assert Nonces().next(rpc, "sender") == 4
    assert node.asked[-1] == ["sender"]


def test_forgetting(node, rpc):
    with one_look():
        expect(rpc, [B])
        rpc.batch([A])
        expect(rpc, [C])
        forget()
        assert rpc.batch([B]) == ["b2"]
    assert node.asked == [["a", "b"], ["b"]]


def test_a_revert_is_an_answer_and_other_faults_are_not(node, rpc):
    node.faults = {
        "b": RpcFault(3, "execution reverted", data="0x", url="node"),
        "c": RpcFault(-32005, "limit", retry=True, url="node"),
    }
    assert node.faults["b"].reverted
    with one_look():
        expect(rpc, [B, C])
        rpc.batch([A])
        node.faults = {}
        assert isinstance(rpc.batch([B])[0], RpcFault)
        assert rpc.batch([C]) == ["c1"]


def test_what_comes_along_never_makes_a_read_fail(node, rpc):
    node.broken = ["b"]
    with one_look():
        expect(rpc, [B])
        assert rpc.batch([A]) == ["a1"]
        with pytest.raises(CallError, match="lost"):
            rpc.batch([B])
    assert node.asked == [["a", "b"], ["a"], ["b"]]


def test_a_node_that_took_long_to_fail_is_not_asked_twice(node, rpc, clock):
    def slow(requests):
        node.asked.append(requests)
        clock.ahead += 30
        raise CallError("no answer in time")

    node.batch = slow
    with one_look():
        expect(rpc, [B])
        with pytest.raises(CallError, match="in time"):
            rpc.batch([A])
    assert len(node.asked) == 1


def test_faults_are_raised_as_without_a_look(node, rpc):
    node.faults = {"a": RpcFault(3, "execution reverted", data="0x", url="node")}
    with one_look():
        with pytest.raises(CallError) as inside:
            rpc.request("eth_call", "a", "latest")
        node.broken = ["b"]
        with pytest.raises(CallError, match="lost"):
            rpc.request("eth_call", "b", "latest")
    with pytest.raises(CallError) as outside:
        rpc.request("eth_call", "a", "latest")
    assert (inside.value.message, inside.value.hint) == (outside.value.message, outside.value.hint)


def test_one_node_does_not_answer_for_another(rpc):
    other = Ahead(Node())
    with one_look():
        expect(rpc, [B])
        assert other.batch([A]) == ["a1"]
        assert other.provider.asked == [["a"]]
        rpc.batch([A])
        assert other.batch([B]) == ["b1"]


def test_threads_in_the_same_context_share_a_look(node, rpc):
    with one_look():
        expect(rpc, [B])
        copy_context().run(rpc.batch, [A])
        assert rpc.batch([B]) == ["b1"]
    assert node.asked == [["a", "b"]]


def test_the_chain_id_comes_along_once(node, rpc):
    with one_look():
        expect(rpc, [("eth_chainId", [])])
        rpc.batch([A])
    assert (rpc.chain_id, rpc.chain_id) == (5, 5)
    assert node.asked == [["a", "eth_chainId"]]
    assert (Ahead(node).chain_id, rpc.name) == (5, "node")


def test_where_several_reads_take_longer_than_one_nothing_comes_along(node, rpc):
    slow = Ahead(Etherscan("key"))
    assert not slow.provider.batches
    assert not ProviderSet([Etherscan("key"), Rpc("http://127.0.0.1:1")]).batches
    assert ProviderSet([Rpc("http://127.0.0.1:1")]).batches
    slow.provider.batch = node.batch
    with one_look():
        expect(slow, [B])
        assert slow.batch([A]) == ["a1"]
        assert slow.batch([B]) == ["b1"]
    assert node.asked == [["a"], ["b"]]


def test_a_node_without_foresight_is_asked_as_ever(node):
    with one_look():
        expect(node, [B])
        node.batch([A])
    assert node.asked == [["a"]]
