"""Reading contracts: any number of calls in a few round trips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.errors import CallError
from iexec_lab.ethereum.answers import HINT_NOT_A_NODE, to_block, to_data, to_int
from iexec_lab.ethereum.transport import RpcFault
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iexec_lab.ethereum.abi import Function
    from iexec_lab.ethereum.rpc import Provider

MAX_DATA = 1 << 20
"""Bytes of the longest answer of a view; the contracts' content came in transactions, which are shorter."""
HINT_NO_CONTRACT = (
    "There is no such contract at that address on this chain: check the address and the network."
)


class Call(NamedTuple):
    """``Call(hub, HUB.viewAccount, user)``: a view of a contract and its arguments."""

    to: str
    function: Function
    args: tuple[Any, ...] = ()
    sender: str | None = None

    def request(self, block: str = "latest") -> tuple[str, list[Any]]:
        """The JSON-RPC request."""
        fields = {"to": self.to, "data": "0x" + self.function.encode(*self.args).hex()}
        if self.sender:
            fields["from"] = self.sender
        return "eth_call", [fields, block]

    def decode(self, answer: Any) -> Any:
        """The value in the node's answer.

        Raises:
            CallError: The call reverted, there is no contract at the address, or the answer has another type.
        """
        if isinstance(answer, RpcFault):
            raise _named(answer, self)
        try:
            data = bytes.fromhex(to_data(answer, MAX_DATA)[2:])
            return self.function.decode(data) if self.function.outputs else None
        except (CallError, ValueError):
            nothing = answer in {"0x", ""} if isinstance(answer, str) else False
            raise CallError(
                f'could not decode result data of {self.function.name} (value="{plain(answer, 80)}")',
                details={"contract": self.to, "function": self.function.signature},
                hint=HINT_NO_CONTRACT if nothing else HINT_NOT_A_NODE,
            ) from None


def call(rpc: Provider, to: str, function: Function, *args: Any) -> Any:
    """One view of one contract, decoded; CallError when it reverts."""
    return read(rpc, [Call(to, function, args)])[0]


def read(rpc: Provider, calls: Sequence[Call], *, block: str = "latest") -> list[Any]:
    """Decoded results, in order.

    Raises:
        CallError: One of the calls reverted, or the node cannot be asked.
    """
    if not calls:
        return []
    answers = rpc.batch([each.request(block) for each in calls])
    return [each.decode(answer) for each, answer in zip(calls, answers, strict=True)]


def attempt(rpc: Provider, calls: Sequence[Call], *, block: str = "latest") -> list[Any | CallError]:
    """As ``read``, but a contract that reverts, or does not exist, gives its error in place of a value."""

    def value(each: Call, answer: Any) -> Any | CallError:
        if isinstance(answer, RpcFault) and not answer.reverted:
            raise _named(answer, each)  # a problem of the node, not the contract's answer
        try:
            return each.decode(answer)
        except CallError as error:
            return error

    if not calls:
        return []
    answers = rpc.batch([each.request(block) for each in calls])
    return [value(each, answer) for each, answer in zip(calls, answers, strict=True)]


def has_code(rpc: Provider, addresses: Iterable[str]) -> list[bool]:
    """Is each address a contract?"""
    answers = rpc.batch([("eth_getCode", [address, "latest"]) for address in addresses])
    return [checked(answer, "eth_getCode") not in {"0x", "", None} for answer in answers]


def block_time(rpc: Provider) -> int:
    """The chain's clock: time of its latest block, seconds since 1970."""
    return to_int(latest_block(rpc).get("timestamp"))


def latest_block(rpc: Provider) -> dict[str, Any]:
    """The newest block, without its transactions; number and time are quantities."""
    return block_at(rpc, "latest")


def block_at(rpc: Provider, number: str) -> dict[str, Any]:
    """The block with this number (quantity, or ``latest``), without its transactions."""
    block = to_block(rpc.request("eth_getBlockByNumber", number, False))
    if block is None or block.get("timestamp") is None or block.get("number") is None:
        raise CallError(f"The node has no {number} block", hint=HINT_NOT_A_NODE)
    return block


def checked(answer: Any, method: str) -> Any:
    """An item of a batch; a fault is raised as its CallError."""
    if isinstance(answer, RpcFault):
        raise answer.error(method)
    return answer


def _named(fault: RpcFault, each: Call) -> CallError:
    error = fault.error("eth_call")
    error.details |= {"contract": each.to, "function": each.function.signature}
    return error
