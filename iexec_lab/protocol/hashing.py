"""Keccak-256, the hash of everything on chain."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def keccak(data: bytes) -> bytes:
    """Keccak-256 (the pre-NIST padding that Ethereum uses) of data, 32 bytes."""
    return _function()(data)


@cache
def _function() -> Callable[[bytes], bytes]:
    # Finding a back end takes eth_hash 60 ms, which only those who hash should pay.
    from eth_hash.auto import keccak as function

    return function
