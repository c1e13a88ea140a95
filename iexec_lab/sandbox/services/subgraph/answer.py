"""Reading what a plan wants: level by level, one statement for all rows of a level, columns before rows.

A linked row that many rows share is read and built once. The answer would still have it as often as it is
linked, so what an answer would come to is counted as it grows, and bounded.
"""

from __future__ import annotations

import json
import sqlite3
import time
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.sandbox.services.subgraph import sql
from iexec_lab.sandbox.services.subgraph.conditions import add_functions
from iexec_lab.sandbox.services.subgraph.introspection import introspect
from iexec_lab.sandbox.services.subgraph.refusal import RefusalError, not_null
from iexec_lab.sandbox.services.subgraph.store import Head, read_head
from iexec_lab.sandbox.services.subgraph.values import rlc_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from iexec_lab.sandbox.services.subgraph.model import Entity
    from iexec_lab.sandbox.services.subgraph.plan import Arguments, Item, Node, Plan, Root, Selection

VALUES: Final = 3_000_000
"""Values of an answer, about 100 MB of JSON."""
SECONDS: Final = 30.0
_TICK: Final = 20_000
"""Steps of SQLite between two looks at the clock."""


def connect(path: Path) -> sqlite3.Connection:
    """The index for reading, for one thread at a time; the file must be there."""
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10, check_same_thread=False)
    db.isolation_level = None
    add_functions(db)
    return db


