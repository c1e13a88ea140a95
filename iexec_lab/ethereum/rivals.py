"""Which transaction of an account has a nonce: shown by a node, proved by the account's own signature.

"Nonce too low" is a mere claim of the node. It may be late, it may be about the very transaction that was
just sent, and it may be a lie. Before another nonce is taken, the transaction with the old one must be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.errors import CallError, ValidationError
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.signatures import recover_address
from iexec_lab.wallet.raw_transaction import enveloped

if TYPE_CHECKING:
    from iexec_lab.ethereum.rpc import Provider

# Blocks to search back for the use of a nonce: an hour of the fastest chain.
LOOK_BACK = 1 << 14

_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def holder(rpc: Provider, sender: str, nonce: int, *, waiting: bool = False) -> str | None:
    """The hash of the mined transaction with this nonce of ``sender``; None when the node shows none.

    Only one that the account signed for this chain counts. With ``waiting``, so does one in the node's own
    pool: that is proof only of why this node refused ours.
    """
    try:
        block = _block_of(rpc, sender, nonce)
        if block is None and not waiting:
            return None
        shown = rpc.request("eth_getBlockByNumber", "pending" if block is None else hex(block), True)
        listed = shown.get("transactions") if isinstance(shown, dict) else None
        for each in listed if isinstance(listed, list) else []:
            found = proved(each, sender, nonce, rpc.chain_id)
            if found is not None:
                return found
    except CallError:
        return None
    return None


def _block_of(rpc: Provider, sender: str, nonce: int) -> int | None:
    """The block in which the account used a nonce; None when it has not used it.

    Raises:
        CallError: The node does not say, or it was too long ago.
    """

    def used(block: int) -> bool:
        return block >= 0 and to_int(rpc.request("eth_getTransactionCount", sender, hex(block))) > nonce

    after = to_int(rpc.request("eth_blockNumber"))
    if not used(after):
        return None
    before, step = after - 1, 1
    while used(before):
        if step > LOOK_BACK:
            raise CallError(f"Nonce {nonce} of {sender} was used too long ago to look for")
        after, before, step = before, before - step, step * 2
    while after - before > 1:
        middle = (after + before) // 2
        before, after = (before, middle) if used(middle) else (middle, after)
    return after


def proved(transaction: Any, sender: str, nonce: int, chain_id: int) -> str | None:
    """The hash of a transaction from a node, if ``sender`` signed it for this nonce and chain."""
    if not isinstance(transaction, dict):
        return None
    try:
        if to_int(transaction["nonce"]) != nonce:
            return None
        kind, fields, parity = _signed_fields(transaction, chain_id)
        r, s = to_int(transaction["r"]), to_int(transaction["s"])
        ending = [chain_id, 0, 0] if kind == 0 else []
        digest = keccak(enveloped(kind, [*fields, *ending]))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])
        # Of the two equivalent signatures nodes take only the one with the lower s.
        if s > _HALF_ORDER or recover_address(digest, signature).lower() != sender.lower():
            return None
        last = chain_id * 2 + 35 + parity if kind == 0 else parity
        return "0x" + keccak(enveloped(kind, [*fields, last, r, s])).hex()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, CallError, ValidationError):
        return None


def _signed_fields(transaction: dict[str, Any], chain_id: int) -> tuple[int, list[Any], int]:
    """Type, signed fields in order, and parity of the signature; ValueError for an unknown type."""
    kind, v = to_int(transaction.get("type") or 0), to_int(transaction["v"])
    prices = ["maxPriorityFeePerGas", "maxFeePerGas"] if kind == 2 else ["gasPrice"]
    fields: list[Any] = [to_int(transaction[name]) for name in ("nonce", *prices, "gas")]
    fields += [_bytes(transaction.get("to") or "0x"), to_int(transaction["value"])]
    fields.append(_bytes(transaction["input"]))
    if kind == 0:
        parity = v - 35 - 2 * chain_id
    elif kind in {1, 2} and to_int(transaction["chainId"]) == chain_id:
        listed = transaction.get("accessList") or []
        keys = [[_bytes(each["address"]), [_bytes(key) for key in each["storageKeys"]]] for each in listed]
        fields, parity = [chain_id, *fields, keys], v
    else:
        raise ValueError(kind)
    if parity not in {0, 1}:
        raise ValueError(parity)
    return kind, fields, parity


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
