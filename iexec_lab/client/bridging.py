"""Moving RLC between Ethereum and Bellecour through the token bridge (networks of SDK 8 only).

The bridge has a contract on each chain. Sending is a plain transfer to it; the other side then pays out by
itself and says so in an event. Source: the published interface of the POA token bridge.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.client.balances import WEI_PER_NRLC, wallet_nrlc
from iexec_lab.client.permit import spend
from iexec_lab.errors import (
    BalanceError,
    BridgeError,
    ConfigurationError,
    IexecError,
    ProjectError,
    ValidationError,
)
from iexec_lab.ethereum.calls import Call, block_at, block_time, latest_block, read
from iexec_lab.ethereum.connect import open_rpc
from iexec_lab.ethereum.contracts import BRIDGE as CONTRACT
from iexec_lab.ethereum.contracts import BRIDGE_EVENTS, EVENTS, RLC
from iexec_lab.ethereum.logs import read_events, read_logs
from iexec_lab.networks import BRIDGE as FEATURE
from iexec_lab.spelling import in_rlc
from iexec_lab.units import parse_rlc

if TYPE_CHECKING:
    from iexec_lab.client.session import Session
    from iexec_lab.ethereum.abi import Event
    from iexec_lab.ethereum.rpc import Provider
    from iexec_lab.networks import Bridge

DAY = 86_400
ARRIVAL_TIMEOUT = 1800.0
"""Seconds to wait for the other chain."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What will be seen on the other chain, and from which block on."""

    rpc: Provider
    contract: str
    event: Event
    from_block: int


def bridge_to_sidechain(
    session: Session, amount: Any, unit: str, *, wait: bool, force: bool
) -> dict[str, Any]:
    """Move RLC from Ethereum to the wallet's address on the sidechain; see the verb for details."""
    if session.network.native:
        raise ProjectError(
            "Cannot bridge sidechain to sidechain", hint="Run: iexec-lab wallet bridge-to-mainchain."
        )
    bridge = _bridge(session)
    nrlc = _amount(session, amount, unit)
    least, most, daily = read(
        session.rpc,
        [Call(bridge.contract, view) for view in (CONTRACT.minPerTx, CONTRACT.maxPerTx, CONTRACT.dailyLimit)],
    )
    _check_limits(nrlc, least, most)
    spent = _spent_today(session, bridge)
    if spent + nrlc > daily:
        raise _over_daily(nrlc, daily - spent)
    arrival = _arrival(bridge, BRIDGE_EVENTS.AffirmationCompleted) if wait else None

    sent = (session.token, RLC.transfer.encode(bridge.contract, nrlc), 0)
    return _carry_over(session, "wallet bridge-to-sidechain", bridge, nrlc, sent, arrival, force=force)


