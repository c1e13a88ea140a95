"""Filters, order and pages of the lists, against a model in plain Python. No chain, no HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32
from iexec_lab.sandbox.services.market import schemas
from iexec_lab.sandbox.services.market.book import Book
from iexec_lab.sandbox.services.market.kinds import APP, DATASET, KINDS, REQUEST, WORKERPOOL, Kind
from iexec_lab.sandbox.services.market.listing import list_categories, list_deals, list_orders
from iexec_lab.sandbox.services.market.store import open_store, tag_between

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

CHAIN_ID = 65535
MAX = 2**53 - 1
ADDRESSES = [NULL_ADDRESS, "0x" + "11" * 20, "0x" + "22" * 20]
ANYBODY = [*ADDRESSES, "any"]
TAGS = ["0x" + f"{tag:064x}" for tag in (0, 1, 3, 9, 0x109, 1 << 255, (1 << 256) - 1)]
STATUSES = ["open", "open", "open", "filled", "canceled", "dead"]

addresses = st.sampled_from(ADDRESSES)
tags = st.sampled_from(TAGS)


def orders_of(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    """Orders with few different values, so that filters find some and not all."""
    fields: dict[str, st.SearchStrategy[Any]] = {name: st.integers(0, 3) for name in kind.fields}
    fields |= dict.fromkeys(kind.places.values(), addresses)
    fields["volume"] = st.sampled_from([1, 2, MAX - 2, MAX - 1, MAX])
    fields["tag"] = tags
    fields |= {name: st.just("0x") for name in ("salt", "sign", "callback", "params") if name in fields}
    row = {
        "order": st.fixed_dictionaries(fields),
        "signer": addresses,
        "status": st.sampled_from(STATUSES),
        "remaining": st.integers(0, 4),
        "published": st.sampled_from(["2026-11-22T11:33:22.976Z", "2026-11-22T11:33:22.977Z"]),
    }
    return st.fixed_dictionaries(row)


def filters_of(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    wanted: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(kind.places, st.sampled_from(ANYBODY))
    wanted |= {f"is{name.capitalize()}Strict": st.booleans() for name in kind.restrictions}
    wanted |= {"minTag": tags, "maxTag": tags, "minVolume": st.integers(1, 4)}
    wanted |= {"page": st.integers(0, 3), "pageIndex": st.integers(0, 3), "pageSize": st.integers(10, 12)}
    if kind.owner:
        wanted[kind.owner] = addresses
    if kind is DATASET:
        wanted["bulkOnly"] = st.booleans()
    if kind in {WORKERPOOL, REQUEST}:
        wanted["category"] = st.integers(0, 3)
        wanted["minTrust" if kind is WORKERPOOL else "maxTrust"] = st.integers(0, 3)
    return st.fixed_dictionaries({}, optional=wanted)


def fits(kind: Kind, row: dict[str, Any], given: dict[str, Any]) -> bool:
    """The rules of the lists, one order at a time."""
    order, tag = row["order"], int(row["order"]["tag"], 16)
    checks = [row["status"] == "open"]
    checks += [given.get(name, "any") in {"any", order[name]} for name in kind.exact]
    for name in kind.restrictions:
        asked, there = given.get(name), order[kind.places[name]]
        if asked is None:
            checks.append(there == NULL_ADDRESS)
        elif asked != "any":
            strict = given.get(f"is{name.capitalize()}Strict", False)
            checks.append(there == asked or (there == NULL_ADDRESS and not strict))
    checks.append(given.get(kind.owner or "", row["signer"]) == row["signer"])
    checks.append(row["remaining"] >= given.get("minVolume", 0))
    least, most = int(given.get("minTag", NULL_BYTES32), 16), int(given.get("maxTag", TAGS[-1]), 16)
    checks += [tag & least == least, tag | most == most]
    if "category" in given:
        checks.append(order["category"] == given["category"])
    if given.get("minTrust", 0) > 1:
        checks.append(order["trust"] >= given["minTrust"])
    if "maxTrust" in given:
        checks.append(order["trust"] <= given["maxTrust"])
    if given.get("bulkOnly"):
        checks.append(order["volume"] >= MAX - 1 and order["datasetprice"] == 0)
    return all(checks)


def fill(db: sqlite3.Connection, kind: Kind, rows: list[dict[str, Any]]) -> None:
    book = Book(db)
    with db:
        for number, row in enumerate(rows):
            row["hash"] = f"0x{(number * 7919) % 10007:064x}"
            values = {"order_hash": row["hash"], "signer": row["signer"], "now": row["published"]}
            book.add(kind, row["order"], remaining=row["remaining"], **values)
            db.execute("UPDATE orders SET status = ? WHERE hash = ?", (row["status"], row["hash"]))


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    made = open_store(tmp_path_factory.mktemp("listing") / "market.sqlite")
    yield made
    made.close()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@settings(max_examples=60)
@given(data=st.data())
def test_lists_agree_with_the_model(db: sqlite3.Connection, kind: Kind, data: st.DataObject) -> None:
    rows = data.draw(st.lists(orders_of(kind), max_size=30))
    asked = data.draw(filters_of(kind))
    with db:
        db.execute("DELETE FROM orders")
    fill(db, kind, rows)
    sign = -1 if kind.dearest_first else 1
    expected = sorted(
        (row for row in rows if fits(kind, row, asked)),
        key=lambda row: (sign * row["order"][kind.price], row["published"], row["hash"]),
    )
    if "pageIndex" in asked or "pageSize" in asked:
        limit = asked.get("pageSize", 20)
        skip = limit * asked.get("pageIndex", 0)
    else:
        limit, skip = 20, asked.get("page", 0)
    page = expected[skip : skip + limit]

    answer = json.loads(list_orders(db, kind, asked, CHAIN_ID))

    assert answer["count"] == len(expected)
    assert [each["orderHash"] for each in answer["orders"]] == [row["hash"] for row in page]
    assert answer.get("nextPage") == (skip + limit if len(page) == limit else None)


@given(tag=st.integers(0, 2**256 - 1), least=st.integers(0, 2**256 - 1), most=st.integers(0, 2**256 - 1))
def test_tags_are_compared_bit_by_bit(tag: int, least: int, most: int) -> None:
    words = [f"0x{value:064x}" for value in (tag, least, most)]
    bits = range(256)
    expected = all(tag >> bit & 1 for bit in bits if least >> bit & 1)
    expected = expected and all(most >> bit & 1 for bit in bits if tag >> bit & 1)

    assert tag_between(*words) == expected
    assert tag_between(words[0], None, None)


def test_the_largest_numbers_stay_exact(tmp_path: Path) -> None:
    db = open_store(tmp_path / "market.sqlite")
    order = dict.fromkeys(APP.fields, NULL_ADDRESS) | {"appprice": MAX, "volume": MAX, "tag": TAGS[-1]}
    row = {"order": order, "signer": ADDRESSES[1], "status": "open", "remaining": MAX, "published": "x"}
    fill(db, APP, [row])

    answer = json.loads(list_orders(db, APP, {"app": "any"}, CHAIN_ID))["orders"][0]

    assert (answer["order"]["appprice"], answer["order"]["volume"], answer["remaining"]) == (MAX, MAX, MAX)
    db.close()


def test_a_page_beyond_everything_is_empty(db: sqlite3.Connection) -> None:
    query = {"chainId": str(CHAIN_ID), "app": "any", "pageIndex": str(MAX), "pageSize": "1000"}
    given = schemas.read_book(APP, query, CHAIN_ID)

    assert json.loads(list_orders(db, APP, given, CHAIN_ID))["orders"] == []


def test_deals_and_categories_have_the_same_pages(db: sqlite3.Connection) -> None:
    for number in range(25):
        with db:
            db.execute(
                "INSERT OR REPLACE INTO categories VALUES (?, ?, 1, ?)",
                (number, 300 - number % 3, json.dumps({"name": str(number)})),
            )
    first = json.loads(list_categories(db, {}, CHAIN_ID))
    second = json.loads(list_categories(db, {"page": first["nextPage"]}, CHAIN_ID))
    few = json.loads(list_categories(db, {"minWorkClockTimeRef": 299, "maxWorkClockTimeRef": 299}, CHAIN_ID))

    listed = [each["catid"] for each in first["categories"] + second["categories"]]
    assert listed == sorted(range(25), key=lambda number: (300 - number % 3, number))
    assert (len(first["categories"]), len(second["categories"]), "nextPage" in second) == (20, 5, False)
    assert [each["catid"] for each in few["categories"]] == list(range(1, 25, 3))
    assert json.loads(list_deals(db, {"category": 0}, CHAIN_ID)) == {"ok": True, "deals": [], "count": 0}
