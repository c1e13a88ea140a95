"""Values and messages, as the JavaScript library of the real service coerces and words them."""

from __future__ import annotations

from typing import Any

import pytest

from iexec_lab.sandbox.services.market import fields, schemas
from iexec_lab.sandbox.services.market.kinds import APP, DATASET, REQUEST
from iexec_lab.sandbox.services.market.refusals import InvalidRequestError

ADDRESS = "0x7bd4783FDCAD405A28052a0d1f11236A741da593"
WORD = "0x" + "ab" * 32
NOT_A_NUMBER = "f must be a `number` type, but the final value was: `NaN` (cast from the value `{}`)."


def refusal(read: fields.Reader, value: Any) -> str:
    with pytest.raises(InvalidRequestError) as raised:
        read("f", value)
    assert raised.value.status == 400
    return raised.value.message


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("5", 5),
        (" 5 ", 5),
        ("1 0", 10),
        ("007", 7),
        ("+5", 5),
        ("5.0", 5),
        ("1e3", 1000),
        ("0x10", 16),
        ("-0", 0),
        (5, 5),
        (5.0, 5),
        (["1", "2"], 1),
        (str(2**53 - 1), 2**53 - 1),
    ],
)
def test_numbers(given: Any, number: int) -> None:
    assert fields.integer("f", given) == number


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", NOT_A_NUMBER.format('""')),
        ("abc", NOT_A_NUMBER.format('"abc"')),
        ("12abc", NOT_A_NUMBER.format('"12abc"')),
        ("NaN", NOT_A_NUMBER.format('"NaN"')),
        (True, NOT_A_NUMBER.format("true")),
        ({"a": 1}, NOT_A_NUMBER.format('{\n  "a": "1"\n}')),
        ("1.5", "f must be an integer"),
        ("Infinity", "f must be an integer"),
        ("1e400", "f must be an integer"),
        ("-1", "f must be greater than or equal to 0"),
        (str(2**53), "f must be less than or equal to 9007199254740991"),
        ("9" * 1000, "f must be an integer"),
    ],
)
def test_no_numbers(given: Any, message: str) -> None:
    assert refusal(fields.integer, given) == message


def test_volumes_start_at_one() -> None:
    assert refusal(fields.positive, "0") == "f must be greater than or equal to 1"
    assert fields.positive("f", "1") == 1


def test_page_sizes() -> None:
    assert refusal(fields.page_size, "9") == "f must be greater than or equal to 10"
    assert refusal(fields.page_size, "1001") == "f must be less than or equal to 1000"
    assert fields.page_size("f", "1000") == 1000


@pytest.mark.parametrize(("given", "value"), [("true", True), ("1", True), ("TRUE", True), ("false", False)])
def test_booleans(given: str, value: bool) -> None:
    assert fields.boolean("f", given) is value


def test_no_booleans() -> None:
    expected = "f must be a `boolean` type, but the final value was: `{}`."
    assert refusal(fields.boolean, "foo") == expected.format('"foo"')
    assert refusal(fields.boolean, "") == expected.format('""')


def test_addresses_come_back_checksummed() -> None:
    assert fields.address("f", ADDRESS.lower()) == ADDRESS
    assert fields.address_or_any("f", ADDRESS.upper().replace("X", "x")) == ADDRESS
    assert fields.address_or_any("f", "any") == "any"


@pytest.mark.parametrize("given", ["any", "", "0x12", "ANY", ADDRESS + "00", 5])
def test_no_addresses(given: Any) -> None:
    assert refusal(fields.address, given) == "f is not a valid ethereum address"


def test_neither_any_nor_address() -> None:
    assert refusal(fields.address_or_any, "ANY") == 'f is neither "any" nor a valid ethereum address'


def test_a_list_is_no_text() -> None:
    shown = '[\n  "\\"a\\"",\n  "\\"b\\""\n]'
    expected = f"f must be a `string` type, but the final value was: `{shown}`."
    assert refusal(fields.address, ["a", "b"]) == expected


def test_words_are_lower_cased() -> None:
    assert fields.bytes32("f", WORD.upper()) == WORD
    for wrong in ("", "0x", WORD + "00", WORD[:-1] + "g", 5):
        assert refusal(fields.bytes32, wrong) == "f must be a bytes32 hexstring"
    with pytest.raises(TypeError):
        fields.bytes32("f", [WORD])


