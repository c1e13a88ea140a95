from __future__ import annotations

import pytest
from helpers.faulty_server import Clock, FaultyServer, json_reply

from iexec_lab.errors import CallError
from iexec_lab.ethereum import logs
from iexec_lab.ethereum.contracts import EVENTS, RLC
from iexec_lab.ethereum.logs import read_events, read_logs
from iexec_lab.ethereum.rpc import Rpc, to_int
from iexec_lab.ethereum.transport import HINT_SLOW, RpcFault


def log_of(block):
    return {"address": "0x" + "11" * 20, "topics": [], "data": "0x", "blockNumber": hex(block)}


def history(widest, *, size=100, words="query returned more than 10000 results"):
    """A node of ``size`` blocks with one log each, that gives the logs of at most ``widest`` blocks."""

    def answer(request):
        asked = request.json()
        if asked["method"] == "eth_blockNumber":
            return json_reply({"id": 1, "result": hex(size - 1)})
        query = asked["params"][0]
        start, end = to_int(query["fromBlock"]), to_int(query["toBlock"])
        if end - start + 1 > widest:
            return json_reply(
                {"id": 1, "error": {"code": -32005 if widest == 7 else -32602, "message": words}}
            )
        return json_reply({"id": 1, "result": [log_of(block) for block in range(start, end + 1)]})

    return answer


def blocks(found):
    return [to_int(log["blockNumber"]) for log in found]


@pytest.mark.parametrize("widest", [1, 3, 7, 10, 1000])
@pytest.mark.parametrize("newest_first", [False, True])
def test_every_log_is_read_once_however_little_the_node_gives(widest, newest_first):
    with FaultyServer(answer=history(widest)) as server:
        rpc = Rpc(server.url, attempts=1)
        found = blocks(read_logs(rpc, "0x", [], from_block=20, newest_first=newest_first))
    assert found == (list(range(99, 19, -1)) if newest_first else list(range(20, 100)))


def test_a_range_may_have_an_end_or_be_empty():
    with FaultyServer(answer=history(1000)) as server:
        rpc = Rpc(server.url)
        assert blocks(read_logs(rpc, "0x", [], from_block=5, to_block=7)) == [5, 6, 7]
        assert blocks(read_logs(rpc, "0x", [], from_block=8, to_block=7)) == []


def test_a_node_that_gives_nothing_at_all():
    with FaultyServer(answer=history(0)) as server, pytest.raises(CallError, match="more than 10000"):
        list(read_logs(Rpc(server.url), "0x", [], from_block=0))


def test_who_finds_it_early_does_not_read_on():
    with FaultyServer(answer=history(10)) as server:
        next(read_logs(Rpc(server.url), "0x", [], from_block=0, newest_first=True))
        asked = len(server.requests)
    assert asked <= 6


def test_events_of_a_real_chain(world):
    start = to_int(world.rpc.request("eth_blockNumber")) + 1
    for amount in (3, 4):
        world.sender(world.user).send(world.genesis.rlc, RLC.transfer.encode(world.other.address, amount))
    found = list(read_events(world.rpc, world.genesis.rlc, EVENTS.Transfer, from_block=start))
    assert [arguments["value"] for arguments, _ in found] == [3, 4]
    assert all(log["address"] == world.genesis.rlc.lower() for _, log in found)
    newest, _ = next(
        read_events(world.rpc, world.genesis.rlc, EVENTS.Transfer, from_block=start, newest_first=True)
    )
    assert newest["value"] == 4


def test_a_chain_that_claims_endless_blocks_is_not_read_for_ever():
    with FaultyServer(answer=history(10_000, size=2**60)) as server:
        logs = read_logs(Rpc(server.url), "0x", [], from_block=2**60 - 30_000, newest_first=True, timeout=0)
        with pytest.raises(CallError, match="not read within 0 s"):
            next(logs)


def test_a_node_that_limits_requests_is_waited_for_and_not_asked_for_less(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(logs, "time", clock)
    answer = history(1000)
    asked = []

    def limited(request):
        asked.append(request.json())
        if len(asked) % 3 == 1:
            return json_reply({"id": 1, "error": {"code": -32005, "message": "rate limit exceeded"}})
        return answer(request)

    with FaultyServer(answer=limited) as server:
        rpc = Rpc(server.url, attempts=1)
        found = list(logs.read_many_logs(rpc, "0x", [], from_block=0, to_block=99))
    assert [blocks(each) for each in found] == [[*range(100)]]
    assert clock.slept == [1.0]
    assert len({str(each["params"]) for each in asked}) == 1


def test_a_node_that_is_too_slow_for_a_range_is_asked_for_less(monkeypatch):
    fault = RpcFault(0, "did not answer within 1 s", lost=True, retry=True, hint=HINT_SLOW)

    class Slow:
        name = "slow"

        @staticmethod
        def attempt(_, query):
            start, end = to_int(query["fromBlock"]), to_int(query["toBlock"])
            return fault if end - start > 10 else [log_of(block) for block in range(start, end + 1)]

    assert blocks(read_logs(Slow(), "0x", [], from_block=0, to_block=40)) == [*range(41)]


@pytest.mark.parametrize("newest_first", [False, True])
def test_many_ranges_are_read_side_by_side_and_come_in_order(monkeypatch, newest_first):
    monkeypatch.setattr(logs, "FIRST_SPAN", 7)
    with FaultyServer(answer=history(5)) as server:
        rpc = Rpc(server.url, attempts=1)
        parts = list(logs.read_many_logs(rpc, "0x", [], from_block=3, to_block=99, newest_first=newest_first))
    found = [block for part in parts for block in blocks(part)]
    assert found == (list(range(99, 2, -1)) if newest_first else list(range(3, 100)))
    assert len(parts) == 14
