"""Keccak-256, the hash of everything on chain."""

from __future__ import annotations

from eth_hash.auto import keccak as _keccak


def keccak(data: bytes) -> bytes:
    """Keccak-256 (the pre-NIST padding that Ethereum uses) of data, 32 bytes."""
    return _keccak(data)
