"""Functions, events and errors of contracts, written as one-line signatures.

``eth_abi`` does the encoding; the first call imports it. The rest is ours because web3's contract objects
take 30 ms to parse the hub's whole ABI, and more than a second to import.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.errors import CallError, ValidationError
from iexec_lab.protocol.hashing import keccak

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eth_abi.codec import ABIDecoder


def split_types(text: str) -> list[str]:
    """Split ``a,(b,c)[],d`` at its outer commas."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    tail = text[start:].strip()
    return [*parts, tail] if tail else parts


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """ABI encoding of values.

    Raises:
        ValidationError: a value does not fit its type.
    """
    from eth_abi.abi import encode as abi_encode
    from eth_abi.exceptions import EncodingError

    try:
        return abi_encode(types, values)
    except (EncodingError, TypeError, ValueError, OverflowError) as error:
        raise ValidationError(f"A value does not fit {','.join(types)}: {error}") from None


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Values of ABI encoded data; addresses are lower case.

    Anybody may store any bytes as a name, so text that is not UTF-8 gets replacement characters.

    Raises:
        ValueError: the data is too short or not of these types.
    """
    from eth_abi.exceptions import DecodingError

    try:
        return tuple(_decoder().decode(types, data, strict=False))
    except (DecodingError, OverflowError) as error:
        raise ValueError(f"not {','.join(types)}: {error}") from None


@cache
def _decoder() -> ABIDecoder:
    from eth_abi.codec import ABIDecoder
    from eth_abi.decoding import StringDecoder
    from eth_abi.registry import registry

    lenient = registry.copy()  # type: ignore[no-untyped-call]
    lenient.unregister_decoder("string")
    lenient.register_decoder("string", StringDecoder("replace"), label="string")  # type: ignore[no-untyped-call]
    return ABIDecoder(lenient)


class Function(NamedTuple):
    """A contract function: ``Function("viewAccount(address)", "(uint256,uint256)")``.

    ``outputs`` is the comma list of return types; a struct is a tuple type in parentheses.
    """

    signature: str
    outputs: str = ""

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]

    @property
    def inputs(self) -> list[str]:
        return split_types(self.signature.partition("(")[2][:-1])

    @property
    def selector(self) -> bytes:
        return _selector(self.signature)

    def encode(self, *args: Any) -> bytes:
        """Call data: selector and arguments."""
        return self.selector + encode(self.inputs, args)

    def decode_input(self, data: bytes) -> tuple[Any, ...]:
        return tuple(decode(self.inputs, data[4:]))

    def decode(self, data: bytes) -> Any:
        """The return value; a tuple when the function returns several."""
        values = decode(split_types(self.outputs), data)
        return values[0] if len(values) == 1 else tuple(values)


@cache
def _selector(signature: str) -> bytes:
    return keccak(signature.encode())[:4]


class Event:
    """An event: ``Event("TaskClaimed(bytes32 indexed taskid)")``; every argument is named."""

    def __init__(self, declaration: str) -> None:
        self.name, _, rest = declaration.partition("(")
        self.fields: list[tuple[str, str, bool]] = []
        for part in split_types(rest.rstrip()[:-1]):
            kind, *words = part.split()
            self.fields.append((kind, words[-1], words[0] == "indexed"))

    @cached_property
    def topic(self) -> str:
        """Topic 0 as 0x text."""
        kinds = ",".join(kind for kind, _, _ in self.fields)
        return "0x" + keccak(f"{self.name}({kinds})".encode()).hex()

    def matches(self, log: Mapping[str, Any]) -> bool:
        """True when the log has this topic and as many indexed arguments."""
        indexed = sum(is_indexed for _, _, is_indexed in self.fields)
        topics: Sequence[str] = log["topics"]
        return len(topics) == indexed + 1 and topics[0].lower() == self.topic

    def decode(self, log: Mapping[str, Any]) -> dict[str, Any]:
        """Argument values of a JSON-RPC log; bytes stay bytes, addresses are lower case, as in eth_abi.

        Raises:
            CallError: The data or topics do not fit this event.
        """
        topics = iter(bytes.fromhex(topic[2:]) for topic in log["topics"][1:])
        plain = [kind for kind, _, is_indexed in self.fields if not is_indexed]
        try:
            data = iter(decode(plain, bytes.fromhex(log["data"][2:])))
            return {
                name: decode([kind], next(topics))[0] if is_indexed else next(data)
                for kind, name, is_indexed in self.fields
            }
        except ValueError:
            raise CallError(f"The node sent an invalid event {self.name}") from None
