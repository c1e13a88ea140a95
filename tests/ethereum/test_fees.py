from __future__ import annotations

import pytest

from iexec_lab.errors import CallError
from iexec_lab.ethereum.fees import DEFAULT_TIP, fee_fields, gas_price_of
from iexec_lab.ethereum.rpc import Rpc, to_int
from iexec_lab.ethereum.transactions import Sender
from iexec_lab.ethereum.transport import RpcFault
from iexec_lab.wallet.signer import LocalSigner

GWEI = 10**9
LONDON = [{"baseFeePerGas": hex(10 * GWEI)}, hex(12 * GWEI), hex(2 * GWEI)]
LEGACY = [{"number": "0x1"}, hex(12 * GWEI), RpcFault(-32601, "method not found")]


def test_a_chain_with_a_base_fee_is_paid_twice_that_and_the_tip():
    assert fee_fields(LONDON) == {"maxFeePerGas": 22 * GWEI, "maxPriorityFeePerGas": 2 * GWEI}


def test_a_node_that_knows_no_usual_tip():
    fees = fee_fields([*LONDON[:2], RpcFault(-32601, "method not found")])
    assert fees == {"maxFeePerGas": 20 * GWEI + DEFAULT_TIP, "maxPriorityFeePerGas": DEFAULT_TIP}


def test_a_legacy_chain_is_paid_its_price():
    assert fee_fields(LEGACY) == {"gasPrice": 12 * GWEI}


def test_the_users_price_is_legacy_or_both_fields():
    assert fee_fields(LONDON, gas_price=5) == {"maxFeePerGas": 5, "maxPriorityFeePerGas": 5}
    assert fee_fields(LEGACY, gas_price=5) == {"gasPrice": 5}
    assert fee_fields(LEGACY, gas_price=0) == {"gasPrice": 0}


def test_a_gas_free_chain_is_paid_nothing_whatever_the_user_says():
    assert fee_fields([], free_gas=True, gas_price=5) == {"gasPrice": 0}


def test_what_the_gas_can_cost_at_most():
    assert gas_price_of(fee_fields(LONDON)) == 22 * GWEI
    assert gas_price_of(fee_fields(LEGACY)) == 12 * GWEI


def test_a_node_that_names_no_price():
    with pytest.raises(CallError):
        fee_fields([{}, RpcFault(-32601, "no"), None])
    with pytest.raises(CallError):
        fee_fields([RpcFault(0, "down", lost=True), "0x1", "0x1"])


@pytest.mark.parametrize(
    "options",
    [
        ("--hardfork", "berlin", "--gas-price", "0"),
        ("--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee"),
    ],
    ids=["berlin", "base fee 0"],
)
def test_a_wallet_without_coins_can_use_a_gas_free_chain(start_anvil, options):
    rpc = Rpc(start_anvil(*options))
    sender = Sender(rpc, LocalSigner.generate(), free_gas=True, gas_price=9)
    receipt = sender.send("0x" + "11" * 20, b"\x01")
    transaction = rpc.request("eth_getTransactionByHash", receipt.tx_hash)
    assert to_int(transaction["type"]) == 0
    assert to_int(transaction["gasPrice"]) == 0


def test_a_legacy_chain_is_sent_legacy_transactions(start_anvil, signers):
    rpc = Rpc(start_anvil("--hardfork", "berlin"))
    receipt = Sender(rpc, signers[0], gas_price=3 * GWEI).send("0x" + "11" * 20)
    transaction = rpc.request("eth_getTransactionByHash", receipt.tx_hash)
    assert to_int(transaction["type"]) == 0
    assert to_int(transaction["gasPrice"]) == 3 * GWEI
