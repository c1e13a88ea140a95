"""Code that stands in, at their addresses, for contracts no sandbox has: the token bridge, ENS."""

from __future__ import annotations

from helpers.scripted import answer, contract, emit, load, load_text, node_of, op, store, store_text

from iexec_lab.ethereum.abi import Function
from iexec_lab.ethereum.contracts import (
    BRIDGE,
    ENS_REGISTRAR,
    ENS_REGISTRY,
    ENS_RESOLVER,
    ENS_REVERSE_REGISTRAR,
)
from iexec_lab.ethereum.ens import name_hash, reverse_name
from iexec_lab.protocol import to_address

PAY = Function("pay(address,uint256,bytes32)")
OWNER, RESOLVER, ADDRESS, NAME, TEXT = (1 << 8 * field for field in range(1, 6))

MAIN = to_address("0x00000000000000000000000000000000000b4100")


SIDE = to_address("0x00000000000000000000000000000000000b4101")


def bridge_code(event, *, least, most, daily, within=True):
    return contract(
        {
            BRIDGE.minPerTx: answer("uint256", least),
            BRIDGE.maxPerTx: answer("uint256", most),
            BRIDGE.dailyLimit: answer("uint256", daily),
            BRIDGE.withinLimit: answer("bool", within),
            BRIDGE.getCurrentDay: answer("uint256", 7),
            BRIDGE.totalSpentPerDay: answer("uint256", max(daily - 10**9, 0)),
            PAY: emit(event),
        }
    )


REGISTRY = "0x00000000000000000000000000000000000e4500"


def ens_code(wallet):
    """Registry, resolver, registrar and reverse registrar in one contract, for names of one wallet."""
    mine = name_hash(reverse_name(wallet))
    register = op(0x24, "CALLDATALOAD") + node_of(name_hash("users.iexec.eth"))
    register += op(OWNER.to_bytes(32, "big"), "XOR", "SSTORE", "STOP")
    return contract(
        {
            ENS_REGISTRY.owner: load(OWNER),
            ENS_REGISTRY.setOwner: store(OWNER),
            ENS_REGISTRY.resolver: load(RESOLVER),
            ENS_REGISTRY.setResolver: store(RESOLVER),
            ENS_REGISTRAR.register: register,
            ENS_RESOLVER.addr: load(ADDRESS),
            ENS_RESOLVER.setAddr: store(ADDRESS),
            ENS_RESOLVER.name: load_text(NAME),
            ENS_RESOLVER.text: load_text(TEXT),
            ENS_RESOLVER.setText: store_text(TEXT, 0x44),
            ENS_REVERSE_REGISTRAR.setName: store_text(NAME, 4, op(mine)),
        }
    )
