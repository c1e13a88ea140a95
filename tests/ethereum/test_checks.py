"""Every way in which the hub says no, and whether a person learns why."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from eth_abi.abi import encode as abi_encode
from helpers.poco_world import DIGEST, word
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import TransactionError
from iexec_lab.ethereum import checks, contracts
from iexec_lab.ethereum.abi import split_types
from iexec_lab.ethereum.checks import explain
from iexec_lab.ethereum.contracts import HUB, RLC
from iexec_lab.protocol import NULL_ADDRESS, encode_tag, keccak, task_id

UNKNOWN = "0x" + "cd" * 32
XS = 300


@pytest.fixture
def refused(world):
    """Send something that the hub refuses; the error."""

    def send(signer, function, *args):
        with pytest.raises(TransactionError) as caught:
            world.send(signer, function, *args)
        return caught.value

    return send


def test_initialise(world, refused):
    deal, _ = world.match(world.orders())
    assert "There is no deal" in refused(world.other, HUB.initialize, word(UNKNOWN), 0).hint
    assert "indices 0 to 0" in refused(world.other, HUB.initialize, word(deal), 1).hint
    world.send(world.other, HUB.initialize, word(deal), 0)
    again = refused(world.other, HUB.initialize, word(deal), 0)
    assert "already initialised" in again.hint
    assert again.message == "execution reverted"
    assert again.reason is None
    many = refused(world.other, HUB.initializeArray, [word(deal), word(deal)], [0, 0])
    assert "already initialised" in many.hint


def test_claim(world, refused):
    assert "not initialised" in refused(world.user, HUB.claim, word(UNKNOWN)).hint
    task = world.task()
    assert "can be claimed only after" in refused(world.user, HUB.claim, word(task)).hint
    assert "can be claimed only after" in refused(world.user, HUB.claimArray, [word(task)]).hint
    world.pass_time(10 * XS)
    world.send(world.user, HUB.claim, word(task))
    assert "The task is FAILED" in refused(world.user, HUB.claim, word(task)).hint


def test_contribute(world, refused):
    task = world.task(pool={"trust": 5}, request={"trust": 5})
    contribution = world.contribution(task, world.worker)
    assert "authorisation" in refused(world.other, HUB.contribute, *contribution).hint
    world.contribute(task, world.worker)
    assert "already contributed to this task" in refused(world.worker, HUB.contribute, *contribution).hint
    world.pass_time(7 * XS)
    theirs = world.contribution(task, world.other)
    assert "Contributions were taken until" in refused(world.other, HUB.contribute, *theirs).hint


def test_contribute_to_a_tee_task(world, refused):
    tag = encode_tag(["tee", "tdx"])
    task = world.task(app={"tag": tag}, pool={"tag": tag}, request={"tag": tag})
    contribution = world.contribution(task, world.worker)
    assert "needs an enclave challenge" in refused(world.worker, HUB.contribute, *contribution).hint


def test_contribute_and_finalize(world, refused):
    def both(task, worker, digest=DIGEST, callback=b""):
        task_word, _, _, challenge, enclave, authorization = world.contribution(task, worker)
        return task_word, digest, b"{}", callback, challenge, enclave, authorization

    trusted = world.task(pool={"trust": 5}, request={"trust": 5})
    shown = refused(world.worker, HUB.contributeAndFinalize, *both(trusted, world.worker))
    assert "trust is 5" in shown.hint
    world.contribute(trusted, world.worker)
    shown = refused(world.other, HUB.contributeAndFinalize, *both(trusted, world.other))
    assert "already contributed" in shown.hint
    task = world.task()
    shown = refused(world.worker, HUB.contributeAndFinalize, *both(task, world.worker, callback=b"x"))
    assert "no callback" in shown.hint
    world.send(world.worker, HUB.contributeAndFinalize, *both(task, world.worker))
    shown = refused(world.worker, HUB.contributeAndFinalize, *both(task, world.worker))
    assert "The task is COMPLETED" in shown.hint


def test_contribute_and_finalize_with_a_callback(monkeypatch):
    """The data for the callback must be what the digest is of: results and signatures are none of it."""
    state = SimpleNamespace(status=checks.ACTIVE, contributors=(), deal_id="0x")
    deal = SimpleNamespace(trust=1, callback="0x" + "11" * 20)
    hub = SimpleNamespace(view_task=lambda _task: state, view_deal=lambda _deal: deal)
    monkeypatch.setattr(checks, "_contribute", lambda *_: None)
    data, other = b"data", b"other"

    def check(digest, results, callback):
        arguments = (bytes(32), keccak(digest), results, callback, NULL_ADDRESS, b"enclave", b"scheduler")
        return checks._contribute_and_finalize(hub, NULL_ADDRESS, *arguments)

    assert check(data, other, data) is None
    assert check(data, data, other) is not None
    assert check(other, data, data) is not None
    assert check(data, data, b"") is not None
    deal.callback = NULL_ADDRESS
    assert check(data, other, b"") is None


def test_reveal(world, refused):
    task = world.task()
    assert "The task is ACTIVE" in refused(world.worker, HUB.reveal, word(task), DIGEST).hint
    world.contribute(task, world.worker)
    assert "nothing to reveal" in refused(world.other, HUB.reveal, word(task), DIGEST).hint
    assert "not the one" in refused(world.worker, HUB.reveal, word(task), bytes(32)).hint
    world.pass_time(2 * XS)
    assert "could be revealed until" in refused(world.worker, HUB.reveal, word(task), DIGEST).hint


def test_reveal_of_a_lost_vote(world, refused):
    task = world.task(pool={"trust": 3}, request={"trust": 3})
    world.contribute(task, world.user, bytes(32))
    for worker in (world.worker, world.other, world.pool_owner):
        world.contribute(task, worker)
    assert "consensus is on another result" in refused(world.user, HUB.reveal, word(task), bytes(32)).hint


def test_finalize(world, refused):
    task = world.task()
    world.contribute(task, world.worker)
    assert "Only the workerpool's owner" in refused(world.other, HUB.finalize, word(task), b"", b"").hint
    assert "0 of 1 workers" in refused(world.pool_owner, HUB.finalize, word(task), b"", b"").hint
    world.send(world.worker, HUB.reveal, word(task), DIGEST)
    assert "no callback" in refused(world.pool_owner, HUB.finalize, word(task), b"", b"x").hint
    world.pass_time(10 * XS)
    assert "it can be claimed" in refused(world.pool_owner, HUB.finalize, word(task), b"", b"").hint


def test_finalize_with_a_callback(world, refused):
    task = world.task(request={"callback": world.app})
    world.contribute(task, world.worker)
    world.send(world.worker, HUB.reveal, word(task), DIGEST)
    assert "hash of the callback data" in refused(world.pool_owner, HUB.finalize, word(task), b"", b"x").hint


def test_reopen(world, refused):
    task = world.task()
    assert "The task is ACTIVE" in refused(world.pool_owner, HUB.reopen, word(task)).hint
    world.contribute(task, world.worker)
    assert "Only the workerpool's owner" in refused(world.other, HUB.reopen, word(task)).hint
    assert "can be reopened only after" in refused(world.pool_owner, HUB.reopen, word(task)).hint
    world.send(world.worker, HUB.reveal, word(task), DIGEST)
    world.pass_time(2 * XS)
    assert "A worker has revealed" in refused(world.pool_owner, HUB.reopen, word(task)).hint


STRANGER = "0x" + "77" * 20
TEE = encode_tag(["tee", "tdx"])
MISMATCHES = {
    "00": {"pool": {"category": 1}},
    "01": {"pool": {"category": 99}, "request": {"category": 99}},
    "02": {"request": {"trust": 5}},
    "03": {"request": {"appmaxprice": 9}},
    "04": {"request": {"datasetmaxprice": 9}, "dataset": True},
    "05": {"request": {"workerpoolmaxprice": 9}},
    "06": {"request": {"tag": TEE}},
    "07": {"request": {"tag": TEE}, "pool": {"tag": TEE}},
    "11": {"request": {"dataset": STRANGER}},
    "12": {"request": {"workerpool": STRANGER}},
    "13": {"app": {"datasetrestrict": STRANGER}, "dataset": True},
    "14": {"app": {"workerpoolrestrict": STRANGER}},
    "15": {"app": {"requesterrestrict": STRANGER}},
    "16": {"sold": {"apprestrict": STRANGER}, "dataset": True},
    "17": {"sold": {"workerpoolrestrict": STRANGER}, "dataset": True},
    "18": {"sold": {"requesterrestrict": STRANGER}, "dataset": True},
    "19": {"pool": {"apprestrict": STRANGER}},
    "1a": {"pool": {"datasetrestrict": STRANGER}, "dataset": True},
    "1b": {"pool": {"requesterrestrict": STRANGER}},
    "60": {"app": {"volume": 0}},
}


@pytest.mark.parametrize(("code", "changes"), MISMATCHES.items(), ids=MISMATCHES)
def test_orders_that_do_not_match(world, code, changes):
    with pytest.raises(TransactionError) as caught:
        world.match(world.orders(**changes))
    assert caught.value.reason == f"iExecV5-matchOrders-0x{code}"
    assert caught.value.message == f"execution reverted: {caught.value.reason}"
    assert caught.value.hint.endswith(".")


def test_an_order_signed_by_somebody_else(world):
    app, dataset, pool, request = world.orders()
    with pytest.raises(TransactionError) as caught:
        world.match((app.sign(world.domain, world.other), dataset, pool, request))
    assert "not signed by the app's present owner" in caught.value.hint


def test_an_app_that_does_not_exist(world):
    with pytest.raises(TransactionError) as caught:
        world.match(world.orders(app={"app": STRANGER}, request={"app": STRANGER}))
    assert caught.value.reason is None
    assert caught.value.hint == f"There is no app at {STRANGER} on this chain."


def test_a_stake_that_is_too_small(world):
    much = 10**18
    with pytest.raises(TransactionError) as caught:
        world.match(world.orders(app={"appprice": much}, request={"appmaxprice": much}))
    assert caught.value.reason == "IexecEscrow: Transfer amount exceeds balance"
    assert "deposit RLC first" in caught.value.hint


def test_tokens_that_are_not_there(world):
    with pytest.raises(TransactionError) as caught:
        world.sender(world.user).send(world.genesis.rlc, RLC.transfer.encode(STRANGER, 10**18))
    assert "1000000000.0 RLC to transfer" in caught.value.hint  # spelled as everywhere
    data = RLC.approveAndCall.encode(world.hub.address, 10**18, b"")
    with pytest.raises(TransactionError, match="reverted") as caught:
        world.sender(world.user).send(world.genesis.rlc, data)
    assert caught.value.hint


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"to": NULL_ADDRESS},
        {"to": NULL_ADDRESS, "data": "0x"},
        {"to": NULL_ADDRESS, "data": "0xzz"},
        {"to": NULL_ADDRESS, "data": "0x" + HUB.claim.selector.hex()},
        {"to": "nobody", "data": "0x" + HUB.claim.encode(bytes(32)).hex()},
        {"to": STRANGER, "data": "0x" + HUB.claim.encode(bytes(32)).hex()},
        {"data": "0x" + HUB.claim.encode(bytes(32)).hex()},
    ],
)
def test_what_nobody_knows_is_not_explained(world, call):
    assert explain(world.rpc, call) is None


def test_task_ids_of_a_deal_are_those_of_the_contract(world):
    deal, _ = world.match(world.orders())
    world.send(world.other, HUB.initialize, word(deal), 0)
    assert world.hub.view_task(task_id(deal, 0)).deal_id == deal


NUMBERS = st.sampled_from([0, 1, 2, 4, 5, 255, 2**64, 2**255, 2**256 - 1])
CALLS = [
    HUB.initialize.encode(word(UNKNOWN), 0),
    HUB.claim.encode(word(UNKNOWN)),
    HUB.contribute.encode(word(UNKNOWN), word(UNKNOWN), word(UNKNOWN), NULL_ADDRESS, b"", b""),
    HUB.contributeAndFinalize.encode(word(UNKNOWN), word(UNKNOWN), b"", b"", NULL_ADDRESS, b"", b""),
    HUB.reveal.encode(word(UNKNOWN), word(UNKNOWN)),
    HUB.finalize.encode(word(UNKNOWN), b"", b""),
    HUB.reopen.encode(word(UNKNOWN)),
    HUB.claimArray.encode([word(UNKNOWN)]),
]


class Liar:
    """A node whose contract answers what the test says: numbers that no contract has, or rubbish."""

    name = "liar"

    def __init__(self, deal, task, contribution):
        self.answers = {
            HUB.viewDeal.selector: deal,
            HUB.viewTask.selector: task,
            HUB.viewContribution.selector: contribution,
        }

    def batch(self, requests):
        return ["0x" + self.answers[bytes.fromhex(fields["data"][2:10])].hex() for _, (fields, _) in requests]

    def request(self, *_):
        return {"number": "0x1", "timestamp": "0x64"}


@given(
    numbers=st.lists(NUMBERS, min_size=20, max_size=20),
    status=st.integers(0, 255),
    call=st.sampled_from(CALLS),
)
def test_a_reason_is_looked_for_and_nothing_else_happens(numbers, status, call):
    who = "0x" + "11" * 20
    part = (who, who, numbers[0])
    deal = (
        part,
        part,
        part,
        numbers[1],
        numbers[2],
        word(UNKNOWN),
        who,
        who,
        NULL_ADDRESS,
        "",
        *numbers[3:8],
        who,
    )
    task = (
        *(status, word(UNKNOWN), *numbers[8:13], word(UNKNOWN), numbers[13], numbers[14], [who]),
        *(word(UNKNOWN), b"", numbers[15], b""),
    )
    contribution = (status, word(UNKNOWN), word(UNKNOWN), who, numbers[16])
    node = Liar(
        abi_encode(split_types(contracts.DEAL), [deal]),
        abi_encode(split_types(contracts.TASK), [task]),
        abi_encode(split_types(contracts.CONTRIBUTION), [contribution]),
    )
    reason = explain(node, {"to": who, "from": who, "data": "0x" + call.hex()})
    assert reason is None or isinstance(reason, str)
