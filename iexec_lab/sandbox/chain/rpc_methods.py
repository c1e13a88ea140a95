"""What JSON-RPC methods do to the chain, as far as durable_node has to know.

Names after the prefix are those of anvil 1.7; a method of a prefix in DECREES that is named nowhere here is
taken to set something in the state.
"""

from __future__ import annotations

SEND = {"eth_sendRawTransaction", "eth_sendTransaction", "eth_sendUnsignedTransaction"}
SEND_AND_WAIT = {f"{method}Sync" for method in SEND}
DECREES = {"anvil", "evm", "hardhat", "tenderly"}
"""Prefixes of requests that real nodes do not know."""
MINE = {"mine", "mine_detailed"}
MINING_MODE = {"getAutomine", "setAutomine", "getIntervalMining", "setIntervalMining"}
CLOCK = {"increaseTime", "setTime", "setNextBlockTimestamp"}
REWIND = {"revert", "reset", "loadState", "reorg", "rollback"}
DROP = {"dropTransaction", "dropAllTransactions", "removePoolTransactions"}
SESSION = {
    "autoImpersonateAccount",
    "dumpState",
    "enableTraces",
    "impersonateAccount",
    "metadata",
    "nodeInfo",
    "removeBlockTimestampInterval",
    "setBlockTimestampInterval",
    "setLoggingEnabled",
    "setRpcUrl",
    "snapshot",
    "stopImpersonatingAccount",
}
"""Requests that change no state, or only how anvil behaves until it is restarted; so do those named get..."""


def changes(method: str) -> bool:
    """True for a request that is not a plain read."""
    return method in SEND | SEND_AND_WAIT or method.partition("_")[0] in DECREES
