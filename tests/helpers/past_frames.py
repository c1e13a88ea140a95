"""Frames of a made-up past: deals, tasks, rewards and transfers that fit each other."""

from __future__ import annotations

from random import Random

from iexec_lab.frames import from_columns
from iexec_lab.protocol import to_address

START = 1_790_000_000  # 2026-09-21 13:33:20 UTC


def who(kind: str, number: int) -> str:
    """An address; ``kind`` is two hex digits."""
    return to_address(f"0x{kind}{number:038d}")


def frame(kind: str, rows: list[dict], **attrs):
    """A frame of rows by the names of its columns."""
    names = dict.fromkeys(name for row in rows for name in row)
    return from_columns(kind, {name: [row.get(name) for row in rows] for name in names}, **attrs)


def deal_rows(count: int, seed: int = 1, **same) -> list[dict]:
    """Deals over weeks: with and without datasets, sponsored, unfinished, claimed."""
    random, at, rows = Random(seed), START, []
    for number in range(count):
        at += random.randrange(40_000)
        tasks = random.randrange(1, 6)
        completed = random.randrange(tasks + 1)
        has_dataset = random.random() < 0.4
        requester = who("0e", random.randrange(5))
        rows.append(
            {
                "deal_id": f"0x{number + 1:064x}",
                "started_at": at,
                "app": who("0a", random.randrange(4)),
                "app_price_nrlc": random.randrange(10**8),
                "app_owner": who("01", random.randrange(2)),
                "dataset": who("0d", random.randrange(3)) if has_dataset else None,
                "dataset_price_nrlc": random.randrange(10**8) if has_dataset else 0,
                "dataset_owner": who("02", random.randrange(2)) if has_dataset else None,
                "workerpool": who("0c", random.randrange(3)),
                "workerpool_price_nrlc": random.randrange(10**8, 3 * 10**8),
                "workerpool_owner": who("03", random.randrange(2)),
                "category": random.choice([0, 0, 1]),
                "tasks": tasks,
                "completed": completed,
                "claimed": random.choice([0, tasks - completed]),
                "requester": requester,
                "sponsor": random.choice([None, None, requester, who("0f", 1)]),
                "final_deadline": at + 3_000,
                "block": number,
                "log_index": 1,
                **same,
            }
        )
    return rows


def deals(count: int, seed: int = 1, **same):
    """A frame as of ``lab.history.deals``."""
    return frame("past_deal", deal_rows(count, seed, **same), chain="made-up")


def tasks_and_rewards(rows: list[dict], seed: int = 2):
    """Frames of the tasks and of the rewards of such deals, as the hub pays them; the kitty gives nothing."""
    random, tasks, events = Random(seed), [], []
    for row in rows:
        for place in range(row["completed"] + row["claimed"]):
            done, begun = place < row["completed"], row["started_at"] + random.randrange(50)
            workers = [who("04", each) for each in random.sample(range(4), random.randrange(1, 4))]
            task = f"0x{len(tasks) + 1:064x}"
            tasks.append(
                {
                    "task_id": task,
                    "deal_id": row["deal_id"],
                    "task_index": place,
                    "status": "COMPLETED" if done else "FAILED",
                    "initialized_at": begun,
                    "contributed_at": begun + 5 if workers else None,
                    "finalized_at": begun + random.randrange(20, 90) if done else None,
                    "claimed_at": None if done else row["final_deadline"] + 60,
                    "workers": [worker.lower() for worker in workers],  # as a source may say it
                    "workerpool": row["workerpool"],
                    "app": row["app"],
                    "requester": row["requester"],
                    "category": row["category"],
                }
            )
            for event, account, amount in _moved(row, workers, done=done):
                events.append(
                    {
                        "event": event,
                        "task_id": task,
                        "account": account,
                        "amount_nrlc": amount,
                        "block": len(tasks),
                        "log_index": len(events),
                    }
                )
    return frame("past_task", tasks), frame("past_event", events)


def _moved(row, workers, *, done):
    owner, stake = row["workerpool_owner"], row["workerpool_price_nrlc"] * 3 // 10
    if not done:
        return [("Seize", owner, stake), ("Reward", who("ff", 0), stake)]
    *right, wrong = workers if len(workers) > 1 else [*workers, None]
    cost = row["app_price_nrlc"] + row["dataset_price_nrlc"] + row["workerpool_price_nrlc"]
    moves = [("Seize", row["sponsor"] or row["requester"], cost)]
    moves.append(("Reward", row["app_owner"], row["app_price_nrlc"]))
    if row["dataset"]:
        moves.append(("Reward", row["dataset_owner"], row["dataset_price_nrlc"]))
    pot = row["workerpool_price_nrlc"]
    if wrong:
        moves.append(("Seize", wrong, stake))
        pot += stake
    each = pot * 99 // 100 // len(right)
    moves += [("Reward", worker, each) for worker in right]
    return [*moves, ("Reward", owner, pot - each * len(right))]
