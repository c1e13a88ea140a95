"""Ids and amounts are spelled in one place."""

from __future__ import annotations

import ast

import pytest
from helpers.places import PACKAGE

from iexec_lab.spelling import SHORT, in_ether, in_rlc, in_time, is_id, is_short, short_id

ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SOURCES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name not in {"spelling.py", "units.py"} and "sandbox/services" not in path.as_posix()
]


@pytest.mark.parametrize(
    ("whole", "shown"),
    [
        (ADDRESS, "0x70997970…79C8"),
        ("0x" + 62 * "a" + "12", "0xaaaaaaaa…aa12"),
        ("0x70997970…79C8", "0x70997970…79C8"),
        ("0x" + 39 * "1" + "\n", "0x" + 39 * "1" + "\n"),
        ("a name", "a name"),
        ("", ""),
    ],
)
def test_ids(whole, shown):
    assert short_id(whole) == shown
    assert is_id(whole) is (shown != whole)
    assert is_short(shown) is ("…" in shown)
    assert "…" not in shown or len(shown) == SHORT


def test_amounts():
    assert in_rlc(1) == "0.000000001 RLC"
    assert in_rlc(10**30) == f"{10**21}.0 RLC"
    assert in_ether(1) == "0.000000000000000001 ether"


def spelled_by_hand(tree):
    """F-strings that shorten a text by both its ends, or write a unit behind a formatted amount."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        text = ast.unparse(node)
        if "…" in text and "[-" in text and "[:" in text:
            yield text
        if "format_rlc(" in text or "format_ether(" in text or "} nRLC" in text:
            yield text


def test_nothing_is_spelled_by_hand():
    allowed = {
        "chain's coins",  # of a native chain, whose coin is RLC
        "amount allowed to bridge",  # the official sentences
        "exceed bridge daily limit",
        "{shown[:half]}…{shown[-half:]}",  # any text, not an id
        "text[-tail:]",
        "{number} nRLC",  # typed into a field
        "} nRLC'",  # the title of a cell that has the amount in RLC
    }
    found = [
        (path.relative_to(PACKAGE).as_posix(), text)
        for path in SOURCES
        for source in [path.read_text()]
        if any(each in source for each in ("…", "format_rlc", "format_ether", "nRLC"))
        for text in spelled_by_hand(ast.parse(source))
        if not any(each in text for each in allowed)
    ]
    assert not found


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (0.8, "0.8 s"),
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86_400, "1 d"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_time_is_said_in_its_two_largest_units(seconds, shown):
    assert in_time(seconds) == shown
