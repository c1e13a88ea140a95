"""The words in which nodes refuse a transaction (geth, anvil, Nitro, Nethermind, Besu).

Ours because JSON-RPC has no codes for them, and web3 passes the words on: here 32 of them get a meaning.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iexec_lab.ethereum.transport import RpcFault


class Refusal(Enum):
    KNOWN = "the node already has this transaction"
    NONCE_USED = "another transaction has used its nonce"
    NONCE_TAKEN = "another pending transaction has its nonce"
    FEE_TOO_LOW = "it offers less than the chain now asks"
    FUNDS = "the account cannot pay for it"
    THROTTLED = "the node is too busy to look at it"
    LOST = "it may have arrived or not"
    INVALID = "no node takes such a transaction"
    OTHER = "refused in unknown words: a node in between may have it all the same"


_WORDS = (
    (Refusal.KNOWN, ("already known", "already imported", "known transaction", "alreadyknown")),
    (
        Refusal.NONCE_TAKEN,
        ("replacement transaction underpriced", "replacementnotallowed", "gas price is too low to replace"),
    ),
    (
        Refusal.NONCE_USED,
        ("nonce too low", "nonce is too low", "oldnonce", "nonce has already been used", "nonce too small"),
    ),
    (
        Refusal.FUNDS,
        ("insufficient funds", "insufficient balance", "insufficientfunds", "upfront cost exceeds"),
    ),
    (
        Refusal.FEE_TOO_LOW,
        (
            "less than block base fee",
            "transaction underpriced",
            "feetoolow",
            "gas price below",
            "max fee per gas",
        ),
    ),
    (
        Refusal.INVALID,
        (
            "intrinsic gas",
            "block gas limit",
            "exceeds the configured cap",
            "nonce too high",
            "invalid sender",
            "invalid signature",
            "invalid chain id",
            "only replay-protected",
            "transaction type not supported",
            "max initcode size",
            "oversized data",
        ),
    ),
)
# Codes of JSON-RPC: invalid request, no such method, wrong parameters, not JSON.
_NOT_CARRIED_OUT = {-32600, -32601, -32602, -32700}


def refusal(fault: RpcFault) -> Refusal:
    """The kind of a refusal."""
    words = fault.message.lower()
    for kind, texts in _WORDS:
        if any(text in words for text in texts):
            return kind
    if fault.lost:
        return Refusal.LOST
    if fault.retry:
        return Refusal.THROTTLED
    # Without a code no node has answered: nothing listened, or a proxy refused.
    is_sure = fault.reverted or fault.code == 0 or fault.code in _NOT_CARRIED_OUT
    return Refusal.INVALID if is_sure else Refusal.OTHER


def is_doubtful(fault: RpcFault) -> bool:
    """May the transaction have reached a pool all the same?"""
    return fault.lost or fault.retry or refusal(fault) is Refusal.OTHER
