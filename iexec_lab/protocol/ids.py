"""Identifiers that the hub computes and never lists."""

from __future__ import annotations

from typing import Any

from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.values import to_bytes32, to_uint256


def deal_id(request_hash: Any, first_index: Any) -> str:
    """The deal of a request order whose consumed volume was ``first_index`` before the match."""
    return _hash_with_index(request_hash, first_index)


def task_id(deal: Any, index: Any) -> str:
    """The task of a deal; ``index`` runs from the deal's first index, not from 0."""
    return _hash_with_index(deal, index)


def _hash_with_index(word: Any, index: Any) -> str:
    return "0x" + keccak(bytes.fromhex(to_bytes32(word)[2:]) + to_uint256(index).to_bytes(32, "big")).hex()
