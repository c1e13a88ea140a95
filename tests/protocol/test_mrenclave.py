from __future__ import annotations

import json
from contextlib import suppress

import pytest
from helpers.strategies import JSON, objects
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import decode_mrenclave, encode_mrenclave

SCONE = {
    "framework": "SCONE",
    "version": "v5.9",
    "entrypoint": "python /app/app.py",
    "heapSize": 1073741824,
    "fingerprint": "2d4b9efd066d0bb058b8da79bf8551be7d244779bc41d03a12201a4004779609",
}
GRAMINE = {"framework": "gramine", "version": "v0", "fingerprint": "c879"}


@pytest.mark.parametrize(
    "config", [SCONE, GRAMINE, {**GRAMINE, "framework": "TDX"}, {**SCONE, "heapSize": "12"}]
)
def test_a_configuration_is_stored_as_its_json(config):
    data = encode_mrenclave(config)
    assert data == json.dumps(config, separators=(",", ":")).encode()
    assert decode_mrenclave(data) == config
    spaced = json.dumps(config)
    assert encode_mrenclave(spaced) == encode_mrenclave(spaced.encode()) == spaced.encode()


def test_apps_without_enclave_store_nothing():
    assert encode_mrenclave() == encode_mrenclave("") == encode_mrenclave(b"") == b""
    assert decode_mrenclave(b"") is None


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({}, "framework is a required field"),
        ({"framework": None}, "this is not a valid mrenclave"),
        ({"framework": "sgx"}, "framework is not a valid TEE framework"),
        ({**GRAMINE, "framework": "tdx", "a": 1, "b": 2}, 'Unknown key "a, b" in mrenclave'),
        ({**GRAMINE, "entrypoint": "x"}, 'Unknown key "entrypoint" in mrenclave'),
        ({**GRAMINE, "heapSize": None}, "heapSize cannot be null"),
        ({**GRAMINE, "version": ""}, "version is a required field"),
        (
            {**GRAMINE, "fingerprint": []},
            "fingerprint must be a `string` type, but the final value was: `[]`.",
        ),
        ({**SCONE, "heapSize": -1}, "heapSize must be greater than or equal to 0"),
        ({**SCONE, "heapSize": 1.5}, "heapSize must be an integer"),
        ({**SCONE, "heapSize": 2**53}, "heapSize must be less than or equal to 9007199254740991"),
        (
            {**SCONE, "heapSize": "x"},
            'heapSize must be a `number` type, but the final value was: `NaN` (cast from the value `"x"`).',
        ),
        (
            {**SCONE, "heapSize": "1_0"},
            'heapSize must be a `number` type, but the final value was: `NaN` (cast from the value `"1_0"`).',
        ),
        ({**SCONE, "heapSize": "1.5"}, "heapSize must be an integer"),
        ({**SCONE, "heapSize": "Infinity"}, "heapSize must be an integer"),
        ({k: v for k, v in SCONE.items() if k != "heapSize"}, "heapSize is a required field"),
        ({k: v for k, v in SCONE.items() if k != "entrypoint"}, "entrypoint is a required field"),
        ([], "this must be a `object` type, but the final value was: `[]`."),
        ("null", "this is not a valid mrenclave"),
        ("foo", "this is not a valid mrenclave"),
        ("12", "this must be a `object` type, but the final value was: `12`."),
        (b"\xff", "this is not a valid mrenclave"),
        (12, "this is not a valid mrenclave"),
    ],
)
def test_refused_configurations(config, problem):
    with pytest.raises(ValidationError) as caught:
        encode_mrenclave(config)
    assert caught.value.message == problem


def test_numbers_as_javascript_reads_them():
    for size in ("1e3", " 1 024 ", "0x400", "0b1", "1.0"):
        assert encode_mrenclave({**SCONE, "heapSize": size})


def test_8_22_5_does_not_know_tdx():
    with pytest.raises(ValidationError, match="framework is not a valid TEE framework"):
        encode_mrenclave({**GRAMINE, "framework": "tdx"}, frameworks=("scone", "gramine"))


def test_sdk_9_takes_any_text_but_no_object():
    assert encode_mrenclave("foo", frameworks=("tdx",)) == b"foo"
    for value in (GRAMINE, b"{}", 12):
        with pytest.raises(ValidationError, match="this is not a valid mrenclave"):
            encode_mrenclave(value, frameworks=("tdx",))


def test_what_others_stored_can_be_shown():
    assert decode_mrenclave(b"foo") == "foo"
    assert decode_mrenclave(b"[1]") == "[1]"
    assert decode_mrenclave(b"\xff") == "\ufffd"


@given(JSON | objects(["framework", "version", "fingerprint", "entrypoint", "heapSize"]) | st.binary())
def test_anything_is_stored_or_refused(value):
    for frameworks in (("scone", "gramine"), ("tdx",)):
        with suppress(ValidationError):
            data = encode_mrenclave(value, frameworks=frameworks)
            assert isinstance(data, bytes)
            if frameworks == ("tdx",):
                assert data == (value or "").encode()  # SDK 9 stores any text
            elif data:
                assert decode_mrenclave(data)["framework"].lower() in frameworks
                assert encode_mrenclave(data, frameworks=frameworks) == data


@given(st.binary())
def test_any_bytes_can_be_shown(data):
    shown = decode_mrenclave(data)
    if isinstance(shown, dict):
        assert shown == json.loads(data)
    else:
        assert shown == (data.decode(errors="replace") or None)
