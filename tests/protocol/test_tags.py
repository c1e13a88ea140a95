from __future__ import annotations

import itertools
from contextlib import suppress

import pytest
from helpers.strategies import BYTES32, JSON
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import (
    NULL_BYTES32,
    TAG_BITS,
    TDX_TAG,
    check_deal_tag,
    check_tag,
    deal_tag,
    decode_tag,
    encode_tag,
    has_tag,
    is_tag_within,
    missing_bits,
    missing_tags,
    strip_framework,
    sum_tags,
    tee_framework,
    to_tag,
)

SDK8 = ("scone", "gramine")
SDK823 = ("scone", "gramine", "tdx")
SDK9 = ("tdx",)
TEE, SCONE, GRAMINE, GPU = (encode_tag(names) for names in ("tee", "tee,scone", "tee,gramine", "gpu"))


@pytest.mark.parametrize("names", [c for n in range(6) for c in itertools.combinations(TAG_BITS, n)])
def test_names_and_bits(names):
    tag = encode_tag(names)
    assert decode_tag(tag) == list(names)
    assert tag == encode_tag(",".join(names)) == to_tag(bytes.fromhex(tag[2:]))
    assert all(has_tag(tag, name) == (name in names) for name in TAG_BITS)


def test_the_tag_of_sdk_9():
    assert encode_tag(["tee", "tdx"]) == TDX_TAG
    assert tee_framework(TDX_TAG) == "tdx"
    assert tee_framework(TEE) is None


@given(st.lists(BYTES32, min_size=1, max_size=4))
def test_sums_hold_every_bit(tags):
    total = sum_tags(*tags)
    assert all(not missing_tags(total, tag) for tag in tags)
    assert (
        int(total, 16) & ~sum(1 << bit for bit in range(256) if any(int(tag, 16) >> bit & 1 for tag in tags))
        == 0
    )


@given(BYTES32)
def test_without_framework(tag):
    assert not any(has_tag(strip_framework(tag), name) for name in SDK823)
    assert has_tag(strip_framework(tag), "tee") == has_tag(tag, "tee")


def test_minimal_and_maximal_tags():
    assert is_tag_within(TEE)
    assert is_tag_within(SCONE, TEE, SCONE)
    assert not is_tag_within(GPU, TEE)
    assert not is_tag_within(SCONE, NULL_BYTES32, TEE)


def test_8_22_5_loses_the_highest_bit():
    high = "0x8" + "0" * 63
    assert sum_tags(high, TEE) == "0x8" + "0" * 62 + "1"
    assert sum_tags(high, TEE, width=255) == TEE


def test_tags_are_lower_case_once_they_are_tags():
    for ask in (decode_tag, sum_tags, strip_framework, lambda tag: missing_bits(TEE, tag)):
        with pytest.raises(ValidationError, match="ag must be bytes32 hex string"):
            ask("0x" + "A" * 64)


def test_what_is_missing_has_a_name_or_a_number():
    assert missing_tags(NULL_BYTES32, f"0x{0b1_0001_1001:064x}") == ["tee", "tdx", "4", "gpu"]


@pytest.mark.parametrize(
    ("value", "frameworks", "problem"),
    [
        ("tee", SDK8, "'tee' tag must be used with a tee framework ('scone'|'gramine')"),
        ("tee", SDK823, "'tee' tag must be used with a tee framework ('scone'|'gramine'|'tdx')"),
        ("tee", SDK9, "'tee' tag must be used with a tee framework ('tdx')"),
        ("scone", SDK8, "'scone' tag must be used with 'tee' tag"),
        ("tdx", SDK9, "'tdx' tag must be used with 'tee' tag"),
        ("tdx", SDK8, "tdx is not a valid tag. Unknown tag tdx"),
        ("tee,scone,gramine", SDK8, "tee framework tags are exclusive ('scone'|'gramine')"),
        ("tee,scone,tdx", SDK823, "tee framework tags are exclusive ('scone'|'gramine'|'tdx')"),
        ("tee,scone,gramine", SDK9, "Unsupported legacy TEE framework tag ('gramine', 'scone')"),
        (["tee", "bad"], SDK8, "tee,bad is not a valid tag. Unknown tag bad"),
        (" tee", SDK8, " tee is not a valid tag. Unknown tag  tee"),
        ("TEE", SDK8, "TEE is not a valid tag. Unknown tag TEE"),
        ("0x09", SDK9, "tag must be bytes32 hex string"),
        (12, SDK9, "12 is not a valid tag. Invalid tag"),
        (None, SDK9, "null is not a valid tag. Invalid tag"),
    ],
)
def test_tags_that_make_no_sense(value, frameworks, problem):
    with pytest.raises(ValidationError) as caught:
        check_tag(value, frameworks=frameworks)
    assert caught.value.message == problem
    if "'tee' tag" in problem:
        assert caught.value.hint.startswith("Name both: tee,")


def test_tags_that_do():
    assert check_tag([], frameworks=SDK8) == check_tag("", frameworks=SDK9) == NULL_BYTES32
    assert check_tag("tee", frameworks=SDK9, allow_agnostic=True) == TEE
    assert check_tag(SCONE, frameworks=SDK9, allow_agnostic=True, ignore_legacy=True) == SCONE
    assert check_tag(TDX_TAG.upper(), frameworks=SDK9) == TDX_TAG
    # Before 8.23 bit 3 has no name, but raw tags may have it.
    assert check_tag(f"0x{0b1000:064x}", frameworks=SDK8) == f"0x{0b1000:064x}"


@given(JSON, st.sampled_from([SDK8, SDK823, SDK9]), st.booleans())
def test_anything_is_a_tag_or_refused(value, frameworks, agnostic):
    with suppress(ValidationError):
        tag = check_tag(value, frameworks=frameworks, allow_agnostic=agnostic)
        assert len(tag) == 66
        assert check_tag(tag, frameworks=frameworks, allow_agnostic=agnostic) == tag
        named = [name for name in frameworks if has_tag(tag, name)]
        assert len(named) == has_tag(tag, "tee") or (agnostic and not named)
        assert all(name in frameworks for name in ("scone", "gramine") if has_tag(tag, name))


def test_a_deal_needs_what_its_orders_ask_for():
    assert deal_tag(SCONE, TEE, GPU) == encode_tag("tee,scone,gpu")
    assert check_deal_tag(SCONE, TEE, GPU, frameworks=SDK8) == encode_tag("tee,scone,gpu")
    assert check_deal_tag(TDX_TAG, SCONE, NULL_BYTES32, frameworks=SDK9) == TDX_TAG
    assert check_deal_tag(TDX_TAG, SCONE, NULL_BYTES32) == TDX_TAG
    assert check_deal_tag(NULL_BYTES32, NULL_BYTES32, NULL_BYTES32) == NULL_BYTES32


@pytest.mark.parametrize(
    ("tags", "frameworks", "problem"),
    [
        (
            (SCONE, GRAMINE, NULL_BYTES32),
            SDK8,
            "Matching order would produce an invalid deal tag. tee framework tags",
        ),
        (
            (NULL_BYTES32, TEE, NULL_BYTES32),
            SDK9,
            "Matching order would produce an invalid deal tag. 'tee' tag must",
        ),
        ((NULL_BYTES32,) * 3, SDK9, "Resulting deal tag must have both [tee] and [tdx] tags active."),
    ],
)
def test_deals_that_can_not_be(tags, frameworks, problem):
    with pytest.raises(ValidationError) as caught:
        check_deal_tag(*tags, frameworks=frameworks)
    assert caught.value.message.startswith(problem)
