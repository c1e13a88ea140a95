# ruff: noqa: S608 -- names of tables and columns in SQL are our own
"""Deals and categories: what matches and the hub's owner left on chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.protocol import to_address
from iexec_lab.sandbox.services.market.feed import Message
from iexec_lab.sandbox.services.market.store import to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

MAX_SQL: Final = 2**63 - 1
"""Larger numbers are sorted and filtered as this one; the document keeps them."""


def add_deal(
    db: sqlite3.Connection,
    chain_id: int,
    match: Mapping[str, Any],
    deal: Any,
    record: Mapping[str, Any],
    times: Mapping[str, str],
) -> list[Message]:
    """Keep a deal: ``match`` is its OrdersMatched event, ``deal`` what viewDeal gave, ``record`` the log."""
    document = deal_document(chain_id, match, deal, record, times[record["blockNumber"]])
    known = db.execute("SELECT 1 FROM deals WHERE dealid = ?", (document["dealid"],)).fetchone()
    text = to_json(document)
    row = {
        "dealid": document["dealid"],
        "block": document["blockNumber"],
        "category": min(document["category"], MAX_SQL),
        "price": min(document["workerpool"]["price"], MAX_SQL),
        **{name: document[name] for name in ("requester", "beneficiary")},
        **{name: document[name]["pointer"] for name in ("app", "dataset", "workerpool")},
        **{f"{name}Owner": document[name]["owner"] for name in ("app", "dataset", "workerpool")},
        **{
            f"{name}orderHash": document[f"{name}Hash"]
            for name in ("app", "dataset", "workerpool", "request")
        },
        "document": text,
    }
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    db.execute(f"INSERT OR REPLACE INTO deals ({names}) VALUES ({marks})", row)
    return [] if known else [Message("deals", "deal_created", text)]


def deal_document(
    chain_id: int, match: Mapping[str, Any], deal: Any, record: Mapping[str, Any], time: str
) -> dict[str, Any]:
    """A deal as the market shows it; ``volume`` is that of the match."""
    app, dataset, workerpool, trust, category, tag, requester, beneficiary, callback, params, *rest = deal
    start_time, bot_first, bot_size, worker_stake, scheduler_reward_ratio, _sponsor = rest
    return {
        "dealid": to_hex(match["dealid"]),
        "chainId": chain_id,
        "app": _party(app),
        "dataset": _party(dataset),
        "workerpool": _party(workerpool),
        "appHash": to_hex(match["appHash"]),
        "datasetHash": to_hex(match["datasetHash"]),
        "workerpoolHash": to_hex(match["workerpoolHash"]),
        "requestHash": to_hex(match["requestHash"]),
        "requester": to_address(requester),
        "beneficiary": to_address(beneficiary),
        "callback": to_address(callback),
        "params": params.decode(errors="replace"),
        "tag": to_hex(tag),
        "category": category,
        "trust": trust,
        "volume": match["volume"],
        "botFirst": bot_first,
        "botSize": bot_size,
        "startTime": start_time,
        "schedulerRewardRatio": scheduler_reward_ratio,
        "workerStake": worker_stake,
        "blockNumber": int(record["blockNumber"], 16),
        "blockTimestamp": time,
        "transactionHash": record["transactionHash"],
    }


def add_category(
    db: sqlite3.Connection, event: Mapping[str, Any], record: Mapping[str, Any], times: Mapping[str, str]
) -> None:
    """Keep a category as its CreateCategory event describes it."""
    block = int(record["blockNumber"], 16)
    document = {
        "name": event["name"],
        "description": event["description"],
        "workClockTimeRef": event["workClockTimeRef"],
        "transactionHash": record["transactionHash"],
        "blockNumber": block,
        "blockTimestamp": times[record["blockNumber"]],
    }
    clock = min(event["workClockTimeRef"], MAX_SQL)
    db.execute(
        "INSERT OR REPLACE INTO categories VALUES (?, ?, ?, ?)",
        (event["catid"], clock, block, to_json(document)),
    )


def forget(db: sqlite3.Connection, block: int) -> None:
    """Drop what came from this block and later ones: the chain has other ones now."""
    db.execute("DELETE FROM deals WHERE block >= ?", (block,))
    db.execute("DELETE FROM categories WHERE block >= ?", (block,))


def _party(part: Any) -> dict[str, Any]:
    pointer, owner, price = part
    return {"pointer": to_address(pointer), "owner": to_address(owner), "price": price}


def to_hex(data: bytes) -> str:
    return "0x" + data.hex()
