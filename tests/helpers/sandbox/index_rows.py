"""An index of the subgraph filled with generated rows, without a chain."""

from __future__ import annotations

import random
from contextlib import closing
from hashlib import blake2b

from iexec_lab.sandbox.services.subgraph.store import Head, open_index, put_head, put_links, put_rows
from iexec_lab.sandbox.services.subgraph.values import to_stored

NULL = "0x" + "0" * 40
START = 1_700_000_000
STATES = ("ACTIVE", "REVEALING", "COMPLETED", "COMPLETED", "COMPLETED", "FAILLED")
WORD_ZERO = "0x" + "0" * 64


def word(*parts):
    """32 bytes as 0x text, scattered, the same for the same parts."""
    return f"0x{blake2b(repr(parts).encode(), digest_size=32).hexdigest()}"


def address(*parts):
    return word(*parts)[:42]


def fill(path, deals, *, tasks=1, seed=7, parties=40):
    """Write an index of so many deals, each with so many tasks; one block a deal, a minute apart."""
    luck = random.Random(seed)
    with closing(open_index(path)) as db, db:
        _parties(db, parties)
        for start in range(0, deals, 10_000):
            _deals(db, luck, range(start, min(start + 10_000, deals)), tasks, parties)
        put_head(db, Head(deals, word("block", deals), word("block", deals - 1), START + 60 * deals))


def _parties(db, parties):
    accounts = [NULL, *(address("account", i) for i in range(parties))]
    money = {"balance": 5_000_000_001, "frozen": 0, "score": 3}
    put_rows(db, "Account", [{"id": each, **money, "_from": 0} for each in accounts])
    used = {"timestamp": START, "usageCount": 5, "lastUsageTimestamp": START, "_from": 0}
    owners = [address("account", i) for i in range(parties)]
    asset = {"multiaddr": "0x6d65", "checksum": word("checksum"), "mrenclave": "0x", "type": "DOCKER"}
    rows = {
        "App": [
            {"id": address("app", i), "name": f"app {i}", "owner": each, **asset, **used}
            for i, each in enumerate(owners)
        ],
        "Dataset": [
            {"id": address("dataset", i), "name": f"data {i}", "owner": each, **asset, **used}
            for i, each in enumerate(owners)
        ],
        "Workerpool": [
            {
                "id": address("workerpool", i), "description": f"pool {i}", "owner": each,
                "workerStakeRatio": 30, "schedulerRewardRatio": 1, **used,
            }
            for i, each in enumerate(owners)
        ],
        "Category": [
            {
                "id": str(i), "name": ["XS", "S", "M", "L", "XL"][i], "description": f"category {i}",
                "workClockTimeRef": 300 * 4**i, "timestamp": START, "_from": 0,
            }
            for i in range(5)
        ],
    }  # fmt: skip
    for name, found in rows.items():
        put_rows(db, name, found)


def _deals(db, luck, numbers, tasks, parties):
    found = {
        name: []
        for name in [
            "Deal",
            "AppOrder",
            "DatasetOrder",
            "WorkerpoolOrder",
            "RequestOrder",
            "Task",
            "Contribution",
            "Transaction",
            "OrdersMatched",
            "Reward",
        ]
    }
    links = []
    for number in numbers:
        at, block = START + 60 * number, number + 1
        one = {
            kind: luck.randrange(parties) for kind in ("app", "dataset", "workerpool", "requester", "sponsor")
        }
        has_data = luck.random() < 0.5
        prices = {
            kind: luck.choice((0, 1, 10**7, 10**9, 123_456_789_012))
            for kind in ("app", "dataset", "workerpool")
        }
        deal, tx = word("deal", number), word("transaction", number)
        owner = {kind: address("account", one[kind]) for kind in ("app", "dataset", "workerpool")}
        pointer = {kind: address(kind, one[kind]) for kind in ("app", "dataset", "workerpool")}
        if not has_data:
            owner["dataset"] = pointer["dataset"] = NULL
            prices["dataset"] = 0
        hashes = {kind: word(f"{kind}order", number) for kind in ("app", "dataset", "workerpool", "request")}
        for kind in ("app", "dataset", "workerpool"):
            if kind != "dataset" or has_data:
                found[f"{kind.capitalize()}Order"].append(
                    {"id": hashes[kind], kind: pointer[kind], f"{kind}price": prices[kind], "_from": block}
                )
        requester = address("account", one["requester"])
        found["RequestOrder"].append({"id": hashes["request"], "requester": requester, "_from": block})
        status = [luck.choice(STATES) for _ in range(tasks)]
        found["Deal"].append(
            {
                "id": deal, **pointer, **{f"{kind}Owner": each for kind, each in owner.items()},
                **{f"{kind}Price": each for kind, each in prices.items()},
                **{f"{kind}order": each for kind, each in hashes.items()},
                "trust": to_stored(luck.choice((1, 3, 2**70))), "category": str(number % 5),
                "tag": f"0x{luck.choice((0, 1, 3, 9)):064x}", "requester": requester,
                "beneficiary": requester, "callback": NULL, "params": f'{{"iexec_args":"run {number}"}}',
                "startTime": at, "botFirst": 0,
                "botSize": max(tasks, 1), "completedTasksCount": status.count("COMPLETED"),
                "claimedTasksCount": status.count("FAILLED"), "workerStake": prices["workerpool"] * 3 // 10,
                "schedulerRewardRatio": 1, "sponsor": address("account", one["sponsor"]), "timestamp": at,
                "_from": block,
            }
        )  # fmt: skip
        found["Transaction"].append(
            {
                "id": tx, "from": requester, "to": address("hub"), "value": 0,
                "gasLimit": 10**6, "gasUsed": 10**6,
                "gasPrice": 10**9, "timestamp": at, "blockNumber": block, "_from": block,
            }
        )  # fmt: skip
        event = {"transaction": tx, "timestamp": at, "_from": block}
        found["OrdersMatched"].append({"id": f"{block}-0", "deal": deal, **event})
        for index in range(tasks):
            task, worker = word("task", number, index), address("account", luck.randrange(parties))
            done = status[index] == "COMPLETED"
            found["Task"].append(
                {
                    "id": task, "status": status[index], "deal": deal, "index": index, "requester": requester,
                    "consensus": word("consensus", number) if done else None,
                    "resultDigest": word("digest", number) if done else None,
                    "results": "0x7b7d" if done else None, "resultsCallback": "0x" if done else None,
                    "contributionDeadline": at + 2100, "revealDeadline": at + 900 if done else None,
                    "finalDeadline": at + 3000, "timestamp": at + 30, "_from": block,
                }
            )  # fmt: skip
            key = f"{task}-{worker}"
            found["Contribution"].append(
                {
                    "id": key, "status": "PROVED" if done else "CONTRIBUTED", "timestamp": at + 20,
                    "task": task,
                    "worker": worker, "hash": word("hash", number), "seal": word("seal", number),
                    "challenge": NULL,
                    "_from": block,
                }
            )  # fmt: skip
            links.append((task, 0, key, block))
            if done:
                reward = {"account": worker, "value": prices["workerpool"], "task": task}
                found["Reward"].append({"id": f"{block}-{index + 1}", **reward, **event})
    for name, rows in found.items():
        put_rows(db, name, rows)
    put_links(db, "Task_contributions", links)