def bridge_to_mainchain(
    session: Session, amount: Any, unit: str, *, wait: bool, force: bool
) -> dict[str, Any]:
    """Move RLC from the sidechain to the wallet's address on Ethereum; see the verb for details."""
    if not session.network.native:
        raise ProjectError(
            "Cannot bridge mainchain to mainchain", hint="Run: iexec-lab wallet bridge-to-sidechain."
        )
    bridge = _bridge(session)
    nrlc = _amount(session, amount, unit)
    wei = nrlc * WEI_PER_NRLC
    least, most, daily, within, day = read(
        session.rpc,
        [
            Call(bridge.contract, CONTRACT.minPerTx),
            Call(bridge.contract, CONTRACT.maxPerTx),
            Call(bridge.contract, CONTRACT.dailyLimit),
            Call(bridge.contract, CONTRACT.withinLimit, (wei,)),
            Call(bridge.contract, CONTRACT.getCurrentDay),
        ],
    )
    _check_limits(nrlc, -(-least // WEI_PER_NRLC), most // WEI_PER_NRLC)
    if not within:
        [spent] = read(session.rpc, [Call(bridge.contract, CONTRACT.totalSpentPerDay, (day,))])
        raise _over_daily(nrlc, (daily - spent) // WEI_PER_NRLC)
    arrival = _arrival(bridge, BRIDGE_EVENTS.RelayedMessage) if wait else None

    sent = (bridge.contract, b"", wei)
    return _carry_over(session, "wallet bridge-to-mainchain", bridge, nrlc, sent, arrival, force=force)


def bridged_session(session: Session) -> Session:
    """The chain that the bridge leads to, seen with the same wallet.

    Raises:
        ConfigurationError: The network has no bridge, or the other chain is not configured.
    """
    bridge = _bridge(session)
    if bridge.network is None:
        raise ConfigurationError(
            "Missing bridged chain configuration",
            hint=f"Add chain {bridge.bridged_chain_name or bridge.bridged_chain_id} to chain.json.",
        )
    from iexec_lab.client.session import Session as New

    return New(bridge.network, session.wallet, folder=session.folder, timeout=session.timeout)


def _bridge(session: Session) -> Bridge:
    session.network.require(FEATURE)
    bridge = session.network.bridge
    if bridge is None:
        raise ProjectError(f'Missing bridge in "chain.json" for chain {session.network.id}')
    if bridge.bridged_chain_id is None and bridge.network is None:
        raise ConfigurationError(
            f'Missing bridge bridgedChainId in "chain.json" for chain {session.network.name}',
            hint="Add it beside bridgedChainName.",
        )
    return bridge


def _amount(session: Session, amount: Any, unit: str) -> int:
    nrlc = parse_rlc(amount, unit)
    if nrlc <= 0:
        raise ValidationError("Amount must be greater than 0")
    held = wallet_nrlc(session, session.signer.address)
    if held < nrlc:
        raise BalanceError(
            "Amount to bridge exceed wallet balance",
            details={"amount": in_rlc(nrlc), "wallet": in_rlc(held)},
        )
    return nrlc


def _check_limits(nrlc: int, least: int, most: int) -> None:
    if nrlc < least:
        raise BalanceError(
            f"Minimum amount allowed to bridge is {least} nRLC", details={"amount": in_rlc(nrlc)}
        )
    if nrlc > most:
        raise BalanceError(
            f"Maximum amount allowed to bridge is {most} nRLC", details={"amount": in_rlc(nrlc)}
        )


def _over_daily(nrlc: int, left: int) -> BalanceError:
    return BalanceError(
        f"Amount to bridge would exceed bridge daily limit. ({max(left, 0)} nRLC remaining today)",
        details={"amount": in_rlc(nrlc)},
        hint="Try a smaller amount, or try again tomorrow.",
    )


def _spent_today(session: Session, bridge: Bridge) -> int:
    """The nRLC that the bridge has taken since the day began (UTC): the token's transfers to it."""
    head = latest_block(session.rpc)
    number, now = int(head["number"], 16), int(head["timestamp"], 16)
    first = _first_block_at(session.rpc, now - now % DAY, number)
    topics = [EVENTS.Transfer.topic, None, "0x" + bridge.contract[2:].lower().rjust(64, "0")]
    logs = read_logs(session.rpc, session.token, topics, from_block=first, to_block=number)
    return sum(EVENTS.Transfer.decode(log)["value"] for log in logs)


def _first_block_at(rpc: Provider, moment: int, newest: int) -> int:
    """The first block not older than a moment, by binary search."""
    low, high = 0, newest
    while low < high:
        middle = (low + high) // 2
        if int(block_at(rpc, hex(middle))["timestamp"], 16) < moment:
            low = middle + 1
        else:
            high = middle
    return low


def _arrival(bridge: Bridge, event: Event) -> _Arrival | None:
    """Where to look for the RLC; None when the other chain, or its bridge, is not configured."""
    other = bridge.network
    if other is None or other.bridge is None:
        return None
    rpc = open_rpc(other)
    return _Arrival(rpc, other.bridge.contract, event, int(latest_block(rpc)["number"], 16))


def _carry_over(
    session: Session,
    action: str,
    bridge: Bridge,
    nrlc: int,
    sent: tuple[str, bytes, int],
    arrival: _Arrival | None,
    *,
    force: bool,
) -> dict[str, Any]:
    to = bridge.network.name if bridge.network else f"chain {bridge.bridged_chain_id}"
    cost = None if session.some_gas is None else sent[2]
    plan = session.plan(action, cost_nrlc=nrlc, cost_wei=cost, bridge=bridge.contract, to=to)
    permit = spend(session, plan, force=force)
    done: dict[str, Any] = {
        "amount": str(nrlc),
        "amount_nrlc": nrlc,
        "from": session.signer.address,
        "to": bridge.contract,
        "sendTxHash": permit.send(*sent).tx_hash,
    }
    if arrival is not None:
        try:
            done["receiveTxHash"] = _await_arrival(arrival, done["sendTxHash"])
        except IexecError as error:
            raise BridgeError(
                f"The RLC was sent, but its arrival was not seen: {error.message}",
                details={"transaction": done["sendTxHash"], "amount": in_rlc(nrlc), "to": to},
                hint="It normally arrives within minutes: check the balance on the other chain.",
            ) from error
    return done


def _await_arrival(arrival: _Arrival, tx_hash: str) -> str:
    """The transaction that paid out for ours."""
    end, pause = time.monotonic() + ARRIVAL_TIMEOUT, 0.2
    while time.monotonic() < end:
        found = read_events(arrival.rpc, arrival.contract, arrival.event, from_block=arrival.from_block)
        for arguments, log in found:
            if "0x" + arguments["transactionHash"].hex() == tx_hash:
                return str(log["transactionHash"])
        time.sleep(pause)
        pause = min(pause * 1.5, 5.0)
    raise BridgeError(f"not within {ARRIVAL_TIMEOUT:g} seconds", details={"now": block_time(arrival.rpc)})
