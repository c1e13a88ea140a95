"""Networks of earlier versions of the official CLI, for advice to people who still name them."""

from __future__ import annotations

from typing import Final

RETIRED: Final = {
    3: "ropsten",
    4: "rinkeby",
    5: "goerli",
    42: "kovan",
    133: "viviani",
    43113: "avalanche-fuji-testnet",
    43114: "avalanche",
}
"""Chain id -> name; no iExec contracts are in use there any more."""


def retired_hint(name: str | int) -> str:
    """A sentence about a network of earlier versions, by name or id; empty for any other."""
    text = str(name)
    for number, known in RETIRED.items():
        if text.lower().removesuffix("-enterprise") in {known, str(number)}:
            return f"{known} (chain {number}) is no longer in use. "
    return "There is no enterprise network any more. " if text.endswith("enterprise") else ""
