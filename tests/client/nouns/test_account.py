from __future__ import annotations

import pytest
from helpers.answers import facts, official

from iexec_lab.commands.official_json import fetch
from iexec_lab.errors import BalanceError, ConfigurationError, IexecError, ValidationError
from iexec_lab.wallet.signer import LocalSigner

STRANGER = LocalSigner("0x" + "77" * 32).address


def test_show_is_one_upright_row_of_exact_amounts(lab):
    frame = lab.account.show()
    assert frame.attrs["single"]
    assert frame.attrs["contract"] == lab.session.network.hub
    assert frame.loc[0, "address"] == lab.session.address
    assert type(frame.loc[0, "stake_nrlc"]) is int


def test_show_of_another_address(lab):
    answer = fetch(lab, "account.show", STRANGER.lower())
    assert answer.facts == {"address": STRANGER, "balance": {"stake": "0", "locked": "0"}}
    assert answer.to_official_json() == {"balance": {"stake": "0", "locked": "0"}}


def test_deposit_and_withdraw_move_rlc_between_wallet_and_account(newcomer):
    lab = newcomer(nrlc=10**9)
    deposited = official(lab, "account.deposit", "0.5 RLC")
    assert deposited["amount"] == "500000000"
    assert lab.account.show().loc[0, "stake_nrlc"] == 5 * 10**8
    receipt = lab.account.withdraw(200)
    assert receipt.loc[0, "amount_nrlc"] == 200
    assert lab.account.show().loc[0, "stake_nrlc"] == 5 * 10**8 - 200
    assert lab.wallet.show().loc[0, "rlc_nrlc"] == 5 * 10**8 + 200


def test_more_than_there_is_is_refused_before_anything_is_sent(newcomer):
    lab = newcomer(nrlc=5)
    with pytest.raises(BalanceError, match="Deposit amount exceed wallet balance") as caught:
        lab.account.deposit(6)
    assert caught.value.details == {"amount": "0.000000006 RLC", "wallet": "0.000000005 RLC"}
    with pytest.raises(BalanceError, match=r"(?s)Withdraw amount exceed account balance.* → "):
        lab.account.withdraw(1)


@pytest.mark.parametrize("amount", [0, "0"])
def test_nothing_is_no_amount(lab, amount):
    with pytest.raises(IexecError, match="Deposit amount must be greater than 0"):
        lab.account.deposit(amount)


@pytest.mark.parametrize("amount", ["1.5", "-1"])
def test_amounts_that_make_no_sense(lab, amount):
    with pytest.raises(ValidationError):
        lab.account.deposit(amount)


def test_approve_allowance_revoke(newcomer):
    lab = newcomer()
    lab.account.approve(42, STRANGER)
    assert lab.account.allowance(STRANGER) == 42
    assert official(lab, "account.allowance", STRANGER) == {"amount": "42"}
    lab.account.revoke(STRANGER)
    assert lab.account.allowance(STRANGER) == 0


def test_a_native_chain_deposits_coins(native_lab):
    before = facts(native_lab, "account.show")["balance"]["stake"]
    native_lab.account.deposit("1 RLC")
    after = facts(native_lab, "account.show")["balance"]["stake"]
    assert int(after) - int(before) == 10**9
    native_lab.account.withdraw(10**9)


def test_the_bridged_account_needs_a_bridge(lab):
    with pytest.raises(ConfigurationError, match="iExec xRLC Bridge is not available on network sandbox"):
        lab.account.show_bridged()
