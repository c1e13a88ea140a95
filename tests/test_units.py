from __future__ import annotations

import ast
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab import units
from iexec_lab.errors import ValidationError

AMOUNTS = st.integers(0, 2**256)


@pytest.mark.parametrize(
    ("amount", "nrlc"),
    [
        (5, 5),
        ("5", 5),
        ("", 0),
        ("007", 7),
        ("1.5 RLC", 1_500_000_000),
        (".5 RLC", 500_000_000),
        ("1. RLC", 1_000_000_000),
        ("1.0 nRLC", 1),
        ("0.000000001 RLC", 1),
        (["1", "RLC"], 1_000_000_000),
        ([1.5, "RLC"], 1_500_000_000),
        (["5"], 5),
        (["5", None], 5),
        (("2", "RLC"), 2_000_000_000),
        ("87000000 RLC", 87 * 10**15),
    ],
)
def test_amounts_of_rlc(amount, nrlc):
    assert units.parse_rlc(amount) == nrlc


@pytest.mark.parametrize(
    "amount",
    [
        "-1", "+1", "1e3", "0x10", "1,5 RLC", "1_000", " 1", "1 ", "1  RLC", "1 rlc", "1 RLC x", "1.5", ".",
        "-", "abc", "\u0663", "0.0000000001 RLC", None, True, {}, [], [None], ["1", "RLC", "x"], ["1", "wei"],
        -1, 1e21, float("nan"), float("inf"), "1" * 1000, b"1", ["1", {}], ["1", []],
    ],
)  # fmt: skip
def test_refused_amounts(amount):
    with pytest.raises(ValidationError, match=r"(?m)is not a valid amount$"):
        units.parse_rlc(amount)


def test_a_refusal_shows_the_amount_as_it_was_given():
    with pytest.raises(ValidationError) as caught:
        units.parse_rlc(["0.5", None])
    assert caught.value.message == "0.5  is not a valid amount"
    assert "RLC" in caught.value.hint


@pytest.mark.parametrize(("unit", "decimals"), units.ETHER_UNITS.items())
def test_every_unit_of_ether(unit, decimals):
    assert units.parse_ether(f"3 {unit}") == 3 * 10**decimals
    assert units.parse_ether(3, unit) == 3 * 10**decimals


def test_the_default_unit_counts_where_none_is_named():
    assert units.parse_rlc("1", "RLC") == 10**9
    assert units.parse_rlc("1 nRLC", "RLC") == 1
    assert units.parse_ether("0.1", "ether") == 10**17


def test_helpers_of_the_library_take_negative_amounts_and_say_what_is_wrong():
    assert units.rlc_to_nrlc("-1.5") == -1_500_000_000
    assert units.ether_to_wei("-1 gwei") == -(10**9)
    for amount, problem in (("1 foo", "Invalid token unit"), ("x", "Invalid token amount")):
        with pytest.raises(ValidationError, match=problem):
            units.rlc_to_nrlc(amount)


@pytest.mark.parametrize(
    ("nrlc", "text"),
    [
        (0, "0.0"),
        (1, "0.000000001"),
        (-5, "-0.000000005"),
        ("1500000000", "1.5"),
        ("-0", "0.0"),
        ("0x10", "0.000000016"),
        ("0XfF", "0.000000255"),
        ("0b11", "0.000000003"),
        (1e20, "100000000000.0"),
    ],
)
def test_amounts_as_text(nrlc, text):
    assert units.format_rlc(nrlc) == text


@pytest.mark.parametrize("value", ["x", "", "1.5", None, True, 1.5, [], "\u0663"])
def test_what_is_no_integer_can_not_be_shown(value):
    with pytest.raises(ValidationError, match="Invalid nRLC"):
        units.format_rlc(value)
    with pytest.raises(ValidationError, match="Invalid wei"):
        units.format_ether(value)


@given(AMOUNTS)
def test_text_and_amount_are_the_same(amount):
    assert units.parse_rlc(units.format_rlc(amount) + " RLC") == amount
    assert units.parse_ether(units.format_ether(amount), "ether") == amount
    assert Fraction(units.format_rlc(amount)) * 10**9 == amount


@given(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=3)
    )
)
def test_anything_is_an_integer_or_refused(amount):
    for parse in (units.parse_rlc, units.parse_ether, units.rlc_to_nrlc, units.ether_to_wei):
        with suppress(ValidationError):
            assert type(parse(amount)) is int


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (1.5, "1.5"), (1e21, "1e+21"), (1e20, "1" + "0" * 20), (1e-7, "1e-7"), (1e-6, "0.000001"),
     (-0.0, "0"), (-1.25e-9, "-1.25e-9"), (1.7e308, "1.7e+308"), (2**70, str(2**70)),
     (float("nan"), "NaN"), (float("-inf"), "-Infinity")],
)  # fmt: skip
def test_numbers_read_as_in_javascript(value, text):
    assert units.number_text(value) == text


def test_an_endless_integer_is_named_not_written():
    assert units.number_text(1 << 20_000) == "an integer of 20001 bits"


def test_no_amount_is_ever_a_float():
    """Neither a float literal nor ``float()`` in the module that handles money."""
    tree = ast.parse(Path(units.__file__).read_text())
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, float)
    ]
    assert "float(" not in Path(units.__file__).read_text()
