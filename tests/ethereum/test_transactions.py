from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from types import SimpleNamespace

import pytest
from helpers.faulty_server import FaultyServer, drop, garbage, healthy, json_reply, lose_answer, status
from helpers.waiting import until

from iexec_lab.errors import CallError, TransactionError, ValidationError
from iexec_lab.ethereum import receipts, transactions
from iexec_lab.ethereum.abi import Event
from iexec_lab.ethereum.reverts import ERROR
from iexec_lab.ethereum.rpc import Rpc, to_int
from iexec_lab.ethereum.transactions import Sender
from iexec_lab.wallet.signer import LocalSigner

TO = "0x" + "12" * 20
COPY_AND_REVERT = "60{size:02x}60{start:02x}600039" + "60{size:02x}6000fd"


def reverting(reason="no way"):
    """Code of a contract that always reverts with a reason."""
    data = ERROR.encode(reason)
    return "0x" + COPY_AND_REVERT.format(size=len(data), start=12) + data.hex()


def once_only(reason="once only"):
    """Code of a contract that takes one call and reverts on all others."""
    data = ERROR.encode(reason)
    start = "600054600c57" + "600160005500" + "5b"
    return "0x" + start + COPY_AND_REVERT.format(size=len(data), start=25) + data.hex()


@pytest.fixture
def signer(rpc):
    """A key of the test's own, with 10 coins."""
    fresh = LocalSigner.generate()
    rpc.request("anvil_setBalance", fresh.address, hex(10**19))
    return fresh


@pytest.fixture
def sender(rpc, signer):
    return Sender(rpc, signer, timeout=120)


def place(rpc, code):
    """A contract at an address of its own."""
    address = LocalSigner.generate().address
    rpc.request("anvil_setCode", address, code)
    return address


def balance(rpc, address):
    return to_int(rpc.request("eth_getBalance", address, "latest"))


def sent(rpc, address):
    return to_int(rpc.request("eth_getTransactionCount", address, "latest"))


def on(method, *faults):
    """A fault that strikes the first requests of one method and lets all others pass."""
    waiting = list(faults)

    def fault(exchange):
        asked = exchange.request.json()
        methods = {each["method"] for each in (asked if isinstance(asked, list) else [asked])}
        (waiting.pop(0) if method in methods and waiting else healthy)(exchange)

    return fault


def of(server, method):
    """Parameters of the requests of one method that the server saw."""
    everything = []
    for request in server.requests:
        asked = request.json()
        everything += asked if isinstance(asked, list) else [asked]
    return [each["params"] for each in everything if each["method"] == method]


def instead(change):
    """The server's own answer with its result changed."""

    def fault(exchange):
        reply = json.loads(exchange.forward().body)
        for each in reply if isinstance(reply, list) else [reply]:
            each["result"] = change(each["result"])
        exchange.send(json_reply(reply))

    return fault


@pytest.fixture
def proxied(anvil, signer, monkeypatch):
    """A server before the node, and a sender that goes through it and does not wait long."""
    monkeypatch.setattr(receipts, "DELIVERY_PAUSES", (0.01, 0.01, 0.01))
    with FaultyServer(upstream=anvil) as server:
        yield server, Sender(Rpc(server.url, pause=0.01), signer, timeout=120)


def test_coins_arrive(rpc, sender):
    before = balance(rpc, TO)
    receipt = sender.send(TO, value=5)
    assert balance(rpc, TO) == before + 5
    assert receipt.status
    assert receipt.gas_used == 21000
    assert receipt.block_number <= to_int(rpc.request("eth_blockNumber"))
    assert rpc.request("eth_getTransactionByHash", receipt.tx_hash)["from"] == sender.address.lower()


def test_a_transaction_costs_few_round_trips(proxied):
    server, sender = proxied
    sender.send(TO)
    server.requests.clear()
    sender.send(TO)
    asked = len(server.requests) - len(of(server, "eth_getTransactionReceipt"))
    assert asked <= 3  # estimate and fees, number, the transaction; the receipt as often as the node is slow


