"""What a session signed away: noted step by step, in memory and in the folder, and held against budgets.

``spend`` (``permit.py``) reserves the cost of a plan here before anybody is asked, so that no verb can forget
it and two threads cannot spend the same nRLC; what then comes to nothing is given back. Amounts are nRLC.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.errors import BudgetError, ValidationError
from iexec_lab.ethereum.contracts import EVENTS
from iexec_lab.plain_text import plain
from iexec_lab.project.notes import FolderNotes
from iexec_lab.project.spent import SpentRecord
from iexec_lab.protocol import RequestOrder, to_address
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from iexec_lab.client.plan import Plan
    from iexec_lab.ethereum.receipts import Receipt
    from iexec_lab.wallet.gate import Place

FREE: Final = frozenset({"account deposit", "account withdraw", "account revoke"})
"""Actions that move RLC between a wallet and its own account, or take a right back: no budget counts them."""
DEALS: Final = frozenset({"app run", "order fill"})
"""Actions that make deals at once; a request of theirs that was never sent binds nobody."""
BLOCK: Final = "block"
SESSION: Final = "session"
FOLDER: Final = "folder"
MOST_STEPS: Final = 1000
"""Ids of a kind that one entry holds."""
_TOLD = (EVENTS.Transfer, EVENTS.Unlock, EVENTS.TaskClaimed)
"""Events that say what came back; the other logs of a receipt are not kept."""
_WEI_PER_NRLC = 10**9
_DIGITS = 80
_HASH = re.compile("0x[0-9a-f]{64}")
_ID = re.compile("[0-9a-f]{16}")


class Gas(NamedTuple):
    """What a mined transaction cost in wei, None if its node did not tell; not ``done`` if it reverted."""

    done: bool
    wei: int | None
    logs: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What became of an entry, as the chain showed it last.

    Attributes:
        locked: Still held for tasks that have not been settled.
        paid: Gone: tasks that completed, transfers.
        returned: Came back: tasks that were claimed, other refunds.
        free: May still be taken: the rest of a request that stands, an allowance, what is on its way.
        state: A word for it.
        tasks: How many there are, and how many have ended.
    """

    locked: int = 0
    paid: int = 0
    returned: int = 0
    free: int = 0
    state: str = ""
    tasks: int | None = None
    done: int | None = None

    @property
    def used(self) -> int:
        """What a budget counts."""
        return self.locked + self.paid + self.free


@dataclass(slots=True, eq=False)
class Entry:
    """One thing that was signed or sent.

    Attributes:
        id: Its name in the folder's record.
        action: As in the plan: ``app run``.
        wallet: Who signed.
        signed: The most that it can take, nRLC.
        at: Seconds since 1970.
        volume: Tasks of the request that it signed.
        spender: Of an allowance.
        requests: Hashes of the request orders that were signed.
        sent: Its transactions, with what is known of them.
        deals: Deals that it made, as far as known.
        void: It came to nothing.
        facts: What became of it, as last seen.
    """

    id: str
    action: str
    wallet: str
    signed: int = 0
    at: int = 0
    volume: int = 0
    spender: str = ""
    requests: list[str] = field(default_factory=list)
    sent: dict[str, Gas | None] = field(default_factory=dict)
    deals: list[str] = field(default_factory=list)
    void: bool = False
    facts: Facts | None = None
    written: bool = False
    steps: set[tuple[str, str]] = field(default_factory=set)

    @property
    def used(self) -> int:
        """What a budget counts: what the chain showed, before that all that was signed."""
        if self.void:
            return 0
        return self.signed if self.facts is None else self.facts.used

    @property
    def costs(self) -> bool:
        """Whether it can have cost anything: a login and an offer cost nothing."""
        return not self.void and bool(self.signed or self.sent or self.requests)

    def apply(self, line: dict[str, Any]) -> None:
        """Take a step that was written down; what is no step is left out."""
        for name, known in (("request", self.requests), ("tx", self.sent), ("deal", self.deals)):
            value = line.get(name)
            if isinstance(value, str) and _HASH.fullmatch(value) and len(known) < MOST_STEPS:
                if isinstance(known, dict):
                    known.setdefault(value, None)
                elif value not in known:
                    known.append(value)
        self.void = self.void or line.get("void") is True


class Tracker:
    """Entries that are counted together, and what they may cost; ``of`` says what that is."""

    def __init__(self, entries: Iterable[Entry] = (), budget: int | None = None, of: str = BLOCK) -> None:
        self.entries = list(entries)
        self.budget = budget
        self.of = of

    @property
    def used(self) -> int:
        """NRLC of the budget that are gone."""
        replaced = {entry.spender: entry for entry in self.entries if entry.spender and not entry.void}
        return sum(
            entry.used for entry in self.entries if replaced.get(entry.spender, entry) is entry
        )  # an allowance replaces the one before it

    def require(self, plan: Plan, charge: int) -> None:
        """Refuse what would pass the budget.

        Raises:
            BudgetError: It would.
        """
        if self.budget is not None and charge and self.used + charge > self.budget:
            raise passed(plan, charge, self.used, self.budget, self.of)


