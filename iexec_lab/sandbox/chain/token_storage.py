"""RLC balances written into the token's storage, as the official SDK's own tests give themselves RLC.

On Arbitrum RLC is an OpenZeppelin 5 token, which keeps the balance of an address under a hash of the address
and ``LOCATION`` (ERC-7201, "openzeppelin.storage.ERC20"). The sandbox's RLC is the one of the PoCo package,
which keeps it elsewhere; so a write to a place where the other token would have it becomes a write to where
ours has it. A hash does not tell its address: the address must have got ether by ``setBalance`` before.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from iexec_lab.protocol.hashing import keccak

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCATION = bytes.fromhex("52c63247e1f47db19d5ce0460030c497f067ca4cebf71ba98eeadabe20bace00")
KEPT = 10_000
"""Addresses that are remembered."""


class TokenStorage:
    """``translate`` passes on requests; ``rlc`` None (a native chain) leaves all as they are."""

    def __init__(self, rlc: str | None) -> None:
        self._rlc = rlc
        self._owners: OrderedDict[int, str] = OrderedDict()

    def translate(self, entry: Any) -> Any:
        """The request, or the one that does on our token what it would do on the other."""
        if self._rlc is None or not isinstance(entry, dict):
            return entry
        try:
            return self._translate(entry)
        except (AttributeError, TypeError, ValueError):
            return entry  # not well-formed: the node says so

    def _translate(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        name = entry["method"].partition("_")[2] if "method" in entry else ""
        if name == "setBalance":
            owner, _ = entry["params"]
            self._owners[_place(owner)] = owner
            if len(self._owners) > KEPT:
                self._owners.popitem(last=False)
        elif name == "setStorageAt":
            token, place, value = entry["params"]
            owner = self._owners.get(int(place, 16)) if token.lower() == str(self._rlc).lower() else None
            if owner is not None:
                return {
                    **entry,
                    "method": "anvil_dealERC20",
                    "params": [owner, self._rlc, hex(int(value, 16))],
                }
        return entry


def _place(owner: str) -> int:
    return int.from_bytes(keccak(bytes.fromhex(owner[2:]).rjust(32, b"\0") + LOCATION))
