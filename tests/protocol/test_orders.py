from __future__ import annotations

import json
import pickle
from contextlib import suppress
from dataclasses import FrozenInstanceError, replace

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from helpers.strategies import ADDRESSES, BYTES32, JSON, TEXT, UINT256, objects
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.ethereum.abi import split_types
from iexec_lab.protocol import (
    CLOSE,
    NULL_ADDRESS,
    NULL_BYTES32,
    NULL_DATASET_ORDER,
    ORDER_ABI,
    ORDERS,
    SIGN,
    TDX_TAG,
    AppOrder,
    DatasetOrder,
    Domain,
    RequestOrder,
    WorkerpoolOrder,
    create_order,
    key_address,
    sign_digest,
    to_address,
)

KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
DOMAIN = Domain(chain_id=134, verifying_contract="0x3eca1B216A7DF1C7689aEb259fFB83ADFB894E7f")
APP = "0x" + "11" * 20

FIELDS = {
    "address": ADDRESSES,
    "amount": UINT256,
    "uint256": UINT256,
    "tag": BYTES32,
    "params": TEXT.map(lambda text: json.dumps({"iexec_args": text}, ensure_ascii=False)),
}


class FastSigner:
    address = OWNER

    def sign_digest(self, digest):
        return sign_digest(KEY, digest)

    def sign_typed_data(self, domain, types, message):
        raise AssertionError("the digest is enough")


class WalletSigner:
    """A wallet that wants to see the typed data."""

    address = OWNER

    def sign_typed_data(self, domain, types, message):
        self.seen = (domain, types, message)
        # eth_account wants integers where wallets take decimal text.
        numbers = {m["name"] for struct in types.values() for m in struct if m["type"] == "uint256"}
        message = {name: int(value) if name in numbers else value for name, value in message.items()}
        signed = Account.from_key(KEY).sign_typed_data(domain, types, message)
        return "0x" + signed.signature.hex().removeprefix("0x")


@st.composite
def orders(draw):
    order = draw(st.sampled_from(list(ORDERS.values())))
    values = {name: draw(FIELDS[kind]) for name, kind in order.layout.items()}
    return order(**values, salt=draw(BYTES32))


@given(orders())
def test_hashes_agree_with_eth_account(order):
    types, message = order.typed_data()
    message = {name: int(text) if _is_number(order, name) else text for name, text in message.items()}
    signable = encode_typed_data(DOMAIN.to_json(), types, message)
    assert order.struct_hash() == signable.body
    assert DOMAIN.separator() == signable.header


def _is_number(order, name):
    return order.layout.get(name) in {"amount", "uint256"}


@given(orders())
def test_an_order_survives_json(order):
    signed = order.sign(DOMAIN, _signer(order), salt=order.salt)
    again = type(order).from_json(json.loads(json.dumps(signed.to_json())), stage="signed", frameworks=None)
    assert again == signed
    assert again.hash(DOMAIN) == order.hash(DOMAIN)


def _signer(order):
    signer = FastSigner()
    signer.address = order.resource
    return signer


@given(orders())
def test_the_structure_for_calls(order):
    values = order.presigned().to_tuple()
    assert len(values) == len(split_types(ORDER_ABI[order.kind][1:-1])) == len(order.layout) + 2
    assert values[-1] == b""
    assert values[-2].hex() == order.salt[2:]


def test_both_kinds_of_signers_give_the_same_signature():
    order = AppOrder(app=APP, appprice=5, volume=7)
    wallet = WalletSigner()
    fast, slow = (order.sign(DOMAIN, signer, salt=b"\x10" * 32) for signer in (FastSigner(), wallet))
    assert fast == slow
    assert fast.signer(DOMAIN) == OWNER == key_address(KEY)
    domain, types, message = wallet.seen
    assert domain["chainId"] == 134
    assert list(types) == ["AppOrder"]
    assert message["appprice"] == "5"


def test_every_signing_takes_a_new_salt():
    order = AppOrder(app=APP)
    one, two = order.sign(DOMAIN, FastSigner()), order.sign(DOMAIN, FastSigner())
    assert one.salt != two.salt
    assert order.salt is order.signature is None


def test_a_request_is_signed_by_its_requester():
    order = RequestOrder(app=APP, category=0, requester=APP, beneficiary=APP, params="{}")
    with pytest.raises(ValidationError, match=r"(?m)^Invalid order signer, must be the requester$") as caught:
        order.sign(DOMAIN, FastSigner())
    assert caught.value.details == {"requester": APP, "signer": OWNER}


def test_forms_that_project_files_use():
    order = AppOrder.from_json(
        {"app": APP.upper(), "appprice": "0.5 RLC", "volume": "007", "tag": ["gpu"],
         "datasetrestrict": NULL_ADDRESS, "workerpoolrestrict": APP[2:],
         "requesterrestrict": NULL_ADDRESS, "x": 1}
    )  # fmt: skip
    assert (order.app, order.appprice, order.volume, order.tag[-3:]) == (
        to_address(APP),
        500_000_000,
        7,
        "100",
    )
    assert order == AppOrder(app=APP, appprice="0.5 RLC", volume=7, tag="gpu", workerpoolrestrict=APP)


def test_parameters_as_an_object_are_written_as_javascript_does():
    values = {"app": APP, "category": 1, "requester": OWNER, "beneficiary": OWNER}
    assert RequestOrder(**values, params={"b": 1.0, "1": [True]}).params == '{"1":[true],"b":1}'
    assert RequestOrder(**values, params="{ }").params == "{ }"