def passed(plan: Plan, charge: int, used: int, budget: int, of: str) -> BudgetError:
    """What to raise when an action would pass a budget."""
    there = "Raise it: iexec-lab costs --budget <amount>" if of == FOLDER else "Raise it where it was set"
    return BudgetError(
        f"{plan.action} would pass the budget of {in_rlc(budget)}",
        details={
            "budget of": f"this {of}",
            "it would cost": in_rlc(charge),
            "gone": in_rlc(used),
            "left": in_rlc(max(budget - used, 0)),
        },
        hint=f"Nothing was signed. {there}, or see what is gone: iexec-lab costs.",
    )


class Ledger:
    """What the sessions of a program or notebook signed away at one place."""

    def __init__(self) -> None:
        self.whole = Tracker(of=SESSION)
        self.blocks: list[Tracker] = []
        self._lock = threading.RLock()

    def reserve(
        self,
        plan: Plan,
        wallet: str,
        folder: Path,
        charge: int,
        request: str | None,
        known: Mapping[str, Facts] | None = None,
    ) -> Entry:
        """An entry for a plan, counted from now on.

        Args:
            plan: What is to be done.
            wallet: Who will sign.
            folder: Where it is written down.
            charge: What it can take at most.
            request: Hash of a request that was signed before and that it uses: that is counted already.
            known: What became of entries of the folder, by id.

        Raises:
            BudgetError: It would pass a budget.
        """
        with self._lock:
            if request is not None and any(request in entry.requests for entry in self.whole.entries):
                charge = 0
            for tracker in self._open:
                tracker.require(plan, charge)
            entry = Entry(secrets.token_hex(8), plan.action, wallet, charge, int(time.time()))
            entry.volume = _volume(plan)
            if plan.action in {"account approve", "account revoke"}:
                entry.spender = str(plan.details.get("spender", ""))
            if request is not None:
                entry.requests.append(request)
            _reserve_in_folder(plan, entry, folder, request, known or {})
            for tracker in self._open:
                tracker.entries.append(entry)
        if (opened := _opened.get()) is not None:
            opened.append((self, entry, folder))
        return entry

    def check(
        self,
        plan: Plan,
        folder: Path,
        charge: int,
        request: str | None,
        known: Mapping[str, Facts] | None = None,
    ) -> None:
        """Raise what ``reserve`` would raise; nothing is counted or written down."""
        with self._lock:
            if request is not None and any(request in entry.requests for entry in self.whole.entries):
                return
            for tracker in self._open:
                tracker.require(plan, charge)
        allowed = FolderNotes(folder).budget(place_of(plan.place)) if charge else None
        if allowed is not None:
            entries = entries_of(folder, place_of(plan.place))
            _require_in_folder(plan, charge, entries, allowed, request, known or {})

    def drop(self, entry: Entry, folder: Path) -> None:
        """Give back what came to nothing."""
        with self._lock:
            entry.void = True
            for tracker in self._open:
                if entry in tracker.entries:
                    tracker.entries.remove(entry)
        if entry.written:
            SpentRecord(folder).add({"id": entry.id, "void": True})

    @property
    def _open(self) -> list[Tracker]:
        """What counts now, each once: a block may be entered twice."""
        return list(dict.fromkeys((self.whole, *self.blocks)))

    @contextmanager
    def block(self, tracker: Tracker) -> Iterator[None]:
        """Count in this tracker, too, what is done meanwhile, in whatever thread."""
        with self._lock:
            self.blocks.append(tracker)
        try:
            yield
        finally:
            with self._lock:
                self.blocks.remove(tracker)


_opened: ContextVar[list[tuple[Ledger, Entry, Path]] | None] = ContextVar("opened", default=None)


@contextmanager
def giving_back() -> Iterator[None]:
    """What is reserved in this block and then neither signed nor sent is given back when it fails."""
    opened: list[tuple[Ledger, Entry, Path]] = []
    token = _opened.set(opened)
    try:
        yield
    except BaseException:
        for ledger, entry, folder in opened:
            if not entry.sent and (not entry.requests or entry.action in DEALS):
                ledger.drop(entry, folder)
        raise
    finally:
        _opened.reset(token)


