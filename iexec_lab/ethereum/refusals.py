"""How nodes word it when they do not take a transaction (geth, anvil, Nitro, Nethermind, Besu)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iexec_lab.ethereum.transport import RpcFault


class Refusal(Enum):
    KNOWN = "the node has this very transaction already"
    NONCE_USED = "another transaction has used its number"
    NONCE_TAKEN = "another pending transaction has its number"
    FEE_TOO_LOW = "it offers less than the chain asks now"
    FUNDS = "the account can not pay for it"
    THROTTLED = "the node is too busy to look at it"
    LOST = "nobody knows whether it arrived"
    OTHER = "refused"


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
)


def refusal(fault: RpcFault) -> Refusal:
    """What kind of no this is."""
    words = fault.message.lower()
    for kind, texts in _WORDS:
        if any(text in words for text in texts):
            return kind
    if fault.lost:
        return Refusal.LOST
    return Refusal.THROTTLED if fault.retry else Refusal.OTHER