@pytest.mark.parametrize(
    ("obj", "stage", "problem"),
    [
        (None, "unsigned", "this cannot be null"),
        ([], "unsigned", "this must be a `object` type, but the final value was: `[]`."),
        ({}, "signed", "sign is a required field"),
        ({"sign": "0x"}, "signed", "salt is a required field"),
        ({}, "salted", "salt is a required field"),
        ({}, "unsigned", "requesterrestrict is a required field"),
        ({"sign": "zz"}, "signed", "zz is not a valid signature"),
    ],
)
def test_orders_that_lack_something(obj, stage, problem):
    with pytest.raises(ValidationError) as caught:
        AppOrder.from_json(obj, stage=stage)
    assert caught.value.message == problem


@pytest.mark.parametrize("params", ["", "--help", "NaN", '{"a":"\ud800"}', None])
def test_parameters_must_be_json(params):
    with pytest.raises(ValidationError):
        RequestOrder(app=APP, category=0, requester=OWNER, beneficiary=OWNER, params=params)


def test_amounts_must_fit_into_the_structure():
    assert AppOrder(app=APP, appprice=2**256 - 1).appprice == 2**256 - 1
    for price in (2**256, str(2**256), f"{2**256} RLC"):
        with pytest.raises(ValidationError, match="is not a valid amount"):
            AppOrder(app=APP, appprice=price)


def test_tags_follow_the_rules_of_the_sdk_that_is_asked_for():
    obj = AppOrder(app=APP, tag=TDX_TAG).to_json()
    assert AppOrder.from_json(obj, frameworks=("tdx",)).tag == TDX_TAG
    assert AppOrder.from_json({**obj, "tag": "0x" + "f" * 64}, frameworks=None).tag == "0x" + "f" * 64
    with pytest.raises(ValidationError, match="must be used with a tee framework"):
        AppOrder.from_json(obj, frameworks=("scone", "gramine"))


def test_what_is_not_signed_has_no_structure_and_no_hash():
    order = AppOrder(app=APP)
    for use in (order.to_tuple, lambda: order.hash(DOMAIN), lambda: order.signer(DOMAIN), order.presigned):
        with pytest.raises(ValidationError, match="is a required field"):
            use()


def test_no_dataset():
    assert NULL_DATASET_ORDER.to_tuple() == (
        NULL_ADDRESS,
        0,
        0,
        bytes(32),
        *[NULL_ADDRESS] * 3,
        bytes(32),
        b"",
    )
    assert NULL_DATASET_ORDER.resource == NULL_ADDRESS


def test_operations_have_hashes_of_their_own():
    order = AppOrder(app=APP, salt=NULL_BYTES32)
    assert (
        len({order.hash(DOMAIN), order.operation_hash(DOMAIN, SIGN), order.operation_hash(DOMAIN, CLOSE)})
        == 3
    )


def test_orders_are_values():
    order = AppOrder(app=APP)
    assert order == AppOrder(app=APP.upper())
    assert len({order, replace(order, volume=1), replace(order, volume=2)}) == 2
    assert pickle.loads(pickle.dumps(order)) == order
    with pytest.raises(FrozenInstanceError):
        order.volume = 5
    assert (order.kind, order.resource, order.price) == ("apporder", APP, 0)
    assert RequestOrder(app=APP, category=0, requester=OWNER, beneficiary=OWNER, params="{}").price == 0


def test_creation_defaults():
    assert create_order("apporder", {"app": APP}) == AppOrder(app=APP)
    assert create_order("datasetorder", {"dataset": APP, "volume": None}) == DatasetOrder(dataset=APP)
    pool = create_order("workerpoolorder", {"workerpool": APP, "category": 2})
    assert pool == WorkerpoolOrder(workerpool=APP, category=2)
    request = create_order("requestorder", {"app": APP, "category": "1", "params": "--x"}, requester=OWNER)
    assert (request.requester, request.beneficiary, request.category) == (OWNER, OWNER, 1)
    assert json.loads(request.params) == {"iexec_args": "--x", "iexec_result_storage_provider": "ipfs"}


def test_sdk_9_makes_tdx_orders_only():
    rules = {"frameworks": ("tdx",), "default_tag": TDX_TAG}
    assert create_order("apporder", {"app": APP, "tag": "gpu"}, **rules).tag == f"0x{0x109:064x}"
    assert create_order("datasetorder", {"dataset": APP, "tag": "tee,scone"}, **rules).tag == f"0x{0xB:064x}"
    with pytest.raises(ValidationError, match="Unsupported legacy TEE framework tag"):
        create_order("apporder", {"app": APP, "tag": "tee,scone"}, **rules)


@pytest.mark.parametrize(
    ("kind", "values", "problem"),
    [
        ("apporder", {}, "app is a required field"),
        ("datasetorder", {}, "dataset is a required field"),
        ("workerpoolorder", {"workerpool": APP}, "Missing parameter"),
        ("requestorder", {"app": APP}, "category is a required field"),
        ("requestorder", {"category": 0}, "app is a required field"),
    ],
)
def test_what_creation_needs(kind, values, problem):
    with pytest.raises(ValidationError) as caught:
        create_order(kind, values, requester=OWNER)
    assert caught.value.message == problem


@given(st.sampled_from(list(ORDERS.values())), st.data())
def test_anything_from_the_network_is_an_order_or_refused(order, data):
    obj = data.draw(JSON | objects([*order.layout, "salt", "sign"]))
    with suppress(ValidationError):
        read = order.from_json(obj, stage="salted", frameworks=None)
        assert len(read.hash(DOMAIN)) == 66
        again = order.from_json(read.to_json(), stage="salted", frameworks=None)
        assert (again, again.hash(DOMAIN)) == (read, read.hash(DOMAIN))
    with suppress(ValidationError):
        made = create_order(order.kind, obj if isinstance(obj, dict) else {}, requester=OWNER)
        assert isinstance(made, order)
        assert (made.salt, made.signature) == (None, None)
        assert order.from_json(made.to_json()) == made
