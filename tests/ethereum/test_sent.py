from __future__ import annotations

import pytest
from helpers.faulty_server import FaultyServer, garbage, healthy

from iexec_lab.errors import JobError, SignatureError, TransactionError
from iexec_lab.ethereum import receipts
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.ethereum.sent import Interrupted, Sent, note_refused, note_signed, recording, sentence, telling
from iexec_lab.ethereum.transactions import Sender

TO = "0x" + "12" * 20


@pytest.fixture
def impatient(monkeypatch):
    """Ctrl-C comes as soon as a transaction is waited for."""

    def stop(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(receipts, "time", type("Time", (), {"sleep": stop, "monotonic": lambda: 0.0}))


def test_an_interrupted_wait_names_what_was_sent(slow_anvil, signers, impatient):
    rpc = Rpc(slow_anvil)
    with pytest.raises(KeyboardInterrupt) as caught:
        Sender(rpc, signers[0]).send_many([(TO, b"", 1), (TO, b"", 2)])
    assert isinstance(caught.value, Interrupted)
    pool = rpc.request("eth_getBlockByNumber", "pending", True)["transactions"]
    assert caught.value.tx_hashes == [each["hash"] for each in pool]
    assert all(each["hash"] in str(caught.value) for each in pool)
    assert caught.value._render_traceback_() == [str(caught.value)]


def test_an_interrupt_during_the_delivery_names_it_too(slow_anvil, signers, monkeypatch):
    rpc = Rpc(slow_anvil)

    def attempt(method, *params):
        answer = Rpc.attempt(rpc, method, *params)
        if method == "eth_sendRawTransaction":
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(rpc, "attempt", attempt)
    with pytest.raises(Interrupted) as caught:
        Sender(rpc, signers[0]).send(TO, value=1)
    [waiting] = rpc.request("eth_getBlockByNumber", "pending", True)["transactions"]
    assert caught.value.tx_hashes == [waiting["hash"]]


def test_an_interrupt_before_anything_was_sent_is_a_plain_one(rpc, signers, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Sender, "_prepare", stop)
    with pytest.raises(KeyboardInterrupt) as caught:
        Sender(rpc, signers[0]).send(TO)
    assert type(caught.value) is KeyboardInterrupt


def test_what_is_mined_is_recorded_with_its_block(rpc, signers):
    with recording() as outer, recording() as sent:
        receipt = Sender(rpc, signers[0]).send(TO, value=1)
    assert sent == outer == [Sent(receipt.tx_hash, receipt.block_number)]


def test_what_is_refused_is_not_recorded(rpc, signers):
    with recording() as sent, pytest.raises(TransactionError, match=r"(?i)insufficient"):
        Sender(rpc, signers[0]).send(TO, gas=21000, fees={"gasPrice": 10**24})
    assert sent == []


def test_what_may_have_arrived_is_recorded(anvil, signers):
    unclear = garbage('{"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "Internal error"}}')

    def fault(exchange):
        (unclear if b"eth_sendRawTransaction" in exchange.request.body else healthy)(exchange)

    with FaultyServer(upstream=anvil, always=fault) as server, recording() as sent:
        sender = Sender(Rpc(server.url), signers[0])
        with pytest.raises(TransactionError, match="sent, fate unknown: Internal error") as caught:
            sender.send(TO, value=1)
    assert sent == [Sent(caught.value.tx_hash)]


class Other(KeyboardInterrupt):
    """An interrupt that tells something of its own."""


def stopped(stop):
    """Something is sent, in a block in a block, and then the interrupt comes."""
    with telling():
        note_signed("0x01")
        with telling():
            note_signed("0x02")
            raise stop


def test_outer_blocks_name_all():
    with pytest.raises(Interrupted) as caught:
        stopped(KeyboardInterrupt())
    assert caught.value.tx_hashes == ["0x01", "0x02"]


def test_other_interrupts_pass():
    with pytest.raises(Other):
        stopped(Other())


def failed(error):
    with telling():
        note_signed("0x01")
        with telling():
            note_signed("0x02")
            raise error


def test_an_error_names_what_it_does_not_name_yet():
    error = TransactionError("transaction 0x02: not mined", details={"sent before": "0x00"})
    with pytest.raises(TransactionError) as caught:
        failed(error)
    assert caught.value is error
    assert error.details == {"sent before": "0x00, 0x01 (sent, may be mined)"}


def test_an_error_about_tasks_has_its_deal():
    error = JobError("1 task of deal 0xab did not complete")
    with pytest.raises(JobError):
        failed(error)
    assert error.details == {}


def test_nothing_is_recorded_twice_or_outside():
    note_signed("0x00")
    with recording() as sent:
        note_signed("0x01")
        note_signed("0x01")
        note_signed("0x02")
        note_refused("0x01", "0x03")
    assert sent == [Sent("0x02")]
    assert sentence([Sent("0x1")]) == "Transaction 0x1 (sent, may be mined)."
    assert sentence([Sent(hex(number), 1) for number in range(12)]).endswith(" and 2 more.")


class Elsewhere:
    """A wallet that sends by itself, and whose user stops at the second transaction."""

    def __init__(self, rpc, signer, stop):
        self.address, self._rpc, self._stop = signer.address, rpc, stop
        self.sent = []

    def send_transaction(self, transaction):
        if self.sent:
            raise self._stop
        fields = {name: transaction[name] for name in ("from", "to", "value")}
        self.sent.append(self._rpc.request("eth_sendTransaction", fields))
        return self.sent[0]


def test_what_another_wallet_sent_is_named_when_the_next_is_interrupted(anvil, signers):
    rpc = Rpc(anvil)
    wallet = Elsewhere(rpc, signers[0], KeyboardInterrupt())
    with pytest.raises(Interrupted) as caught:
        Sender(rpc, wallet).send_many([(TO, b"", 1), (TO, b"", 2)])
    assert caught.value.tx_hashes == wallet.sent


def test_what_another_wallet_sent_is_named_when_the_next_fails(anvil, signers):
    rpc = Rpc(anvil)
    wallet = Elsewhere(rpc, signers[0], SignatureError("no"))
    with recording() as sent, pytest.raises(SignatureError) as caught:
        Sender(rpc, wallet).send_many([(TO, b"", 1), (TO, b"", 2)])
    assert wallet.sent[0] in caught.value.details["sent before"]
    assert [each.tx_hash for each in sent] == wallet.sent
