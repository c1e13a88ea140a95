"""``docs/trust.md`` names functions that there are."""

from __future__ import annotations

import re

import pytest
from helpers.places import ROOT

FACTS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "trust.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| fact ")
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact[0])
def test_every_fact_names_where_it_is_verified(fact):
    *_, where = fact
    places = re.findall(r"`([\w/]+\.py)` `(\w+)`", where)
    assert len(fact) == 4
    assert where.count("`") == 4 * len(places) > 0
    for module, name in places:
        assert f"def {name}(" in (ROOT / "iexec_lab" / module).read_text()
