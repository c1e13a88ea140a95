"""A node's answers, checked against what JSON-RPC promises: nothing else gets past this module.

Quantities come out as short ``0x`` text, bytes as ``0x`` and an even number of digits, logs and receipts with
all their parts, so callers need not check types again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import CallError
from iexec_lab.plain_text import plain
from iexec_lab.protocol.constants import MAX_UINT256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HINT_NOT_A_NODE: Final = "That is not an Ethereum node: check the host in chain.json."

_QUANTITY: Final = re.compile(r"0[xX][0-9a-fA-F]{1,64}")
_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_MOST_TOPICS: Final = 4
_SHOWN: Final = 80
_LAST_SECOND: Final = 253_402_300_799  # the end of the year 9999, the last one with calendar dates


def to_int(value: Any) -> int:
    """A JSON-RPC quantity below 2**256: ``0x…`` text (some nodes send plain numbers).

    Raises:
        CallError: It is not one.
    """
    if isinstance(value, str):
        if _QUANTITY.fullmatch(value):
            return int(value, 16)
    elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_UINT256:
        return value
    raise _refused(value, "a number")


def to_quantity(value: Any) -> str:
    """The same as text without leading zeros."""
    return hex(to_int(value))


def to_data(value: Any, most: int | None = None) -> str:
    """Bytes as ``0x`` text; CallError for anything else, or for more than ``most`` bytes."""
    digits = value.removeprefix("0x") if isinstance(value, str) else "?"
    try:
        bytes.fromhex(digits)
    except ValueError:
        raise _refused(value, "bytes") from None
    if digits and not digits.isalnum():  # fromhex accepts spaces
        raise _refused(value, "bytes")
    if most is not None and len(value) > 2 * most + 2:
        raise _refused(value, f"at most {most} bytes")
    return "0x" + digits


def to_hash(value: Any) -> str:
    """32 bytes as lower-case ``0x`` text; CallError for anything else."""
    if not isinstance(value, str) or _HASH.fullmatch(value) is None:
        raise _refused(value, "a hash")
    return value.lower()


def to_log(value: Any) -> dict[str, Any]:
    """A log with its address, topics and data, and its transaction and block if it names them.

    Raises:
        CallError: It is not a log.
    """
    if not isinstance(value, dict):
        raise _refused(value, "a log")
    address, topics = value.get("address"), value.get("topics")
    if not isinstance(address, str) or _ADDRESS.fullmatch(address) is None:
        raise _refused(address, "the address of a log")
    if not isinstance(topics, list) or len(topics) > _MOST_TOPICS:
        raise _refused(topics, "the topics of a log")
    known = {
        "address": address,
        "topics": [to_hash(topic) for topic in topics],
        "data": to_data(value.get("data")),
    }
    return {**value, **known, **_read(value, _IN_LOGS)}


def to_logs(value: Any) -> list[dict[str, Any]]:
    """Logs; CallError when one of them is invalid."""
    if not isinstance(value, list):
        raise _refused(value, "logs")
    return [to_log(log) for log in value]


def to_receipt(value: Any) -> dict[str, Any] | None:
    """A receipt of a mined transaction; None while it is not mined.

    Raises:
        CallError: It is not a receipt.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _refused(value, "a receipt")
    if value.get("blockNumber") is None:
        return None
    known = {
        "transactionHash": to_hash(value.get("transactionHash")),
        "blockNumber": to_quantity(value["blockNumber"]),
        "gasUsed": to_quantity(value.get("gasUsed")),
        "logs": to_logs(value.get("logs")),
    }
    return {**value, **known, **_read(value, {"blockHash": to_hash, "status": to_quantity})}


def to_block(value: Any) -> dict[str, Any] | None:
    """A block, its numbers as quantities; None when the node does not know it."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _refused(value, "a block")
    return {**value, **_read(value, _IN_BLOCKS)}


def to_transaction(value: Any) -> dict[str, Any] | None:
    """A transaction; None when the node does not know it."""
    if value is not None and not isinstance(value, dict):
        raise _refused(value, "a transaction")
    return value


def _to_time(value: Any) -> str:
    if to_int(value) > _LAST_SECOND:
        raise _refused(value, "a time")
    return to_quantity(value)


def read_answer(method: str, result: Any) -> Any:
    """The result of a method as its callers expect it; results of unlisted methods are left unchanged.

    Raises:
        CallError: It is something else.
    """
    reader = _READERS.get(method)
    return result if reader is None else reader(result)


def _read(value: Mapping[str, Any], readers: Mapping[str, Callable[[Any], str]]) -> dict[str, str]:
    """Those of these parts that are present."""
    return {name: read(value[name]) for name, read in readers.items() if value.get(name) is not None}


def _refused(value: Any, what: str) -> CallError:
    shown = repr(value) if isinstance(value, str) else plain(value, _SHOWN)
    return CallError(f"The node answered {plain(shown, _SHOWN)} in place of {what}", hint=HINT_NOT_A_NODE)


_IN_LOGS: Final = {"transactionHash": to_hash, "blockHash": to_hash, "blockNumber": to_quantity}
_IN_BLOCKS: Final = {
    **dict.fromkeys(("number", "gasLimit", "baseFeePerGas"), to_quantity),
    "timestamp": _to_time,
}
_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(
        (
            *("eth_blockNumber", "eth_chainId", "eth_estimateGas", "eth_gasPrice", "eth_getBalance"),
            *("eth_getTransactionCount", "eth_maxPriorityFeePerGas"),
        ),
        to_quantity,
    ),
    "eth_call": to_data,
    "eth_getBlockByNumber": to_block,
    "eth_getCode": lambda value: "0x" if value is None else to_data(value),
    "eth_getLogs": to_logs,
    "eth_getTransactionByHash": to_transaction,
    "eth_getTransactionReceipt": to_receipt,
    "eth_sendRawTransaction": to_hash,
}
