from __future__ import annotations

import json
from contextlib import suppress

import pytest
from helpers.strategies import JSON, objects
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import canonical_params, check_params, encode_tag, read_params
from iexec_lab.protocol.params import PARAM_KEYS

TEE = encode_tag("tee")
CALLBACK = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
PROVIDER = "iexec_result_storage_provider"
FILES = "iexec_input_files"
CID = "QmW2WQi7j6c7UgJTarActp7tDNikE4B2qXtFCfLPdsgaTQ"


def test_nothing_means_results_on_ipfs():
    assert canonical_params() == canonical_params({}) == '{"iexec_result_storage_provider":"ipfs"}'
    assert canonical_params({}, callback=CALLBACK) == "{}"


def test_plain_text_is_the_arguments():
    assert (
        canonical_params("--help me") == '{"iexec_result_storage_provider":"ipfs","iexec_args":"--help me"}'
    )
    assert canonical_params('{"iexec_args":"x"}', callback=CALLBACK) == '{"iexec_args":"x"}'


def test_an_object_that_needs_no_change_keeps_its_key_order():
    for text in (
        '{"iexec_args":"x","iexec_result_storage_provider":"ipfs"}',
        '{"iexec_result_storage_provider":"ipfs","iexec_args":"x"}',
    ):
        assert canonical_params(text) == text


def test_an_object_that_is_changed_has_its_keys_backwards():
    given = {
        "iexec_args": 12,
        "iexec_input_files": "https://a.b/c,http://d.e",
        "bulk_cid": CID,
        "iexec_result_encryption": "true",
        "iexec_secrets": {2: "b", 1: "a"},
        "iexec_result_storage_proxy": "https://p.q",
        "foo": "bar",
    }
    assert canonical_params(given, tag=TEE) == (
        '{"iexec_result_storage_proxy":"https://p.q","iexec_secrets":{"1":"a","2":"b"},'
        '"iexec_result_storage_provider":"ipfs","iexec_result_encryption":true,'
        f'"bulk_cid":"{CID}","iexec_input_files":["https://a.b/c","http://d.e"],"iexec_args":"12"}}'
    )


def test_text_is_kept_as_it_is():
    assert '"iexec_args":"h\u00e9/\u2028"' in canonical_params({"iexec_args": "h\u00e9/\u2028"})


def test_sdk_9_has_no_storage_proxy():
    given = {"iexec_result_storage_proxy": "https://p.q"}
    assert canonical_params(given, callback=CALLBACK) == '{"iexec_result_storage_proxy":"https://p.q"}'
    assert canonical_params(given, callback=CALLBACK, sdk=9) == "{}"


