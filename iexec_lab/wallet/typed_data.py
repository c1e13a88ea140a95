"""EIP-712 digests of typed data that a service hands out (challenges) or a wallet is shown (orders)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import SignatureError
from iexec_lab.protocol.hashing import keccak

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    TypedMembers = Mapping[str, Sequence[Mapping[str, str]]]

_DOMAIN_MEMBERS = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}
_ARRAY = re.compile(r"(.+)\[(\d*)\]$")
_NUMBER = re.compile(r"(u?)int(\d+)$")
_BYTES = re.compile(r"bytes(\d+)$")


def typed_data_digest(domain: Mapping[str, Any], types: TypedMembers, message: Mapping[str, Any]) -> bytes:
    """keccak(0x19 01 ‖ domain separator ‖ struct hash), 32 bytes.

    ``types`` may leave EIP712Domain out: it then follows from the members that the domain has. Numbers may be
    int, decimal or 0x text; bytes are bytes or 0x text.

    Raises:
        SignatureError: a type is unknown, a member is missing or a value does not fit its type.
    """
    known = {name: list(members) for name, members in types.items()}
    known.setdefault(
        "EIP712Domain",
        [
            {"name": name, "type": kind}
            for name, kind in _DOMAIN_MEMBERS.items()
            if domain.get(name) is not None
        ],
    )
    try:
        separator = _struct_hash("EIP712Domain", domain, known)
        return keccak(b"\x19\x01" + separator + _struct_hash(primary_type(known), message, known))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        if isinstance(error, KeyError):
            raise SignatureError(f"Typed data can not be signed: {error} is missing") from None
        raise SignatureError(f"Typed data can not be signed: {error}") from None


def primary_type(types: TypedMembers) -> str:
    """The one type that no other type names."""
    named = {_base(member["type"]) for members in types.values() for member in members}
    roots = [name for name in types if name != "EIP712Domain" and name not in named]
    if len(roots) != 1:
        raise SignatureError(f"Typed data has {len(roots)} root types, not one")
    return roots[0]


def encode_type(name: str, types: TypedMembers) -> str:
    """``Mail(Person from,string contents)Person(string name)``: the type, then those it uses, by name."""
    used: set[str] = set()
    pending = [name]
    while pending:
        current = pending.pop()
        if current in types and current not in used:
            used.add(current)
            pending += [_base(member["type"]) for member in types[current]]
    return "".join(
        f"{each}({','.join(member['type'] + ' ' + member['name'] for member in types[each])})"
        for each in [name, *sorted(used - {name})]
    )


def _base(kind: str) -> str:
    return kind.partition("[")[0]


def _struct_hash(name: str, value: Mapping[str, Any], types: TypedMembers) -> bytes:
    words = [keccak(encode_type(name, types).encode())]
    words += [_word(member["type"], value[member["name"]], types) for member in types[name]]
    return keccak(b"".join(words))


def _word(kind: str, value: Any, types: TypedMembers) -> bytes:
    """One member as 32 bytes."""
    if array := _ARRAY.match(kind):
        element, length = array.groups()
        if isinstance(value, str | bytes) or (length and len(value) != int(length)):
            raise ValueError(f"{kind} does not fit")
        return keccak(b"".join(_word(element, item, types) for item in value))
    if kind in types:
        return _struct_hash(kind, value, types) if value is not None else bytes(32)
    return _atom(kind, value)


def _atom(kind: str, value: Any) -> bytes:
    if kind in {"string", "bytes"}:
        return keccak(value.encode() if kind == "string" else _to_bytes(value))
    if kind == "bool":
        return int(value in {True, "true"}).to_bytes(32, "big")
    if kind == "address":
        return _fixed(_to_bytes(value), 20, kind).rjust(32, b"\0")
    if size := _BYTES.match(kind):
        return _fixed(_to_bytes(value), int(size[1]), kind).ljust(32, b"\0")
    if number := _NUMBER.match(kind):
        return _integer(value, signed=not number[1], bits=int(number[2]))
    raise ValueError(f"unknown type {kind}")


def _integer(value: Any, *, signed: bool, bits: int) -> bytes:
    number = int(value, 0) if isinstance(value, str) and value[:2].lower() == "0x" else int(value)
    number.to_bytes(bits // 8, "big", signed=signed)  # raises OverflowError when it does not fit
    return number.to_bytes(32, "big", signed=signed)


def _to_bytes(value: Any) -> bytes:
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)


def _fixed(data: bytes, size: int, kind: str) -> bytes:
    if len(data) != size:
        raise ValueError(f"{kind} has {size} bytes, not {len(data)}")
    return data
