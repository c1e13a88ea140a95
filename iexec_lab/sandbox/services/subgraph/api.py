"""The GraphQL API that The Graph makes of the entities: queries, filters, orders.

Made of graphql-core's own type objects, not of SDL: that document would have 300 kB.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from graphql import (
    FloatValueNode,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    IntValueNode,
    StringValueNode,
)

from iexec_lab.sandbox.services.subgraph.model import Entity, Field, model
from iexec_lab.sandbox.services.subgraph.values import to_decimal

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST: Final = 100
_PLAIN: Final = ("", "_not", "_gt", "_lt", "_gte", "_lte", "_in", "_not_in")
_TEXT: Final = (
    *_PLAIN,
    "_contains",
    "_contains_nocase",
    "_not_contains",
    "_not_contains_nocase",
    "_starts_with",
    "_starts_with_nocase",
    "_not_starts_with",
    "_not_starts_with_nocase",
    "_ends_with",
    "_ends_with_nocase",
    "_not_ends_with",
    "_not_ends_with_nocase",
)
_LIST: Final = ("", "_not", "_contains", "_contains_nocase", "_not_contains", "_not_contains_nocase")
SUFFIXES: Final = {
    "ID": _PLAIN,
    "BigInt": _PLAIN,
    "BigDecimal": _PLAIN,
    "Int": _PLAIN,
    "String": _TEXT,
    "Bytes": (*_PLAIN, "_contains", "_not_contains"),
    "enum": ("", "_not", "_in", "_not_in"),
    "link": _TEXT,
    "list": _LIST,
}
"""What may stand behind a field's name in a filter, by its kind."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,100}", re.ASCII)
_HEX = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2})*)", re.ASCII)
_LONGEST_DECIMAL: Final = 200


def kind_of(each: Field) -> str:
    """A key of SUFFIXES; "derived" for reverse links."""
    if each.derived:
        return "derived"
    if model().is_link(each):
        return "list" if each.many else "link"
    return "enum" if each.kind in model().enums else each.kind


def filters_of(entity: Entity) -> Iterator[tuple[str, Field, str]]:
    """Each filter by its name, with its field and what stands behind that; "_" filters the linked."""
    for each in entity.fields.values():
        for suffix in SUFFIXES.get(kind_of(each), ()):
            yield each.name + suffix, each, suffix
        if model().is_link(each):
            yield f"{each.name}_", each, "_"


def orders_of(entity: Entity) -> Iterator[str]:
    """What may be ordered by: each field, and each plain field of a linked row, ``task__timestamp``."""
    for each in entity.fields.values():
        yield each.name
        linked = model().entities.get(each.kind)
        if linked and not each.many and not each.derived and not linked.is_interface:
            for column in linked.columns:
                if not model().is_link(column):
                    yield f"{each.name}__{column.name}"


@cache
def api() -> GraphQLSchema:
    """The whole schema; a tenth of a second."""
    return _Maker().schema()


