"""What the hub stores about deals, tasks, categories, accounts and contributions.

``from_abi`` takes the tuple that a view returns; ``to_json`` gives the object that the official CLI prints,
with numbers as decimal text. Amounts are nRLC, times are seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.constants import NULL_ADDRESS, NULL_BYTES32
from iexec_lab.protocol.ids import task_id
from iexec_lab.protocol.javascript import loads
from iexec_lab.protocol.values import to_address, to_bytes32

if TYPE_CHECKING:
    from collections.abc import Sequence

TASK_STATUSES: Final = ("UNSET", "ACTIVE", "REVEALING", "COMPLETED", "FAILED")
UNSET, ACTIVE, REVEALING, COMPLETED, FAILED = range(len(TASK_STATUSES))
TIMEOUT: Final = "TIMEOUT"
"""The status of an unfinished task after its final deadline."""
CONTRIBUTION_STATUSES: Final = ("UNSET", "CONTRIBUTED", "PROVED", "REJECTED")

#: Deadlines after the start of a deal, in units of its category's duration.
CONTRIBUTION_RATIO: Final = 7
FINAL_RATIO: Final = 10

#: More tasks than anybody lists one by one; a node can claim any number.
MAX_TASKS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Resource:
    """An app, dataset or workerpool inside a deal; ``pointer`` is its address, ``price`` nRLC a task."""

    pointer: str
    owner: str
    price: int

    @classmethod
    def from_abi(cls, values: Sequence[Any]) -> Self:
        pointer, owner, price = values
        return cls(to_address(pointer), to_address(owner), int(price))

    def to_json(self) -> dict[str, str]:
        return {"pointer": self.pointer, "owner": self.owner, "price": str(self.price)}


@dataclass(frozen=True, slots=True)
class Deal:
    """A match of four orders; its tasks have the indices ``bot_first`` to ``bot_first + bot_size - 1``.

    ``start_time`` is in seconds since 1970, ``worker_stake`` in nRLC a contribution,
    ``scheduler_reward_ratio`` in percent.
    """

    app: Resource
    dataset: Resource
    workerpool: Resource
    trust: int
    category: int
    tag: str
    requester: str
    beneficiary: str
    callback: str
    params: str
    start_time: int
    bot_first: int
    bot_size: int
    worker_stake: int
    scheduler_reward_ratio: int
    sponsor: str

    @classmethod
    def from_abi(cls, values: Sequence[Any]) -> Self:
        app, dataset, workerpool, trust, category, tag, requester, beneficiary, callback, params, *rest = (
            values
        )
        start, first, size, stake, ratio, sponsor = rest
        return cls(
            app=Resource.from_abi(app),
            dataset=Resource.from_abi(dataset),
            workerpool=Resource.from_abi(workerpool),
            trust=trust,
            category=category,
            tag=to_bytes32(tag),
            requester=to_address(requester),
            beneficiary=to_address(beneficiary),
            callback=to_address(callback),
            params=params,
            start_time=start,
            bot_first=first,
            bot_size=size,
            worker_stake=stake,
            scheduler_reward_ratio=ratio,
            sponsor=to_address(sponsor),
        )

    @property
    def exists(self) -> bool:
        """False for the zeros that the hub returns for an unknown id."""
        return self.app.pointer != NULL_ADDRESS

    @property
    def indices(self) -> range:
        """Indices of the deal's tasks."""
        return range(self.bot_first, self.bot_first + self.bot_size)

    def task_ids(self, deal_id: str) -> list[str]:
        """Ids of the deal's tasks, by index.

        Raises:
            ValidationError: there are more than ``MAX_TASKS``.
        """
        if self.bot_size > MAX_TASKS:
            raise ValidationError(
                f"Deal {deal_id} has {self.bot_size} tasks, more than the {MAX_TASKS} that can be listed",
                hint="Look at single ones by their task id.",
            )
        return [task_id(deal_id, index) for index in self.indices]

    def final_time(self, category_seconds: int, ratio: int = FINAL_RATIO) -> int:
        """When unfinished tasks can be claimed, seconds since 1970.

        Args:
            category_seconds: The category's ``work_clock_time_ref``.
            ratio: The hub's constant; the deadline is that many times ``category_seconds`` after the start.
        """
        return self.start_time + ratio * category_seconds

    @property
    def task_price(self) -> int:
        """What one task costs its payer, nRLC."""
        return self.app.price + self.dataset.price + self.workerpool.price

    def to_json(self) -> dict[str, Any]:
        return {
            "app": self.app.to_json(),
            "dataset": self.dataset.to_json(),
            "workerpool": self.workerpool.to_json(),
            "trust": str(self.trust),
            "category": str(self.category),
            "tag": self.tag,
            "requester": self.requester,
            "beneficiary": self.beneficiary,
            "callback": self.callback,
            "params": self.params,
            "startTime": str(self.start_time),
            "botFirst": str(self.bot_first),
            "botSize": str(self.bot_size),
            "workerStake": str(self.worker_stake),
            "schedulerRewardRatio": str(self.scheduler_reward_ratio),
            "sponsor": self.sponsor,
        }


