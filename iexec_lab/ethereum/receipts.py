"""From signed bytes to a receipt: deliver, wait, and say why a transaction failed.

Ours because web3's ``wait_for_transaction_receipt`` asks for one hash at a time, every 0.1 s; it neither
sends a forgotten transaction again nor notices that another one took its nonce.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.errors import CallError, TransactionError
from iexec_lab.ethereum.answers import to_int, to_receipt
from iexec_lab.ethereum.calls import checked
from iexec_lab.ethereum.checks import explain
from iexec_lab.ethereum.refusals import Refusal, is_doubtful, refusal
from iexec_lab.ethereum.reverts import meaning
from iexec_lab.ethereum.rivals import holder
from iexec_lab.ethereum.transport import RpcFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.ethereum.abi import Event
    from iexec_lab.ethereum.rpc import Provider

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
# Seconds between looks for a transaction without receipt; seconds for which the node may be away.
REVIEW_EVERY = 5.0
NODE_MAY_BE_AWAY = 60.0
REVIEWED_AT_ONCE = 8
# Seconds for which a transaction that no node shows is looked for.
DOUBTED_FOR = 60.0
DELIVERY_PAUSES = (0.1, 0.5, 1.0, 2.0)

HINT_LOOK_FIRST = "It may still be mined: look the hash up before you send it again."


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction; ``status`` is True when it did not revert.

    ``gas_wei`` is what its gas cost; None when the node does not tell the price.
    """

    tx_hash: str
    block_number: int
    status: bool
    gas_used: int
    logs: list[dict[str, Any]] = field(repr=False)
    block_hash: str = field(default="", repr=False)
    gas_wei: int | None = None

    @classmethod
    def from_json(cls, answer: dict[str, Any]) -> Receipt:
        """The receipt of a mined transaction; CallError when the node's answer is not a receipt."""
        receipt = to_receipt(answer)
        if receipt is None:
            raise CallError("The node sent an invalid receipt")
        status, price = receipt.get("status"), receipt.get("effectiveGasPrice")
        return cls(
            tx_hash=receipt["transactionHash"],
            block_number=to_int(receipt["blockNumber"]),
            status=status is None or to_int(status) == 1,
            gas_used=to_int(receipt["gasUsed"]),
            logs=receipt["logs"],
            block_hash=receipt.get("blockHash") or "",
            gas_wei=None if price is None else to_int(receipt["gasUsed"]) * to_int(price),
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
    """A transaction on its way.

    Attributes:
        tx_hash: Its hash.
        sender: Its account.
        call: Its fields in JSON-RPC form.
        nonce: Its nonce, if it was signed here.
        raw: The signed bytes, if it was signed here.
        doubtful: No node has confirmed yet that it has it.
        before: Hashes of the same transaction with lower fees; at most one of them all can be mined.
    """

    tx_hash: str
    sender: str
    call: dict[str, Any] = field(repr=False)
    nonce: int | None = None
    raw: str | None = field(default=None, repr=False)
    doubtful: bool = False
    before: frozenset[str] = frozenset()


class Delivery(NamedTuple):
    """How the node took a transaction.

    Attributes:
        fault: None when the node has it, else why not.
        doubtful: It may have it in spite of the fault.
    """

    fault: RpcFault | None
    doubtful: bool = False


def deliver(rpc: Provider, raw: str, tx_hash: str) -> Delivery:
    """Give the node a signed transaction.

    Unless the answer is a clear yes, the hash is looked up. When the answer was lost, the same bytes are sent
    again, which cannot make a second transaction. After a lost answer, a later refusal says nothing about the
    first delivery.
    """
    delivery = Delivery(None)
    for pause in DELIVERY_PAUSES:
        answer = rpc.attempt("eth_sendRawTransaction", raw)
        if isinstance(answer, str) and answer.lower() == tx_hash:
            return Delivery(None)
        fault = answer if isinstance(answer, RpcFault) else _odd(rpc, answer)
        kind = refusal(fault)
        if kind is Refusal.KNOWN:
            return Delivery(None)
        delivery = Delivery(fault, delivery.doubtful or is_doubtful(fault))
        is_final = kind not in {Refusal.LOST, Refusal.THROTTLED}
        if not is_final:
            time.sleep(pause)
        if known(rpc, tx_hash):
            return Delivery(None)
        if is_final:
            break
    return delivery


def _odd(rpc: Provider, answer: Any) -> RpcFault:
    return RpcFault(
        0, f"The node answered {answer!r:.80} in place of the transaction's hash", lost=True, url=rpc.name
    )


def who_has(rpc: Provider, sender: str, nonce: int, *, waiting: bool) -> str | None:
    """The hash of the transaction with a nonce, as ``holder`` gives it; tried for a few seconds."""
    for pause in DELIVERY_PAUSES:
        found = holder(rpc, sender, nonce, waiting=waiting)
        if found is not None:
            return found
        time.sleep(pause)
    return None


def wait_for(
    rpc: Provider,
    pending: Sequence[Pending],
    *,
    confirms: int,
    timeout: float,
    found: dict[str, Receipt] | None = None,
) -> list[Receipt]:
    """Receipts, in order, each ``confirms`` blocks deep (1: its own block); failed transactions included.

    Asks at once, after 20 ms, and ever less often down to once a second. Receipts go into ``found`` as they
    come, even when others never do.

    Raises:
        TransactionError: One was replaced, or not mined or confirmed in time; it holds the hash.
    """
    watch = _Watch(rpc, confirms, timeout)
    found = {} if found is None else found
    missing = list(pending)
    while missing:
        found |= watch.look(missing)
        missing = [each for each in missing if each.tx_hash not in found]
        if missing:
            watch.pause(missing)
    return [found[each.tx_hash] for each in pending]


class _Watch:
    """The state of awaited transactions, by hash.

    ``mined`` holds the receipts as last seen: a block can be dropped again. ``instead`` holds the hashes of
    those with lower fees that were mined in place of the awaited ones.
    """

    def __init__(self, rpc: Provider, confirms: int, timeout: float) -> None:
        self.rpc, self.confirms, self.timeout = rpc, confirms, timeout
        self.started = self.reviewed = self.answered = time.monotonic()
        self.delay = FIRST_PAUSE
        self.mined: dict[str, Receipt] = {}
        self.instead: dict[str, str] = {}
        self.seen: set[str] = set()

    def look(self, missing: Sequence[Pending]) -> dict[str, Receipt]:
        # The head comes first: a receipt read after it is in that chain or a later one.
        requests: list[tuple[str, list[Any]]] = [("eth_blockNumber", [])] if self.confirms > 1 else []
        requests += [("eth_getTransactionReceipt", [self._hash(each)]) for each in missing]
        try:
            answers = self.rpc.batch(requests)
            head = to_int(checked(answers.pop(0), "eth_blockNumber")) if self.confirms > 1 else None
        except CallError as error:
            self._without_answer(missing, error)
            return {}
        found = {}
        trouble: CallError | None = None
        for each, answer in zip(missing, answers, strict=True):
            if isinstance(answer, RpcFault) and not (answer.lost or answer.retry):
                self.answered = time.monotonic()  # nodes that do not agree yet are not away
                continue
            try:
                receipt = self._read(each, answer)
            except CallError as error:
                trouble = error
                continue
            self.answered = time.monotonic()
            if receipt is None:
                self._not_mined(each)
            elif self._is_deep(each, receipt, head):
                found[each.tx_hash] = receipt
        if trouble is not None:
            self._without_answer(missing, trouble)
        return found

    def pause(self, missing: Sequence[Pending]) -> None:
        now = time.monotonic()
        waited = now - self.started
        doubted = [each for each in missing if each.doubtful and each.tx_hash not in self.seen]
        if waited > self.timeout:
            raise _still_pending(missing, self._state(missing[0]))
        if doubted and waited > DOUBTED_FOR:
            raise _still_pending(doubted, f"sent, fate unknown; no node shows it after {waited:.0f} s")
        if now - self.reviewed > REVIEW_EVERY:
            self.reviewed = now
            for each in [each for each in missing if each.tx_hash not in self.mined][:REVIEWED_AT_ONCE]:
                self.review(each)
        time.sleep(self.delay)
        self.delay = min(self.delay * 2, LONGEST_PAUSE)

    def review(self, waiting: Pending) -> None:
        """Send a forgotten transaction again; fail when another one has used its nonce."""
        if waiting.raw is None or waiting.nonce is None:
            return
        try:
            is_known = known(self.rpc, waiting.tx_hash)
            if is_known is not False:
                self.seen |= {waiting.tx_hash} if is_known else set()
                return
            used = to_int(self.rpc.request("eth_getTransactionCount", waiting.sender, "latest"))
        except CallError:
            return
        if used <= waiting.nonce:
            self.rpc.attempt("eth_sendRawTransaction", waiting.raw)
            return
        mined = holder(self.rpc, waiting.sender, waiting.nonce)
        if mined in waiting.before:
            self.instead[waiting.tx_hash] = mined
        elif mined not in {None, waiting.tx_hash}:
            raise TransactionError(
                f"transaction {waiting.tx_hash} was replaced: "
                f"another one of {waiting.sender} has its nonce {waiting.nonce}",
                tx_hash=waiting.tx_hash,
                details={"mined in its place": mined},
                hint="It may have been sped up or cancelled in another wallet: look before you send again.",
            )

    def _hash(self, waiting: Pending) -> str:
        return self.instead.get(waiting.tx_hash, waiting.tx_hash)

    def _read(self, waiting: Pending, answer: Any) -> Receipt | None:
        """The receipt in an answer; None before it is mined.

        Raises:
            CallError: The answer is a fault, or not a receipt of this transaction.
        """
        answer = checked(answer, "eth_getTransactionReceipt")
        if answer is None or (isinstance(answer, dict) and not answer.get("blockNumber")):
            return None
        receipt = Receipt.from_json(answer)
        if receipt.tx_hash.lower() != self._hash(waiting):
            raise CallError("The node answered the receipt of another transaction")
        return receipt

    def _not_mined(self, waiting: Pending) -> None:
        if self.mined.pop(waiting.tx_hash, None) is not None:
            self.reviewed = -math.inf  # its block was dropped: does the node still have it?

    def _is_deep(self, waiting: Pending, receipt: Receipt, head: int | None) -> bool:
        """Is it deep enough, in the same block as before?"""
        before = self.mined.get(waiting.tx_hash)
        self.mined[waiting.tx_hash] = receipt
        if head is None:
            return True
        is_same = before is not None and before.block_hash == receipt.block_hash
        return is_same and head - receipt.block_number + 1 >= self.confirms

    def _without_answer(self, missing: Sequence[Pending], error: CallError) -> None:
        if time.monotonic() - self.answered > NODE_MAY_BE_AWAY:
            raise _still_pending(missing, error.message) from error

    def _state(self, waiting: Pending) -> str:
        receipt = self.mined.get(waiting.tx_hash)
        if receipt is not None:
            deep = f"not {self.confirms} blocks deep after {self.timeout:g} s"
            return f"mined in block {receipt.block_number}, but {deep}"
        if waiting.doubtful and waiting.tx_hash not in self.seen:
            return f"sent, fate unknown; no node shows it after {self.timeout:g} s"
        return f"not mined after {self.timeout:g} s"


def failed(rpc: Provider, pending: Pending, receipt: Receipt) -> TransactionError:
    """Why a mined transaction failed, found by running it again at its block."""
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


def known(rpc: Provider, tx_hash: str) -> bool | None:
    """Does the node know the transaction? None when it cannot be asked, or shows another transaction."""
    answer = rpc.attempt("eth_getTransactionByHash", tx_hash)
    if answer is None:
        return False
    return True if isinstance(answer, dict) and str(answer.get("hash")).lower() == tx_hash else None


def _still_pending(pending: Sequence[Pending], state: str) -> TransactionError:
    first, *others = [each.tx_hash for each in pending]
    details = {"transaction": first, "also waited for": ", ".join(others)} if others else {}
    return TransactionError(
        f"transaction {first}: {state}", tx_hash=first, details=details, hint=HINT_LOOK_FIRST
    )