def charge_of(plan: Plan, *, native: bool) -> int:
    """What an action can take at most, nRLC: what it signs away, transfers or allows to be taken."""
    if plan.action in FREE:
        return 0
    if plan.action == "account approve":
        return int(plan.details["amount_nrlc"])
    if plan.action == "wallet sweep" and native:
        return (plan.cost_wei or 0) // _WEI_PER_NRLC
    if "sponsored_nrlc" in plan.details:
        return plan.cost_nrlc
    return plan.most_nrlc


def place_of(place: Place) -> str:
    """Where budgets and entries count: chain and hub."""
    return f"{place.chain_id}:{place.hub.lower()}"


def _head(plan: Plan, entry: Entry) -> dict[str, Any]:
    head: dict[str, Any] = {
        "id": entry.id,
        "place": place_of(plan.place),
        "wallet": entry.wallet,
        "action": entry.action,
        "at": entry.at,
        "signed": str(entry.signed),
        "volume": str(entry.volume),
    }
    return head | ({"spender": entry.spender} if entry.spender else {})


def _reserve_in_folder(
    plan: Plan, entry: Entry, folder: Path, request: str | None, known: Mapping[str, Facts]
) -> None:
    """Hold the cost against the budget of the folder, if it has one; in one step for all its programs."""
    allowed = FolderNotes(folder).budget(place_of(plan.place)) if entry.signed else None
    if allowed is None:
        return

    def decide(lines: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        entries = fold(lines, place_of(plan.place))
        _require_in_folder(plan, entry.signed, entries, allowed, request, known)
        return (_head(plan, entry),)

    entry.written = SpentRecord(folder).change(decide)


def _require_in_folder(
    plan: Plan,
    charge: int,
    entries: list[Entry],
    allowed: tuple[int, int],
    request: str | None,
    known: Mapping[str, Facts],
) -> None:
    """Refuse what would pass the budget of the folder: an amount, and since when it holds."""
    budget, since = allowed
    for each in entries:
        each.facts = known.get(each.id)
    counted = Tracker((each for each in entries if each.at >= since), budget, FOLDER)
    if request is None or not any(request in each.requests for each in entries):
        counted.require(plan, charge)


def note(entry: Entry | None, plan: Plan, folder: Path, **step: str) -> bool:
    """Note a step of an entry (``request``, ``tx`` or ``deal``), in memory and in the folder.

    False when the folder cannot be written.
    """
    if entry is None or step.items() <= entry.steps:
        return True
    entry.apply(step)
    lines = [] if entry.written else [_head(plan, entry)]
    done = SpentRecord(folder).add(*lines, {"id": entry.id, **step})
    entry.written = entry.written or done
    entry.steps.update(step.items() if done else ())
    return done


def note_receipt(entry: Entry | None, receipt: Receipt) -> None:
    """Note what a transaction cost."""
    if entry is not None:
        logs = [log for log in receipt.logs if any(event.matches(log) for event in _TOLD)]
        entry.sent[receipt.tx_hash] = Gas(receipt.status, receipt.gas_wei, logs)


def fold(lines: Iterable[dict[str, Any]], place: str) -> list[Entry]:
    """The entries that lines tell of one place, oldest first."""
    found: dict[str, Entry] = {}
    for line in lines:
        name = line.get("id")
        if not isinstance(name, str) or not _ID.fullmatch(name):
            continue
        if name not in found and line.get("place") == place and (entry := _entry(name, line)):
            found[name] = entry
        if name in found:
            found[name].apply(line)
    return [entry for entry in found.values() if not entry.void]


def _entry(name: str, line: dict[str, Any]) -> Entry | None:
    """The entry that its first line tells; None when that makes no sense."""
    action, at = line.get("action"), line.get("at")
    signed, volume = _whole(line.get("signed")), _whole(line.get("volume", "0"))
    if not (isinstance(action, str) and type(at) is int and 0 <= at < 1 << 40):
        return None
    if signed is None or volume is None:
        return None
    try:
        wallet = to_address(line.get("wallet"))
        spender = to_address(line["spender"]) if "spender" in line else ""
    except ValidationError:
        return None
    return Entry(name, plain(action, 40), wallet, signed, at, volume, spender, written=True)


def _whole(text: Any) -> int | None:
    """A whole number that was written as text; None for anything else."""
    fine = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < _DIGITS
    return int(text) if fine else None


def _volume(plan: Plan) -> int:
    """Tasks of the request that a plan signs or publishes."""
    signs = sum(order.volume for order in plan.orders if isinstance(order, RequestOrder))
    return signs or (_whole(str(plan.details.get("volume", 0))) or 0)


def entries_of(folder: Path, place: str) -> list[Entry]:
    """What is written down in a folder of one place, oldest first."""
    return fold(SpentRecord(folder).lines(), place)
