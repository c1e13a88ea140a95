"""From events to rows, as the mapping of iExec's subgraph has it, with what it does oddly.

- A task has a row once it is initialised; the protocol counts all tasks of a deal when it is made.
- Orders have a row once they are matched, with their asset and its price only; a request has its requester.
- Whoever takes over an app or a workerpool begins with a usage of 0.
- ``gasUsed`` is the gas limit; the two values in the middle of a PolicyUpdate are exchanged; a reopened task
  marks no contribution as rejected.
- The sponsor is set for every deal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.protocol.bulk import bulk_cid
from iexec_lab.sandbox.services.subgraph.reading import entry_of
from iexec_lab.sandbox.services.subgraph.values import to_stored

if TYPE_CHECKING:
    import sqlite3

    from iexec_lab.sandbox.services.subgraph.reading import Findings, Happened
    from iexec_lab.sandbox.services.subgraph.store import Writer

PROTOCOL: Final = "iExec"
_COUNTS: Final = [
    "categoriesCount",
    "appsCount",
    "datasetsCount",
    "workerpoolsCount",
    "dealsCount",
    "tasksCount",
    "completedTasksCount",
    "claimedTasksCount",
    "tvl",
]
_STAKE_RATIO, _REWARD_RATIO = 30, 1
"""The policy of a new workerpool."""


def map_blocks(db: sqlite3.Connection, writer: Writer, found: Findings) -> None:
    """Apply the events of some blocks, in their order."""
    mapper = _Mapper(db, writer, found)
    block = None
    for event in found.events:
        if block not in {None, event.block}:
            writer.flush(block)
        block = event.block
        mapper.apply(event)
    if block is not None:
        writer.flush(block)


class _Mapper:
    def __init__(self, db: sqlite3.Connection, writer: Writer, found: Findings) -> None:
        self._db = db
        self._writer = writer
        self._found = found

    def apply(self, event: Happened) -> None:
        if event.source in {"app", "dataset", "workerpool"}:
            self._owned(event, event.source)
        elif event.name in {"AccurateContribution", "FaultyContribution"}:
            self._scored(event)
        elif event.name in {"Lock", "Unlock", "Seize", "Reward"}:
            self._money(event)
        else:
            getattr(self, f"_{event.name}")(event)

    # -- rows that several events make --

    def _account(self, address: str) -> dict[str, Any]:
        row = self._writer.load("Account", address)
        return row or self._writer.save("Account", address, balance=0, frozen=0, score=0)

    def _add(self, address: str, field: str, amount: int) -> None:
        row = self._account(address)
        self._writer.save("Account", address, **{field: to_stored(int(row[field]) + amount)})

    def _count(self, **changes: int) -> None:
        row = self._writer.load("Protocol", PROTOCOL)
        row = row or self._writer.save("Protocol", PROTOCOL, **dict.fromkeys(_COUNTS, 0))
        self._writer.save(
            "Protocol", PROTOCOL, **{name: to_stored(int(row[name]) + more) for name, more in changes.items()}
        )

    def _record(self, event: Happened, name: str, /, **values: Any) -> None:
        """A row for the event itself, and one for its transaction."""
        found = self._found.transactions[event.tx_hash]
        limit = to_stored(int(found["gas"], 16))
        self._writer.save(
            "Transaction",
            event.tx_hash,
            **{"from": found["from"].lower(), "to": found["to"] and found["to"].lower()},
            value=to_stored(int(found["value"], 16)),
            gasLimit=limit,
            gasUsed=limit,
            gasPrice=to_stored(int(found.get("gasPrice") or "0x0", 16)),
            timestamp=self._time(event),
            blockNumber=event.block,
        )
        key = f"{event.block}-{event.log_index}"
        self._writer.save(name, key, transaction=event.tx_hash, timestamp=self._time(event), **values)

    def _time(self, event: Happened) -> int:
        return self._found.times[event.block]

    # -- money --

    def _Transfer(self, event: Happened) -> None:  # noqa: N802 -- the event's name
        sender, to, amount = event.args["from"], event.args["to"], event.args["value"]
        self._account(sender)
        self._account(to)
        if sender == NULL_ADDRESS:
            self._count(tvl=amount)
        else:
            self._add(sender, "balance", -amount)
        if to == NULL_ADDRESS:
            self._count(tvl=-amount)
        else:
            self._add(to, "balance", amount)
        self._record(event, "Transfer", value=to_stored(amount), **{"from": sender, "to": to})

    def _money(self, event: Happened) -> None:
        owner, amount = event.args["owner"], event.args["amount"]
        if event.name != "Reward":
            self._add(owner, "frozen", amount if event.name == "Lock" else -amount)
        task = {"task": event.args["ref"]} if "ref" in event.args else {}
        self._record(event, event.name, account=owner, value=to_stored(amount), **task)

    def _scored(self, event: Happened) -> None:
        worker, task = event.args["worker"], event.args["taskid"]
        score = int(self._account(worker)["score"])
        score = score + 1 if event.name == "AccurateContribution" else score * 2 // 3
        self._writer.save("Account", worker, score=score)
        self._record(event, event.name, account=worker, contribution=f"{task}-{worker}", score=score)

    # -- assets --

    def _owned(self, event: Happened, kind: str) -> None:
        key, sender, to = entry_of(event), event.args["from"], event.args["to"]
        self._account(sender)
        self._account(to)
        name = kind.capitalize()
        values: dict[str, Any] = {"owner": to, "timestamp": self._time(event)}
        _, title, *rest = self._found.entries[key]
        if kind == "workerpool":
            if self._writer.load(name, key) is None:
                values |= {"workerStakeRatio": _STAKE_RATIO, "schedulerRewardRatio": _REWARD_RATIO}
            values["description"] = _text(title)
        else:
            values["name"] = _text(title)
            if kind == "app":
                values["type"] = _text(rest.pop(0))
            values |= dict(zip(("multiaddr", "checksum", "mrenclave"), map(_hex, rest), strict=False))
        if kind != "dataset":
            values |= {"usageCount": 0, "lastUsageTimestamp": 0}
        self._writer.save(name, key, **values)
        self._record(event, f"{name}Transfer", **{kind: key, "from": sender, "to": to})
        if sender == NULL_ADDRESS:
            self._count(**{f"{kind}sCount": 1})

    def _PolicyUpdate(self, event: Happened) -> None:  # noqa: N802
        if self._writer.load("Workerpool", event.address) is None:
            return
        old_stake, new_stake, old_reward, new_reward = map(to_stored, event.args.values())
        self._writer.save(
            "Workerpool", event.address, workerStakeRatio=new_stake, schedulerRewardRatio=new_reward
        )
        self._record(
            event,
            "PolicyUpdate",
            workerpool=event.address,
            oldWorkerStakeRatio=old_stake,
            newWorkerStakeRatio=old_reward,
            oldSchedulerRewardRatio=new_stake,
            newSchedulerRewardRatio=new_reward,
        )

    def _CreateCategory(self, event: Happened) -> None:  # noqa: N802
        key = str(event.args["catid"])
        if self._writer.load("Category", key) is None:
            self._count(categoriesCount=1)
        self._writer.save(
            "Category",
            key,
            name=_text(event.args["name"]),
            description=_text(event.args["description"]),
            workClockTimeRef=to_stored(event.args["workClockTimeRef"]),
            timestamp=self._time(event),
        )

    # -- deals --

    def _OrdersMatched(self, event: Happened) -> None:  # noqa: N802
        args, key = event.args, event.args["dealid"]
        app, dataset, workerpool, trust, category, tag, *rest = self._found.deals[key]
        requester, beneficiary, callback, params, start, first, size, stake, ratio, sponsor = rest
        for address in (requester, beneficiary, callback, sponsor):
            self._account(address)
        text = _text(params.decode("utf-8", "replace"))
        cid = bulk_cid(text) if dataset[0] == NULL_ADDRESS else None
        parties: dict[str, Any] = {}
        for kind, (pointer, owner, price) in (("app", app), ("dataset", dataset), ("workerpool", workerpool)):
            parties |= {kind: pointer, f"{kind}Owner": owner, f"{kind}Price": to_stored(price)}
            order = args[f"{kind}Hash"]
            parties[f"{kind}order"] = order
            if pointer != NULL_ADDRESS:
                values = {kind: pointer, f"{kind}price": to_stored(price)}
                self._writer.save(f"{kind.capitalize()}Order", order, **values)
        self._writer.save("RequestOrder", args["requestHash"], requester=requester)
        numbers = {
            "trust": trust, "startTime": start, "botFirst": first, "botSize": size,
            "workerStake": stake, "schedulerRewardRatio": ratio,
        }  # fmt: skip
        self._writer.save(
            "Deal",
            key,
            **parties,
            **{name: to_stored(value) for name, value in numbers.items()},
            requestorder=args["requestHash"],
            category=str(category),
            tag=_hex(tag),
            requester=requester,
            beneficiary=beneficiary,
            callback=callback,
            params=text,
            completedTasksCount=0,
            claimedTasksCount=0,
            sponsor=sponsor,
            timestamp=self._time(event),
            bulk=key if cid else None,
        )
        if cid:
            self._db.execute(
                "INSERT OR REPLACE INTO bulks VALUES (?, ?, ?, ?, ?)",
                (key, cid, event.block, str(first), str(size)),
            )
        for name, pointer in (("App", app[0]), ("Workerpool", workerpool[0])):
            if row := self._writer.load(name, pointer):
                used = to_stored(int(row["usageCount"]) + size)
                self._writer.save(name, pointer, usageCount=used, lastUsageTimestamp=self._time(event))
        self._record(event, "OrdersMatched", deal=key)
        self._count(dealsCount=1, tasksCount=size)

    def _SchedulerNotice(self, event: Happened) -> None:  # noqa: N802
        values = {"workerpool": event.args["workerpool"], "deal": event.args["dealid"]}
        self._record(event, "SchedulerNotice", **values)

    # -- tasks --

    def _task(self, event: Happened, /, **values: Any) -> dict[str, Any]:
        """Change the task, and keep the event with what it says besides."""
        key = event.args["taskid"]
        row = self._writer.save("Task", key, timestamp=self._time(event), **values)
        said = {name: value for name, value in event.args.items() if name != "taskid"}
        self._record(event, event.name, task=key, **said)
        return row

    def _TaskInitialize(self, event: Happened) -> None:  # noqa: N802
        _, deal, index, _, contribution, _, final, *_ = self._found.tasks[event.args["taskid"]]
        row = self._writer.load("Deal", _hex(deal))
        self._task(
            event,
            status="ACTIVE",
            deal=_hex(deal),
            index=to_stored(index),
            requester=row and row["requester"],
            contributionDeadline=to_stored(contribution),
            finalDeadline=to_stored(final),
        )

    def _TaskContribute(self, event: Happened) -> None:  # noqa: N802
        task, worker = event.args["taskid"], event.args["worker"]
        _, digest, seal, challenge, *_ = self._found.contributions[task, worker]
        key = f"{task}-{worker}"
        if self._writer.load("Contribution", key) is None:
            self._writer.append("Task", task, "contributions", key)
        self._writer.save(
            "Contribution",
            key,
            status="CONTRIBUTED",
            timestamp=self._time(event),
            task=task,
            worker=worker,
            hash=_hex(digest),
            seal=_hex(seal),
            challenge=challenge,
        )
        self._task(event)

    def _TaskConsensus(self, event: Happened) -> None:  # noqa: N802
        reference = self._found.tasks[event.args["taskid"]][3]
        deadline = self._time(event) + reference * self._found.reveal_ratio
        self._task(
            event, status="REVEALING", consensus=event.args["consensus"], revealDeadline=to_stored(deadline)
        )

    def _TaskReveal(self, event: Happened) -> None:  # noqa: N802
        self._task(event, status="REVEALING", resultDigest=event.args["digest"])
        self._writer.save("Contribution", f"{event.args['taskid']}-{event.args['worker']}", status="PROVED")

    def _TaskReopen(self, event: Happened) -> None:  # noqa: N802
        self._task(event, status="ACTIVE", consensus=None, revealDeadline=None)

    def _TaskFinalize(self, event: Happened) -> None:  # noqa: N802
        callback = _hex(self._found.tasks[event.args["taskid"]][14])
        row = self._task(event, status="COMPLETED", results=event.args["results"], resultsCallback=callback)
        self._ended(row, "completedTasksCount")

    def _TaskClaimed(self, event: Happened) -> None:  # noqa: N802
        self._ended(self._task(event, status="FAILLED"), "claimedTasksCount")

    def _ended(self, task: dict[str, Any], count: str) -> None:
        if deal := self._writer.load("Deal", task["deal"]):
            self._writer.save("Deal", deal["id"], **{count: to_stored(int(deal[count]) + 1)})
        self._count(**{count: 1})


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _text(value: str) -> str:
    """Text as the real index keeps it: without NUL, which its database can not hold."""
    return value.replace("\0", "")
