"""Whatever nodes do, what is meant once is mined at most once, and nobody is left in the dark."""

from __future__ import annotations

import random
from itertools import count

import pytest
from helpers.many_nodes import CHAIN, LOST, Chain, Door, Doors
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import CallError, TransactionError
from iexec_lab.ethereum import receipts, transactions
from iexec_lab.ethereum.sent import recording
from iexec_lab.ethereum.transactions import Sender
from iexec_lab.wallet.signer import LocalSigner

OURS, THEIRS = "0x" + "12" * 20, "0x" + "34" * 20
# Short ones shrink well, long ones keep the trouble up until the sender gives up.
scripts = st.lists(st.integers(0, 59), max_size=80) | st.builds(
    lambda seed, size: random.Random(seed).choices(range(60), k=size),
    st.integers(0, 1 << 32),
    st.integers(20, 250),
)
accounts = count(1)


def fresh():
    """A key of this example's own: numbers in flight are remembered by account."""
    return LocalSigner(keyed(next(accounts)))


def keyed(number):
    return number.to_bytes(32, "big")


def theirs(signer, number):
    fees = {"maxFeePerGas": 3 * 10**9, "maxPriorityFeePerGas": 1, "gas": 21000}
    return signer.sign_transaction(
        {**fees, "to": THEIRS, "value": 1, "data": "0x", "nonce": number, "chainId": CHAIN}
    )


def another_process(signer):
    """Somebody who sends from the same account, without knowing of us."""

    def act(chain):
        node = chain.choose(*chain.nodes)
        number = int(Door(chain).eth_getTransactionCount(node, signer.address, "pending"), 16)
        node.take(theirs(signer, number))

    return act


@pytest.fixture(autouse=True, scope="module")
def clock():
    """The time of the chain that is being played."""

    class Time:
        chain = None

        def sleep(self, seconds):
            self.chain.sleep(seconds)

        def monotonic(self):
            return self.chain.now

    time = Time()
    with pytest.MonkeyPatch.context() as patch:
        for module in (receipts, transactions):
            patch.setattr(module, "time", time)
        yield time


def play(clock, script, *, doors=1, rival=False, lying=True, values=(7,)):
    """Send through the doors; what was mined of ours, the receipts or None, the error or None, the record."""
    chain = clock.chain = Chain(script)
    chain.lying = lying
    signer = fresh()
    if rival:
        chain.other = another_process(signer)
    rpc = Door(chain) if doors == 1 else Doors([Door(chain) for _ in range(doors)])
    sender = Sender(rpc, signer, timeout=600)
    found, error = None, None
    with recording() as sent:
        try:
            found = sender.send_many([(OURS, b"", value) for value in values])
        except (TransactionError, CallError) as caught:
            error = caught
    chain.end()
    mined = [each for each in chain.all_mined() if each["to"] == OURS]
    return mined, found, error, sent


def check(mined, found, error, sent, values=(7,)):
    paid = [int(each["value"], 16) for each in mined]
    assert sorted(paid) == sorted(set(paid)), f"paid {paid}"
    hashes = {each["hash"] for each in mined}
    if found is not None:
        assert paid == list(values)
        assert {receipt.tx_hash for receipt in found} == hashes
    else:
        assert error is not None
        assert hashes <= {each.tx_hash for each in sent}, "paid, and nobody was told"


@given(scripts)
def test_one_is_sent_through_one_door(clock, script):
    check(*play(clock, script))


@given(scripts)
def test_one_is_sent_while_another_process_sends(clock, script):
    check(*play(clock, script, rival=True))


@given(scripts, st.integers(2, 3), st.booleans())
def test_one_is_sent_through_several_doors(clock, script, doors, rival):
    check(*play(clock, script, doors=doors, rival=rival))


@given(scripts, st.booleans())
def test_several_are_sent(clock, script, rival):
    check(*play(clock, script, rival=rival, values=(7, 8, 9)), values=(7, 8, 9))


@given(scripts, st.booleans())
def test_an_error_without_a_hash_means_that_nothing_was_paid(clock, script, rival):
    mined, _, error, _ = play(clock, script, rival=rival, lying=False)
    if error is not None and getattr(error, "tx_hash", None) is None:
        assert mined == []


def test_an_honest_chain_takes_it(clock):
    mined, found, error, _ = play(clock, [], values=(7, 8, 9))
    assert error is None
    assert len(mined) == len(found) == 3


class Switching(Door):
    """The first transaction reaches one node and its answer is lost; all else is asked of the other one."""

    def attempt(self, method, *params):
        self.chain.now += 0.01
        first, second = self.chain.nodes
        if method != "eth_sendRawTransaction":
            return getattr(self, method)(second, *params)
        self.sent.append(params[0])
        if len(self.sent) > 1:
            return second.take(*params)
        first.take(*params)
        second.take(theirs(self.signer, 0))
        return LOST


def test_a_lost_answer_and_a_number_that_another_holds_elsewhere(clock):
    """What was lost waits in a pool that nobody sees: another number would pay twice."""
    chain = clock.chain = Chain(nodes=2)
    chain.live = lambda: None
    door = Switching(chain)
    door.signer = fresh()
    with pytest.raises(TransactionError, match="sent, fate unknown") as caught:
        Sender(door, door.signer, timeout=600).send(OURS, value=7)
    del chain.live
    chain.end()
    assert [each["hash"] for each in chain.all_mined() if each["to"] == OURS] == [caught.value.tx_hash]
