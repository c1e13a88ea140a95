from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import check_domain, check_label, labelhash, namehash, normalize_name


def test_hashes():
    assert namehash("") == "0x" + "00" * 32
    assert (
        namehash("eth")
        == namehash("ETH")
        == "0x93cdeb708b7545dc668eb9280176169d1c33cfd8ed6f04690a0bcc88a93fc4ae"
    )
    assert namehash("\u00e9") == "0xfba867d290aeafa6ac14e678deab9b6a1a2fe4e239735baa5e8a31307d7c14d0"
    assert labelhash("eth") == "0x4f5b812789fc606be1b3b16908db13fc7a9adf7ca72641f84d75b47069d3d7f0"


# What ethers 6 (ENSIP-15) makes of them.
@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("--", "--"), ("---", "---"), ("a---", None), ("----", None), ("-a-", "-a-"), ("a--b", "a--b"),
        ("_--a", "_--a"), ("ab--c", None), ("xn--a", None), ("$a", "$a"), ("a'b", "a\u2019b"), ("_", "_"),
        ("__", "__"), ("_a", "_a"), ("a_b", None), ("$_", None), ("", None), ("a..b", None), ("a.", None),
        (".", None), ("ME", "me"), ("a b", None), ("\u00e9", "\u00e9"), ("\U0001f98a", "\U0001f98a"),
        ("\u65e5\u672c", "\u65e5\u672c"), ("\u0430bc", None), ("a@b", None), ("e\u0301", "\u00e9"),
        ("\u00df", "\u00df"), ("\u2460", "1"), ("\u03b1", None), ("1\ufe0f\u20e3", "1\u20e3"), ("'a", None),
        ("a\u200db", None), ("\u2764\ufe0f", "\u2764"), ("\u00c9", "\u00e9"), ("\u2122", "tm"),
    ],
)  # fmt: skip
def test_names_as_ens_compares_them(name, normal):
    assert normalize_name(name) == normal


@pytest.mark.parametrize("label", ["me", "my-label", "42", "\u00e9", "_x"])
def test_labels(label):
    assert check_label(label) == label
    assert check_domain(f"{label}.users.iexec.eth") == f"{label}.users.iexec.eth"


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("a.b", "label cannot have `.`"),
        ("my label", "label cannot contain unsupported characters"),
        ("a_b", "label cannot contain unsupported characters"),
        ("", "label cannot contain unsupported characters"),
        ("ME", "label cannot contain uppercase characters"),
        ("ME.eth", "label cannot contain uppercase characters"),
        ("a..eth", "label cannot contain unsupported characters"),
    ],
)
def test_refused_labels(label, why):
    with pytest.raises(ValidationError) as caught:
        check_label(label)
    assert caught.value.message == f"{label} is not a valid ENS label ({why})"


@pytest.mark.parametrize(
    ("domain", "why"),
    [
        ("a..eth", "domain cannot have empty labels"),
        ("", "domain cannot have empty labels"),
        ("a b.eth", "domain cannot contain unsupported characters"),
        ("Me.eth", "domain cannot contain uppercase characters"),
    ],
)
def test_refused_domains(domain, why):
    with pytest.raises(ValidationError) as caught:
        check_domain(domain)
    assert caught.value.message == f"{domain} is not a valid ENS domain ({why})"


@pytest.mark.parametrize("name", ["\xad", "a.\xad", "\xad.eth", "\xad\xad.iexec.eth", "\ufe0f"])
def test_labels_of_ignored_characters_are_empty(name):
    assert normalize_name(name) is None


def test_ignored_characters_go_away():
    assert normalize_name("\xada.eth") == "a.eth"


@pytest.mark.parametrize("value", [None, 5, [], {}, b"a.eth"])
def test_a_name_is_text(value):
    with pytest.raises(ValidationError, match="this must be a `string` type"):
        check_domain(value)


@given(st.text())
def test_any_text_is_a_name_or_refused(text):
    normal = normalize_name(text)
    if normal is not None:
        assert normalize_name(normal) is not None
    for use in (check_label, check_domain, namehash):
        with suppress(ValidationError):
            assert isinstance(use(text), str)
