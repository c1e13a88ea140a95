"""What strangers want signed, and what is signed."""

from __future__ import annotations

import ast
from copy import deepcopy
from functools import cache

import pytest
from helpers.mutated import mutated
from helpers.places import PACKAGE
from hypothesis import given

from iexec_lab.errors import ConfigurationError, SignatureError, TransactionError
from iexec_lab.protocol import Domain, RequestOrder, recover_address, sms_challenge
from iexec_lab.protocol.signatures import personal_digest
from iexec_lab.protocol.typed_data import hash_typed_data
from iexec_lab.wallet.gate import Gate, Place
from iexec_lab.wallet.signer import LocalSigner

HUB = "0x098bFCb1E50ebcA0BaA92C12eA0c3F045A1aD9f0"
NAME = "iExec Core"
PLACE = Place("test", 42161, HUB)
KEY = LocalSigner("0x" + "11" * 32)
LOGIN = {
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
        ],
        "Challenge": [{"name": "challenge", "type": "string"}],
    },
    "domain": {"name": NAME, "version": "1", "chainId": 42161},
    "primaryType": "Challenge",
    "message": {"challenge": "abc"},
}


class Recording:
    """A signer that remembers what it was asked to sign."""

    address = KEY.address

    def __init__(self):
        self.signed = []

    def sign_typed_data(self, domain, types, message):
        self.signed.append((domain, types, message))
        return KEY.sign_typed_data(domain, types, message)

    def sign_message(self, data):
        self.signed.append(data)
        return KEY.sign_message(data)

    def sign_transaction(self, transaction):
        self.signed.append(transaction)
        return KEY.sign_transaction(transaction)


def request_order(**values):
    null = "0x" + "00" * 20
    return RequestOrder(
        **{
            **dict.fromkeys(("app", "dataset", "workerpool", "beneficiary", "callback"), null),
            "appmaxprice": 0,
            "datasetmaxprice": 0,
            "workerpoolmaxprice": 10**9,
            "volume": 1,
            "requester": KEY.address,
            "category": 0,
            "trust": 0,
            "tag": "0x" + "00" * 32,
            "params": "{}",
            **values,
        }
    )


def changed(**changes):
    """The login with parts replaced; a dict in place of a part is laid over it."""
    data = deepcopy(LOGIN)
    for part, value in changes.items():
        data[part] = {**data[part], **value} if isinstance(value, dict) else value
    return data


def order_as_challenge():
    """What the API of a stranger's workerpool answered: an order of the victim, as typed data."""
    types, message = request_order().sign(PLACE.domain, KEY).typed_data()
    return {
        "types": types,
        "domain": PLACE.domain.to_json(),
        "primaryType": "RequestOrder",
        "message": message,
    }


PERMIT = {
    "types": {"Permit": [{"name": "spender", "type": "address"}, {"name": "value", "type": "uint256"}]},
    "domain": {"name": NAME, "version": "1", "chainId": 42161, "verifyingContract": HUB},
    "primaryType": "Permit",
    "message": {"spender": HUB, "value": str(2**256 - 1)},
}
HOSTILE = {
    "an order": order_as_challenge(),
    "an order in data": {"ok": True, "data": order_as_challenge()},
    "an order in the domain of a login": {**order_as_challenge(), "domain": LOGIN["domain"]},
    "an order called a login": {**order_as_challenge(), "primaryType": "Challenge"},
    "a permit of a token": PERMIT,
    "a contract in the domain": changed(domain={"verifyingContract": HUB}),
    "a salt in the domain": changed(domain={"salt": "0x" + "00" * 32}),
    "a null contract in the domain": changed(domain={"verifyingContract": None}),
    "a contract in the type of the domain": changed(
        types={"EIP712Domain": [{"name": "verifyingContract", "type": "address"}]}
    ),
    "the name of another service": changed(domain={"name": "iExec Gateway"}),
    "the name of the hub": changed(domain={"name": "iExecODB"}),
    "no name": changed(domain={"name": None}),
    "another chain": changed(domain={"chainId": 134}),
    "another chain as text": changed(domain={"chainId": "134"}),
    "no chain": {**LOGIN, "domain": {"name": NAME, "version": "1"}},
    "a chain that is a boolean": changed(domain={"chainId": True}),
    "a second type": changed(types={"Order": [{"name": "x", "type": "string"}]}),
    "a second field": changed(
        types={"Challenge": [*LOGIN["types"]["Challenge"], {"name": "x", "type": "uint256"}]},
        message={"x": 1},
    ),
    "a field of another type": changed(types={"Challenge": [{"name": "challenge", "type": "bytes"}]}),
    "an array": changed(
        types={"Challenge": [{"name": "challenge", "type": "string[]"}]}, message={"challenge": ["a"]}
    ),
    "another primary type": changed(primaryType="RequestOrder"),
    "more in the message": changed(message={"x": 1}),
    "a number as text": changed(message={"challenge": 1}),
    "an endless text": changed(message={"challenge": "a" * 200_000}),
    "an endless version": changed(domain={"version": "1" * 5_000}),
}


def test_a_login_is_signed_as_it_came():
    signer = Recording()
    token = Gate(signer, PLACE).login(LOGIN, name=NAME, service="Workerpool API")
    digest, signature, address = token.split("_")
    assert bytes.fromhex(digest[2:]) == hash_typed_data(LOGIN["domain"], LOGIN["types"], LOGIN["message"])
    assert address == KEY.address == recover_address(bytes.fromhex(digest[2:]), signature)


