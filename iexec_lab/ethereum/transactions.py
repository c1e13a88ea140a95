"""Sending transactions of one account: gas, fees, nonce, signature, delivery, receipt.

Ours because web3's ``send_transaction`` (besides 18 times the import time of ``protocol``) sends once: a lost
answer leaves the user without the hash, and a second try with a new nonce can pay twice.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.errors import ChainError, TransactionError, ValidationError
from iexec_lab.ethereum.ahead import expect, one_look
from iexec_lab.ethereum.calls import checked
from iexec_lab.ethereum.fees import FEE_REQUESTS, fee_fields, gas_price_of
from iexec_lab.ethereum.nonces import count_request, nonces_of
from iexec_lab.ethereum.receipts import (
    HINT_LOOK_FIRST,
    Pending,
    Receipt,
    deliver,
    failed,
    revert_error,
    wait_for,
    who_has,
)
from iexec_lab.ethereum.refusals import Refusal, refusal
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.ethereum.sent import note_mined, note_refused, note_signed, telling
from iexec_lab.ethereum.transport import RpcFault
from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.values import to_address
from iexec_lab.spelling import in_ether
from iexec_lab.wallet.signer import KeySigner, SendingSigner

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iexec_lab.ethereum.rpc import Provider, Request
    from iexec_lab.wallet.signer import Signer

__all__ = ["Receipt", "Sender", "Transaction"]

# An estimate is for the present state; unused gas is not paid.
GAS_MARGIN_PERCENT = 20
# Two processes that each send the same thing must not sign one and the same transaction.
GAS_SPREAD = 1000
# Nonces tried while other processes send from the same account.
NUMBERS_TRIED = 10
TIMEOUT = 600.0


class Transaction(NamedTuple):
    """Call data for a contract, or plain coins; value in wei."""

    to: str
    data: bytes = b""
    value: int = 0


def foresee(rpc: Provider, sender: str, transaction: Transaction, *, free_gas: bool = False) -> None:
    """Let what ``Sender.send`` asks about a transaction come along with the next reads."""
    requests: list[Request] = [("eth_estimateGas", [_call(sender, transaction)]), count_request(sender)]
    expect(rpc, requests if free_gas else [*requests, *FEE_REQUESTS])


def _call(sender: str, transaction: Transaction) -> dict[str, Any]:
    """The fields of ``eth_call`` and ``eth_estimateGas``."""
    call: dict[str, Any] = {"from": sender, "to": to_address(transaction.to)}
    if transaction.data:
        call["data"] = "0x" + transaction.data.hex()
    if transaction.value:
        call["value"] = hex(transaction.value)
    return call


class Sender:
    """Sends for one signer on one chain; may be used from several threads.

    Args:
        rpc: The node.
        signer: A key, or a wallet that sends by itself.
        gas_price: Wei a gas: the legacy price, or both EIP-1559 fields; None takes the chain's.
        confirms: Blocks to wait for, the transaction's own included; at least 1.
        free_gas: The chain takes no gas: legacy transactions at price 0, whatever ``gas_price`` says.
        timeout: Seconds to wait for a transaction.
        no_funds: Advice when the account cannot pay, where there is better than to send it coins.
    """

    def __init__(
        self,
        rpc: Provider,
        signer: Signer | KeySigner | SendingSigner,
        *,
        gas_price: int | None = None,
        confirms: int = 1,
        free_gas: bool = False,
        timeout: float = TIMEOUT,
        no_funds: str | None = None,
    ) -> None:
        if confirms < 1:
            raise ValidationError("confirms must be greater than or equal to 1")
        if gas_price is not None and gas_price < 0:
            raise ValidationError("gasPrice must be greater than or equal to 0")
        self.rpc = rpc
        self.signer = signer
        self.gas_price = gas_price
        self.confirms = confirms
        self.free_gas = free_gas
        self.no_funds = no_funds
        self.timeout = timeout

    @property
    def address(self) -> str:
        return self.signer.address

    def send(
        self,
        to: str,
        data: bytes = b"",
        value: int = 0,
        *,
        gas: int | None = None,
        fees: Mapping[str, int] | None = None,
        most: int | None = None,
    ) -> Receipt:
        """Send one transaction and wait until it is confirmed.

        ``gas`` and ``fees`` (as from ``fees()``) fix the cost to the wei beforehand. A transaction that could
        cost more than ``most`` wei, value and gas together, is not signed.

        Raises:
            TransactionError: It was refused, reverted (``reason``), or its fate is unknown; if it was sent,
                ``tx_hash`` is its hash.
            Interrupted: A ``KeyboardInterrupt`` that names what was sent.
        """
        with telling():
            return self.wait([self.submit(to, data, value, gas=gas, fees=fees, most=most)])[0]

    def send_many(
        self, transactions: Iterable[Transaction | tuple[Any, ...]], *, most: int | None = None
    ) -> list[Receipt]:
        """Send independent transactions, then wait for all; receipts in order.

        Nothing is sent when one of them would revert; ``most`` is for each of them, as for ``send``.

        Raises:
            TransactionError: As ``send``; those already sent are waited for before it is raised.
            Interrupted: As ``send``.
        """
        calls = [_call(self.address, Transaction(*each)) for each in transactions]
        if not calls:
            return []
        sent: list[Pending] = []
        with telling(), one_look():
            try:
                for call in self._prepare(calls):
                    sent.append(self._submit(call, most=most))  # noqa: PERF401 -- kept when a later one fails
            except ChainError as error:
                if sent:
                    self._wait_out(sent, error)
                raise
            return self.wait(sent)

    def _wait_out(self, sent: Sequence[Pending], error: ChainError) -> None:
        """Wait for what was sent before an error, and add the outcome to the error."""
        try:
            self.wait(sent)
        except TransactionError as other:
            error.details["of those sent before"] = f"{other.message} ({other.tx_hash})"
        error.details["sent before"] = ", ".join(each.tx_hash for each in sent)

    def submit(
        self,
        to: str,
        data: bytes = b"",
        value: int = 0,
        *,
        gas: int | None = None,
        fees: Mapping[str, int] | None = None,
        most: int | None = None,
    ) -> Pending:
        """Send one transaction without waiting; pass the result to ``wait``."""
        with one_look():
            [call] = self._prepare([_call(self.address, Transaction(to, data, value))])
            return self._submit(call if gas is None else call | {"gas": gas}, fees, most)

    def wait(self, pending: Sequence[Pending]) -> list[Receipt]:
        """Wait for transactions of ``submit``.

        Raises:
            TransactionError: One of them reverted, was replaced, or took too long.
        """
        found: dict[str, Receipt] = {}
        with telling():
            for each in pending:
                note_signed(each.tx_hash)
            try:
                receipts = wait_for(
                    self.rpc, pending, confirms=self.confirms, timeout=self.timeout, found=found
                )
            finally:
                self._settle(pending, found)
            for each, receipt in zip(pending, receipts, strict=True):
                if not receipt.status:
                    raise self._with_others(failed(self.rpc, each, receipt), receipts)
            return receipts

    def _settle(self, pending: Sequence[Pending], found: Mapping[str, Receipt]) -> None:
        """Free the nonces of transactions that are mined or that no node shows; others stay in flight."""
        nonces = nonces_of(self.rpc, self.address)
        for each in pending:
            receipt = found.get(each.tx_hash)
            if receipt is not None:
                note_mined(receipt.tx_hash, receipt.block_number)
                note_refused(*({each.tx_hash, *each.before} - {receipt.tx_hash}))
            if each.nonce is not None and (receipt is not None or each.doubtful):
                nonces.end(each.nonce)

    def _with_others(self, error: TransactionError, receipts: Sequence[Receipt]) -> TransactionError:
        """Add the outcome of the others to an error about one of several."""
        others = [
            f"{receipt.tx_hash} ({'done' if receipt.status else 'failed'})"
            for receipt in receipts
            if receipt.tx_hash != error.tx_hash
        ]
        if others:
            error.details["sent together with"] = ", ".join(others)
        return error

    def fees(self) -> dict[str, int]:
        """Fee fields of a transaction sent now, in wei a gas."""
        answers = [] if self.free_gas else self.rpc.batch(FEE_REQUESTS)
        return fee_fields(answers, gas_price=self.gas_price, free_gas=self.free_gas)

    def _prepare(self, calls: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add gas and fees to each call; one round trip for all."""
        requests: list[Request] = [("eth_estimateGas", [call]) for call in calls]
        expect(self.rpc, [count_request(self.address)])
        answers = self.rpc.batch(requests if self.free_gas else [*requests, *FEE_REQUESTS])
        estimates, fee_answers = answers[: len(calls)], answers[len(calls) :]
        for call, estimate in zip(calls, estimates, strict=True):
            if isinstance(estimate, RpcFault):
                raise self._unwilling(estimate, call)
        fees = fee_fields(fee_answers, gas_price=self.gas_price, free_gas=self.free_gas)
        limit = None
        if fee_answers and isinstance(block := checked(fee_answers[0], "eth_getBlockByNumber"), dict):
            limit = to_int(block.get("gasLimit", 0)) or None
        prepared = []
        for call, estimate in zip(calls, estimates, strict=True):
            gas = to_int(estimate)
            roomy = gas * (100 + GAS_MARGIN_PERCENT) // 100 + random.randrange(GAS_SPREAD)  # noqa: S311
            prepared.append(call | fees | {"gas": max(gas, min(roomy, limit or roomy))})
        return prepared

    def _submit(
        self, call: dict[str, Any], fees: Mapping[str, int] | None = None, most: int | None = None
    ) -> Pending:
        if fees is not None:
            call = {name: value for name, value in call.items() if name not in _FEE_FIELDS} | dict(fees)
        if isinstance(self.signer, KeySigner):
            return self._submit_signed(self.signer, call, most)
        if not isinstance(self.signer, SendingSigner):
            raise TransactionError(f"The wallet of {self.address} can sign, but cannot send transactions")
        fields = {name: hex(value) if isinstance(value, int) else value for name, value in call.items()}
        if self.gas_price is None and not self.free_gas:
            for name in _FEE_FIELDS:
                fields.pop(name, None)  # the wallet lets its user choose
        tx_hash = self.signer.send_transaction({**fields, "chainId": hex(self.rpc.chain_id)}).lower()
        note_signed(tx_hash)
        return Pending(tx_hash, self.address, _shown(call))

    def _submit_signed(self, signer: KeySigner, call: dict[str, Any], most: int | None) -> Pending:
        """Sign with the next nonce and deliver; a nonce that another process took is not tried twice.

        Another nonce is taken only when every delivery was clearly refused, and this account's transaction
        with the old nonce is seen: then ours is in no pool, or can never be mined. A higher fee is offered
        with the same nonce, for which at most one transaction can be mined.
        """
        nonces = nonces_of(self.rpc, self.address)
        fields = {name: value for name, value in call.items() if name != "from"}
        fields = {"data": "0x", **fields, "value": to_int(call.get("value", 0)), "chainId": self.rpc.chain_id}
        with nonces.lock:
            number, tried = nonces.next(self.rpc, self.address), dict[str, Pending]()
            for attempt in range(NUMBERS_TRIED):
                before = frozenset(tried)
                _check_cost(fields, most, priced=self.gas_price is not None)
                pending, fault = self._deliver(signer, {**fields, "nonce": number}, call, before)
                if fault is None:
                    return pending
                tried[pending.tx_hash] = pending
                kind = refusal(fault)
                if kind is Refusal.FEE_TOO_LOW and self.gas_price is None and not self.free_gas:
                    fields |= self.fees()
                elif kind not in _TAKEN:
                    note_refused(pending.tx_hash)
                    raise self._refused(fault, kind, call)
                else:
                    holds = who_has(self.rpc, self.address, number, waiting=kind is Refusal.NONCE_TAKEN)
                    if holds is None or holds in tried:  # no other transaction is shown to have it
                        nonces.begin(number)
                        return replace(tried.get(holds or "", pending), doubtful=True)
                    note_refused(*tried)
                    number, tried = max(nonces.next(self.rpc, self.address), number + 1), {}
                time.sleep(0.02 * 2 ** min(attempt, 5))
        assert fault is not None
        raise self._refused(fault, kind, call)

    def _deliver(
        self, signer: KeySigner, fields: dict[str, Any], call: dict[str, Any], before: frozenset[str]
    ) -> tuple[Pending, RpcFault | None]:
        """Sign and deliver: the transaction, with None or the fault that kept it out of every pool.

        Raises:
            TransactionError: It may be in a pool: sent, fate unknown.
        """
        number = fields["nonce"]
        raw = signer.sign_transaction(fields)
        tx_hash = "0x" + keccak(bytes.fromhex(raw[2:])).hex()
        pending = Pending(tx_hash, self.address, _shown(call), number, raw, before=before)
        nonces = nonces_of(self.rpc, self.address)
        nonces.begin(number)
        note_signed(tx_hash)
        try:
            fault, doubtful = deliver(self.rpc, raw, tx_hash)
        except BaseException:
            nonces.end(number)
            raise
        if fault is None:
            return pending, None
        if doubtful and refusal(fault) in _TAKEN:
            return replace(pending, doubtful=True), None  # perhaps by this very transaction
        nonces.end(number)
        if doubtful:
            raise self._unknown(fault, tx_hash)
        return pending, fault

    def _unwilling(self, estimate: RpcFault, call: dict[str, Any]) -> TransactionError:
        if estimate.reverted:
            return revert_error(self.rpc, estimate, call)
        return self._refused(estimate, refusal(estimate), call)

    def _refused(self, fault: RpcFault, kind: Refusal, call: dict[str, Any]) -> TransactionError:
        """Why nothing was sent."""
        if fault.reverted:
            return revert_error(self.rpc, fault, call)
        details: dict[str, Any] = {"node": fault.url, "from": self.address}
        if kind is Refusal.FUNDS and "gas" in call:
            details["most the gas can cost (wei)"] = call["gas"] * gas_price_of(call)
        hint = _HINTS.get(kind, fault.hint)
        if kind is Refusal.FUNDS and self.no_funds:
            hint = self.no_funds
        elif kind is Refusal.FEE_TOO_LOW and self.gas_price is None:
            hint = "The chain asks for more by now: try again, or set a price with --gas-price."
        return TransactionError(fault.message, details=details, hint=hint)

    def _unknown(self, fault: RpcFault, tx_hash: str) -> TransactionError:
        details = {"transaction": tx_hash, "node": fault.url, "from": self.address}
        return TransactionError(
            f"transaction {tx_hash}: sent, fate unknown: {fault.message}",
            tx_hash=tx_hash,
            details=details,
            hint=HINT_LOOK_FIRST,
        )


