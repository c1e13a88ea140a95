"""Contracts for what no package has the bytecode of: ENS, vouchers, the bridge. A few lines of EVM each.

    code = contract({VOUCHER.getType: answer("uint256", 7), ENS_REGISTRY.setOwner: store(...)})
    place(rpc, address, code)

``answer`` returns a constant, ``load`` and ``store`` keep one word (or a text of up to 32 bytes) for a key.
"""

from __future__ import annotations

from eth_abi import encode

OPS = {
    name: bytes([value])
    for name, value in {
        "STOP": 0x00, "ADD": 0x01, "SUB": 0x03, "EQ": 0x14, "ISZERO": 0x15, "XOR": 0x18, "SHR": 0x1C,
        "SHA3": 0x20, "CALLDATALOAD": 0x35, "CALLDATASIZE": 0x36, "CALLDATACOPY": 0x37,
        "CODECOPY": 0x39, "RETURNDATASIZE": 0x3D, "RETURNDATACOPY": 0x3E, "GAS": 0x5A, "MSTORE": 0x52,
        "MSTORE8": 0x53, "SLOAD": 0x54, "SSTORE": 0x55, "JUMP": 0x56, "JUMPI": 0x57, "JUMPDEST": 0x5B,
        "DUP1": 0x80, "LOG1": 0xA1, "CALL": 0xF1, "RETURN": 0xF3, "REVERT": 0xFD,
    }.items()
}  # fmt: skip


def op(*words):
    """Bytecode of operations; an int is pushed as short as it can be, bytes are pushed as they are."""
    code = b""
    for word in words:
        if isinstance(word, str):
            code += OPS[word]
            continue
        data = word if isinstance(word, bytes) else word.to_bytes(max((word.bit_length() + 7) // 8, 1), "big")
        code += bytes([0x5F + len(data)]) + data
    return code


def contract(cases, otherwise=b""):
    """Runtime code that does what ``cases`` say for each Function; plain coins are taken."""
    head, bodies = op(0, "CALLDATALOAD", 0xE0, "SHR"), b""
    size = len(head) + 11 * len(cases) + len(otherwise or op("STOP"))
    for function, body in cases.items():
        head += op("DUP1", function.selector, "EQ", (size + len(bodies)).to_bytes(2, "big"), "JUMPI")
        bodies += op("JUMPDEST") + body
    return head + (otherwise or op("STOP")) + bodies


def answer(kinds, *values):
    """Return constants."""
    data = encode(kinds.split(","), values)
    words = [data[start : start + 32] for start in range(0, len(data), 32)]
    code = b"".join(op(word, 32 * place, "MSTORE") for place, word in enumerate(words))
    return code + op(len(data), 0, "RETURN")


ZERO = bytes(32)
ARGUMENT = op(4, "CALLDATALOAD")


def slot(field, key=ARGUMENT):
    """The storage place of a field under a key: their exclusive or."""
    return key + op(field.to_bytes(32, "big"), "XOR")


def load(field, key=ARGUMENT):
    """Return the word stored for the first argument."""
    return slot(field, key) + op("SLOAD", 0, "MSTORE", 32, 0, "RETURN")


def store(field, value=op(0x24, "CALLDATALOAD"), key=ARGUMENT):  # noqa: B008 -- bytes do not change
    """Keep the second argument for the first."""
    return value + slot(field, key) + op("SSTORE", "STOP")


def load_text(field, key=ARGUMENT):
    """Return the text stored for the first argument."""
    return (
        op(32, 0, "MSTORE")
        + slot(field, key)
        + op("SLOAD", 32, "MSTORE")
        + slot(field + 1, key)
        + op("SLOAD", 64, "MSTORE", 96, 0, "RETURN")
    )


def store_text(field, place, key=ARGUMENT):
    """Keep the text that the argument at byte ``place`` points to."""
    start = op(place, "CALLDATALOAD", 4, "ADD")
    size = start + op("CALLDATALOAD")
    word = start + op(32, "ADD", "CALLDATALOAD")
    return size + slot(field, key) + op("SSTORE") + word + slot(field + 1, key) + op("SSTORE", "STOP")


def node_of(domain):
    """The node of the label hash in the first argument, below a domain's node."""
    return op(domain, 0, "MSTORE") + ARGUMENT + op(32, "MSTORE", 64, 0, "SHA3")


def forward(to, function):
    """Call another contract with the same arguments, and answer as it does."""
    address = bytes.fromhex(to[2:])
    code = op("CALLDATASIZE", 0, 0, "CALLDATACOPY")
    code += b"".join(op(byte, place, "MSTORE8") for place, byte in enumerate(function.selector))
    # Where the call fails we jump to where no jump may go, which fails too.
    code += op(0, 0, "CALLDATASIZE", 0, 0, address, "GAS", "CALL", "ISZERO", 0, "JUMPI")
    return code + op("RETURNDATASIZE", 0, 0, "RETURNDATACOPY", "RETURNDATASIZE", 0, "RETURN")


def emit(event):
    """Log what comes after the selector as the data of an event without indexed arguments."""
    topic = bytes.fromhex(event.topic[2:])
    return op("CALLDATASIZE", 4, 0, "CALLDATACOPY", topic, 4, "CALLDATASIZE", "SUB", 0, "LOG1", "STOP")


def place(rpc, address, code):
    """Put code at an address of a local node."""
    rpc.request("anvil_setCode", address, "0x" + code.hex())