def test_chain_and_user_set_the_fees(rpc, signer):
    chain = rpc.request("eth_getTransactionByHash", Sender(rpc, signer).send(TO).tx_hash)
    assert chain["type"] == "0x2"
    assert to_int(chain["maxFeePerGas"]) > to_int(chain["maxPriorityFeePerGas"])
    price = 7 * 10**9
    user = rpc.request("eth_getTransactionByHash", Sender(rpc, signer, gas_price=price).send(TO).tx_hash)
    assert user["type"] == "0x2"
    assert to_int(user["maxFeePerGas"]) == to_int(user["maxPriorityFeePerGas"]) == price


def test_a_price_below_what_the_chain_asks(rpc, signer):
    with pytest.raises(TransactionError, match="base fee") as caught:
        Sender(rpc, signer, gas_price=1).send(TO)
    assert "higher gas price" in caught.value.hint
    assert sent(rpc, signer.address) == 0


def test_an_account_without_coins(rpc):
    poor = LocalSigner.generate()
    with pytest.raises(TransactionError, match=r"(?i)insufficient funds") as caught:
        Sender(rpc, poor).send(TO, value=0)
    assert "gas" in caught.value.hint
    assert caught.value.tx_hash is None
    with pytest.raises(TransactionError) as caught:
        Sender(rpc, poor, no_funds="Ask the faucet.").send(TO, value=0)
    assert caught.value.hint == "Ask the faucet."


@pytest.mark.parametrize("priced", [True, False])
def test_advice_on_the_price_of_gas_is_for_those_who_gave_one(priced):
    fields = {"value": 0, "gas": 10, "gasPrice": 10}
    with pytest.raises(TransactionError, match="far more than was shown") as caught:
        transactions._check_cost(fields, 1, priced=priced)
    assert ("offer less with --gas-price" in caught.value.hint) is priced
    assert ("set a price: --gas-price" in caught.value.hint) is not priced


def test_gas_and_fees_can_be_fixed_to_spend_everything(rpc, signer):
    sender = Sender(rpc, signer)
    fees = {"gasPrice": 3 * 10**9}
    sender.send(TO, value=balance(rpc, signer.address) - 21000 * 3 * 10**9, gas=21000, fees=fees)
    assert balance(rpc, signer.address) == 0


def test_a_revert_is_told_before_anything_is_sent(rpc, proxied):
    server, sender = proxied
    contract = place(rpc, reverting())
    with pytest.raises(TransactionError) as caught:
        sender.send(contract, b"\x01")
    assert caught.value.message == "execution reverted: no way"
    assert caught.value.reason == "no way"
    assert caught.value.details["contract"] == contract
    assert of(server, "eth_sendRawTransaction") == []


def test_nothing_is_sent_when_one_of_many_would_revert(rpc, proxied):
    server, sender = proxied
    with pytest.raises(TransactionError, match="no way"):
        sender.send_many([(TO, b"", 1), (place(rpc, reverting()), b"", 0)])
    assert of(server, "eth_sendRawTransaction") == []


def test_many_are_sent_together(rpc, sender):
    assert sender.send_many([]) == []
    found = sender.send_many([(TO, b"", number) for number in range(20)])
    assert len({receipt.tx_hash for receipt in found}) == 20
    assert sent(rpc, sender.address) == 20
    values = [to_int(rpc.request("eth_getTransactionByHash", each.tx_hash)["value"]) for each in found]
    assert values == list(range(20))


def mining(rpc, monkeypatch):
    """Every pause of a waiting sender becomes a block; the pauses asked for are returned."""
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        rpc.request("evm_mine")

    monkeypatch.setattr(receipts, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: sum(pauses)))
    return pauses


