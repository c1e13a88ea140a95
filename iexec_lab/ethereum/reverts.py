"""Why a contract reverted: from revert data to the contract's words, and from those to plain ones.

Ours because web3 decodes ``Error`` and ``Panic`` alone and leaves other errors as hex; here are 30 custom
errors, and plain sentences for the 28 codes of ``matchOrders``.
"""

from __future__ import annotations

import re
from typing import Any

from iexec_lab.ethereum.abi import Function

ERROR = Function("Error(string)")
PANIC = Function("Panic(uint256)")

_CUSTOM = (
    "IncompatibleDatasetOrder(string reason)",
    "FunctionNotFound(bytes4 selector)",
    "NotContractOwner(address user, address owner)",
    "OwnableUnauthorizedAccount(address account)",
    "OwnableInvalidOwner(address owner)",
    "AccessControlUnauthorizedAccount(address account, bytes32 role)",
    "SafeCastOverflowedUintDowncast(uint8 bits, uint256 value)",
    "MathOverflowedMulDiv()",
    "ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)",
    "ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed)",
    "ERC20InvalidApprover(address approver)",
    "ERC20InvalidReceiver(address receiver)",
    "ERC20InvalidSender(address sender)",
    "ERC20InvalidSpender(address spender)",
    "ERC721IncorrectOwner(address sender, uint256 tokenId, address owner)",
    "ERC721InsufficientApproval(address operator, uint256 tokenId)",
    "ERC721InvalidReceiver(address receiver)",
    "ERC721NonexistentToken(uint256 tokenId)",
    "ECDSAInvalidSignature()",
    "ECDSAInvalidSignatureLength(uint256 length)",
    "ECDSAInvalidSignatureS(bytes32 s)",
    "ReentrancyGuardReentrantCall()",
    "EnforcedPause()",
    "CannotAddFunctionToDiamondThatAlreadyExists(bytes4 selector)",
    "CannotReplaceFunctionThatDoesNotExists(bytes4 selector)",
    "CannotRemoveFunctionThatDoesNotExist(bytes4 selector)",
    "NoSelectorsProvidedForFacetForCut(address facet)",
    "NoBytecodeAtAddress(address contract, string message)",
    "IncorrectFacetCutAction(uint8 action)",
    "InitializationFunctionReverted(address init, bytes data)",
)

_PANICS = {
    0x00: "a generic compiler check failed",
    0x01: "an assertion failed",
    0x11: "an amount would fall below zero or overflow",
    0x12: "division by zero",
    0x21: "a number is not a value of its enumeration",
    0x22: "a stored byte array is damaged",
    0x31: "pop on an empty array",
    0x32: "an index is out of range",
    0x41: "too much memory was asked for",
    0x51: "a function pointer is not set",
}

_MATCHING = {
    0x00: "The request order and the workerpool order name different categories.",
    0x01: "The category does not exist.",
    0x02: "The requested trust is above the workerpool order's.",
    0x03: "The app order's price is above the request's appmaxprice.",
    0x04: "The dataset order's price is above the request's datasetmaxprice.",
    0x05: "The workerpool order's price is above the request's workerpoolmaxprice.",
    0x06: "The workerpool order lacks a tag that the app, dataset or request order asks for.",
    0x07: "The request or dataset order asks for a TEE and the app order's tag does not offer it.",
    0x10: "The request order names another app than the app order.",
    0x11: "The request order names another dataset than the dataset order.",
    0x12: "The request order does not allow this workerpool.",
    0x13: "The app order does not allow this dataset (datasetrestrict).",
    0x14: "The app order does not allow this workerpool (workerpoolrestrict).",
    0x15: "The app order does not allow this requester (requesterrestrict).",
    0x16: "The dataset order does not allow this app (apprestrict).",
    0x17: "The dataset order does not allow this workerpool (workerpoolrestrict).",
    0x18: "The dataset order does not allow this requester (requesterrestrict).",
    0x19: "The workerpool order does not allow this app (apprestrict).",
    0x1A: "The workerpool order does not allow this dataset (datasetrestrict).",
    0x1B: "The workerpool order does not allow this requester (requesterrestrict).",
    0x20: "The app is not in the app registry of this network.",
    0x21: "The app order is not signed by the app's present owner.",
    0x30: "The dataset is not in the dataset registry of this network.",
    0x31: "The dataset order is not signed by the dataset's present owner.",
    0x40: "The workerpool is not in the workerpool registry of this network.",
    0x41: "The workerpool order is not signed by the workerpool's present owner.",
    0x50: "The request order is not signed by its requester.",
    0x60: "One of the orders has no volume left: it is used up or was cancelled.",
}

