from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.client.market.guess import guess
from iexec_lab.errors import ValidationError

ADDRESS = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
WORD = "0x" + "5b1e" * 16


@pytest.mark.parametrize(
    "text",
    [
        ADDRESS,
        ADDRESS.upper(),
        ADDRESS[2:],
        f"  {ADDRESS}\n",
        f'"{ADDRESS}",',
        f"{ADDRESS[:20]} {ADDRESS[20:]}",
        f"{ADDRESS[:20]}\r\n{ADDRESS[20:]}",
        f"\u200b{ADDRESS}\ufeff",
        f"https://explorer.iex.ec/arbitrum-mainnet/address/{ADDRESS}?tab=apps",
        f"the app {ADDRESS} of mine",
        "".join(chr(ord(char) + 0xFEE0) for char in ADDRESS),  # full width
    ],
)
def test_an_address_is_found_in_whatever_was_pasted(text):
    found = guess(text)
    assert (found.addresses, found.words, found.name) == ((ADDRESS,), (), "")


@pytest.mark.parametrize("text", [WORD, WORD[2:].upper(), f"<{WORD}>", f"{WORD[:40]} {WORD[40:]}"])
def test_an_id_is_found_in_whatever_was_pasted(text):
    assert guess(text).words == (WORD,)


def test_several_are_all_found_and_none_twice():
    found = guess(f"{ADDRESS} {WORD} {ADDRESS.upper()}")
    assert (found.addresses, found.words) == ((ADDRESS,), (WORD,))


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("#12", 12), ("007", 7), ("1.5", None), ("x1", None)])
def test_numbers(text, number):
    assert guess(text).number == number


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ADDRESS[:-1], "this has 39"),
        (WORD + "0", "this has 65"),
        ("0x7099…79c8", "shortened"),
        ("0x7099...79c8", "shortened"),
    ],
)
def test_what_is_nearly_an_id_is_told(text, says):
    found = guess(text)
    assert says in found.slip
    assert not found.addresses
    assert not found.words


def test_a_cid_is_taken_out_of_a_url():
    cid = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"
    assert guess(f"https://ipfs.io/ipfs/{cid}/x").name == cid


@pytest.mark.parametrize("text", ["", "  ", None, '""', "\u200b"])
def test_nothing_is_no_text(text):
    with pytest.raises(ValidationError, match="Nothing to search for"):
        guess(text)


@given(st.text())
def test_any_text_is_read(text):
    try:
        found = guess(text)
    except ValidationError:
        return
    assert found.addresses or found.words or found.name
