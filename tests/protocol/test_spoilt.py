"""Values of people and strangers that are none: they become values of the right type, or errors of ours."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from helpers.mutated import ANYTHING, mutated
from helpers.strategies import ADDRESSES, BYTES32
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab import units
from iexec_lab.errors import IexecError, ValidationError
from iexec_lab.protocol import (
    app_arguments,
    canonical_params,
    category_arguments,
    check_params,
    check_tag,
    dataset_arguments,
    decode_mrenclave,
    decode_multiaddr,
    decode_results,
    decode_tag,
    encode_mrenclave,
    encode_multiaddr,
    encode_tag,
    hash_typed_data,
    is_address,
    read_params,
    tags,
    to_address,
    to_bytes32,
    to_tag,
    to_uint256,
    workerpool_arguments,
)
from iexec_lab.protocol.bulk import bulk_slices, check_bulk_order
from iexec_lab.protocol.cid import is_cid
from iexec_lab.protocol.javascript import dumps, loads, print_value
from iexec_lab.protocol.typed_data import find_primary_type
from iexec_lab.protocol.values import to_signature

WORD = "0x" + "11" * 32
OWNER = "0xa760FEfAd0a38D494890501120cB79f5EEAFeE28"
VALUES = (
    ANYTHING
    | st.text(max_size=80)
    | st.binary(max_size=40)
    | st.lists(st.sampled_from(["tee", "scone", "gpu", 5, None]))
)
TAGS = st.integers(0, 2**256).map(lambda bits: f"0x{bits:064x}") | VALUES
SCONE = {
    "framework": "scone",
    "version": "v5",
    "entrypoint": "python /app/app.py",
    "heapSize": 1073741824,
    "fingerprint": "ab" * 32,
}
GRAMINE = {"framework": "gramine", "version": "v0", "fingerprint": "ab" * 32}
PARAMS = {
    "iexec_args": "a b",
    "iexec_input_files": ["https://example.com/x"],
    "iexec_secrets": {"1": "mine"},
    "iexec_result_encryption": True,
    "iexec_result_storage_provider": "ipfs",
    "iexec_result_storage_proxy": "https://example.com",
    "bulk_cid": "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
}
APP = {
    "owner": OWNER,
    "name": "hello",
    "type": "DOCKER",
    "multiaddr": "docker.io/x/y:1",
    "checksum": WORD,
    "mrenclave": SCONE,
}
DATASET_ORDER = {
    "dataset": OWNER,
    "datasetprice": 0,
    "volume": 2**53 - 1,
    "tag": "0x" + "00" * 32,
    "apprestrict": "0x" + "00" * 20,
    "workerpoolrestrict": "0x" + "00" * 20,
    "requesterrestrict": "0x" + "00" * 20,
    "salt": WORD,
    "sign": "0x" + "11" * 65,
}
TYPED = {
    "domain": {"name": "x", "version": "1", "chainId": 134, "verifyingContract": OWNER},
    "types": {
        "Challenge": [{"name": "challenge", "type": "string"}, {"name": "more", "type": "Part[2]"}],
        "Part": [
            {"name": "a", "type": "uint256"},
            {"name": "b", "type": "bytes32"},
            {"name": "c", "type": "int8[]"},
        ],
    },
    "message": {"challenge": "abc", "more": [{"a": 1, "b": WORD, "c": [1]}, {"a": "2", "b": WORD, "c": []}]},
}
TEE = "0x" + "0" * 63 + "3"


def gives(kind, work, *args, **options):
    """The value if there is one, which must be of this kind; anything but an error of ours fails the test."""
    with suppress(IexecError):
        value = work(*args, **options)
        assert isinstance(value, kind)
        return value
    return None


@given(value=TAGS, other=TAGS)
@pytest.mark.parametrize("frameworks", [("scone", "gramine", "tdx"), ("tdx",)])
def test_tags(value, other, frameworks):
    gives(list, decode_tag, value, frameworks=frameworks)
    gives(str, encode_tag, value, frameworks=frameworks)
    gives(str, to_tag, value, frameworks=frameworks)
    gives(str, check_tag, value, frameworks=frameworks)
    gives(str, tags.sum_tags, value, other)
    gives(str, tags.strip_framework, value)
    gives(list, tags.missing_bits, value, other)
    gives(list, tags.missing_tags, value, other)
    gives(bool, tags.is_tag_within, value, other, value)
    gives(bool, tags.has_tag, value, "tee")
    gives((str, type(None)), tags.tee_framework, value)
    gives(str, tags.deal_tag, value, other, value)
    gives(str, tags.check_deal_tag, value, other, value, frameworks=frameworks)


@given(value=mutated(SCONE, GRAMINE) | VALUES | mutated(SCONE).map(str))
@pytest.mark.parametrize("frameworks", [("scone", "gramine", "tdx"), ("scone",), ("tdx",)])
def test_enclave_configurations(value, frameworks):
    data = gives(bytes, encode_mrenclave, value, frameworks=frameworks)
    if data:
        assert isinstance(decode_mrenclave(data), (dict, str))


@given(
    data=st.binary(max_size=60)
    | st.sampled_from([b"[" * 5000, b'{"a":' + b"9" * 5000 + b"}", b"\xff", b"NaN"])
)
def test_stored_bytes_of_any_kind(data):
    assert isinstance(decode_mrenclave(data), (dict, str, type(None)))
    assert isinstance(decode_multiaddr(data), str)
    assert isinstance(decode_results(data), dict)


@given(
    value=VALUES
    | st.lists(
        st.sampled_from(
            [
                "ip4",
                "1.2.3.4",
                "tcp",
                "80",
                "ipfs",
                "p2p",
                "onion3",
                "unix",
                "",
                "%",
                "u",
                "²",
                "٣",
                "ip6",
                "::1",
            ]
        ),
        max_size=6,
    )
    .map("/".join)
    .map("/{}".format)
)
def test_places(value):
    data = gives(bytes, encode_multiaddr, value)
    if data is not None:
        assert isinstance(decode_multiaddr(data), str)


@given(value=VALUES | ADDRESSES | BYTES32)
def test_addresses_words_numbers_signatures(value):
    gives(str, to_address, value)
    gives(str, to_address, value, resolve=lambda name: name)
    assert isinstance(is_address(value), bool)
    gives(str, to_bytes32, value)
    number = gives(int, to_uint256, value)
    assert number is None or 0 <= number < 2**256
    gives(str, to_signature, value)
    assert isinstance(is_cid(value), bool)


@given(value=mutated(PARAMS) | VALUES)
@pytest.mark.parametrize("sdk", [8, 9])
def test_parameters(value, sdk):
    for tag in (TEE, "0x" + "00" * 32):
        text = gives(str, canonical_params, value, tag=tag, sdk=sdk)
        if text is not None:
            text.encode()
        gives(dict, check_params, value, tag=tag, sdk=sdk)
    if isinstance(value, str):
        gives(dict, read_params, value)


@given(value=mutated(APP) | VALUES)
def test_resources(value):
    for work in (app_arguments, dataset_arguments, workerpool_arguments, category_arguments):
        gives(tuple, work, value)
    if isinstance(value, dict):
        gives(tuple, workerpool_arguments, {**value, "description": value.get("name")})
        gives(
            tuple,
            category_arguments,
            {**value, "description": value.get("type"), "workClockTimeRef": value.get("name")},
        )


@given(order=mutated(DATASET_ORDER) | VALUES, size=ANYTHING)
def test_bulks(order, size):
    gives(dict, check_bulk_order, order)
    gives(list, bulk_slices, [DATASET_ORDER, order], size)
    gives(list, bulk_slices, order)


@given(value=mutated(TYPED))
def test_typed_data(value):
    if not isinstance(value, dict):
        return
    domain, types, message = (value.get(name) for name in ("domain", "types", "message"))
    gives(bytes, hash_typed_data, domain, types, message)
    if isinstance(types, dict):
        gives(str, find_primary_type, types)
        gives(bytes, hash_typed_data, domain, types, message, "Challenge")


@pytest.mark.parametrize(
    "kind",
    [
        "uint999999999999",
        "int" + "9" * 5000,
        "uint0",
        "bytes33",
        "string[99999999999999999999]",
        "uint256[" + "9" * 5000 + "]",
        "string" + "[]" * 500,
        "\ud800",
    ],
)
def test_a_type_that_is_none_costs_nothing(kind):
    types = {"A": [{"name": "a", "type": kind}]}
    with pytest.raises(ValidationError):
        hash_typed_data({}, types, {"a": 1})
    with pytest.raises(ValidationError):
        hash_typed_data({}, {"\ud800": [{"name": "a", "type": "string"}]}, {"a": "x"})


@given(value=VALUES)
def test_amounts(value):
    for work in (units.parse_rlc, units.parse_ether):
        for given_value in (value, [value], [value, value], (1, value)):
            gives(int, work, given_value)
        gives(int, work, 1, value)
    for work in (units.rlc_to_nrlc, units.ether_to_wei):
        gives(int, work, value)
        gives(int, work, "1", value)
    for work in (units.format_rlc, units.format_ether):
        gives(str, work, value)


@given(value=VALUES)
def test_text_of_anything(value):
    assert isinstance(print_value(value), str)
    text = gives(str, dumps, value)
    if text is not None:
        with suppress(ValueError):
            loads(text)


@given(
    text=st.text(max_size=60)
    | st.sampled_from(["[" * 100_000, "9" * 5000, '{"a":' * 300, "NaN", "1e999", '"\\ud800"'])
)
def test_json_of_strangers(text):
    try:
        json.dumps(loads(text))
    except ValueError:
        return


@pytest.mark.parametrize(
    "value",
    [5, None, 1.5, b"tee", {"tee": 1}, [["tee"]], [5], pytest.param(object(), id="object")],
    ids=str,
)
def test_a_tag_is_named_by_words_only(value):
    with pytest.raises(ValidationError):
        encode_tag(value)


@pytest.mark.parametrize(
    "size",
    [10**400, -(10**400), "9" * 5000, "0x" + "f" * 5000, "1e400", 1e999, float("nan"), "0b" + "1" * 9000],
    ids=range(8),
)
def test_a_heap_that_no_machine_has(size):
    with pytest.raises(ValidationError, match="heapSize"):
        encode_mrenclave({**SCONE, "heapSize": size})
