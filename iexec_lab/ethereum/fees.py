"""What a transaction pays for gas: on EIP-1559, legacy and gas-free chains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.ethereum.calls import checked
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.ethereum.transport import RpcFault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.ethereum.rpc import Request

# For a node that does not say which tip is usual: 1 gwei.
DEFAULT_TIP = 10**9

FEE_REQUESTS: Sequence[Request] = (
    ("eth_getBlockByNumber", ["latest", False]),
    ("eth_gasPrice", []),
    ("eth_maxPriorityFeePerGas", []),
)


def fee_fields(
    answers: Sequence[Any], *, gas_price: int | None = None, free_gas: bool = False
) -> dict[str, int]:
    """Fee fields of a transaction, in wei a gas, from the answers to ``FEE_REQUESTS``.

    A gas-free chain gets 0, whatever the user says. The user's price is the legacy price, or both EIP-1559
    fields on a chain with a base fee. Without a price: twice the base fee plus the usual tip, or the node's
    legacy price.

    Raises:
        CallError: The node does not name a price.
    """
    if free_gas:
        return {"gasPrice": 0}
    block, price, tip = answers
    base_fee = (checked(block, "eth_getBlockByNumber") or {}).get("baseFeePerGas")
    if base_fee is None:
        return {"gasPrice": to_int(checked(price, "eth_gasPrice")) if gas_price is None else gas_price}
    if gas_price is not None:
        return {"maxFeePerGas": gas_price, "maxPriorityFeePerGas": gas_price}
    priority = DEFAULT_TIP if isinstance(tip, RpcFault) or tip is None else to_int(tip)
    return {"maxFeePerGas": 2 * to_int(base_fee) + priority, "maxPriorityFeePerGas": priority}


def gas_price_of(fees: Mapping[str, int]) -> int:
    """The most that these fields pay for one gas, wei."""
    return fees["maxFeePerGas"] if "maxFeePerGas" in fees else fees["gasPrice"]