class _Maker:
    def __init__(self) -> None:
        self._scalars = {
            "ID": GraphQLID,
            "String": GraphQLString,
            "Int": GraphQLInt,
            "Boolean": GraphQLBoolean,
            "BigInt": _scalar("BigInt", _big_int),
            "BigDecimal": _scalar("BigDecimal", _big_decimal),
            "Bytes": _scalar("Bytes", _bytes),
        }
        self._enums = {name: _enum(name, values) for name, values in model().enums.items()}
        self._direction = _enum("OrderDirection", ("asc", "desc"))
        self._policy = _enum("_SubgraphErrorPolicy_", ("allow", "deny"))
        self._height = GraphQLInputObjectType(
            "Block_height",
            {
                "hash": GraphQLInputField(self._scalars["Bytes"]),
                "number": GraphQLInputField(GraphQLInt),
                "number_gte": GraphQLInputField(GraphQLInt),
            },
        )
        self._changed = GraphQLInputObjectType(
            "BlockChangedFilter", {"number_gte": GraphQLInputField(GraphQLNonNull(GraphQLInt))}
        )
        self._filters = {name: self._filter(entity) for name, entity in model().entities.items()}
        self._orders = {
            name: _enum(f"{name}_orderBy", sorted(orders_of(entity)))
            for name, entity in model().entities.items()
        }
        self._types: dict[str, Any] = {}
        for name, entity in sorted(model().entities.items(), key=lambda item: not item[1].is_interface):
            self._types[name] = self._output(entity)

    def schema(self) -> GraphQLSchema:
        fields = {"_meta": self._meta()}
        at = {
            "block": GraphQLArgument(self._height),
            "subgraphError": GraphQLArgument(GraphQLNonNull(self._policy), default_value="deny"),
        }
        for name, entity in model().entities.items():
            single = {"id": GraphQLArgument(GraphQLNonNull(GraphQLID)), **at}
            fields[entity.single] = GraphQLField(self._types[name], single)
            fields[entity.plural] = GraphQLField(self._many(name), self._arguments(name) | at)
        query = GraphQLObjectType("Query", dict(sorted(fields.items())))
        return GraphQLSchema(query, types=list(self._types.values()), assume_valid=True)

    def _meta(self) -> GraphQLField:
        block = GraphQLObjectType(
            "_Block_",
            {
                "hash": GraphQLField(self._scalars["Bytes"]),
                "number": GraphQLField(GraphQLNonNull(GraphQLInt)),
                "parentHash": GraphQLField(self._scalars["Bytes"]),
                "timestamp": GraphQLField(GraphQLInt),
            },
        )
        meta = GraphQLObjectType(
            "_Meta_",
            {
                "block": GraphQLField(GraphQLNonNull(block)),
                "deployment": GraphQLField(GraphQLNonNull(GraphQLString)),
                "hasIndexingErrors": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
            },
        )
        return GraphQLField(meta, {"block": GraphQLArgument(self._height)})

    def _output(self, entity: Entity) -> Any:
        def fields() -> dict[str, GraphQLField]:
            return {each.name: self._field(each) for each in entity.fields.values()}

        if entity.is_interface:
            return GraphQLInterfaceType(entity.name, fields)
        interfaces = [self._types[entity.interface]] if entity.interface else []
        return GraphQLObjectType(entity.name, fields, interfaces)

    def _field(self, each: Field) -> GraphQLField:
        if each.many:
            return GraphQLField(self._many(each.kind), self._arguments(each.kind))
        kind = self._types.get(each.kind) or self._scalars.get(each.kind) or self._enums[each.kind]
        return GraphQLField(GraphQLNonNull(kind) if each.required else kind)

    def _many(self, name: str) -> Any:
        return GraphQLNonNull(GraphQLList(GraphQLNonNull(self._types[name])))

    def _arguments(self, name: str) -> dict[str, GraphQLArgument]:
        return {
            "skip": GraphQLArgument(GraphQLInt, default_value=0),
            "first": GraphQLArgument(GraphQLInt, default_value=FIRST),
            "orderBy": GraphQLArgument(self._orders[name]),
            "orderDirection": GraphQLArgument(self._direction),
            "where": GraphQLArgument(self._filters[name]),
        }

    def _filter(self, entity: Entity) -> GraphQLInputObjectType:
        def fields() -> dict[str, GraphQLInputField]:
            own = GraphQLList(self._filters[entity.name])
            found: dict[str, Any] = {"_change_block": self._changed, "and": own, "or": own}
            for name, each, suffix in filters_of(entity):
                found[name] = self._filter_type(each, suffix)
            return {name: GraphQLInputField(found[name]) for name in sorted(found)}

        return GraphQLInputObjectType(f"{entity.name}_filter", fields)

    def _filter_type(self, each: Field, suffix: str) -> Any:
        if suffix == "_":
            return self._filters[each.kind]
        kind: Any = self._scalars.get(each.kind) or self._enums.get(each.kind) or GraphQLString
        if suffix.endswith("_in") or kind_of(each) == "list":
            return GraphQLList(GraphQLNonNull(kind))
        return kind


def _enum(name: str, values: Any) -> GraphQLEnumType:
    return GraphQLEnumType(name, {value: value for value in values})


def _scalar(name: str, read: Any) -> GraphQLScalarType:
    def parse_value(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise GraphQLError(f"Failed to decode `{name}` value: `{value!r:.100}`")
        return _told(name, read, str(value))

    def parse_literal(node: Any, _variables: Any = None) -> Any:
        if not isinstance(node, StringValueNode | IntValueNode | FloatValueNode):
            raise GraphQLError(f"Expected value of type `{name}`", node)
        return _told(name, read, node.value)

    return GraphQLScalarType(name, serialize=str, parse_value=parse_value, parse_literal=parse_literal)


def _told(name: str, read: Any, text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise GraphQLError(f"Failed to decode `{name}` value: `{error}`") from None


def _big_int(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("invalid digit found in string")
    return int(text)


def _big_decimal(text: str) -> Any:
    if len(text) > _LONGEST_DECIMAL:
        raise ValueError("too many digits")
    return to_decimal(text)


def _bytes(text: str) -> str:
    found = _HEX.fullmatch(text)
    if not found:
        raise ValueError("Odd number of digits, or an invalid character")
    return f"0x{found[1].lower()}"