@dataclass(frozen=True, slots=True)
class Task:
    """One execution of a deal, once it is initialised on chain.

    ``status`` is an index of ``TASK_STATUSES``; ``time_ref`` is in seconds, deadlines in seconds since 1970.
    """

    status: int
    deal_id: str
    index: int
    time_ref: int
    contribution_deadline: int
    reveal_deadline: int
    final_deadline: int
    consensus_value: str
    reveal_counter: int
    winner_counter: int
    contributors: tuple[str, ...]
    result_digest: str
    results: bytes
    results_timestamp: int
    results_callback: bytes

    @classmethod
    def from_abi(cls, values: Sequence[Any]) -> Self:
        status, deal, index, time_ref, contribution, reveal, final, consensus, *rest = values
        reveals, winners, contributors, digest, results, timestamp, callback = rest
        return cls(
            status=int(status),
            deal_id=to_bytes32(deal),
            index=index,
            time_ref=time_ref,
            contribution_deadline=contribution,
            reveal_deadline=reveal,
            final_deadline=final,
            consensus_value=to_bytes32(consensus),
            reveal_counter=reveals,
            winner_counter=winners,
            contributors=tuple(map(to_address, contributors)),
            result_digest=to_bytes32(digest),
            results=bytes(results),
            results_timestamp=timestamp,
            results_callback=bytes(callback),
        )

    @property
    def exists(self) -> bool:
        """False while the task is not initialised on chain."""
        return self.deal_id != NULL_BYTES32

    def timed_out(self, now: int) -> bool:
        """True when the final deadline is over and the task is not completed."""
        return self.status != COMPLETED and now >= self.final_deadline

    def status_name(self, now: int) -> str:
        """A name of ``TASK_STATUSES``, or ``TIMEOUT`` for a task that can be claimed at that time."""
        if self.status < COMPLETED and self.timed_out(now):
            return TIMEOUT
        return _name(TASK_STATUSES, self.status)

    def result(self) -> dict[str, Any]:
        """Where the result is, such as ``{"storage": "ipfs", "location": "/ipfs/<cid>"}``."""
        return decode_results(self.results)

    def to_json(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "dealid": self.deal_id,
            "idx": str(self.index),
            "timeref": str(self.time_ref),
            "contributionDeadline": str(self.contribution_deadline),
            "revealDeadline": str(self.reveal_deadline),
            "finalDeadline": str(self.final_deadline),
            "consensusValue": self.consensus_value,
            "revealCounter": str(self.reveal_counter),
            "winnerCounter": str(self.winner_counter),
            "contributors": list(self.contributors),
            "resultDigest": self.result_digest,
            "results": self.result(),
            "resultsTimestamp": str(self.results_timestamp),
            "resultsCallback": "0x" + self.results_callback.hex(),
        }


@dataclass(frozen=True, slots=True)
class Category:
    """How long a task may take; ``work_clock_time_ref`` is in seconds."""

    name: str
    description: str
    work_clock_time_ref: int

    @classmethod
    def from_abi(cls, values: Sequence[Any]) -> Self:
        name, description, seconds = values
        return cls(name, description, int(seconds))

    def to_json(self) -> dict[str, str]:
        return {
            "name": self.name,
            "description": self.description,
            "workClockTimeRef": str(self.work_clock_time_ref),
        }


@dataclass(frozen=True, slots=True)
class Account:
    """RLC that a wallet keeps on the hub, in nRLC: free stake, and stake locked by running deals."""

    stake: int
    locked: int

    @classmethod
    def from_abi(cls, values: Sequence[Any]) -> Self:
        stake, locked = values
        return cls(int(stake), int(locked))

    def to_json(self) -> dict[str, str]:
        return {"stake": str(self.stake), "locked": str(self.locked)}


@dataclass(frozen=True, slots=True)
class Contribution:
    """A worker's answer to a task."""

    status: int
    result_hash: str
    result_seal: str
    enclave_challenge: str
    weight: int

    @classmethod
    def from_abi(cls, values: Sequence[Any]) -> Self:
        status, result_hash, seal, challenge, weight = values
        return cls(int(status), to_bytes32(result_hash), to_bytes32(seal), to_address(challenge), int(weight))

    @property
    def status_name(self) -> str:
        return _name(CONTRIBUTION_STATUSES, self.status)


def _name(names: tuple[str, ...], status: int) -> str:
    """The name of a status; an unknown number is shown as it is."""
    return names[status] if 0 <= status < len(names) else str(status)


def decode_results(results: bytes) -> dict[str, Any]:
    """The JSON object in a task's result bytes; ``{"storage": "none"}`` when they cannot be read."""
    try:
        value = loads(results.decode()) if results else None
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"storage": "none"}
