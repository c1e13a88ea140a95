# ruff: noqa: N802 -- a wallet's methods have the names of its requests
from __future__ import annotations

import json

import pytest

from iexec_lab.errors import SignatureError, TransactionError, WalletError
from iexec_lab.protocol import NULL_ADDRESS, AppOrder, Domain, hash_typed_data, recover_address
from iexec_lab.wallet.browser import BrowserSigner, LeftInWallet, WalletRefusal
from iexec_lab.wallet.signer import KeySigner, LocalSigner, SendingSigner

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
OTHER = LocalSigner("0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
HASH = "0x" + "ab" * 32


class FakeWallet:
    """An EIP-1193 provider: a key, a chain it is on, chains it knows, answers that a test sets."""

    def __init__(self, **answers):
        self.signer = LocalSigner(KEY)
        self.chain, self.known, self.answers, self.asked = 1, {1, 134}, answers, []

    def __call__(self, method, params):
        self.asked.append((method, params))
        if method in self.answers:
            answer = self.answers[method]
            if isinstance(answer, WalletRefusal):
                raise answer
            return answer
        return getattr(self, method)(*params)

    def eth_requestAccounts(self):
        return [self.signer.address.lower()]

    def eth_chainId(self):
        return hex(self.chain)

    def wallet_switchEthereumChain(self, chain):
        if int(chain["chainId"], 16) not in self.known:
            raise WalletRefusal(4902, "Unrecognized chain ID")
        self.chain = int(chain["chainId"], 16)

    def wallet_addEthereumChain(self, chain):
        self.chain = int(chain["chainId"], 16)
        self.known.add(self.chain)

    def personal_sign(self, data, address):
        assert address == self.signer.address
        return self.signer.sign_message(bytes.fromhex(data[2:]))

    def eth_signTypedData_v4(self, address, text):
        data = json.loads(text)
        assert "EIP712Domain" in data["types"]
        assert data["domain"].get("chainId", self.chain) == self.chain
        types = {name: members for name, members in data["types"].items() if name != "EIP712Domain"}
        return self.signer.sign_digest(
            hash_typed_data(data["domain"], types, data["message"], data["primaryType"])
        )

    def eth_sendTransaction(self, transaction):
        return HASH


@pytest.fixture
def wallet():
    return FakeWallet()


def test_it_signs_and_sends_but_has_no_key(wallet):
    signer = BrowserSigner(wallet)
    assert isinstance(signer, SendingSigner)
    assert not isinstance(signer, KeySigner)
    assert signer.address == wallet.signer.address
    assert signer.address == wallet.signer.address
    assert len(wallet.asked) == 1


def test_orders_are_signed_as_a_local_key_signs_them(wallet):
    domain = Domain(134, "0x" + "11" * 20)
    order = AppOrder(app="0x" + "22" * 20, appprice=5)
    salt = bytes(range(32))
    assert order.sign(domain, BrowserSigner(wallet), salt) == order.sign(domain, wallet.signer, salt)
    assert wallet.chain == 134


def test_typed_data_may_hold_bytes_and_lack_a_chain(wallet):
    types = {"Note": [{"name": "data", "type": "bytes"}]}
    domain, message = {"name": "Test"}, {"data": b"\x01\x02"}
    signature = BrowserSigner(wallet).sign_typed_data(domain, types, message)
    assert recover_address(hash_typed_data(domain, types, message), signature) == wallet.signer.address


def test_messages_are_signed(wallet):
    assert BrowserSigner(wallet).sign_message(b"hello") == wallet.signer.sign_message(b"hello")


def test_a_transaction_is_sent_on_its_chain(wallet):
    assert BrowserSigner(wallet).send_transaction({"to": NULL_ADDRESS, "chainId": "0x86"}) == HASH
    method, [sent] = wallet.asked[-1]
    assert method == "eth_sendTransaction"
    assert sent["from"] == wallet.signer.address
    assert wallet.chain == 134


def test_a_chain_that_the_wallet_does_not_know_is_offered_to_it(wallet):
    chain = {"chainId": hex(65535), "chainName": "sandbox", "rpcUrls": ["http://127.0.0.1:8545"]}
    BrowserSigner(wallet, chain=chain).use_chain(65535)
    assert wallet.chain == 65535
    with pytest.raises(WalletError, match="not on chain 777") as caught:
        BrowserSigner(wallet, chain=chain).use_chain(777)
    assert "Add the chain" in caught.value.hint


def test_a_wallet_that_stays_on_its_chain():
    wallet = FakeWallet(wallet_switchEthereumChain=None)
    with pytest.raises(TransactionError, match="not on chain 134"):
        BrowserSigner(wallet).send_transaction({"chainId": 134})
    with pytest.raises(WalletError, match="which chain"):
        BrowserSigner(FakeWallet(eth_chainId="main")).use_chain(1)


REJECTED = WalletRefusal(4001, "User rejected the request.")


def test_a_rejection_is_told_as_what_it_is():
    wallet = FakeWallet(personal_sign=REJECTED, eth_sendTransaction=REJECTED)
    with pytest.raises(SignatureError, match="User rejected") as caught:
        BrowserSigner(wallet).sign_message(b"x")
    assert "nothing was signed" in caught.value.hint
    with pytest.raises(TransactionError, match="User rejected"):
        BrowserSigner(wallet).send_transaction({})
    with pytest.raises(WalletError, match="User rejected"):
        _ = BrowserSigner(FakeWallet(eth_requestAccounts=REJECTED)).address


def test_who_may_have_sent_looks_first():
    lost = WalletRefusal(4900, "The browser did not answer within 120 s", may_be_sent=True, tx_hash=HASH)
    with pytest.raises(TransactionError, match="did not answer") as caught:
        BrowserSigner(FakeWallet(eth_sendTransaction=lost)).send_transaction({})
    assert "look in the wallet before you send it again" in caught.value.hint
    assert caught.value.tx_hash == HASH
    away = WalletRefusal(4900, "No page with a wallet shows this notebook")
    with pytest.raises(TransactionError) as caught:
        BrowserSigner(FakeWallet(eth_sendTransaction=away)).send_transaction({})
    assert "look in the wallet" not in caught.value.hint


def test_an_interrupt_while_the_wallet_is_asked_says_look_first():
    def ask(method, _params):
        if method == "eth_sendTransaction":
            raise KeyboardInterrupt
        return [LocalSigner(KEY).address]

    with pytest.raises(LeftInWallet, match="look in the wallet") as caught:
        BrowserSigner(ask).send_transaction({})
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value._render_traceback_() == [str(caught.value)]


@pytest.mark.parametrize("accounts", [[], None, ["nobody"], "0x", [7]])
def test_a_wallet_without_accounts(accounts):
    with pytest.raises(WalletError, match="has no account"):
        _ = BrowserSigner(FakeWallet(eth_requestAccounts=accounts)).address


def test_a_certain_account_may_be_wanted(wallet):
    assert BrowserSigner(wallet, address=wallet.signer.address.lower()).address == wallet.signer.address
    with pytest.raises(WalletError, match="does not offer") as caught:
        _ = BrowserSigner(wallet, address=OTHER.address).address
    assert wallet.signer.address in caught.value.details["offered"]


def test_a_signature_of_another_account_is_refused():
    wallet = FakeWallet(personal_sign=OTHER.sign_message(b"x"))
    with pytest.raises(SignatureError, match=f"signed as {OTHER.address}"):
        BrowserSigner(wallet).sign_message(b"x")


@pytest.mark.parametrize("answer", [None, "", "0x", "hello", "0xzz", 7, {}])
def test_an_answer_that_is_no_signature(answer):
    with pytest.raises(SignatureError, match="did not answer with a signature"):
        BrowserSigner(FakeWallet(personal_sign=answer)).sign_message(b"x")


def test_a_smart_account_signs_as_it_likes():
    assert BrowserSigner(FakeWallet(personal_sign="0xABCD")).sign_message(b"x") == "0xabcd"


@pytest.mark.parametrize("answer", [None, "", "0x12", [], {}])
def test_an_answer_that_is_no_hash(answer):
    with pytest.raises(TransactionError, match="transaction hash") as caught:
        BrowserSigner(FakeWallet(eth_sendTransaction=answer)).send_transaction({})
    assert "before you send it again" in caught.value.hint


@pytest.mark.parametrize("error", [None, "no", {}, {"code": "x"}, {"code": 4001, "message": 5}])
def test_any_error_of_a_page_is_a_refusal(error):
    refusal = WalletRefusal.from_json(error)
    assert isinstance(refusal.code, int)
    assert refusal.message