class Answerer:
    """Answers one plan from one state of the index; ``block_of`` finds a block's number by its hash."""

    def __init__(
        self, db: sqlite3.Connection, deployment: str, block_of: Callable[[str], int | None]
    ) -> None:
        self._db = db
        self._deployment = deployment
        self._block_of = block_of
        self._left = VALUES
        self._end = time.monotonic() + SECONDS
        self._at: int | None = None
        self._head = Head(-1, "", "", 0)

    def answer(self, plan: Plan) -> dict[str, Any]:
        """The data of the answer; RefusalError."""
        self._db.set_progress_handler(self._is_late, _TICK)
        self._db.execute("BEGIN")
        try:
            self._head = read_head(self._db)
            return {root.key: self._root(plan, root) for root in plan.roots}
        except sqlite3.OperationalError as error:
            if self._is_late():
                raise RefusalError("Query timed out") from None
            raise RefusalError(f"Store error: {error}") from error
        finally:
            self._db.execute("ROLLBACK")
            self._db.set_progress_handler(None, 0)

    def _is_late(self) -> bool:
        return time.monotonic() > self._end

    def _spend(self, values: int) -> None:
        self._left -= values
        if self._left < 0:
            raise RefusalError(
                f"query potentially returns more than the limit of `{VALUES}` values. Possible solutions are "
                "reducing the depth of the query, querying fewer relationships or using `first` to return "
                "smaller collections"
            )
        if self._is_late():
            raise RefusalError("Query timed out")

    def _root(self, plan: Plan, root: Root) -> Any:
        self._spend(1)
        if root.kind == "name":
            return "Query"
        if root.kind == "schema":
            return introspect(plan, root)
        self._at = self._block(root)
        if root.kind == "meta":
            return self._meta(plan, root)
        assert root.node
        if root.kind == "many":
            return self._page(root.node, root.arguments)
        for selection in root.node.selections.values():
            if found := self._by_id(selection, {root.id: 1}):
                return found[root.id]
        return None

    def _block(self, root: Root) -> int | None:
        """The block to answer for, None for the newest."""
        block = root.block
        if not block or block.get("number_gte") is not None:
            wanted = block["number_gte"] if block else None
            self._check_reached(wanted, "number_gte")
            return None
        if block.get("number") is not None:
            number = block["number"]
            if number < 0:
                raise RefusalError(f"Failed to decode `block.number` value: `{number} is no block number`")
            self._check_reached(number, "number")
        elif block.get("hash") is not None:
            found = self._block_of(block["hash"])
            if found is None:
                raise RefusalError("Failed to decode `block.hash` value: `no block with that hash found`")
            number = found
        else:
            return None
        return None if number >= self._head.number else int(number)

    def _check_reached(self, number: int | None, name: str) -> None:
        if number is not None and number > self._head.number:
            raise RefusalError(
                f"Failed to decode `block.{name}` value: `subgraph {self._deployment} has only indexed up to "
                f"block number {self._head.number} and data for block number {number} is therefore not yet "
                "available`"
            )

    def _meta(self, plan: Plan, root: Root) -> Any:
        newest = root.block is None or root.block.get("number") is None
        head = self._head
        block = {
            "number": head.number if self._at is None else self._at,
            "hash": head.hash if self._at is None and newest else None,
            "parentHash": head.parent if self._at is None and newest else None,
            "timestamp": head.timestamp if self._at is None else None,
        }
        meta = {"block": block, "deployment": self._deployment, "hasIndexingErrors": False}
        return introspect(plan, root, {"_meta": meta})

    # -- rows --

    def _page(self, node: Node, arguments: Arguments) -> list[dict[str, Any]]:
        if not node.entity.is_interface:
            (selection,) = node.selections.values()
            statement, values = sql.page(node.entity, selection.columns, arguments, self._at)
            rows = self._db.execute(statement, values).fetchall()
            return self._complete(selection, rows, [1] * len(rows), 1)
        statement, values = sql.page(node.entity, [sql.TYPE, "t.id"], arguments, self._at)
        found = self._db.execute(statement, values).fetchall()
        objects = self._mixed(node, {(name, key): 1 for _, name, key in found})
        return [objects[name, key] for _, name, key in found]

    def _mixed(
        self, node: Node, weights: Mapping[tuple[str, str], int]
    ) -> dict[tuple[str, str], dict[str, Any]]:
        """Rows of several types by type and id."""
        by_type: dict[str, dict[str, int]] = {}
        for (name, key), weight in weights.items():
            by_type.setdefault(name, {})[key] = weight
        return {
            (name, key): found
            for name, keys in by_type.items()
            for key, found in self._by_id(node.selections[name], keys).items()
        }

    def _by_id(self, selection: Selection, weights: Mapping[str, int]) -> dict[str, dict[str, Any]]:
        """Rows by their ids; ``weights`` says how often each will be in the answer."""
        if not weights:
            return {}
        statement = sql.by_id(selection.entity, selection.columns, self._at)
        rows = self._db.execute(statement, (json.dumps(list(weights)),)).fetchall()
        keys = [row[0] for row in rows]
        return dict(zip(keys, self._complete(selection, rows, [weights[key] for key in keys]), strict=True))

    def _complete(
        self,
        selection: Selection,
        rows: Sequence[Sequence[Any]],
        weights: Sequence[int],
        skipped: int = 0,
    ) -> list[dict[str, Any]]:
        """Rows as objects of the answer, with all that is linked, without the first ``skipped`` columns."""
        if not rows:
            return []
        self._spend(sum(weights) * (len(selection.items) + 1))
        columns = list(zip(*rows, strict=True))[skipped:]
        ready = [self._column(selection, item, columns, weights) for item in selection.items]
        if not ready:  # all was skipped
            return [{} for _ in rows]
        keys = [item.key for item in selection.items]
        return list(map(dict, map(zip, repeat(keys), zip(*ready, strict=False))))

    def _column(
        self, selection: Selection, item: Item, columns: Sequence[Sequence[Any]], weights: Sequence[int]
    ) -> Iterable[Any]:
        each = item.field
        if each is None:
            return repeat(selection.entity.name, len(weights))
        ids = columns[0]
        if item.node is None:
            column: Sequence[Any] = columns[item.column]
            if each.kind == "BigDecimal":
                column = list(map(rlc_text, column))
        elif each.many or each.derived:
            lists = self._lists(selection.entity, item, _sum(ids, weights))
            if each.many:
                return [lists.get(key, []) for key in ids]
            column = [found[0] if (found := lists.get(key)) else None for key in ids]
        else:
            linked = columns[item.column]
            objects = self._linked(item.node, _sum(linked, weights))
            column = list(map(objects.get, linked))
        if each.required and None in column:
            raise not_null(each.name, item.places)
        return column

    def _linked(self, node: Node, weights: Mapping[str, int]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for selection in node.selections.values():
            found |= self._by_id(selection, weights)
        return found

    def _lists(
        self, owner: Entity, item: Item, weights: Mapping[str, int]
    ) -> dict[str, list[dict[str, Any]]]:
        """The lists of several parents, by the parents' ids."""
        node, each = item.node, item.field
        assert node
        assert each
        several = len(weights) > 1
        wanted = json.dumps(list(weights)) if several else next(iter(weights))
        selection = None if node.entity.is_interface else node.selections[node.entity.name]
        columns = [sql.TYPE, "t.id"] if selection is None else selection.columns
        statement, values = sql.page(
            node.entity, columns, item.arguments, self._at, owner=(owner, each), parents=len(weights)
        )
        bound = [wanted if value is sql.PARENTS else value for value in values]
        rows = self._db.execute(statement, bound).fetchall()
        parents = [row[0] for row in rows]
        heavy = [weights[parent] for parent in parents]
        if selection is None:
            totals: dict[tuple[str, str], int] = {}
            for row, weight in zip(rows, heavy, strict=True):
                place = row[1], row[2]
                totals[place] = totals.get(place, 0) + weight
            mixed = self._mixed(node, totals)
            objects = [mixed[row[1], row[2]] for row in rows]
        else:
            objects = self._complete(selection, rows, heavy, 1)
        found: dict[str, list[dict[str, Any]]] = {}
        for parent, one in zip(parents, objects, strict=True):
            found.setdefault(parent, []).append(one)
        return found


def _sum(keys: Sequence[Any], weights: Sequence[int]) -> dict[str, int]:
    """How often each key will be in the answer."""
    total: dict[str, int] = {}
    for key, weight in zip(keys, weights, strict=True):
        if key is not None:
            total[key] = total.get(key, 0) + weight
    return total
