"""RLP, and the bytes of a transaction that are signed and sent.

Ours because library ``rlp`` takes 4 times as long to import as ``protocol``, and ``eth_account`` 12 times
(0.9 s).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.protocol.hashing import keccak

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_COMMON = {"chainId", "nonce", "gas", "to", "value", "data"}
_LEGACY, _DYNAMIC = {"gasPrice"}, {"maxFeePerGas", "maxPriorityFeePerGas"}


def encode(value: Any) -> bytes:
    """RLP of bytes, of an unsigned integer, or of a list of such."""
    if isinstance(value, int):
        value = value.to_bytes((value.bit_length() + 7) // 8, "big")
    if isinstance(value, list):
        return _prefixed(b"".join(map(encode, value)), 0xC0)
    return value if len(value) == 1 and value[0] < 0x80 else _prefixed(value, 0x80)


def enveloped(kind: int, fields: list[Any]) -> bytes:
    """A transaction of a type (0: legacy, 1, 2: EIP-1559) with these fields."""
    return (bytes([kind]) if kind else b"") + encode(fields)


def _prefixed(payload: bytes, first: int) -> bytes:
    size = len(payload)
    if size < 56:
        return bytes([first + size]) + payload
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([first + 55 + len(length)]) + length + payload


def is_usual(transaction: Mapping[str, Any]) -> bool:
    """Whether ``signed`` knows this kind: legacy for one chain, or EIP-1559 without an access list."""
    return set(transaction) in (_COMMON | _LEGACY, _COMMON | _DYNAMIC)


def signed(transaction: Mapping[str, Any], sign: Callable[[bytes], str]) -> bytes:
    """A transaction as nodes take it.

    Args:
        transaction: Fields of a usual one: numbers as int, ``to`` and ``data`` as 0x text.
        sign: Signs a digest; the 65 bytes of the signature as 0x text, v 27 or 28.

    Raises:
        TypeError, ValueError, OverflowError: A field has another type, or is not in range.
    """
    chain_id = _number(transaction["chainId"])
    kind = 0 if "gasPrice" in transaction else 2
    prices = ("gasPrice",) if kind == 0 else ("maxPriorityFeePerGas", "maxFeePerGas")
    fields: list[Any] = [_number(transaction[name]) for name in ("nonce", *prices, "gas")]
    to, data = (bytes.fromhex(transaction[name].removeprefix("0x")) for name in ("to", "data"))
    if len(to) != 20:
        raise ValueError("an address has 20 bytes")
    fields += [to, _number(transaction["value"]), data]
    if kind == 2:
        fields = [chain_id, *fields, []]
    raw = bytes.fromhex(sign(keccak(enveloped(kind, fields + ([chain_id, 0, 0] if kind == 0 else []))))[2:])
    parity = raw[64] - 27
    last = chain_id * 2 + 35 + parity if kind == 0 else parity
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    return enveloped(kind, [*fields, last, r, s])


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 256:
        raise TypeError(f"{value!r} is not a number of at most 32 bytes")
    return value
