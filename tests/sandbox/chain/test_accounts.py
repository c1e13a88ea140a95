from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.sandbox.chain.accounts import well_known_accounts

ACCOUNTS = well_known_accounts()
EVERYBODY = [ACCOUNTS.deployer, ACCOUNTS.faucet, ACCOUNTS.scheduler, *ACCOUNTS.workers, *ACCOUNTS.users]
amounts = st.integers(0, 2**256 - 1)


@pytest.mark.parametrize("account", EVERYBODY, ids=lambda account: account.address)
def test_addresses_belong_to_the_keys(account):
    assert account.signer.address == account.address


def test_roles_are_different_accounts():
    assert len({account.address for account in EVERYBODY}) == len(EVERYBODY) == 12


def test_keys_are_not_shown():
    assert ACCOUNTS.faucet.key.hex() not in repr(ACCOUNTS)
    assert str(ACCOUNTS.faucet.key) not in repr(ACCOUNTS)


@settings(max_examples=60)
@given(
    nonce=st.integers(0, 2**64 - 2),
    gas_price=st.integers(0, 2**128),
    gas=st.integers(0, 2**63),
    value=amounts,
    data=st.binary(max_size=300),
    chain_id=st.sampled_from([1, 134, 42161, 65535]),
    creates=st.booleans(),
)
def test_transactions_are_those_of_eth_account(nonce, gas_price, gas, value, data, chain_id, creates):
    to = None if creates else ACCOUNTS.faucet.address
    ours = ACCOUNTS.users[0].sign_transaction(
        nonce=nonce, gas_price=gas_price, gas=gas, to=to, value=value, data=data, chain_id=chain_id
    )
    fields = {"nonce": nonce, "gasPrice": gas_price, "gas": gas, "value": value, "data": "0x" + data.hex()}
    theirs = ACCOUNTS.users[0].signer.sign_transaction(
        {**fields, "chainId": chain_id, **({} if to is None else {"to": to})}
    )
    assert ours == theirs
