"""Selectors and topics are facts: a typing error in a signature calls another function, or none."""

from __future__ import annotations

import json

import pytest

from iexec_lab.ethereum import contracts
from iexec_lab.ethereum.abi import Event, Function
from iexec_lab.ethereum.contracts import BOOST, BRIDGE_EVENTS, EVENTS, HUB, NATIVE_HUB, VOUCHER
from iexec_lab.protocol import ORDER_ABI
from iexec_lab.sandbox.artifacts import poco_folder

SELECTORS = {
    "matchOrders": "156194d4",
    "sponsorMatchOrders": "2f391533",
    "initialize": "5b36c66b",
    "contribute": "34623484",
    "contributeAndFinalize": "5facd761",
    "reveal": "fc334e8c",
    "finalize": "8fc375e5",
    "reopen": "f6c68e10",
    "claim": "bd66528a",
    "viewDeal": "b74861b2",
    "viewTask": "adccf0d5",
    "viewAccount": "6b55f4a5",
    "configure": "b5521817",
    "updateDomainSeparator": "89ccfe89",
}
TOPICS = {
    "SchedulerNotice": "692ad61076dceddd0f1a861f737553dd61fc8501cf4190d29c4e90af6607f765",
    "OrdersMatched": "d811b592ed0899225773e8933d8df64bd0b62761a9d7aad4ed5b22735f4610a4",
    "DealSponsored": "81eec3d5401bb1693dbef61f0800bc16602905d6677d691c1262d6f08456e9a0",
    "TaskInitialize": "252992fb0468d68d6a5784ec03214f0d0a362083f2d7ebd157af43b017a22e06",
    "TaskContribute": "3fdb8d7797562d49a81078dbf7fa1771958ea452f8b13d1148383bd9506aecfb",
    "TaskConsensus": "f6d49bf3e05d33a4bc497d3c793fb5756388bb96b947cf51bb60aaecb0e022e3",
    "TaskReveal": "4b1763d473ac8fa80b4432ba90047e1b92444d8fabc55e6a002d9b1a316d7959",
    "TaskReopen": "3afe0f24796ce653c6ab1f3e7aba5ce564eece5e82aee724aff28253e829f07b",
    "TaskFinalize": "78ce8a8bc0fcb704e8ba3b3dbb36aa88002df8038128b4af2f27ef65db665044",
    "TaskClaimed": "cbc308b5f91040d2659a5201858344b0b583cd2f9e18e8470c2fa052c5b21ff8",
}
# Not part of the PoCo package: vouchers, the bridge, ENS.
ELSEWHERE = {"BRIDGE", "BRIDGE_EVENTS", "VOUCHER", "VOUCHER_EVENTS", "VOUCHER_HUB"}


@pytest.mark.parametrize(("name", "selector"), SELECTORS.items())
def test_selectors(name, selector):
    assert getattr(HUB, name).selector.hex() == selector


@pytest.mark.parametrize(("name", "topic"), TOPICS.items())
def test_topics(name, topic):
    assert getattr(EVENTS, name).topic == "0x" + topic


def test_native_deposits_have_no_amount():
    assert NATIVE_HUB.deposit.signature == "deposit()"
    assert HUB.deposit.signature == "deposit(uint256)"
    assert NATIVE_HUB.viewDeal is HUB.viewDeal


def test_the_hub_and_the_protocol_agree_on_the_orders():
    assert list(ORDER_ABI.values()) == [
        contracts.APP_ORDER,
        contracts.DATASET_ORDER,
        contracts.WORKERPOOL_ORDER,
        contracts.REQUEST_ORDER,
    ]


def kind_of(item):
    if not item["type"].startswith("tuple"):
        return item["type"]
    return "(" + ",".join(map(kind_of, item["components"])) + ")" + item["type"][5:]


@pytest.fixture(scope="module")
def published():
    """Functions (signature -> return types) and events (name -> fields) of all ABIs in the PoCo package."""
    functions, events = {}, {}
    for path in poco_folder().rglob("*.json"):
        document = json.loads(path.read_text())
        for item in (document.get("abi") if isinstance(document, dict) else document) or []:
            if not isinstance(item, dict) or item.get("type") not in {"function", "event"}:
                continue
            inputs = [kind_of(each) for each in item["inputs"]]
            if item["type"] == "function":
                outputs = ",".join(map(kind_of, item["outputs"]))
                functions.setdefault(f"{item['name']}({','.join(inputs)})", set()).add(outputs)
            else:
                fields = [(kind_of(each), each["name"], each["indexed"]) for each in item["inputs"]]
                events.setdefault(item["name"], []).append(fields)
    return functions, events


def constants(kind):
    for name, contract in vars(contracts).items():
        if isinstance(contract, type) and contract.__module__ == contracts.__name__:
            for label, value in vars(contract).items():
                if isinstance(value, kind):
                    yield name, label, value


def test_every_name_is_that_of_its_function():
    for _, label, value in (*constants(Function), *constants(Event)):
        assert label == value.name


def test_functions_are_those_of_the_package(published):
    functions, _ = published
    checked = 0
    for contract, _, value in constants(Function):
        if contract not in ELSEWHERE and not contract.startswith("ENS_"):
            assert value.outputs in functions[value.signature], value.signature
            checked += 1
    assert checked > 120


def test_events_are_those_of_the_package(published):
    _, events = published
    for contract, _, value in constants(Event):
        if contract not in ELSEWHERE:
            assert value.fields in events[value.name], value.name


def test_a_voucher_matches_the_same_orders_as_the_hub():
    assert VOUCHER.matchOrders.selector == HUB.matchOrders.selector
    assert BOOST.matchOrdersBoost.inputs == HUB.matchOrders.inputs


def test_the_bridges_answers_have_their_own_topics():
    topics = {BRIDGE_EVENTS.RelayedMessage.topic, BRIDGE_EVENTS.AffirmationCompleted.topic}
    assert len(topics) == 2
