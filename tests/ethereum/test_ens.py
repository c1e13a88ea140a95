from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from faulty_server import FaultyServer, json_reply
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.ethereum.abi import encode
from iexec_lab.ethereum.contracts import ENS_REGISTRY, ENS_RESOLVER
from iexec_lab.ethereum.ens import (
    WORKERPOOL_API_KEY,
    Ens,
    check_domain,
    check_label,
    is_ens_name,
    labelhash,
    namehash,
    normalize,
    reverse_name,
)
from iexec_lab.ethereum.rpc import Rpc

VECTORS = Path(os.environ.get("IEXEC_LAB_VECTORS") or Path(__file__).parent.parent / "vectors")
CASES = {case["id"]: case for case in json.loads((VECTORS / "ens.json").read_text())["vectors"]}
REGISTRY, RESOLVER = "0x" + "01" * 20, "0x" + "02" * 20
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_names_are_judged_and_hashed_as_the_official_sdk_does(case):
    given_, expected = case["input"], case["expected"]
    check = {"label": check_label, "domain": check_domain}
    [(kind, text)] = given_.items()
    if "error" in expected:
        with pytest.raises(ValidationError) as caught:
            check[kind](text)
        assert caught.value.message == expected["error"]["message"]
    elif kind == "name":
        assert "0x" + namehash(text).hex() == expected["namehash"]
        assert "0x" + labelhash(text.split(".")[0]).hex() == expected["labelhash"]
    else:
        assert check[kind](text) == expected[kind]


@pytest.mark.parametrize("label", ["a-b", "_a", "é", "🦄", "0x"])
def test_labels_that_ens_takes(label):
    assert check_label(label) == label


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("", "unsupported characters"),
        ("a_b", "unsupported characters"),
        ("a@\N{GREEK SMALL LETTER ALPHA}", "unsupported characters"),
        ("&", "unsupported characters"),
        ("É", "uppercase"),
        ("foo.bar", "label cannot have `.`"),
    ],
)
def test_labels_that_ens_refuses(label, words):
    with pytest.raises(ValidationError, match=words):
        check_label(label)


@given(st.text(max_size=20))
def test_any_text_is_normalised_or_refused(text):
    try:
        normal = normalize(text)
    except ValidationError:
        return
    assert normalize(normal) == normal


def test_a_name_is_told_from_an_address():
    assert is_ens_name("me.users.iexec.eth")
    assert not is_ens_name(ADDRESS)
    assert not is_ens_name("nobody")


class Chain:
    """A node that knows one registry and one resolver: names to records."""

    def __init__(self, **records):
        self.records = {name.replace("_", "."): record for name, record in records.items()}

    def __call__(self, request):
        return json_reply(
            [self.answer(each) for each in asked]
            if isinstance(asked := request.json(), list)
            else self.answer(asked)
        )

    def answer(self, asked):
        if asked["method"] == "eth_chainId":
            return {"id": asked["id"], "result": hex(134)}
        call = asked["params"][0]
        data = bytes.fromhex(call["data"][2:])
        record = next((each for name, each in self.records.items() if namehash(name) == data[4:36]), {})
        answers = {
            ENS_REGISTRY.owner: ("address", record.get("owner", "0x" + "00" * 20)),
            ENS_REGISTRY.resolver: ("address", record.get("resolver", "0x" + "00" * 20)),
            ENS_RESOLVER.addr: ("address", record.get("addr")),
            ENS_RESOLVER.name: ("string", record.get("name")),
            ENS_RESOLVER.text: ("string", record.get("text")),
        }
        kind, value = next(answer for function, answer in answers.items() if function.selector == data[:4])
        if value is None:
            return {"id": asked["id"], "error": {"code": 3, "message": "execution reverted"}}
        return {"id": asked["id"], "result": "0x" + encode([kind], [value]).hex()}


@pytest.fixture
def ens_of():
    servers = []

    def make(records):
        server = FaultyServer(answer=Chain(**records)).__enter__()
        servers.append(server)
        return Ens(Rpc(server.url, attempts=1), REGISTRY)

    yield make
    for server in servers:
        server.__exit__()


REVERSE = reverse_name(ADDRESS)
ME = {"owner": ADDRESS, "resolver": RESOLVER, "addr": ADDRESS, "text": "https://pool.example"}


def test_a_name_stands_for_an_address_and_back(ens_of):
    ens = ens_of({"me.eth": ME, REVERSE: {"resolver": RESOLVER, "name": "me.eth"}})
    assert ens.owner("me.eth") == ens.address("me.eth") == ens.resolve("me.eth") == ADDRESS
    assert ens.name(ADDRESS.lower()) == "me.eth"
    assert ens.text("me.eth", WORKERPOOL_API_KEY) == "https://pool.example"
    assert ens.resolve(ADDRESS.lower()) == ADDRESS


def test_a_name_that_nobody_has(ens_of):
    ens = ens_of({})
    assert ens.owner("me.eth") == "0x" + "00" * 20
    assert ens.address("me.eth") is ens.text("me.eth", "url") is ens.name(ADDRESS) is None
    with pytest.raises(ValidationError, match=r"me.eth is not a registered ENS name on chain 134"):
        ens.resolve("me.eth")


def test_a_resolver_without_an_answer(ens_of):
    ens = ens_of({"me.eth": {"resolver": RESOLVER}, REVERSE: {"resolver": RESOLVER}})
    assert ens.address("me.eth") is ens.text("me.eth", "url") is ens.name(ADDRESS) is None


@pytest.mark.parametrize("claimed", ["you.eth", "NOT A NAME", ""])
def test_a_name_that_does_not_stand_for_who_claims_it_is_not_believed(ens_of, claimed):
    records = {"you.eth": {**ME, "addr": "0x" + "33" * 20}, REVERSE: {"resolver": RESOLVER, "name": claimed}}
    assert ens_of(records).name(ADDRESS) is None
