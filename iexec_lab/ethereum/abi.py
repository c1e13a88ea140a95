"""Functions, events and errors of contracts, written as one-line signatures.

``eth_abi`` does the encoding; web3's contract objects are not used because parsing the hub's whole ABI costs
30 ms and importing web3 more than a second.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from eth_abi.abi import decode, encode

from iexec_lab.protocol.hashing import keccak

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
        return keccak(self.signature.encode())[:4]

    def encode(self, *args: Any) -> bytes:
        """Call data: selector and arguments."""
        return self.selector + encode(self.inputs, args)

    def decode_input(self, data: bytes) -> tuple[Any, ...]:
        return tuple(decode(self.inputs, data[4:]))

    def decode(self, data: bytes) -> Any:
        """The return value; a tuple when the function returns several."""
        values = decode(split_types(self.outputs), data)
        return values[0] if len(values) == 1 else tuple(values)


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
        """Argument values of a JSON-RPC log; bytes stay bytes, addresses lower case as eth_abi gives them."""
        topics = iter(bytes.fromhex(topic[2:]) for topic in log["topics"][1:])
        plain = [kind for kind, _, is_indexed in self.fields if not is_indexed]
        data = iter(decode(plain, bytes.fromhex(log["data"][2:])))
        return {
            name: decode([kind], next(topics))[0] if is_indexed else next(data)
            for kind, name, is_indexed in self.fields
        }