_TAKEN = frozenset({Refusal.NONCE_USED, Refusal.NONCE_TAKEN})


def _check_cost(fields: Mapping[str, Any], most: int | None, *, priced: bool) -> None:
    """Refuse a cost above ``most``: the node's gas price may have risen since it was shown."""
    cost = fields["value"] + fields["gas"] * gas_price_of(fields)
    other = "offer less with --gas-price" if priced else "set a price: --gas-price"
    if most is not None and cost > most:
        raise TransactionError(
            f"The transaction could cost {in_ether(cost)} now, far more than was shown",
            details={"limit for what was shown": in_ether(most)},
            hint=f"Nothing was signed. Try again when gas is cheaper, or {other}.",
        )


_FEE_FIELDS = ("gasPrice", "maxFeePerGas", "maxPriorityFeePerGas")

_HINTS = {
    Refusal.FUNDS: "Send more of the chain's coin to the account, for gas and for what it sends.",
    Refusal.FEE_TOO_LOW: "Offer a higher gas price, or leave --gas-price out to take the chain's.",
    Refusal.NONCE_USED: "Another program keeps sending from this account: try again.",
    Refusal.NONCE_TAKEN: "Another program keeps sending from this account: try again.",
}


def _shown(call: dict[str, Any]) -> dict[str, Any]:
    """The call in JSON-RPC form, to run it again if it fails."""
    return {name: hex(value) if isinstance(value, int) else value for name, value in call.items()}
