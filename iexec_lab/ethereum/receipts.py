"""From a transaction's hash to its receipt: deliver the signed bytes, wait, and say why it failed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import CallError, TransactionError
from iexec_lab.ethereum.answers import to_int, to_receipt
from iexec_lab.ethereum.checks import explain
from iexec_lab.ethereum.refusals import Refusal, refusal
from iexec_lab.ethereum.reverts import meaning
from iexec_lab.ethereum.transport import RpcFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.ethereum.abi import Event
    from iexec_lab.ethereum.rpc import Provider

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
# How often a transaction without receipt is looked for, and how long the node may be away meanwhile.
REVIEW_EVERY = 5.0
NODE_MAY_BE_AWAY = 60.0
DELIVERY_PAUSES = (0.1, 0.5, 1.0, 2.0)

HINT_LOOK_FIRST = "It may still be mined: look the hash up before you send it again."


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction; ``status`` is True when it did what it was sent for."""

    tx_hash: str
    block_number: int
    status: bool
    gas_used: int
    logs: list[dict[str, Any]] = field(repr=False)
    block_hash: str = field(default="", repr=False)

    @classmethod
    def from_json(cls, answer: dict[str, Any]) -> Receipt:
        """The receipt of a mined transaction; CallError when the node's answer is none."""
        receipt = to_receipt(answer)
        if receipt is None:
            raise CallError("The node answered a receipt that is none")
        status = receipt.get("status")
        return cls(
            tx_hash=receipt["transactionHash"],
            block_number=to_int(receipt["blockNumber"]),
            status=status is None or to_int(status) == 1,
            gas_used=to_int(receipt["gasUsed"]),
            logs=receipt["logs"],
            block_hash=receipt.get("blockHash") or "",
        )

    def events(self, event: Event, address: str | None = None) -> list[dict[str, Any]]:
        """Arguments of the events of this kind in the receipt, of one contract if an address is given."""
        return [
            event.decode(log)
            for log in self.logs
            if event.matches(log) and (address is None or log["address"].lower() == address.lower())
        ]


@dataclass(frozen=True, slots=True)
class Pending:
    """A transaction on its way. ``raw`` and ``nonce`` are known when it was signed here."""

    tx_hash: str
    sender: str
    call: dict[str, Any] = field(repr=False)
    nonce: int | None = None
    raw: str | None = field(default=None, repr=False)


def deliver(rpc: Provider, raw: str, tx_hash: str) -> RpcFault | None:
    """Give the node a signed transaction: None when it has it, else why not.

    When the answer is lost the hash is looked up; only if the node does not know it the very same bytes are
    sent again, which can not make a second transaction.
    """
    fault: RpcFault | None = None
    for pause in DELIVERY_PAUSES:
        answer = rpc.attempt("eth_sendRawTransaction", raw)
        if not isinstance(answer, RpcFault):
            return None
        fault, kind = answer, refusal(answer)
        if kind is Refusal.KNOWN:
            return None
        if kind is Refusal.NONCE_USED:
            return None if _known(rpc, tx_hash) else fault
        if kind not in {Refusal.LOST, Refusal.THROTTLED}:
            return fault
        time.sleep(pause)
        if kind is Refusal.LOST and (known := _known(rpc, tx_hash)) is not False:
            return None if known else fault
    return fault


def wait_for(rpc: Provider, pending: Sequence[Pending], *, confirms: int, timeout: float) -> list[Receipt]:
    """Receipts, in order, each ``confirms`` blocks deep (1: its own block); failed transactions included.

    Asks at once, after 20 ms, and ever less often down to once a second.

    Raises:
        TransactionError: One was replaced, or is not mined or not confirmed in time; it holds the hash.
    """
    watch = _Watch(rpc, confirms, timeout)
    found: dict[str, Receipt] = {}
    while missing := [each for each in pending if each.tx_hash not in found]:
        found |= watch.look(missing)
        if len(found) < len(pending):
            watch.pause(next(each for each in missing if each.tx_hash not in found))
    return [found[each.tx_hash] for each in pending]


