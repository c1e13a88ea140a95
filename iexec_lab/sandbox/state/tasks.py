"""What the workerpool knows about its tasks, on disk."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.sandbox.state.disk import open_db

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

LOGS_KEPT = 3 * 24 * 3600
"""Seconds."""
TASK_ORDER = (
    "RECEIVED",
    "INITIALIZING",
    "INITIALIZED",
    "RUNNING",
    "CONSENSUS_REACHED",
    "AT_LEAST_ONE_REVEALED",
    "RESULT_UPLOADING",
    "RESULT_UPLOADED",
    "FINALIZING",
    "FINALIZED",
    "COMPLETED",
)
REPLICATE_ORDER = (
    "CREATED",
    "STARTING",
    "STARTED",
    "APP_DOWNLOADING",
    "APP_DOWNLOADED",
    "DATA_DOWNLOADING",
    "DATA_DOWNLOADED",
    "COMPUTING",
    "COMPUTED",
    "CONTRIBUTING",
    "CONTRIBUTED",
    "CONTRIBUTE_AND_FINALIZE_ONGOING",
    "CONTRIBUTE_AND_FINALIZE_DONE",
    "REVEALING",
    "REVEALED",
    "RESULT_UPLOAD_REQUESTED",
    "RESULT_UPLOADING",
    "RESULT_UPLOADED",
    "COMPLETING",
    "COMPLETED",
)
"""The ways of a task and of a replicate when nothing goes wrong (iExec core 9.3)."""
_SAME_RANK = {"REOPENING": "INITIALIZED", "REOPENED": "INITIALIZED", "RECOVERING": "CREATED"}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS deals (
    id TEXT PRIMARY KEY, requester TEXT NOT NULL, facts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, deal TEXT NOT NULL REFERENCES deals, position INTEGER NOT NULL,
    status TEXT NOT NULL, facts TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS tasks_by_status ON tasks (status);
CREATE TABLE IF NOT EXISTS replicates (
    task TEXT NOT NULL REFERENCES tasks, worker TEXT NOT NULL,
    status TEXT NOT NULL, facts TEXT NOT NULL DEFAULT '{}', PRIMARY KEY (task, worker));
CREATE TABLE IF NOT EXISTS updates (
    task TEXT NOT NULL, worker TEXT NOT NULL DEFAULT '', status TEXT NOT NULL, at REAL NOT NULL, cause TEXT);
CREATE INDEX IF NOT EXISTS updates_by_task ON updates (task, worker);
CREATE TABLE IF NOT EXISTS logs (
    task TEXT NOT NULL, worker TEXT NOT NULL, stdout TEXT NOT NULL, stderr TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (task, worker));
"""


class Update(NamedTuple):
    """One line of a history; ``date`` in seconds since 1970."""

    status: str
    date: float
    cause: str | None


class TaskRow(NamedTuple):
    """A task, at ``position`` of its deal; ``facts`` are what the API's task model has by now."""

    id: str
    deal: str
    position: int
    status: str
    facts: dict[str, Any]


class ReplicateRow(NamedTuple):
    """One worker's share of a task; ``facts`` as in TaskRow, and what is needed to go on after a restart."""

    task: str
    worker: str
    status: str
    facts: dict[str, Any]


class Logs(NamedTuple):
    worker: str
    stdout: str
    stderr: str