_MEANINGS = {
    "IexecEscrow: Transfer amount exceeds balance": (
        "The account's free stake is too small: deposit RLC first. When orders are matched this is the "
        "requester, or the workerpool's owner, who stakes 30 % of the workerpool price for each task."
    ),
    "IexecEscrow: Transfer to empty address": "The receiver is the zero address.",
    "Create2: Failed on deploy": (
        "The same owner has already deployed exactly this: change the name to deploy another one."
    ),
    "Ownable: caller is not the owner": "Only the contract's owner may do this.",
    "caller is not the owner": "Only the owner of this app, dataset or workerpool may do this.",
    "invalid-sender-or-signature": (
        "Only the order's owner, or a holder of the owner's signature, may sign or cancel it."
    ),
    "invalid-signature-format": "A signature must have 65 bytes, or 64 in the compact form.",
    "invalid-array-length": "The two lists differ in length.",
    "fallback-disabled": "The contract has no such function; is the hub address right?",
    "native-transfer-failed": "The receiver did not accept the coins.",
    "task-pending": "The task has no result yet.",
    "wrong-token": "Only the RLC token may call this.",
    "not-configured": "The contract is not configured yet.",
    "already-configured": "The contract is already configured.",
    "Operation not supported on this chain": "This network's contract does not offer the operation.",
    "PocoBoost: Bad trust level": "Boost deals have a trust of at most 1.",
    "PocoBoost: Deadline reached": "The result came after the deal's deadline; the deal can be claimed.",
    "PocoBoost: Deadline not reached": "The deal can be claimed only after its deadline.",
    "PocoBoost: One or more orders consumed": _MATCHING[0x60],
}

_MATCH_CODE = re.compile(r"iExecV5-matchOrders-0x([0-9a-f]{2})", re.IGNORECASE)
# Old contracts fail by an invalid opcode (solc 0.4's assert; "InvalidFEOpcode" in anvil's words).
_FAILURE = re.compile(r"revert|vm execution error|invalid (?:fe ?)?opcode|invalidfeopcode", re.IGNORECASE)
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_WORDS = re.compile(r"revert(?:ed)?(?: with reason string)?:?\s+['\"]?(?P<reason>[^'\"].*?)['\"]?$")


def decode_revert(data: bytes) -> str | None:
    """The reason in revert data, in the contract's words; None when there is no reason.

    A custom error reads ``Name(argument=value, ...)``, an unknown one ``custom error 0x<selector>``.
    """
    if len(data) < 4:
        return None
    selector = data[:4]
    try:
        if selector == ERROR.selector:
            return str(ERROR.decode_input(data)[0]) or None
        if selector == PANIC.selector:
            code = PANIC.decode_input(data)[0]
            return f"Panic(0x{code:02x}): {_PANICS.get(code, 'unknown')}"
        for declaration in _CUSTOM:
            function, names = _parse(declaration)
            if function.selector == selector:
                values = function.decode_input(data) if names else ()
                shown = ", ".join(f"{name}={_show(value)}" for name, value in zip(names, values, strict=True))
                return f"{function.name}({shown})"
    except (ValueError, OverflowError):  # eth_abi's DecodingError is a ValueError
        pass
    return f"custom error 0x{selector.hex()}"


def meaning(reason: str | None) -> str | None:
    """A plain sentence for a reason of the iExec contracts; None for one that needs no explanation."""
    if reason is None:
        return None
    if code := _MATCH_CODE.search(reason):
        return _MATCHING.get(int(code[1], 16))
    if reason.startswith("Panic(0x11)"):
        return "An amount is larger than what the account holds."
    if reason.startswith("IncompatibleDatasetOrder("):
        return "The dataset order does not fit this deal."
    return _MEANINGS.get(reason)


def is_revert(code: int, message: str) -> bool:
    """Does this JSON-RPC error say that the contract reverted, rather than that the node has a problem?"""
    return code == 3 or _FAILURE.search(message) is not None


def fault_reason(message: str, data: Any) -> str | None:
    """The reason in a JSON-RPC error: from its data, in any wrapping, else from its message."""
    raw = _revert_data(data)
    if raw is not None and (reason := decode_revert(raw)):
        return reason
    if words := _WORDS.search(message.strip()):
        return words["reason"]
    return None


def _revert_data(data: Any) -> bytes | None:
    """Bytes in ``0x…``, in ``Reverted 0x…``, or in an object with such text under ``data`` or ``result``."""
    if isinstance(data, dict):
        for name in ("data", "result", "originalError", "output"):
            if (found := _revert_data(data.get(name))) is not None:
                return found
        return None
    if not isinstance(data, str):
        return None
    text = data.removeprefix("Reverted ").strip()
    return bytes.fromhex(text[2:]) if _HEX.fullmatch(text) else None


def _parse(declaration: str) -> tuple[Function, list[str]]:
    name, _, rest = declaration.partition("(")
    pairs = [part.split() for part in rest[:-1].split(",") if part.strip()]
    return Function(f"{name}({','.join(kind for kind, _ in pairs)})"), [label for _, label in pairs]


def _show(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