class _Watch:
    def __init__(self, rpc: Provider, confirms: int, timeout: float) -> None:
        self.rpc, self.confirms, self.timeout = rpc, confirms, timeout
        self.started = self.reviewed = self.answered = time.monotonic()
        self.delay = FIRST_PAUSE
        self.mined: dict[str, int] = {}
        self.suspects: set[str] = set()

    def look(self, missing: Sequence[Pending]) -> dict[str, Receipt]:
        requests: list[tuple[str, list[Any]]] = [
            ("eth_getTransactionReceipt", [each.tx_hash]) for each in missing
        ]
        if self.confirms > 1:
            requests.append(("eth_blockNumber", []))
        try:
            answers = self.rpc.batch(requests)
        except CallError as error:
            if time.monotonic() - self.answered > NODE_MAY_BE_AWAY:
                raise _still_pending(missing[0], error.message) from error
            return {}
        self.answered = time.monotonic()
        head = None
        if self.confirms > 1:
            last = answers.pop()
            head = 0 if isinstance(last, RpcFault) else to_int(last)
        found = {}
        for each, answer in zip(missing, answers, strict=True):
            if isinstance(answer, dict) and answer.get("blockNumber"):
                receipt = Receipt.from_json(answer)
                self.mined[each.tx_hash] = receipt.block_number
                if head is None or head - receipt.block_number + 1 >= self.confirms:
                    found[each.tx_hash] = receipt
        return found

    def pause(self, waiting: Pending) -> None:
        now = time.monotonic()
        if now - self.started > self.timeout:
            block = self.mined.get(waiting.tx_hash)
            state = (
                f"not mined after {self.timeout:g} s"
                if block is None
                else f"mined in block {block}, but not {self.confirms} blocks deep after {self.timeout:g} s"
            )
            raise _still_pending(waiting, state)
        if now - self.reviewed > REVIEW_EVERY and waiting.tx_hash not in self.mined:
            self.reviewed = now
            self.review(waiting)
        time.sleep(self.delay)
        self.delay = min(self.delay * 2, LONGEST_PAUSE)

    def review(self, waiting: Pending) -> None:
        """A transaction that the node forgot is given to it again; one whose number is used up is dead."""
        if waiting.raw is None or waiting.nonce is None:
            return
        try:
            if _known(self.rpc, waiting.tx_hash) is not False:
                return
            used = to_int(self.rpc.request("eth_getTransactionCount", waiting.sender, "latest"))
            if used <= waiting.nonce:
                self.rpc.attempt("eth_sendRawTransaction", waiting.raw)
                return
        except CallError:
            return
        if waiting.tx_hash in self.suspects:
            raise TransactionError(
                f"transaction was replaced: another one of {waiting.sender} has its nonce {waiting.nonce}",
                tx_hash=waiting.tx_hash,
                hint="Was it sped up or cancelled in another wallet? Look before you send again.",
            )
        self.suspects.add(waiting.tx_hash)  # the node may only be a block behind itself: ask once more


def failed(rpc: Provider, pending: Pending, receipt: Receipt) -> TransactionError:
    """Why a mined transaction did nothing, found by running it again at its block."""
    ran_out = receipt.gas_used >= to_int(pending.call.get("gas", 1 << 62))
    for block in (receipt.block_number, receipt.block_number - 1):
        call = {
            name: value for name, value in pending.call.items() if name in {"from", "to", "data", "value"}
        }
        answer = rpc.attempt("eth_call", call, hex(block))
        if isinstance(answer, RpcFault) and answer.reverted:
            return revert_error(rpc, answer, pending.call, tx_hash=pending.tx_hash)
    hint = "It ran out of gas." if ran_out else "The state had changed when it was mined; try again."
    return TransactionError(
        "transaction execution reverted",
        tx_hash=pending.tx_hash,
        details={"transaction": pending.tx_hash, "block": receipt.block_number, "gas used": receipt.gas_used},
        hint=hint,
    )


def revert_error(
    rpc: Provider, fault: RpcFault, call: dict[str, Any], *, tx_hash: str | None = None
) -> TransactionError:
    """The contract's reason with a plain meaning; where it gave none, the conditions are checked again."""
    reason = fault.reason
    hint = meaning(reason)
    if reason is None:
        hint = explain(rpc, call)
    details = {"transaction": tx_hash} if tx_hash else {}
    return TransactionError(
        fault.text(),
        tx_hash=tx_hash,
        reason=reason,
        details={**details, "contract": call.get("to")},
        hint=hint,
    )


def _known(rpc: Provider, tx_hash: str) -> bool | None:
    """Does the node know the transaction? None when it can not be asked."""
    answer = rpc.attempt("eth_getTransactionByHash", tx_hash)
    return None if isinstance(answer, RpcFault) else answer is not None


def _still_pending(pending: Pending, state: str) -> TransactionError:
    return TransactionError(
        f"transaction {pending.tx_hash}: {state}", tx_hash=pending.tx_hash, hint=HINT_LOOK_FIRST
    )