@pytest.mark.parametrize(
    "challenge",
    [
        changed(domain={"chainId": "42161"}),
        {"ok": True, "data": LOGIN},
        {**LOGIN, "primaryType": "Challenge"},
    ],
)
def test_what_services_vary_is_a_login_too(challenge):
    assert Gate(KEY, PLACE).login(challenge, name=NAME, service="x").endswith(KEY.address)


@pytest.mark.parametrize("what", HOSTILE)
def test_nothing_but_a_login_is_signed_and_the_service_is_named(what):
    signer = Recording()
    with pytest.raises(SignatureError) as caught:
        Gate(signer, PLACE).login(HOSTILE[what], name=NAME, service="Workerpool API at http://evil")
    assert signer.signed == []
    assert "Workerpool API at http://evil" in "\n".join(caught.value.lines())


@given(mutated(LOGIN, {"ok": True, "data": LOGIN}, order_as_challenge()))
def test_a_spoilt_challenge_is_a_login_or_refused(challenge):
    signer = Recording()
    try:
        Gate(signer, PLACE).login(challenge, name=NAME, service="x")
    except SignatureError:
        assert signer.signed == []
        return
    [(domain, types, message)] = signer.signed
    assert domain["name"] == NAME
    assert str(domain["chainId"]) == "42161"
    assert set(domain) <= {"name", "version", "chainId"}
    assert types == {"Challenge": [{"name": "challenge", "type": "string"}]}
    assert set(message) == {"challenge"}


@pytest.mark.parametrize(
    ("chain_id", "domain"),
    [
        (1337, Domain(42161, HUB)),
        (42161, Domain(1337, HUB)),
        (42161, Domain(42161, "0x" + "11" * 20)),
        (42161, Domain(42161, HUB, name="iExec")),
        (42161, Domain(42161, HUB, version="4")),
    ],
)
def test_nothing_is_signed_where_the_node_says_it_is_elsewhere(chain_id, domain):
    signer = Recording()

    def check():
        PLACE.check_chain(chain_id)
        PLACE.check_domain(domain)

    gate = Gate(signer, PLACE, before_order=check, before_transaction=check)
    with pytest.raises(ConfigurationError) as caught:
        gate.order(request_order())
    with pytest.raises(ConfigurationError):
        gate.for_transactions().sign_transaction({"chainId": 42161})
    assert "Nothing was signed" in caught.value.hint
    assert signer.signed == []


def test_an_order_is_good_at_the_place_of_the_gate_only():
    signed = Gate(KEY, PLACE).order(request_order())
    assert signed.signer(Domain(42161, HUB)) == KEY.address
    assert signed.signer(Domain(1337, HUB)) != KEY.address


@pytest.mark.parametrize("chain_id", [None, 0, 1, 1337, "0x1", "42161"])
def test_a_transaction_for_another_chain_is_not_signed(chain_id):
    signer = Recording()
    with pytest.raises(TransactionError, match="network test is chain 42161"):
        Gate(signer, PLACE).for_transactions().sign_transaction({"to": HUB, "chainId": chain_id})
    assert signer.signed == []


def test_a_wallet_that_sends_by_itself_sends_on_this_chain_only():
    class Browser:
        address = KEY.address

        def send_transaction(self, transaction):
            return transaction

    sending = Gate(Browser(), PLACE).for_transactions()
    assert sending.send_transaction({"chainId": hex(42161)}) == {"chainId": hex(42161)}
    with pytest.raises(TransactionError):
        sending.send_transaction({"chainId": "0x1"})


def test_a_secret_is_signed_under_the_name_of_the_sms():
    signature = Gate(KEY, PLACE).secret("web2", KEY.address, "name", "value")
    digest = personal_digest(sms_challenge("web2", KEY.address, "name", "value"))
    assert recover_address(digest, signature) == KEY.address


SIGNING = {
    # What signs, and where it may be called: the signers and the gate, and what these call or are called by.
    "sign_typed_data": {"wallet/", "protocol/order.py", "protocol/challenge.py"},
    "sign_message": {"wallet/"},
    "sign_digest": {"wallet/", "protocol/order.py"},
    "sign_transaction": {"wallet/", "ethereum/transactions.py"},
    "send_transaction": {"wallet/", "ethereum/transactions.py"},
    "login_token": {"wallet/gate.py"},
    # What may only be had from a permit, once a plan was agreed to.
    "sender": {"ethereum/", "client/session.py", "client/permit.py", "client/nouns/wallet.py"},
    "for_transactions": {"client/session.py"},
}


@cache
def calls(path):
    nodes = list(ast.walk(ast.parse(path.read_text())))
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    functions = {function.id for function in called if isinstance(function, ast.Name)}
    return functions | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("name", SIGNING)
def test_nothing_else_signs(name):
    paths = [path for path in PACKAGE.rglob("*.py") if "sandbox" not in path.relative_to(PACKAGE).parts[0]]
    where = {path.relative_to(PACKAGE).as_posix() for path in paths if name in calls(path)}
    assert where
    assert [each for each in where if not any(each.startswith(known) for known in SIGNING[name])] == []