class TasksStore:
    """``now`` gives the time that histories are dated with."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._db = open_db(path, _SCHEMA)
        self._now = now

    def close(self) -> None:
        self._db.close()

    # -- the scheduler's own progress ---------------------------------------------------------------------

    def counter(self, name: str) -> int:
        row = self._db.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
        return int(row["value"]) if row else 0

    def set_counter(self, name: str, value: int) -> None:
        with self._db:
            self._set_counter(name, value)

    def add_deal(self, deal: str, requester: str, facts: Mapping[str, Any], tasks: Mapping[int, str]) -> bool:
        """Remember a deal and its tasks (index -> id), all RECEIVED; False when it was known."""
        with self._db:
            added = self._db.execute(
                "INSERT OR IGNORE INTO deals VALUES (?, ?, ?)", (deal, requester, json.dumps(facts))
            ).rowcount
            if not added:
                return False
            rows = [(task, deal, index, "RECEIVED") for index, task in tasks.items()]
            self._db.executemany("INSERT INTO tasks (id, deal, position, status) VALUES (?, ?, ?, ?)", rows)
            self._db.executemany(
                "INSERT INTO updates (task, status, at) VALUES (?, 'RECEIVED', ?)",
                [(task, self._now()) for task in tasks.values()],
            )
            self._set_counter("deals", self.counter("deals") + 1)
        return True

    # -- writing ------------------------------------------------------------------------------------------

    def task_status(self, task: str, *statuses: str, cause: str | None = None, **facts: Any) -> None:
        """Go through ``statuses``; a fact given as None is forgotten."""
        self.tasks_status([task], *statuses, cause=cause, **facts)

    def tasks_status(
        self, tasks: Iterable[str], *statuses: str, cause: str | None = None, **facts: Any
    ) -> None:
        with self._db:
            for task in tasks:
                self._db.execute(
                    "UPDATE tasks SET status = coalesce(?, status), facts = json_patch(facts, ?) "
                    "WHERE id = ?",
                    (statuses[-1] if statuses else None, json.dumps(facts), task),
                )
                self._append(task, "", statuses, cause)

    def advance(self, task: str, *statuses: str, worker: str = "", **facts: Any) -> None:
        """Go through those of ``statuses`` that lie ahead; after a restart some lie behind.

        With ``worker`` these are statuses of its replicate.
        """
        row = self.replicate(task, worker) if worker else self.task(task)
        order = REPLICATE_ORDER if worker else TASK_ORDER
        rank = _rank(row.status, order) if row else -1
        ahead = [status for status in statuses if _rank(status, order) > rank]
        if worker:
            self.replicate_status(task, worker, *ahead, **facts)
        else:
            self.task_status(task, *ahead, **facts)

    def replicate_status(
        self, task: str, worker: str, *statuses: str, cause: str | None = None, **facts: Any
    ) -> None:
        """As ``task_status``; the first call makes the replicate. The cause goes with the first status."""
        status = statuses[-1] if statuses else None
        with self._db:
            self._db.execute(
                "INSERT INTO replicates VALUES (?, ?, coalesce(?, 'CREATED'), ?) ON CONFLICT DO UPDATE SET "
                "status = coalesce(?, status), facts = json_patch(facts, excluded.facts)",
                (task, worker, status, json.dumps(facts), status),
            )
            self._append(task, worker, statuses, cause)

    def save_logs(self, task: str, worker: str, stdout: str, stderr: str) -> None:
        with self._db:
            self._db.execute("DELETE FROM logs WHERE at < ?", (self._now() - LOGS_KEPT,))
            self._db.execute(
                "INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?, ?)",
                (task, worker, stdout, stderr, self._now()),
            )

    # -- reading ------------------------------------------------------------------------------------------

    def task(self, task: str) -> TaskRow | None:
        row = self._db.execute("SELECT * FROM tasks WHERE id = ?", (task,)).fetchone()
        return _task(row) if row else None

    def is_in(self, task: str, statuses: Collection[str]) -> bool:
        """Whether the task or one of its replicates has one of these statuses."""
        query = "SELECT status FROM tasks WHERE id = ? UNION SELECT status FROM replicates WHERE task = ?"
        return any(row["status"] in statuses for row in self._db.execute(query, (task, task)))

    def unfinished(self) -> list[TaskRow]:
        query = "SELECT * FROM tasks WHERE status NOT IN ('COMPLETED', 'FAILED') ORDER BY rowid"
        return [_task(row) for row in self._db.execute(query)]

    def deal_facts(self, deal: str) -> dict[str, Any]:
        row = self._db.execute("SELECT facts FROM deals WHERE id = ?", (deal,)).fetchone()
        facts: dict[str, Any] = json.loads(row["facts"])
        return facts

    def requester(self, task: str) -> str | None:
        query = "SELECT requester FROM deals JOIN tasks ON deals.id = tasks.deal WHERE tasks.id = ?"
        row = self._db.execute(query, (task,)).fetchone()
        return str(row["requester"]) if row else None

    def replicate(self, task: str, worker: str) -> ReplicateRow | None:
        return next((row for row in self.replicates(task) if row.worker == worker), None)

    def replicates(self, task: str) -> list[ReplicateRow]:
        rows = self._db.execute("SELECT * FROM replicates WHERE task = ? ORDER BY rowid", (task,))
        return [
            ReplicateRow(row["task"], row["worker"], row["status"], json.loads(row["facts"])) for row in rows
        ]

    def history(self, task: str, worker: str = "") -> list[Update]:
        query = "SELECT status, at, cause FROM updates WHERE task = ? AND worker = ? ORDER BY rowid"
        return [Update(*row) for row in self._db.execute(query, (task, worker))]

    def logs(self, task: str) -> list[Logs]:
        query = "SELECT worker, stdout, stderr FROM logs WHERE task = ? AND at >= ? ORDER BY rowid"
        return [Logs(*row) for row in self._db.execute(query, (task, self._now() - LOGS_KEPT))]

    def status_counts(self) -> dict[str, int]:
        rows = self._db.execute("SELECT status, count(*) FROM tasks GROUP BY status")
        return {row["status"]: row[1] for row in rows}

    def _set_counter(self, name: str, value: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", (name, value))

    def _append(self, task: str, worker: str, statuses: tuple[str, ...], cause: str | None) -> None:
        causes = [cause, *[None] * len(statuses)]
        rows = [
            (task, worker, status, self._now(), why) for status, why in zip(statuses, causes, strict=False)
        ]
        self._db.executemany(
            "INSERT INTO updates (task, worker, status, at, cause) VALUES (?, ?, ?, ?, ?)", rows
        )


def _rank(status: str, order: tuple[str, ...]) -> int:
    """A failure has no place on the way: nothing follows it."""
    status = _SAME_RANK.get(status, status)
    return order.index(status) if status in order else len(order)


def iso_date(seconds: float) -> str:
    """As the workerpool API writes dates: ``2026-11-22T11:33:26.000+00:00``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _task(row: Mapping[str, Any]) -> TaskRow:
    return TaskRow(row["id"], row["deal"], row["position"], row["status"], json.loads(row["facts"]))
