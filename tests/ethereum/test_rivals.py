from __future__ import annotations

import pytest
from helpers.faulty_server import FaultyServer, json_reply
from helpers.many_nodes import CHAIN, decoded

from iexec_lab.ethereum.rivals import holder, proved
from iexec_lab.ethereum.rpc import Rpc, to_int
from iexec_lab.ethereum.transactions import Sender
from iexec_lab.wallet.signer import LocalSigner

TO = "0x" + "12" * 20
COMMON = {"nonce": 5, "gas": 60_000, "to": TO, "value": 7, "data": "0x" + "ab" * 60}
LEGACY = {"gasPrice": 10**9}
LISTED = [{"address": TO, "storageKeys": ["0x" + "00" * 31 + "07", "0x" + "ff" * 32]}]
KINDS = {
    "legacy": LEGACY,
    "with a list": {"type": 1, "gasPrice": 10**9, "accessList": LISTED},
    "of today": {"type": 2, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 0, "accessList": LISTED},
}


@pytest.fixture
def signer():
    return LocalSigner.generate()


def as_a_node_shows_it(rpc, signer, **fields):
    """The transaction after it went through a real node, or as the node's answer would be."""
    rpc.request("anvil_setBalance", signer.address, hex(10**18))
    raw = signer.sign_transaction({**COMMON, "chainId": CHAIN, **fields})
    tx_hash = rpc.request("eth_sendRawTransaction", raw)
    return rpc.request("eth_getTransactionByHash", tx_hash)


@pytest.fixture
def idle(start_anvil):
    return Rpc(start_anvil("--no-mining"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_proves_what_a_node_shows(idle, signer, kind):
    shown = as_a_node_shows_it(idle, signer, **KINDS[kind])
    assert proved(shown, signer.address, 5, CHAIN) == shown["hash"]
    assert proved(shown, signer.address, 6, CHAIN) is None
    assert proved(shown, signer.address, 5, 1) is None
    assert proved(shown, LocalSigner.generate().address, 5, CHAIN) is None
    assert proved({**shown, "value": "0x8"}, signer.address, 5, CHAIN) is None
    assert proved({**shown, "hash": "0x" + "00" * 32}, signer.address, 5, CHAIN) == shown["hash"]


def test_the_other_half_of_a_signature_proves_nothing(signer):
    shown = decoded(
        signer.sign_transaction({**COMMON, **KINDS["of today"], "accessList": [], "chainId": CHAIN})
    )
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    turned = {"s": hex(order - to_int(shown["s"])), "v": hex(1 - to_int(shown["v"]))}
    assert proved(shown, signer.address, 5, CHAIN) == shown["hash"]
    assert proved({**shown, **turned}, signer.address, 5, CHAIN) is None


@pytest.mark.parametrize("shown", [None, "0x", [], {}, {"nonce": "0x5"}, {"nonce": []}, {"nonce": 1e400}])
def test_what_is_no_transaction_proves_nothing(shown):
    assert proved(shown, TO, 5, CHAIN) is None


@pytest.mark.parametrize(
    "name", ["v", "r", "s", "gas", "input", "to", "value", "type", "chainId", "maxFeePerGas"]
)
@pytest.mark.parametrize("value", [None, "", "0xzz", -1, 10**90, [], {}, "0x" + "f" * 70, float("inf")])
def test_no_spoilt_field_raises(signer, name, value):
    fields = {**COMMON, **KINDS["of today"], "accessList": [], "chainId": CHAIN}
    shown = {**decoded(signer.sign_transaction(fields)), name: value}
    assert proved(shown, signer.address, 5, CHAIN) is None


def test_a_mined_number_is_found_at_any_distance(start_anvil, signers):
    rpc = Rpc(start_anvil())
    sender = Sender(rpc, signers[0])
    found = [sender.send(TO, value=number).tx_hash for number in range(9)]
    rpc.request("anvil_mine", hex(70))
    assert [holder(rpc, sender.address, number) for number in range(9)] == found
    assert holder(rpc, sender.address, 9, waiting=True) is None


def test_a_waiting_number_counts_only_for_who_asks_for_that(slow_anvil, signers):
    rpc = Rpc(slow_anvil)
    pending = Sender(rpc, signers[0]).submit(TO, value=1)
    assert holder(rpc, pending.sender, pending.nonce) is None
    assert holder(rpc, pending.sender, pending.nonce, waiting=True) == pending.tx_hash


@pytest.mark.parametrize(
    "result", [None, "0x", [], {}, {"transactions": 5}, {"transactions": ["0x12", None]}]
)
def test_a_node_that_shows_nothing_proves_nothing(result):
    def answer(request):
        asked = request.json()
        numbers = {"eth_blockNumber": "0x1", "eth_chainId": hex(CHAIN)}
        count = hex(int(asked["params"][-1:] == ["0x1"]))
        numbers["eth_getTransactionCount"] = count
        return json_reply({"id": 1, "result": numbers.get(asked["method"], result)})

    with FaultyServer(answer=answer) as server:
        assert holder(Rpc(server.url), TO, 0) is None


def test_the_search_has_an_end():
    def answer(request):
        number = {"eth_blockNumber": hex(10**9)}.get(request.json()["method"], "0x5")
        return json_reply({"id": 1, "result": number})

    with FaultyServer(answer=answer) as server:
        assert holder(Rpc(server.url), TO, 0) is None
        assert len(server.requests) < 30