def test_a_revert_that_only_shows_in_the_block_is_explained(slow_anvil, signers, monkeypatch):
    rpc = Rpc(slow_anvil)
    contract = place(rpc, once_only())
    sender = Sender(rpc, signers[0])
    mining(rpc, monkeypatch)
    with pytest.raises(TransactionError) as caught:
        sender.send_many([(contract,), (contract,)])
    assert caught.value.reason == "once only"
    assert rpc.request("eth_getTransactionReceipt", caught.value.tx_hash)["status"] == "0x0"
    assert caught.value.details["transaction"] == caught.value.tx_hash


def test_running_out_of_gas_is_explained(rpc, sender):
    contract = place(rpc, "0x5b600056")  # jumps in a circle
    with pytest.raises(TransactionError) as caught:
        sender.wait([sender._submit({"from": sender.address, "to": contract, "gas": 30000}, sender.fees())])
    assert "out of gas" in f"{caught.value.message} {caught.value.hint}".lower()


def test_running_out_of_gas_is_told_where_the_call_passes_when_repeated(rpc, proxied):
    server, sender = proxied
    contract = place(rpc, "0x5b600056")
    server.always = by_method(eth_call=garbage('{"jsonrpc": "2.0", "id": 1, "result": "0x"}'))
    with pytest.raises(TransactionError, match="transaction execution reverted") as caught:
        sender.wait([sender._submit({"from": sender.address, "to": contract, "gas": 30000}, sender.fees())])
    assert caught.value.hint == "It ran out of gas."
    assert caught.value.details["gas used"] == 30000
    contract = place(rpc, reverting())
    with pytest.raises(TransactionError, match="transaction execution reverted") as caught:
        sender.wait([sender._submit({"from": sender.address, "to": contract, "gas": 30000}, sender.fees())])
    assert caught.value.hint == "The state had changed when it was mined; try again."


@pytest.mark.parametrize("confirms", [1, 3])
def test_confirmations_are_waited_for(slow_anvil, signers, monkeypatch, confirms):
    rpc = Rpc(slow_anvil)
    mining(rpc, monkeypatch)
    receipt = Sender(rpc, signers[0], confirms=confirms).send(TO)
    assert to_int(rpc.request("eth_blockNumber")) - receipt.block_number + 1 == confirms


def test_the_receipt_is_asked_for_less_and_less_often(slow_anvil, signers, monkeypatch):
    rpc = Rpc(slow_anvil)
    pauses = []
    monkeypatch.setattr(receipts, "time", SimpleNamespace(sleep=pauses.append, monotonic=lambda: sum(pauses)))
    sender = Sender(rpc, signers[0], timeout=4)
    with pytest.raises(TransactionError, match="not mined after 4 s") as caught:
        sender.send(TO)
    assert pauses == pytest.approx([0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0, 1.0])
    assert caught.value.tx_hash in caught.value.message
    assert "look the hash up" in caught.value.hint
    assert rpc.request("eth_getTransactionByHash", caught.value.tx_hash) is not None


def test_confirmations_that_do_not_come(slow_anvil, signers, monkeypatch):
    rpc = Rpc(slow_anvil)
    mining(rpc, monkeypatch)
    with pytest.raises(TransactionError, match=r"mined in block .* not 50 blocks deep after 1 s") as caught:
        Sender(rpc, signers[0], confirms=50, timeout=1).send(TO)
    assert caught.value.tx_hash


@pytest.mark.parametrize("confirms", [0, -1])
def test_at_least_one_block_is_waited_for(rpc, signer, confirms):
    with pytest.raises(ValidationError, match="confirms must be greater than or equal to 1"):
        Sender(rpc, signer, confirms=confirms)


def test_threads_of_one_wallet_do_not_collide(rpc, anvil, signer):
    found, errors = [], []

    def work():
        try:
            own = Sender(Rpc(anvil), signer, timeout=120)
            found.extend(own.send(TO, value=3).tx_hash for _ in range(4))
        except Exception as error:  # noqa: BLE001 -- shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(found)) == 32
    assert sent(rpc, signer.address) == 32


