"""What the way to a chain does unless it is told otherwise."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from iexec_lab.ethereum import logs
from iexec_lab.ethereum.calls import Call, attempt, read
from iexec_lab.ethereum.contracts import EVENTS, HUB
from iexec_lab.ethereum.fees import fee_fields
from iexec_lab.ethereum.logs import read_events, read_logs
from iexec_lab.ethereum.providers import ETHERSCAN, Etherscan, ProviderSet
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.ethereum.sent import Interrupted, Sent
from iexec_lab.ethereum.transactions import TIMEOUT, Sender
from iexec_lab.wallet.signer import LocalSigner

URL = "http://127.0.0.1:1"
ANYONE = "0x" + "12" * 20
WORD = "0x" + f"{7:064x}"


def test_a_node():
    rpc = Rpc(URL)
    assert (rpc.timeout, rpc._attempts, rpc._pause) == (30, 4, 0.25)
    rpc = Rpc(URL, timeout=1, attempts=2, pause=3)
    assert (rpc.timeout, rpc._attempts, rpc._pause) == (1, 2, 3)


def test_etherscan():
    rpc = Etherscan("key")
    assert (rpc.url, rpc.timeout, rpc._attempts) == (ETHERSCAN, 30, 2)
    assert ETHERSCAN == "https://api.etherscan.io/v2/api"
    rpc = Etherscan("key", url=URL, timeout=1, attempts=5)
    assert (rpc.url, rpc.timeout, rpc._attempts) == (URL, 1, 5)


def test_of_several_nodes_the_first_is_believed():
    assert ProviderSet([Rpc(URL)]).quorum == 1
    assert ProviderSet([Rpc(URL), Rpc(URL)], 2).quorum == 2


def test_a_sender():
    sender = Sender(Rpc(URL), LocalSigner.generate())
    assert (sender.gas_price, sender.confirms, sender.free_gas) == (None, 1, False)
    assert sender.timeout == TIMEOUT == 600
    sender = Sender(Rpc(URL), LocalSigner.generate(), gas_price=0, confirms=2, free_gas=True, timeout=1)
    assert (sender.gas_price, sender.confirms, sender.free_gas, sender.timeout) == (0, 2, True, 1)


def test_a_transaction_without_more_is_an_empty_one():
    signed = []
    sender = Sender(
        SimpleNamespace(chain_id=1, name="node"),
        LocalSigner.generate(),
        free_gas=True,
    )
    sender._prepare = lambda calls: [{**call, "gas": 21000, "gasPrice": 0} for call in calls]
    sender._submit_signed = lambda _signer, call, most: signed.append((call, most))
    for options, more in (({}, {}), ({"data": b"", "value": 0}, {}), ({"value": 3}, {"value": "0x3"})):
        sender.submit(ANYONE, **options)
        call, most = signed.pop()
        assert call == {"from": sender.address, "to": call["to"], "gas": 21000, "gasPrice": 0, **more}
        assert most is None
    sender.submit(ANYONE, b"\1\2", gas=5, most=9)
    call, most = signed.pop()
    assert (call["data"], call["gas"], most) == ("0x0102", 5, 9)


def test_gas_costs_something():
    block = {"baseFeePerGas": "0x1"}
    assert fee_fields([block, "0x5", "0x2"]) == {"maxFeePerGas": 4, "maxPriorityFeePerGas": 2}
    assert fee_fields([block, "0x5", "0x2"], free_gas=False)["maxFeePerGas"] == 4
    assert fee_fields([], free_gas=True) == {"gasPrice": 0}


@pytest.mark.parametrize("ask", [read, attempt])
def test_contracts_are_read_at_the_newest_block(ask):
    asked = []

    def batch(requests):
        asked.extend(requests)
        return [WORD] * len(requests)

    calls = [Call(ANYONE, HUB.countCategory), Call(ANYONE, HUB.countCategory, sender=ANYONE)]
    for options, block in (({}, "latest"), ({"block": "0x5"}, "0x5")):
        asked.clear()
        assert ask(SimpleNamespace(batch=batch), calls, **options) == [7, 7]
        assert [request[1][1] for request in asked] == [block, block]
        assert [request[1][0].get("from") for request in asked] == [None, ANYONE]
    assert calls[0].request()[1][1] == "latest"


@pytest.mark.parametrize("newest_first", [None, False, True])
def test_logs_are_read_from_the_first_block_on(newest_first, monkeypatch):
    monkeypatch.setattr(logs, "FIRST_SPAN", 10)
    asked = []

    def give(_method, query):
        asked.append((query["fromBlock"], query["toBlock"]))
        return []

    rpc = SimpleNamespace(attempt=give, request=lambda *_: hex(19), name="node")
    options = {} if newest_first is None else {"newest_first": newest_first}
    ranges = [("0x0", "0x9"), ("0xa", "0x13")]
    assert list(read_logs(rpc, ANYONE, [], from_block=0, **options)) == []
    assert asked == (ranges[::-1] if newest_first else ranges)
    asked.clear()
    assert list(read_events(rpc, ANYONE, EVENTS.Transfer, from_block=0, **options)) == []
    assert asked == (ranges[::-1] if newest_first else ranges)


def test_logs_have_two_minutes_in_all(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(logs, "time", clock)
    monkeypatch.setattr(logs, "FIRST_SPAN", 1)

    def give(*_):
        clock.now += 40
        return []

    rpc = SimpleNamespace(attempt=give, name="node")
    assert list(read_logs(rpc, ANYONE, [], from_block=0, to_block=3)) == []
    clock.now = 0.0
    with pytest.raises(logs.CallError, match="were not read within 120 s"):
        list(read_logs(rpc, ANYONE, [], from_block=0, to_block=4))
    clock.now = 0.0
    with pytest.raises(logs.CallError, match="were not read within 20 s"):
        list(read_logs(rpc, ANYONE, [], from_block=0, to_block=1, timeout=20))


def test_an_interrupt_names_what_was_sent():
    sent = [Sent("0xa"), Sent("0xb", 5)]
    said = "Transactions 0xa (sent, may be mined), 0xb (mined in block 5)."
    assert str(Interrupted(sent)) == f"Interrupted. {said} Look before you send again."
    assert str(Interrupted(sent, "Go on.")) == f"Interrupted. {said} Go on."
    assert Interrupted(sent).tx_hashes == ["0xa", "0xb"]
