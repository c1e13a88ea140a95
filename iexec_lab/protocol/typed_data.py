"""EIP-712: hashes of typed structures.

The four orders have hand-written hashes (``order.py``); this is for what services send us to sign, whose
types are not known in advance, and for the domain that all orders share.

Ours because ``eth_account.messages`` takes 12 times as long to import as this whole room (455 modules against
123), and pads a ``bytes32`` of one byte in silence; here it is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.values import to_address
from iexec_lab.units import number_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DOMAIN_FIELDS: Final[Mapping[str, str]] = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}
_ARRAY: Final = re.compile(r"(.+)\[([0-9]{0,9})\]")
_NUMBER: Final = re.compile(r"-?[0-9]{1,80}|0[xX][0-9a-fA-F]{1,80}")
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
# As in Solidity, int and uint have 256 bits.
_ALIAS: Final = re.compile(r"^u?int(?=\[|$)")
_INTEGER: Final = re.compile(r"(u?)int([0-9]{0,3})")
_FIXED_BYTES: Final = re.compile(r"bytes([0-9]{1,2})")
_MAX_DEPTH: Final = 64


@dataclass(frozen=True, slots=True)
class Domain:
    """The EIP-712 domain of a hub; name and version are the same on every iExec deployment."""

    chain_id: int
    verifying_contract: str
    name: str = "iExecODB"
    version: str = "5.0.0"
    _separator: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verifying_contract", to_address(self.verifying_contract))
        object.__setattr__(self, "_separator", hash_domain(self.to_json()))

    def separator(self) -> bytes:
        """The domain separator, 32 bytes."""
        return self._separator

    def digest(self, struct_hash: bytes) -> bytes:
        """What is signed for a structure with this hash, 32 bytes."""
        return keccak(b"\x19\x01" + self._separator + struct_hash)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": self.version,
            "chainId": self.chain_id,
            "verifyingContract": self.verifying_contract,
        }


def domain_types(domain: Mapping[str, Any]) -> list[dict[str, str]]:
    """The members of ``EIP712Domain`` that this domain has, in their fixed order."""
    return [
        {"name": name, "type": kind} for name, kind in _DOMAIN_FIELDS.items() if domain.get(name) is not None
    ]


def hash_domain(domain: Mapping[str, Any]) -> bytes:
    """The separator of a domain with any of the five fields of EIP-712."""
    return hash_struct("EIP712Domain", {"EIP712Domain": domain_types(domain)}, domain)


def hash_typed_data(
    domain: Mapping[str, Any],
    types: Mapping[str, Any],
    message: Mapping[str, Any],
    primary_type: str | None = None,
) -> bytes:
    """The EIP-712 digest to sign, 32 bytes.

    Args:
        domain: The domain's fields, such as ``chainId`` and ``verifyingContract``.
        types: Type name -> its ``{"name", "type"}`` fields.
        message: Values of the primary type's fields.
        primary_type: None takes the one type that no other type uses.

    Raises:
        ValidationError: the types contradict each other, or the message does not fit them.
    """
    if not isinstance(domain, dict) or not isinstance(types, dict) or not isinstance(message, dict):
        raise ValidationError("typed data needs domain, types and message")
    structs = {name: members for name, members in types.items() if name != "EIP712Domain"}
    primary = primary_type or find_primary_type(structs)
    return keccak(b"\x19\x01" + hash_domain(domain) + hash_struct(primary, structs, message))


def find_primary_type(types: Mapping[str, Any]) -> str:
    """The type that no other type uses.

    Raises:
        ValidationError: there is none, or more than one.
    """
    used = {_base(kind) for members in types.values() for _, kind in _members(members)}
    candidates = [name for name in types if name not in used]
    if len(candidates) != 1:
        problem = "ambiguous primary types or unused types" if candidates else "missing primary type"
        raise ValidationError(problem, details={"types": ", ".join(map(str, types))})
    return candidates[0]


def encode_type(primary: str, types: Mapping[str, Any]) -> str:
    """``Mail(Person from,string text)Person(address wallet)``: the type, then those it uses by name.

    Raises:
        ValidationError: a type is unknown.
    """
    found: set[str] = set()
    pending = [primary]
    while pending:
        name = pending.pop()
        if name in found:
            continue
        if name not in types:
            raise ValidationError(f"unknown type {name}")
        found.add(name)
        pending += [base for _, kind in _members(types[name]) if (base := _base(kind)) in types]
    order = [primary, *sorted(found - {primary})]
    return "".join(
        f"{name}({','.join(f'{kind} {label}' for label, kind in _members(types[name]))})" for name in order
    )


def hash_struct(name: str, types: Mapping[str, Any], value: Any, depth: int = 0) -> bytes:
    """keccak(type hash, then one word a member)."""
    if not isinstance(value, dict):
        raise ValidationError(f"{name} must be an object")
    words = [keccak(_utf8(encode_type(name, types)))]
    for label, kind in _members(types[name]):
        if value.get(label) is None:
            raise ValidationError(f"{name} lacks {label}")
        words.append(_encode(kind, types, value[label], label, depth))
    return keccak(b"".join(words))


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValidationError("a type has a name that is no text") from None


def _members(members: Any) -> list[tuple[str, str]]:
    try:
        pairs = [(member["name"], member["type"]) for member in members]
    except (TypeError, KeyError, IndexError):
        raise ValidationError("types must be lists of {name, type}") from None
    if not all(isinstance(text, str) for pair in pairs for text in pair):
        raise ValidationError("types must be lists of {name, type}")
    if len({label for label, _ in pairs}) < len(pairs):
        raise ValidationError("a type has two members of one name")
    return [(label, _ALIAS.sub(r"\g<0>256", kind)) for label, kind in pairs]


def _base(kind: str) -> str:
    return kind.partition("[")[0]


def _encode(kind: str, types: Mapping[str, Any], value: Any, label: str, depth: int) -> bytes:
    """The word of one member."""
    if depth > _MAX_DEPTH:
        raise ValidationError("typed data is nested too deep")
    array = _ARRAY.fullmatch(kind)
    if array:
        if not isinstance(value, list | tuple) or (array[2] and len(value) != int(array[2])):
            raise ValidationError(f"{label} must be {kind}")
        return keccak(b"".join(_encode(array[1], types, item, label, depth + 1) for item in value))
    if kind in types:
        return hash_struct(kind, types, value, depth + 1)
    try:
        return _atom(kind, value)
    except LookupError:
        raise ValidationError(f"unknown type {kind}") from None
    except (ValueError, TypeError, OverflowError):
        raise ValidationError(f"{label} must be {kind}") from None


def _atom(kind: str, value: Any) -> bytes:
    encoder = _ATOMS.get(kind)
    if encoder:
        return encoder(value)
    if integer := _INTEGER.fullmatch(kind):
        size = int(integer[2] or 256)
        number = _integer(value)
        if size % 8 or not 8 <= size <= 256:
            raise ValueError
        low, high = (0, 2**size) if integer[1] else (-(2 ** (size - 1)), 2 ** (size - 1))
        if not low <= number < high:
            raise ValueError
        return (number % 2**256).to_bytes(32, "big")
    if (fixed := _FIXED_BYTES.fullmatch(kind)) and 1 <= int(fixed[1]) <= 32:
        data = _bytes(value)
        if len(data) != int(fixed[1]):
            raise ValueError
        return data.ljust(32, b"\0")
    raise LookupError


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if isinstance(value, int):
        return value
    text = number_text(value) if isinstance(value, float) else value
    if _NUMBER.fullmatch(text) is None:
        raise ValueError
    return int(text, 16 if "x" in text.lower() else 10)


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        raise TypeError
    return bytes.fromhex(value[2:])


def _boolean(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise TypeError
    return int(value).to_bytes(32, "big")


def _string(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError
    return keccak(value.encode())


_ATOMS: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "address": lambda value: bytes.fromhex(to_address(value)[2:]).rjust(32, b"\0"),
    "bool": _boolean,
    "bytes": lambda value: keccak(_bytes(value)),
    "string": _string,
}