def test_processes_of_one_wallet_do_not_collide(rpc, anvil, signer):
    code = f"""
import sys
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.ethereum.transactions import Sender
from iexec_lab.wallet.signer import LocalSigner
sender = Sender(Rpc({anvil!r}), LocalSigner({signer.export_key()!r}), timeout=120)
sys.stdin.read(1)
for _ in range(8):
    print(sender.send({TO!r}, value=3).tx_hash)
"""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [process.communicate("g")[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert len({tx_hash for output in outputs for tx_hash in output}) == 16
    assert sent(rpc, signer.address) == 16


@pytest.mark.parametrize("fault", [lose_answer, lambda exchange: (exchange.forward(), status(502)(exchange))])
def test_after_a_lost_answer_the_hash_is_looked_up(rpc, proxied, fault):
    server, sender = proxied
    server.always = on("eth_sendRawTransaction", fault)
    receipt = sender.send(TO, value=1)
    assert len(of(server, "eth_sendRawTransaction")) == 1
    assert [receipt.tx_hash] in of(server, "eth_getTransactionByHash")
    assert sent(rpc, sender.address) == 1


@pytest.mark.parametrize("fault", [drop, status(502), status(429), garbage("<html>")])
def test_a_transaction_that_never_arrived_is_sent_again_unchanged(rpc, proxied, fault):
    server, sender = proxied
    server.always = on("eth_sendRawTransaction", fault, fault)
    sender.send(TO, value=1)
    raws = of(server, "eth_sendRawTransaction")
    assert len(raws) == 3
    assert raws[0] == raws[1] == raws[2]
    assert sent(rpc, sender.address) == 1


def test_a_node_that_does_not_find_what_it_has_gets_the_same_again(rpc, proxied):
    server, sender = proxied
    lost = on("eth_sendRawTransaction", lose_answer)
    blind = on("eth_getTransactionByHash", instead(lambda _: None))

    def both(exchange):
        (blind if exchange.request.json()["method"] == "eth_getTransactionByHash" else lost)(exchange)

    server.always = lambda exchange: (
        healthy(exchange) if exchange.request.body[:1] == b"[" else both(exchange)
    )
    sender.send(TO, value=1)
    raws = of(server, "eth_sendRawTransaction")
    assert len(raws) == 2
    assert raws[0] == raws[1]
    assert sent(rpc, sender.address) == 1


def test_a_transaction_of_which_nothing_is_known_is_told_with_its_hash(rpc, proxied):
    server, sender = proxied
    server.always = on("eth_sendRawTransaction", *[drop] * 50)
    with pytest.raises(TransactionError) as caught:
        sender.send(TO, value=1)
    assert caught.value.tx_hash.startswith("0x")
    assert caught.value.details["transaction"] == caught.value.tx_hash
    assert caught.value.tx_hash in caught.value.message  # who only shows the message, tells it too
    assert "look the hash up" in caught.value.hint
    assert len({raw for [raw] in of(server, "eth_sendRawTransaction")}) == 1
    assert sent(rpc, sender.address) == 0
    server.always = healthy
    assert sender.send(TO, value=1).status


def test_a_number_that_was_used_is_replaced(rpc, proxied):
    server, sender = proxied
    sender.send(TO)
    server.always = on("eth_getTransactionCount", instead(lambda number: hex(to_int(number) - 1)))
    assert sender.send(TO, value=1).status
    assert len(of(server, "eth_sendRawTransaction")) == 3
    assert sent(rpc, sender.address) == 2


def test_a_number_that_another_process_holds_is_left_to_it(slow_anvil, signers, monkeypatch):
    rpc = Rpc(slow_anvil)
    theirs = Sender(rpc, signers[0], gas_price=10**10).submit(TO, value=1)
    receipts_of_ours = []
    with FaultyServer(upstream=slow_anvil) as server:
        server.always = on("eth_getTransactionCount", instead(lambda _: "0x0"))
        sender = Sender(Rpc(server.url), signers[0], gas_price=10**10)
        ours = sender.submit(TO, value=2)
        mining(rpc, monkeypatch)
        receipts_of_ours = sender.wait([ours])
    assert ours.nonce == theirs.nonce + 1
    assert receipts_of_ours[0].status
    assert rpc.request("eth_getTransactionReceipt", theirs.tx_hash)["status"] == "0x1"


def said(message, code=-32000):
    """The request arrives and has its effect, and the node says no."""

    def fault(exchange):
        exchange.forward()
        exchange.send(json_reply({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}))

    return fault


def by_method(**faults):
    """Faults for the next requests of each method; a list is used up, one fault stands for ever."""
    waiting = {name: list(each) if isinstance(each, tuple) else each for name, each in faults.items()}

    def fault(exchange):
        asked = exchange.request.json()
        each = None if isinstance(asked, list) else waiting.get(asked["method"])
        chosen = (each.pop(0) if each else None) if isinstance(each, list) else each
        (chosen or healthy)(exchange)

    return fault


nothing = instead(lambda _: None)


@pytest.mark.parametrize("second", [nothing, status(503), status(429), drop])
def test_a_lost_answer_and_a_number_too_low_are_no_reason_to_pay_again(rpc, proxied, second):
    server, sender = proxied
    server.always = by_method(
        eth_sendRawTransaction=(lose_answer,), eth_getTransactionByHash=(nothing, *[second] * 9)
    )
    receipt = sender.send(TO, value=1)
    assert len({raw for [raw] in of(server, "eth_sendRawTransaction")}) == 1
    assert sent(rpc, sender.address) == 1
    assert rpc.request("eth_getTransactionByHash", receipt.tx_hash)["value"] == "0x1"


@pytest.mark.parametrize(
    "words",
    [
        "nonce too low",
        "replacement transaction underpriced",
        "max fee per gas less than block base fee",
        "already known",
        "Internal error",
        "rate limit exceeded",
    ],
)
def test_a_no_that_is_not_true_is_no_reason_to_pay_again(rpc, proxied, words):
    server, sender = proxied
    before = balance(rpc, TO)
    server.always = by_method(eth_sendRawTransaction=(said(words),), eth_getTransactionByHash=nothing)
    try:
        tx_hash = sender.send(TO, value=1).tx_hash
    except TransactionError as error:  # told, if it is no success
        tx_hash = error.tx_hash
    assert until(lambda: balance(rpc, TO) == before + 1)  # a busy node mines it later
    assert rpc.request("eth_getTransactionReceipt", tx_hash)["status"] == "0x1"


def test_a_liar_without_proof_gets_no_second_transaction(proxied, monkeypatch):
    monkeypatch.setattr(receipts, "DOUBTED_FOR", 0.05)
    server, sender = proxied
    lie = garbage('{"id": 1, "error": {"code": -32000, "message": "nonce too low"}}')
    server.always = by_method(
        eth_sendRawTransaction=lie,
        eth_getTransactionCount=instead(lambda _: "0x0"),
        eth_getBlockByNumber=nothing,
    )
    with pytest.raises(TransactionError, match="sent, fate unknown") as caught:
        sender.send(TO, value=1)
    assert caught.value.tx_hash in caught.value.message
    assert len({raw for [raw] in of(server, "eth_sendRawTransaction")}) == 1


@pytest.mark.parametrize("answer", ["0x" + "00" * 32, None, 7, {}, "yes"])
def test_a_hash_that_is_not_ours_is_not_believed(rpc, proxied, answer):
    server, sender = proxied
    reply = garbage(json.dumps({"jsonrpc": "2.0", "id": 1, "result": answer}))
    server.always = by_method(eth_sendRawTransaction=(reply,))
    pending = sender.submit(TO, value=1)
    assert rpc.request("eth_getTransactionByHash", pending.tx_hash)["value"] == "0x1"
    assert len({raw for [raw] in of(server, "eth_sendRawTransaction")}) == 1


def test_what_was_sent_before_an_error_is_told(rpc, proxied):
    server, sender = proxied
    server.always = by_method(eth_sendRawTransaction=(healthy, healthy, *[drop] * 9))
    with pytest.raises(TransactionError, match="sent, fate unknown") as caught:
        sender.send_many([(TO, b"", number) for number in range(4)])
    before = caught.value.details["sent before"].split(", ")
    values = [to_int(rpc.request("eth_getTransactionByHash", each)["value"]) for each in before]
    assert values == [0, 1]
    assert caught.value.tx_hash not in before


def test_after_an_unknown_fate_the_same_number_is_used_again(rpc, proxied):
    """At most one of two transactions with one number is mined: who tries again cannot pay twice."""
    server, sender = proxied
    server.always = by_method(eth_sendRawTransaction=drop)
    with pytest.raises(TransactionError, match="sent, fate unknown"):
        sender.send(TO, value=1)
    [[lost], *_] = of(server, "eth_sendRawTransaction")
    server.always = healthy
    sender.send(TO, value=2)
    assert rpc.attempt("eth_sendRawTransaction", lost).message == "nonce too low"
    assert sent(rpc, sender.address) == 1


def test_numbers_in_flight_are_remembered_when_the_node_does_not_count_them(slow_anvil, signers):
    with FaultyServer(upstream=slow_anvil) as server:
        server.always = by_method(eth_getTransactionCount=instead(lambda _: "0x0"))
        sender = Sender(Rpc(server.url), signers[0])
        assert [sender.submit(TO, value=number).nonce for number in range(5)] == [0, 1, 2, 3, 4]
        assert len(of(server, "eth_sendRawTransaction")) == 5


def test_a_number_stays_in_flight_when_its_transaction_is_no_longer_waited_for(slow_anvil, signers):
    with FaultyServer(upstream=slow_anvil) as server:
        server.always = by_method(eth_getTransactionCount=instead(lambda _: "0x0"))
        sender = Sender(Rpc(server.url), signers[0], timeout=0)
        with pytest.raises(TransactionError, match="not mined after 0 s"):
            sender.send(TO, value=1)
        assert sender.submit(TO, value=2).nonce == 1
        assert len(of(server, "eth_sendRawTransaction")) == 2


def test_a_price_that_rose_meanwhile_is_offered(rpc, proxied):
    server, sender = proxied

    def cheap(result):
        return {**result, "baseFeePerGas": "0x1"} if isinstance(result, dict) else "0x0"

    def underestimate(exchange):
        reply = json.loads(exchange.forward().body)
        for each in reply[1:]:
            each["result"] = cheap(each["result"])
        exchange.send(json_reply(reply))

    server.always = on("eth_getBlockByNumber", underestimate)
    assert sender.send(TO, value=1).status
    assert len(of(server, "eth_sendRawTransaction")) == 2
    assert sent(rpc, sender.address) == 1


def test_a_node_away_while_a_transaction_is_waited_for(proxied):
    server, sender = proxied
    server.always = on("eth_getTransactionReceipt", *[status(502)] * 9)
    assert sender.send(TO, value=1).status


def test_a_node_that_stays_away_while_a_transaction_is_waited_for(proxied, monkeypatch):
    monkeypatch.setattr(receipts, "NODE_MAY_BE_AWAY", 0.05)
    server, sender = proxied
    server.always = on("eth_getTransactionReceipt", *[status(502)] * 1000)
    with pytest.raises(TransactionError) as caught:
        sender.send(TO, value=1)
    assert caught.value.tx_hash


def test_a_transaction_that_the_node_forgot_is_given_to_it_again(slow_anvil, signers, monkeypatch):
    monkeypatch.setattr(receipts, "REVIEW_EVERY", 0)
    rpc = Rpc(slow_anvil)
    sender = Sender(rpc, signers[0])
    pending = sender.submit(TO, value=1)
    assert rpc.request("anvil_dropTransaction", pending.tx_hash) == pending.tx_hash
    mining(rpc, monkeypatch)
    assert sender.wait([pending])[0].tx_hash == pending.tx_hash


class Played:
    """Each pause of a waiting sender is the next scene of a play; after the last one, a block each."""

    def __init__(self, rpc, monkeypatch, *scenes):
        self.rpc, self.scenes, self.waited = rpc, list(scenes), 0
        monkeypatch.setattr(
            receipts, "time", SimpleNamespace(sleep=self.sleep, monotonic=lambda: self.waited)
        )

    def sleep(self, seconds):
        self.waited += seconds
        (self.scenes.pop(0) if self.scenes else self.mine)()

    def mine(self):
        self.rpc.request("evm_mine")


def test_a_block_that_is_dropped_takes_no_transaction_with_it(slow_anvil, signers, monkeypatch):
    rpc = Rpc(slow_anvil)
    rpc.request("anvil_mine", "0x5")
    sender = Sender(rpc, signers[0], confirms=3)

    def drop_blocks():
        rpc.request("evm_revert", before)
        rpc.request("anvil_mine", "0x2")  # the other branch is as long

    before = rpc.request("evm_snapshot")
    pending = sender.submit(TO, value=1)
    scenes = Played(rpc, monkeypatch)
    scenes.scenes = [scenes.mine, scenes.mine, drop_blocks]
    [receipt] = sender.wait([pending])
    assert receipt.tx_hash == pending.tx_hash
    assert to_int(rpc.request("eth_blockNumber")) - receipt.block_number + 1 == 3
    assert rpc.request("eth_getBlockByNumber", hex(receipt.block_number), False)["hash"] == receipt.block_hash
    assert sent(rpc, sender.address) == 1


def test_another_block_is_confirmed_anew(slow_anvil, signers, monkeypatch):
    rpc = Rpc(slow_anvil)
    rpc.request("anvil_mine", "0x5")
    sender = Sender(rpc, signers[0], confirms=4)
    before = rpc.request("evm_snapshot")
    pending = sender.submit(TO, value=1)

    def move():
        rpc.request("evm_revert", before)
        rpc.request("evm_mine")
        rpc.attempt("eth_sendRawTransaction", pending.raw)
        rpc.request("evm_mine")

    scenes = Played(rpc, monkeypatch)
    scenes.scenes = [scenes.mine, scenes.mine, scenes.mine, move]
    [receipt] = sender.wait([pending])
    assert receipt.block_number == 7
    assert to_int(rpc.request("eth_blockNumber")) == 10


@pytest.mark.parametrize(
    "answer", ["0x", [], 7, {"blockNumber": "0x1"}, {"blockNumber": []}, {"blockNumber": "0x1", "logs": 5}]
)
def test_a_receipt_that_is_none_is_waited_over(rpc, proxied, answer):
    server, sender = proxied
    server.always = by_method(eth_getTransactionReceipt=(instead(lambda _: answer),))
    receipt = sender.send(TO, value=1)
    assert rpc.request("eth_getTransactionReceipt", receipt.tx_hash)["status"] == "0x1"


def test_receipts_that_stay_none_are_an_error_with_the_hash(proxied, monkeypatch):
    monkeypatch.setattr(receipts, "NODE_MAY_BE_AWAY", 0.05)
    server, sender = proxied
    server.always = by_method(eth_getTransactionReceipt=instead(lambda _: {"blockNumber": "0x1"}))
    with pytest.raises(TransactionError, match="The node answered") as caught:
        sender.send(TO, value=1)
    assert caught.value.tx_hash in caught.value.message


def test_the_receipt_of_another_transaction_is_not_ours(rpc, proxied):
    server, sender = proxied
    other = rpc.request("eth_getTransactionReceipt", sender.send(TO, value=1).tx_hash)
    server.always = by_method(eth_getTransactionReceipt=(instead(lambda _: other),))
    receipt = sender.send(TO, value=2)
    assert receipt.tx_hash != other["transactionHash"]
    assert receipt.block_number > to_int(other["blockNumber"])


def test_a_transaction_that_was_replaced_is_not_sent_again(slow_anvil, signers, monkeypatch):
    monkeypatch.setattr(receipts, "REVIEW_EVERY", 0)
    rpc = Rpc(slow_anvil)
    sender = Sender(rpc, signers[0], gas_price=10**10)
    pending = sender.submit(TO, value=1)
    faster = {
        "chainId": 31337,
        "nonce": pending.nonce,
        "gas": 21000,
        "to": TO,
        "value": 9,
        "gasPrice": 10**11,
    }
    rpc.request("eth_sendRawTransaction", signers[0].sign_transaction({**faster, "data": "0x"}))
    mining(rpc, monkeypatch)
    with pytest.raises(TransactionError, match="was replaced") as caught:
        sender.wait([pending])
    assert caught.value.tx_hash == pending.tx_hash
    assert sent(rpc, signers[0].address) == 1


class Browser:
    """A wallet that sends by itself, as EIP-1193 wallets do: the node's own unlocked account."""

    def __init__(self, rpc, address):
        self.rpc, self.address, self.asked = rpc, address, []

    def sign_typed_data(self, domain, types, message):
        raise NotImplementedError

    def sign_message(self, data):
        raise NotImplementedError

    def send_transaction(self, transaction):
        self.asked.append(transaction)
        return self.rpc.request("eth_sendTransaction", {"maxFeePerGas": hex(10**10), **transaction})


def test_a_wallet_that_sends_by_itself_is_asked_to(rpc, signers):
    browser = Browser(rpc, signers[1].address)
    receipt = Sender(rpc, browser).send(TO, value=4)
    assert receipt.status
    [asked] = browser.asked
    assert asked["value"] == "0x4"
    assert asked["chainId"] == hex(31337)
    assert not {"nonce", "gasPrice", "maxFeePerGas"} & asked.keys()


def test_a_wallet_that_can_only_sign(rpc, signers):
    class Signing:
        address = signers[0].address

        def sign_typed_data(self, domain, types, message):
            raise NotImplementedError

        def sign_message(self, data):
            raise NotImplementedError

    with pytest.raises(TransactionError, match="can sign, but cannot send"):
        Sender(rpc, Signing()).send(TO)


def test_a_receipt_gives_its_events():
    event = Event("Transfer(address indexed from, address indexed to, uint256 value)")
    topic = "0x" + "00" * 12 + "22" * 20
    log = {"address": TO, "topics": [event.topic, topic, topic], "data": "0x" + (5).to_bytes(32, "big").hex()}
    answer = {
        "transactionHash": "0x" + "01" * 32,
        "blockNumber": "0x2",
        "status": "0x1",
        "gasUsed": "0x3",
        "logs": [log],
    }
    receipt = receipts.Receipt.from_json(answer)
    assert receipt.events(event) == [{"from": "0x" + "22" * 20, "to": "0x" + "22" * 20, "value": 5}]
    assert receipt.events(event, TO.upper().replace("0X", "0x")) == receipt.events(event)
    assert receipt.events(event, "0x" + "33" * 20) == []
    with pytest.raises(CallError, match="in place of a number"):
        receipts.Receipt.from_json({"transactionHash": "0x" + "01" * 32, "blockNumber": "0x2"})


def test_two_meant_transactions_of_equal_content_are_two(rpc, anvil, signer):
    pendings = [
        Sender(Rpc(anvil), signer)._prepare([{"from": signer.address, "to": TO}])[0]["gas"] for _ in range(20)
    ]
    assert max(Counter(pendings).values()) < 20