@pytest.mark.parametrize(
    ("given", "tag", "problem"),
    [
        ("12", "", "this must be a `object` type, but the final value was: `12`."),
        ("null", "", "this cannot be null"),
        ([1], "", 'this must be a `object` type, but the final value was: `[\n  "1"\n]`.'),
        ({"iexec_args": ["a"]}, "", "iexec_args must be a `string` type"),
        ({"iexec_args": None}, "", "iexec_args cannot be null"),
        ({"iexec_input_files": ["ftp://x"]}, "", 'iexec_input_files[0] "ftp://x" is not a valid URL'),
        ({"iexec_input_files": ["https://x", None]}, "", 'iexec_input_files[1] "null" is not a valid URL'),
        ({"iexec_input_files": ""}, "", 'iexec_input_files[0] "" is not a valid URL'),
        ({"iexec_input_files": 5}, "", "iexec_input_files must be a `array` type, but the final value"),
        ({"bulk_cid": "nope"}, "", "nope is not a valid CID"),
        ({"bulk_cid": 5}, "", "5 is not a valid CID"),
        ({"bulk_cid": None}, "", "null is not a valid CID"),
        ({"iexec_input_files": None}, "", "iexec_input_files cannot be null"),
        ({"iexec_input_files": [5]}, "", 'iexec_input_files[0] "5" is not a valid URL'),
        ({"iexec_input_files": ["https://a.b", "x https://a.b"]}, "", 'iexec_input_files[1] "x https'),
        ({"iexec_result_encryption": None}, "", "iexec_result_encryption cannot be null"),
        ({"iexec_result_encryption": 2}, "", "iexec_result_encryption must be a `boolean` type, but the"),
        ({"iexec_secrets": None}, "tee", "iexec_secrets cannot be null"),
        ({"iexec_secrets": {"01": "a"}}, "tee", "iexec_secrets mapping keys must be strictly positive"),
        ({"iexec_secrets": {"1": "a", "x": "b"}}, "tee", "iexec_secrets mapping keys must be strictly"),
        ({"iexec_secrets": {"1": "a", "2": None}}, "tee", "iexec_secrets mapping names must be strings"),
        ({"iexec_result_encryption": "foo"}, "", "iexec_result_encryption must be a `boolean` type, but the"),
        ({PROVIDER: "dropbox"}, "", f'{PROVIDER} "dropbox" is not supported for non TEE tasks use supported'),
        ({PROVIDER: "gdrive"}, "tee", f'{PROVIDER} "gdrive" is not a valid storage provider, use one of the'),
        ({"iexec_secrets": {"1": "a"}}, "", "iexec_secrets is not supported for non TEE tasks"),
        ({"iexec_secrets": {"0": "a"}}, "tee", "iexec_secrets mapping keys must be strictly positive"),
        ({"iexec_secrets": {"1": 5}}, "tee", "iexec_secrets mapping names must be strings"),
        ({"iexec_secrets": "x"}, "tee", "iexec_secrets must be a `object` type"),
    ],
)  # fmt: skip
def test_refused_parameters(given, tag, problem):
    with pytest.raises(ValidationError) as caught:
        canonical_params(given, tag=encode_tag(tag))
    assert caught.value.message.startswith(problem)


def test_the_two_sdks_list_providers_in_their_own_order():
    for options, listed in (
        ({}, "ipfs, dropbox"),
        ({"sdk": 8}, "ipfs, dropbox"),
        ({"sdk": 9}, "dropbox, ipfs"),
    ):
        for read in (canonical_params, check_params):
            with pytest.raises(ValidationError, match=rf"(?m)\({listed}\)$"):
                read({PROVIDER: "x"}, tag=TEE, **options)


def test_a_storage_proxy_is_known_to_sdk_8_only():
    held = {"iexec_result_storage_proxy": "https://p.q", PROVIDER: "ipfs"}
    assert check_params(held) == check_params(held, sdk=8) == held
    with pytest.raises(ValidationError, match=r'(?m)^Unknown key "iexec_result_storage_proxy" in params$'):
        check_params(held, sdk=9)
    assert json.loads(canonical_params(held)) == held
    assert canonical_params(held, sdk=9) == '{"iexec_result_storage_provider":"ipfs"}'
    bad = {**held, "iexec_result_storage_proxy": "nowhere"}
    for read in (canonical_params, check_params):
        with pytest.raises(
            ValidationError, match=r'(?m)^iexec_result_storage_proxy "nowhere" is not a valid URL$'
        ):
            read(bad)
    # As in the SDK, a proxy may be null.
    assert check_params({**held, "iexec_result_storage_proxy": None})["iexec_result_storage_proxy"] is None


def test_a_callback_needs_no_storage_and_checks_none():
    for options in ({}, {"sdk": 9}):
        assert check_params({}, callback=CALLBACK, **options) == {}
        assert check_params({PROVIDER: "anywhere"}, callback=CALLBACK, **options) == {PROVIDER: "anywhere"}
        assert check_params({PROVIDER: None}, callback=CALLBACK, **options) == {PROVIDER: None}
        with pytest.raises(ValidationError, match=f"(?m)^{PROVIDER} is a required field$"):
            check_params({}, **options)
        with pytest.raises(ValidationError, match=f"(?m)^{PROVIDER} is a required field$"):
            canonical_params({PROVIDER: None}, **options)


