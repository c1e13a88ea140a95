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
    # eth_hash takes 60 ms to find a back end: only those who hash should pay for it.
    from eth_hash.auto import keccak as function

    return function
