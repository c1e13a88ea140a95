"""The statements that read rows: a page of a whole type, rows by their ids, the lists of many parents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.sandbox.services.subgraph.conditions import Sql, condition, links, order_key, source
from iexec_lab.sandbox.services.subgraph.model import Entity, Field, model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.sandbox.services.subgraph.plan import Arguments

_ALL = "(SELECT value FROM json_each(?))"


class Way(NamedTuple):
    """From a parent to the rows of a list: tables, the parent's id in them, and what must hold."""

    tables: str
    parent: str


def by_id(entity: Entity, columns: Sequence[str], at: int | None) -> str:
    """Rows by a JSON array of ids."""
    return f"SELECT {', '.join(columns)} FROM {source(entity, at)} WHERE t.id IN {_ALL}"


def way(entity: Entity, each: Field, child: Entity, at: int | None) -> Way:
    """How the list ``each`` of ``entity`` finds rows of ``child``, which is a type of it."""
    if each.derived is None:
        return Way(f"{links(entity, each, at)} JOIN {source(child, at)} ON t.id = l.child", "l.parent")
    back = child.fields[each.derived]
    if back.many:
        return Way(f"{links(child, back, at)} JOIN {source(child, at)} ON t.id = l.parent", "l.child")
    return Way(source(child, at), f't."{back.name}"')


def page(
    target: Entity,
    columns: Sequence[str],
    arguments: Arguments,
    at: int | None,
    *,
    owner: tuple[Entity, Field] | None = None,
    parents: int = 0,
) -> Sql:
    """Rows of a type or an interface, in order; with ``owner``, those of the lists of so many parents.

    The first column is the parent (0 without), and ``columns`` follow. The last value, which the caller adds
    in front, is the parents: an id, or a JSON array of ids when there are several.
    """
    names = model().concrete(target.name)
    arms = [_arm(model().entities[name], columns, arguments, at, owner, parents) for name in names]
    direction = "DESC" if arguments.descending else "ASC"
    key, nullable = order_key(target, arguments.order_by, at)
    nulls = f" NULLS {'FIRST' if arguments.descending else 'LAST'}" if nullable else ""
    values = [value for _, each in arms for value in each]
    until = arguments.skip + arguments.first
    if len(arms) == 1 and parents <= 1:
        order = f"t.id {direction}" if key == 't."id"' else f"{key} {direction}{nulls}, t.id {direction}"
        sql = f"SELECT {arms[0][0]} ORDER BY {order}"
        return f"{sql} LIMIT {arguments.first:d} OFFSET {arguments.skip:d}", values
    order = f"_key {direction}{nulls}, _id {direction}"
    union = " UNION ALL ".join(f"SELECT {key} AS _key, t.id AS _id, {arm}" for arm, _ in arms)
    outer = ", ".join(["_parent", *(f"_{number}" for number in range(len(columns)))])
    if parents <= 1:
        limit = f"LIMIT {arguments.first:d} OFFSET {arguments.skip:d}"
        return f"SELECT {outer} FROM ({union}) ORDER BY {order} {limit}", values
    numbered = f"SELECT *, row_number() OVER (PARTITION BY _parent ORDER BY {order}) AS _n FROM ({union})"
    wanted = f"_n > {arguments.skip:d} AND _n <= {until:d}"
    return f"SELECT {outer} FROM ({numbered}) WHERE {wanted} ORDER BY _parent, _n", values


def _arm(
    child: Entity,
    columns: Sequence[str],
    arguments: Arguments,
    at: int | None,
    owner: tuple[Entity, Field] | None,
    parents: int,
) -> Sql:
    """Columns, tables and conditions for one type."""
    asked, values = condition(child, arguments.where, at)
    tables, parent = way(*owner, child, at) if owner else (source(child, at), "0")
    wanted = ", ".join(
        [f"{parent} AS _parent", *(f"{_named(column, child)} AS _{i}" for i, column in enumerate(columns))]
    )
    found: list[Any] = []
    if owner:
        asked = f"{parent} {'= ?' if parents == 1 else f'IN {_ALL}'} AND {asked}"
        found = [PARENTS]
    return f"{wanted} FROM {tables} WHERE {asked}", [*found, *values]


PARENTS = object()
"""In the values of a statement: put the parents here."""
TYPE = "type"
"""As a column: the name of the row's type."""


def _named(column: str, child: Entity) -> str:
    return f"'{child.name}'" if column == TYPE else column