def test_numbers_become_text_when_a_request_is_made():
    made = json.loads(canonical_params({"iexec_args": 5, "iexec_input_files": ("https://a.b",)}))
    assert (made["iexec_args"], made["iexec_input_files"]) == ("5", ["https://a.b"])
    for value, meant in (("TRUE", True), ("false", False), (1, True), (0, False), ("1", True)):
        made = json.loads(canonical_params({"iexec_result_encryption": value}))
        assert made["iexec_result_encryption"] is meant


def test_requests_that_exist_are_not_changed():
    given = {"iexec_args": "x", "iexec_result_storage_provider": "dropbox", "iexec_secrets": {"1": "a"}}
    assert check_params(json.dumps(given), tag=TEE) == given


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"foo": 1, "bar": 2}, 'Unknown key "foo, bar" in params'),
        ({"iexec_args": "x"}, "iexec_result_storage_provider is a required field"),
        ("--help", "iexec_result_storage_provider is a required field"),
        ({PROVIDER: "ipfs", "iexec_args": 5}, "iexec_args must be a `string` type, but the final value was"),
        ({PROVIDER: "ipfs", "iexec_result_encryption": "true"}, "iexec_result_encryption must be a `bool"),
        ({PROVIDER: "ipfs", "iexec_result_encryption": 1}, "iexec_result_encryption must be a `boolean` "),
        ({PROVIDER: "ipfs", "bulk_cid": 5}, "bulk_cid must be a `string` type, but the final value was: `5`"),
        ({PROVIDER: "ipfs", "bulk_cid": "5"}, "5 is not a valid CID"),
        ({PROVIDER: "ipfs", "bulk_cid": None}, "null is not a valid CID"),
        ({PROVIDER: "ipfs", FILES: "https://a.b"}, "iexec_input_files must be a `array` type, but the final"),
        ({PROVIDER: "ipfs", FILES: ["https://a.b", 5]}, "iexec_input_files[1] must be a `string` type"),
        ({PROVIDER: "ipfs", FILES: [None]}, 'iexec_input_files[0] "null" is not a valid URL'),
        ({PROVIDER: "ipfs", FILES: None}, "iexec_input_files cannot be null"),
        ({PROVIDER: 5}, "iexec_result_storage_provider must be a `string` type"),
    ],
)  # fmt: skip
def test_existing_requests_must_need_no_change(given, problem):
    with pytest.raises(ValidationError) as caught:
        check_params(given)
    assert caught.value.message.startswith(problem)


def test_parameters_of_others_can_always_be_read():
    assert read_params('{"iexec_args":"x"}') == {"iexec_args": "x"}
    for text in ("", "--help", "[1]", "NaN", '{"a":', "[" * 100_000):
        assert read_params(text) == {"iexec_args": text}


@given(objects(PARAM_KEYS) | JSON, st.booleans(), st.booleans(), st.sampled_from([8, 9]))
def test_anything_becomes_parameters_or_is_refused(given, tee, callback, sdk):
    where = {
        "tag": TEE if tee else encode_tag([]),
        "callback": CALLBACK if callback else "0x" + "00" * 20,
        "sdk": sdk,
    }
    with suppress(ValidationError):
        text = canonical_params(given, **where)
        # What was made needs no change any more.
        assert canonical_params(text, **where) == text
        held = check_params(text, **where)
        assert held == read_params(text) == json.loads(text)
        assert set(held) <= set(PARAM_KEYS if sdk == 8 else PARAM_KEYS[:-1])
        assert callback or held[PROVIDER] in ({"ipfs", "dropbox"} if tee else {"ipfs"})
        assert tee or "iexec_secrets" not in held