def test_signatures_only_have_to_start_right() -> None:
    assert fields.signature("f", "0x") == "0x"
    assert fields.signature("f", "0xzz") == "0xzz"
    assert refusal(fields.signature, "abc") == "f must be a valid signature"


def refused(read: Any, *arguments: Any) -> str:
    with pytest.raises(InvalidRequestError) as raised:
        read(*arguments)
    return raised.value.message


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"app": "any"}, "chainId is a required field"),
        ({"app": "any", "chainId": "1"}, "chainId 1 is not supported"),
        ({"chainId": "5"}, "app or appOwner is required"),
        ({"chainId": "5", "app": "x"}, 'app is neither "any" nor a valid ethereum address'),
        ({"chainId": "5", "appOwner": "any"}, "appOwner is not a valid ethereum address"),
        ({"chainId": "5", "app": "any", "minTag": "0x1"}, "minTag must be a bytes32 hexstring"),
        ({"chainId": "5", "app": "any", "minVolume": "0"}, "minVolume must be greater than or equal to 1"),
        ({"chainId": "5", "app": "any", "pageIndex": "-1"}, "pageIndex must be greater than or equal to 0"),
        ({"chainId": "5", "app": "any", "pageSize": "1"}, "pageSize must be greater than or equal to 10"),
        (
            {"chainId": "5", "app": "any", "isDatasetStrict": "foo"},
            'isDatasetStrict must be a `boolean` type, but the final value was: `"foo"`.',
        ),
    ],
)
def test_a_book_is_asked_for_properly(query: dict[str, str], message: str) -> None:
    assert refused(schemas.read_book, APP, query, 5) == message


def test_other_books() -> None:
    assert refused(schemas.read_book, DATASET, {"chainId": "5"}, 5) == "dataset or datasetOwner is required"
    assert schemas.read_book(REQUEST, {"chainId": "5", "maxTrust": "0"}, 5)["maxTrust"] == 0
    assert schemas.read_book(APP, {"chainId": "5", "appOwner": ADDRESS, "x": "y"}, 5) == {
        "chainId": "5",
        "appOwner": ADDRESS,
    }


ORDER = {
    "app": ADDRESS.lower(),
    "appprice": "5",
    "volume": 3,
    "tag": WORD.upper(),
    **dict.fromkeys(("datasetrestrict", "workerpoolrestrict", "requesterrestrict"), ADDRESS),
    "salt": WORD,
    "sign": "0x",
}


def test_an_order_is_cleaned() -> None:
    shuffled = {"order": {"more": 1, **dict(reversed(ORDER.items()))}}
    expected = {**ORDER, "app": ADDRESS, "appprice": 5, "tag": WORD}

    assert schemas.read_order(APP, shuffled) == expected
    assert list(schemas.read_order(APP, shuffled)) == list(APP.fields)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "order.sign is a required field"),
        ({"order": {}}, "order.sign is a required field"),
        ({"order": None}, "order is a required field"),
        ({"order": "x"}, 'order must be a `object` type, but the final value was: `"x"`.'),
        ([], "this must be a `object` type, but the final value was: `[]`."),
        ({"order": {**ORDER, "appprice": -1}}, "order.appprice must be greater than or equal to 0"),
        ({"order": {**ORDER, "volume": 0}}, "order.volume must be greater than or equal to 1"),
        ({"order": {**ORDER, "app": "any"}}, "order.app is not a valid ethereum address"),
        ({"order": {**ORDER, "app": None}}, "order.app is a required field"),
        ({"order": {**ORDER, "salt": "0x"}}, "order.salt must be a bytes32 hexstring"),
        ({"order": {**ORDER, "sign": "x"}}, "order.sign must be a valid signature"),
    ],
)
def test_an_order_must_be_whole(body: Any, message: str) -> None:
    assert refused(schemas.read_order, APP, body) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "orderHash is a required field"),
        ({"orderHash": "0x"}, "orderHash must be a bytes32 hexstring"),
        ({"target": "unpublish_last"}, "app is a required field"),
        ({"target": "unpublish_all", "app": "any"}, "app is not a valid ethereum address"),
        (
            {"target": "all"},
            "target must be one of the following values: unpublish_orderHash, unpublish_last, unpublish_all",
        ),
        ({"target": None}, "target cannot be null"),
    ],
)
def test_what_to_unpublish_must_be_named(body: Any, message: str) -> None:
    assert refused(schemas.read_unpublish, APP, body) == message
