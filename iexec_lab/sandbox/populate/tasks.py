"""The life of the tasks of one deal, as PoCo's rules let it be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iexec_lab.ethereum.contracts import HUB
from iexec_lab.protocol import (
    NULL_ADDRESS,
    authorization_hash,
    enclave_hash,
    keccak,
    result_hash,
    result_seal,
    task_id,
)
from iexec_lab.protocol.states import CONTRIBUTION_RATIO, FINAL_RATIO
from iexec_lab.sandbox.populate.size import DAY

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.populate.stage import Stage
    from iexec_lab.sandbox.populate.wishes import Wish

REVEAL_RATIO = 2
_MARGIN = 30
"""Seconds before a deadline that nobody waits for."""
_GAS_EACH = 260_000
"""To initialise or claim one task of many."""


@dataclass(frozen=True, slots=True)
class Work:
    """What all deals share: ``scores`` of workers as the hub keeps them, and results on IPFS.

    ``results`` are pairs of a digest and the text that goes on chain.
    """

    stage: Stage
    dice: random.Random
    results: Sequence[tuple[bytes, bytes]]
    scores: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Task:
    """``end`` is done, unset, active or contributed; contributions are digests by worker."""

    id: str
    index: int
    end: str
    digest: bytes = b""
    results: bytes = b""
    callback: bytes = b""
    contributions: dict[str, bytes] = field(default_factory=dict)
    groups: dict[bytes, int] = field(default_factory=dict)
    winners: list[Account] = field(default_factory=list)
    reveal_deadline: int = 0
    reopened: bool = False

    @property
    def word(self) -> bytes:
        return bytes.fromhex(self.id[2:])


class Life:
    """Call ``begin`` in the block of the match."""

    def __init__(self, work: Work, wish: Wish, deal: str) -> None:
        self._work = work
        self._stage = work.stage
        self._dice = work.dice
        self._wish = wish
        self._deal = bytes.fromhex(deal[2:])
        self._clock = wish.clock
        self._start = wish.at
        ends = self._ends()
        self._tasks = [
            _Task(task_id(deal, wish.first + n), wish.first + n, end) for n, end in enumerate(ends)
        ]

    def begin(self) -> None:
        dice, stage = self._dice, self._stage
        done = [task for task in self._tasks if task.end != "unset"]
        if done:
            time = self._next(self._start + dice.randrange(15, 50), self._contribution_deadline)
            if time is not None:
                stage.later(time, lambda: self._initialise(done))
        if self._wish.fate in {"claimed", "partly claimed"}:
            self._claim_later()

    def _ends(self) -> list[str]:
        """How each task ends."""
        dice, fate, count = self._dice, self._wish.fate, self._wish.tasks
        left = ("unset", "unset", "active", "active", "contributed")
        match fate:
            case "partial" | "partly claimed":
                done = dice.randrange(1, max(count, 2))
                return ["done"] * done + [dice.choice(left) for _ in range(count - done)]
            case "failed" | "claimed":
                return [dice.choice(left) for _ in range(count)]
            case "running":
                return [dice.choice(("active", "contributed", "done")) for _ in range(count)]
        return ["done"] * count

    @property
    def _contribution_deadline(self) -> int:
        return self._start + CONTRIBUTION_RATIO * self._clock - _MARGIN

    @property
    def _final_deadline(self) -> int:
        return self._start + FINAL_RATIO * self._clock

    def _next(self, wanted: int, latest: int) -> int | None:
        return self._stage.calendar.around(min(wanted, latest), self._stage.now, latest)

    def _initialise(self, tasks: list[_Task]) -> None:
        indices = [task.index for task in tasks]
        owner = self._wish.pool.owner
        gas = 200_000 + _GAS_EACH * len(tasks)
        self._stage.hub(owner, HUB.initializeArray, [self._deal] * len(tasks), indices, gas=gas)
        for task in tasks:
            if task.end in {"done", "contributed"}:
                self._contribute_later(task)

    def _contribute_later(self, task: _Task) -> None:
        wanted = self._stage.now + self._clock * self._dice.randrange(8, 90) // 100
        time = self._next(wanted, self._contribution_deadline)
        if time is not None:
            self._stage.later(time, lambda: self._contribute(task))

    # -- contributions ------------------------------------------------------------------------------------

    def _contribute(self, task: _Task) -> None:
        dice, wish = self._dice, self._wish
        if not task.digest:
            task.digest, task.results = dice.choice(self._work.results)
            if wish.callback:
                task.callback = self._stage.size.word(f"callback {task.id}")
                task.digest = keccak(task.callback)
        short = task.end == "done" and wish.trust <= 1 and wish.fate != "reopened"
        crew = [worker for worker in wish.pool.workers if worker.address not in task.contributions]
        dice.shuffle(crew)
        if short and (wish.tee or dice.random() < 0.7):
            self._contribute_and_finalize(task, crew[0])
            return
        wrong = wish.fate == "wrong" and not task.contributions
        if wrong:  # the others must not take this one's word for it
            crew.sort(key=lambda worker: self._work.scores.get(worker.address, 0))
        for number, worker in enumerate(crew):
            digest = keccak(task.digest + b"wrong") if wrong and number == 0 else task.digest
            self._stage.hub(worker, HUB.contribute, *self._contribution(task, worker, digest))
            if self._agreed(task, worker, digest):
                task.digest = digest
                break
        else:
            return  # more trust than the workers of the pool can give
        task.winners = [one for one in crew if task.contributions.get(one.address) == task.digest]
        task.reveal_deadline = self._stage.now + REVEAL_RATIO * self._clock
        if task.end == "done":
            self._after_consensus(task)

    def _agreed(self, task: _Task, worker: Account, digest: bytes) -> bool:
        """Count a contribution as the hub does; whether there is a consensus now."""
        trust = max(self._wish.trust, 1)
        weight = max(self._work.scores.get(worker.address, 0) // 3, 3) - 1
        task.contributions[worker.address] = digest
        task.groups[digest] = max(task.groups.get(digest, 0), 1) * weight
        return task.groups[digest] * trust > (1 + sum(task.groups.values())) * (trust - 1)

    def _contribution(self, task: _Task, worker: Account, digest: bytes) -> tuple[Any, ...]:
        challenge, sealed, authorized = self._signatures(task, worker, digest)
        hashed, seal = result_hash(task.id, digest), result_seal(worker.address, task.id, digest)
        return task.word, hashed, seal, challenge, sealed, authorized

    def _contribute_and_finalize(self, task: _Task, worker: Account) -> None:
        signatures = self._signatures(task, worker, task.digest)
        arguments = task.word, task.digest, task.results, task.callback
        self._stage.hub(worker, HUB.contributeAndFinalize, *arguments, *signatures)

    def _signatures(self, task: _Task, worker: Account, digest: bytes) -> tuple[str, bytes, bytes]:
        """Challenge and signature of the enclave, null and empty without one; the scheduler's permission."""
        challenge, sealed = NULL_ADDRESS, b""
        if self._wish.tee:
            enclave = self._stage.size.account("enclave of", self._stage.people.schedulers.index(self._owner))
            challenge = enclave.address
            sealed = _sign(enclave, enclave_hash(task.id, worker.address, digest))
        return challenge, sealed, _sign(self._owner, authorization_hash(worker.address, task.id, challenge))

    @property
    def _owner(self) -> Account:
        return self._wish.pool.owner

    # -- after a consensus --------------------------------------------------------------------------------

    def _after_consensus(self, task: _Task) -> None:
        now, clock = self._stage.now, self._clock
        if self._wish.fate == "reopened" and not task.reopened:
            time = self._stage.calendar.next(task.reveal_deadline + 1, self._contribution_deadline - 60)
            if time is not None and time < self._contribution_deadline:
                self._stage.later(time, lambda: self._reopen(task))
            return
        wanted = now + max(20, clock * self._dice.randrange(2, 20) // 100)
        time = self._next(wanted, task.reveal_deadline - _MARGIN)
        if time is not None:
            self._stage.later(time, lambda: self._reveal(task))

    def _reopen(self, task: _Task) -> None:
        self._stage.hub(self._owner, HUB.reopen, task.word)
        task.reopened = True
        task.groups[task.digest] = 0
        wanted = self._stage.now + self._clock * self._dice.randrange(5, 30) // 100
        time = self._next(wanted, self._contribution_deadline)
        if time is not None:
            self._stage.later(time, lambda: self._contribute(task))

    def _reveal(self, task: _Task) -> None:
        silent = self._wish.fate == "unrevealed" and len(task.winners) > 1
        revealing = task.winners[:-1] if silent else task.winners
        for worker in revealing:
            self._stage.hub(worker, HUB.reveal, task.word, task.digest)
        latest = self._final_deadline - _MARGIN
        if silent:
            time = self._stage.calendar.next(task.reveal_deadline + 1, latest)
        elif self._dice.random() < 0.5:
            time = self._stage.now
        else:
            time = self._next(self._stage.now + self._dice.randrange(10, 40), latest)
        if time is not None:
            self._stage.later(time, lambda: self._finalize(task, {one.address for one in revealing}))

    def _finalize(self, task: _Task, revealed: set[str]) -> None:
        self._stage.hub(self._owner, HUB.finalize, task.word, task.results, task.callback)
        scores = self._work.scores
        for worker in task.contributions:
            score = scores.get(worker, 0)
            if worker not in revealed:
                scores[worker] = score * 2 // 3
            elif len(task.contributions) > 1:
                scores[worker] = score + 1

    # -- claims -------------------------------------------------------------------------------------------

    def _claim_later(self) -> None:
        calendar, deadline = self._stage.calendar, self._final_deadline
        patience = min(3 * DAY, calendar.end - deadline)
        if patience < _MARGIN:
            return
        time = calendar.next(deadline + self._dice.randrange(_MARGIN, patience + 1))
        if time is not None:
            self._stage.later(time, self._claim)

    def _claim(self) -> None:
        wish = self._wish
        who = wish.sponsor or wish.requester
        unset = [task.index for task in self._tasks if task.end == "unset"]
        begun = [task.word for task in self._tasks if task.end in {"active", "contributed"}]
        if unset:
            gas = 200_000 + 2 * _GAS_EACH * len(unset)
            self._stage.hub(who, HUB.initializeAndClaimArray, [self._deal] * len(unset), unset, gas=gas)
        if begun:
            gas = 200_000 + _GAS_EACH * len(begun)
            self._stage.hub(who, HUB.claimArray, begun, gas=gas)


def _sign(account: Account, digest: bytes) -> bytes:
    return bytes.fromhex(account.signer.sign_message(digest)[2:])
