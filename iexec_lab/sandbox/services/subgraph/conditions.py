"""The ``where`` and ``orderBy`` of The Graph as SQL on the tables of the index.

Linked rows are asked for through ``IN (SELECT ...)``, so that SQLite may begin with whatever is rarer.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.sandbox.services.subgraph.api import filters_of, kind_of
from iexec_lab.sandbox.services.subgraph.model import Entity, Field, model
from iexec_lab.sandbox.services.subgraph.refusal import RefusalError
from iexec_lab.sandbox.services.subgraph.store import list_table
from iexec_lab.sandbox.services.subgraph.values import nrlc_bounds, to_stored

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

Sql = tuple[str, list[Any]]
"""A piece of SQL and the values of its question marks."""

_COMPARED: Final = {"_gt": ">", "_gte": ">=", "_lt": "<", "_lte": "<="}
_FALSE: Final[Sql] = "0", []
_BOUND: Final = {"_gt": 0, "_lte": 0, "_gte": 1, "_lt": 1}
"""Which of the two nearest amounts a comparison is with."""


def add_functions(db: sqlite3.Connection) -> None:
    """Give a connection the functions that conditions use."""
    db.create_function("fold", 1, _fold, deterministic=True)
    db.create_function("has_bytes", 2, _has_bytes, deterministic=True)


def _fold(text: str | None) -> str | None:
    return text if text is None else text.lower()


def _has_bytes(hexadecimal: str | None, part: str) -> bool | None:
    return None if hexadecimal is None else bytes.fromhex(part[2:]) in bytes.fromhex(hexadecimal[2:])


def source(entity: Entity, at: int | None, alias: str = "t") -> str:
    """The rows of a type, now or at the end of a block."""
    if at is None:
        return f'"{entity.name}" AS {alias}'
    columns = ", ".join(f'"{each.name}"' for each in entity.columns)
    now = f'SELECT {columns}, _from FROM "{entity.name}" WHERE _from <= {at:d}'
    if entity.immutable:
        return f"({now}) AS {alias}"
    past = f'SELECT {columns}, _from FROM "{entity.name}_past" WHERE _from <= {at:d} AND _to > {at:d}'
    return f"({now} UNION ALL {past}) AS {alias}"


def links(entity: Entity, each: Field, at: int | None, alias: str = "l") -> str:
    """The links of a list, now or at the end of a block."""
    table = f'"{list_table(entity, each)}"'
    return (
        f"{table} AS {alias}" if at is None else f"(SELECT * FROM {table} WHERE _from <= {at:d}) AS {alias}"
    )


def condition(
    entity: Entity, where: Mapping[str, Any] | None, at: int | None, *, nested: bool = False, alias: str = "t"
) -> Sql:
    """What ``where`` asks of rows of ``alias``; RefusalError when The Graph does not answer that."""
    parts: list[Sql] = []
    if where and where.get("or") is not None and len(where) > 1:
        columns = ", ".join(f"'{name}'" for name in where if name != "or")
        raise RefusalError(
            "Cannot mix column filters with 'or' operator at the same level. "
            f"Found column filter(s) {columns} alongside 'or' operator."
        )
    for name, value in (where or {}).items():
        if name in {"and", "or"}:
            several = [condition(entity, one, at, nested=nested, alias=alias) for one in value or () if one]
            if several:
                parts.append(_joined(f" {name.upper()} ", several))
        elif name == "_change_block":
            if value is not None:
                parts.append((f"{alias}._from >= ?", [value["number_gte"]]))
        else:
            each, suffix = _known(entity.name)[name]
            if suffix == "_":
                if nested:
                    raise RefusalError(
                        f"Child filter nesting not supported by value `{_shown(value)}`: `{name}`"
                    )
                parts.append(_linked(entity, each, value, at, alias))
            else:
                parts.append(_own(entity, each, suffix, value, at, alias))
    return _joined(" AND ", parts) if parts else ("1", [])


@cache
def _known(name: str) -> dict[str, tuple[Field, str]]:
    """The filters of a type by their names."""
    return {key: (each, suffix) for key, each, suffix in filters_of(model().entities[name])}


def _joined(word: str, parts: Sequence[Sql]) -> Sql:
    return "(" + word.join(sql for sql, _ in parts) + ")", [value for _, values in parts for value in values]


def _own(entity: Entity, each: Field, suffix: str, value: Any, at: int | None, alias: str) -> Sql:
    kind = kind_of(each)
    if kind == "list":
        return _list(entity, each, suffix, value, at, alias)
    column = f'{alias}."{each.name}"'
    if value is None:
        return _null(column, suffix)
    if suffix in {"_in", "_not_in"}:
        word = "NOT IN" if suffix == "_not_in" else "IN"
        kept = [stored for one in value if (stored := _equal(kind, one)) is not None]
        return f"{column} {word} (SELECT value FROM json_each(?))", [json.dumps(kept)]
    if suffix in _COMPARED:
        bound = nrlc_bounds(value)[_BOUND[suffix]] if kind == "BigDecimal" else value
        return f"{column} {_COMPARED[suffix]} ?", [_stored(kind, bound)]
    if suffix not in {"", "_not"}:
        return _matching(kind, column, suffix, value)
    return _same(kind, column, value, inverse=bool(suffix))


def _same(kind: str, column: str, value: Any, *, inverse: bool) -> Sql:
    stored = _equal(kind, value)
    if stored is None:
        return (f"{column} IS NOT NULL", []) if inverse else _FALSE
    return f"{column} {'!=' if inverse else '='} ?", [stored]


def _null(column: str, suffix: str) -> Sql:
    if suffix not in {"", "_not"}:
        raise RefusalError(f"Filter not supported by value `null`: `{suffix[1:]}`")
    return f"{column} IS {'NOT ' if suffix else ''}NULL", []


def _stored(kind: str, value: Any) -> Any:
    if kind in {"BigInt", "BigDecimal", "Int"}:
        return to_stored(value)
    return value.lower() if kind == "Bytes" else value


def _equal(kind: str, value: Any) -> Any:
    """The value as it is kept; None when nothing can be equal to it."""
    if kind != "BigDecimal":
        return _stored(kind, value)
    decimal: Decimal = value
    below, above = nrlc_bounds(decimal)
    return to_stored(below) if below == above else None


def _matching(kind: str, column: str, suffix: str, value: str) -> Sql:
    """``_contains`` and its like; a row without a value matches neither it nor its opposite."""
    value = value.replace("\0", "")
    inverse = suffix.startswith("_not_")
    word = suffix.removeprefix("_not").removesuffix("_nocase")
    if suffix.endswith("_nocase"):
        column, value = f"fold({column})", value.lower()
    if kind == "Bytes":
        sql, values = f"has_bytes({column}, ?)", [value.lower()]
    elif not value:
        sql, values = f"{column} IS NOT NULL", []
        if inverse:
            return _FALSE
    elif word == "_contains":
        sql, values = f"instr({column}, ?) > 0", [value]
    elif word == "_starts_with":
        sql, values = f"substr({column}, 1, {len(value)}) = ?", [value]
    else:
        sql, values = f"substr({column}, -{len(value)}) = ?", [value]
    return (f"NOT ({sql})" if inverse else sql), values


def _list(entity: Entity, each: Field, suffix: str, value: Any, at: int | None, alias: str) -> Sql:
    if value is None:
        return _FALSE if suffix == "" else ("1", [])
    own = f"FROM {links(entity, each, at)} WHERE l.parent = {alias}.id"
    if suffix in {"", "_not"}:
        same = f"(SELECT json_group_array(child) FROM (SELECT l.child AS child {own} ORDER BY l.position))"
        listed = json.dumps(list(value), separators=(",", ":"), ensure_ascii=False)
        return f"{same} {'!=' if suffix else '='} ?", [listed]
    wanted, child = sorted(set(value)), "l.child"
    if suffix.endswith("_nocase"):
        wanted, child = sorted({one.lower() for one in value}), "fold(l.child)"
    count = f"(SELECT count(DISTINCT {child}) {own} AND {child} IN (SELECT value FROM json_each(?)))"
    return f"{count} {'!=' if suffix.startswith('_not') else '='} ?", [json.dumps(wanted), len(wanted)]


def _linked(entity: Entity, each: Field, value: Any, at: int | None, alias: str) -> Sql:
    """Rows of which a linked row fulfils a filter."""
    arms: list[Sql] = []
    for name in model().concrete(each.kind):
        child = model().entities[name]
        asked, values = condition(child, value, at, nested=True, alias="c")
        back = child.fields[each.derived] if each.derived else None
        rows = source(child, at, "c")
        if back is None and not each.many:
            sql = f'{alias}."{each.name}" IN (SELECT c.id FROM {rows} WHERE {asked})'
        elif back is None:
            table = links(entity, each, at)
            sql = f"{alias}.id IN (SELECT l.parent FROM {table} JOIN {rows} ON c.id = l.child WHERE {asked})"
        elif back.many:
            table = links(child, back, at)
            sql = f"{alias}.id IN (SELECT l.child FROM {table} JOIN {rows} ON c.id = l.parent WHERE {asked})"
        else:
            sql = f'{alias}.id IN (SELECT c."{back.name}" FROM {rows} WHERE {asked})'
        arms.append((sql, values))
    return _joined(" OR ", arms)


def order_key(entity: Entity, order_by: str, at: int | None) -> tuple[str, bool]:
    """SQL of what rows of ``t`` are ordered by, and whether that may be NULL."""
    name, _, inner = order_by.partition("__")
    each = entity.fields[name]
    if each.many or each.derived:
        raise RefusalError(f"Ordering by `{name}` is not supported for type `{entity.name}`")
    if not inner:
        return _ranked(f't."{name}"', each), not each.required
    child = model().entities[each.kind]
    key = _ranked(f'o."{inner}"', child.fields[inner])
    return f'(SELECT {key} FROM {source(child, at, "o")} WHERE o.id = t."{name}")', True


def _ranked(column: str, each: Field) -> str:
    """States are ordered as the schema lists them."""
    states = model().enums.get(each.kind)
    if states is None:
        return column
    ranks = " ".join(f"WHEN '{state}' THEN {rank}" for rank, state in enumerate(states))
    return f"CASE {column} {ranks} END"


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)[:200]
