"""From a document to what has to be fetched: checked by graphql-core, merged, and within bounds.

graphql-core parses, validates and coerces. Its executor is used for introspection only: it calls Python for
each field of each row. Given the rows of a page of 1,000 deals with 13 links each, it takes 0.3 s to complete
them; here the whole query, with SQL and JSON, takes 0.07 s (benchmarks/bench_subgraph.py).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSkipDirective,
    OperationDefinitionNode,
    OperationType,
    is_type_sub_type_of,
    parse,
    specified_rules,
    type_from_ast,
    validate,
)
from graphql.execution import get_argument_values, get_directive_values, get_variable_values
from graphql.validation import ValidationRule, VariablesInAllowedPositionRule

from iexec_lab.sandbox.services.subgraph.api import FIRST, api, kind_of
from iexec_lab.sandbox.services.subgraph.model import Entity, Field, model
from iexec_lab.sandbox.services.subgraph.refusal import RefusalError
from iexec_lab.sandbox.services.subgraph.values import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_FIRST: Final = 1000
MOST_SKIP: Final = 5000
TOKENS: Final = 20_000
"""Of a document; a list of 1,000 ids is 1,000 of them."""
DEPTH: Final = 32
FIELDS: Final = 5_000
"""Fields of a query once its fragments are put in their places."""
OBJECTS: Final = 1_000
"""Braces of a document, objects of its variables: reading a filter looks at all fields of its type."""
STEPS: Final = 200_000
"""Looks at fields and fragments while they are put there."""
_EXPENSIVE: Final = "query is too expensive"
_TEXT: Final = {"ID", "String", "Bytes"}

Places = list[tuple[int, int]]


@dataclass(slots=True)
class Arguments:
    """Of a list."""

    first: int = FIRST
    skip: int = 0
    order_by: str = "id"
    descending: bool = False
    where: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Item:
    """One key of an answer's object: a plain field, a linked row, a list, or the type's name."""

    key: str
    field: Field | None
    places: Places
    node: Node | None = None
    arguments: Arguments = dataclasses.field(default_factory=Arguments)
    column: int = 0


@dataclass(slots=True)
class Selection:
    """What is wanted of a row of one type; ``columns`` is SQL, the first of it the id."""

    entity: Entity
    items: list[Item]
    columns: list[str]


@dataclass(slots=True)
class Node:
    """What is wanted of an entity or of each type of an interface."""

    entity: Entity
    selections: dict[str, Selection]


@dataclass(slots=True)
class Root:
    """A field of the query itself; ``kind`` is "one", "many", "meta", "name" or "schema"."""

    key: str
    kind: str
    fields: list[FieldNode]
    node: Node | None = None
    arguments: Arguments = dataclasses.field(default_factory=Arguments)
    id: str = ""
    block: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Plan:
    roots: list[Root]
    document: DocumentNode
    operation: OperationDefinitionNode
    given: Mapping[str, Any]
    spent: int = 0


def make_plan(text: str, operation: str | None, variables: Mapping[str, Any]) -> Plan:
    """Read a query; RefusalError or GraphQLError when it is none that can be answered."""
    document = _checked(text)
    chosen = _choose(document, operation)
    if _objects(variables) > OBJECTS:
        raise RefusalError(_EXPENSIVE)
    coerced = get_variable_values(api(), chosen.variable_definitions or (), dict(variables))
    if isinstance(coerced, list):
        raise coerced[0]
    return _Planner(document, chosen, coerced).plan(variables)


def _objects(value: Any) -> int:
    """How many objects a JSON value has, itself included."""
    if isinstance(value, list):
        return sum(map(_objects, value))
    return 1 + sum(map(_objects, value.values())) if isinstance(value, dict) else 0


@lru_cache(64)
def _checked(text: str) -> DocumentNode:
    """The document, if it is valid; those that programs send again and again are checked once."""
    if not text.strip():
        raise RefusalError("The query is empty")
    if text.count("{") > OBJECTS:
        raise RefusalError(_EXPENSIVE)
    document = parse(text, no_location=False, max_tokens=TOKENS)
    errors = validate(api(), document, _RULES, max_errors=1)
    if errors:
        raise errors[0]
    return document


def _choose(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    found = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if name:
        found = [each for each in found if each.name and each.name.value == name]
        if not found:
            raise RefusalError(f"Operation name not found `{name}`")
    if len(found) != 1:
        raise RefusalError("Operation name required" if found else "The query is empty")
    if found[0].operation is not OperationType.QUERY:
        raise RefusalError("Not supported: only queries")
    return found[0]


class _LenientPositionRule(ValidationRule):
    """Variables where their type fits; an id may be declared as String or Bytes, and the other way round."""

    def leave_operation_definition(self, operation: OperationDefinitionNode, *_: Any) -> None:
        declared = {each.variable.name.value: each for each in operation.variable_definitions or ()}
        for usage in self.context.get_recursive_variable_usages(operation):
            name, wanted = usage.node.name.value, usage.type
            definition = declared.get(name)
            given = definition and type_from_ast(self.context.schema, definition.type)
            if (
                not definition
                or not given
                or not wanted
                or _fits(given, wanted, definition, usage.default_value)
            ):
                continue
            message = f"Variable '${name}' of type '{given}' used in position expecting type '{wanted}'."
            self.report_error(GraphQLError(message, [definition, usage.node]))


def _fits(given: Any, wanted: Any, definition: Any, default: Any) -> bool:
    schema = api()
    if isinstance(wanted, GraphQLNonNull) and not isinstance(given, GraphQLNonNull):
        own = definition.default_value
        if (own is None or own.kind == "null_value") and not _is_set(default):
            return False
        wanted = wanted.of_type
    while True:
        if isinstance(given, GraphQLNonNull):
            given = given.of_type
            wanted = wanted.of_type if isinstance(wanted, GraphQLNonNull) else wanted
        elif isinstance(wanted, GraphQLNonNull):
            return False
        elif isinstance(given, GraphQLList) and isinstance(wanted, GraphQLList):
            given, wanted = given.of_type, wanted.of_type
        else:
            same = {getattr(given, "name", ""), getattr(wanted, "name", "")} <= _TEXT
            return same or is_type_sub_type_of(schema, given, wanted)


def _is_set(default: Any) -> bool:
    return default is not None and type(default).__name__ != "UndefinedType"


_RULES = [
    _LenientPositionRule if rule is VariablesInAllowedPositionRule else rule for rule in specified_rules
]


class _Planner:
    def __init__(self, document: DocumentNode, operation: OperationDefinitionNode, variables: Any) -> None:
        self._document = document
        self._operation = operation
        self._variables = variables
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._fields = 0
        self._steps = 0
        self._by_query = {}
        for entity in model().entities.values():
            self._by_query[entity.single] = entity, "one"
            self._by_query[entity.plural] = entity, "many"

    def plan(self, variables: Mapping[str, Any]) -> Plan:
        roots = [
            self._root(key, nodes)
            for key, nodes in self._collect("Query", [self._operation.selection_set]).items()
        ]
        return Plan(roots, self._document, self._operation, variables)

    def _root(self, key: str, nodes: list[FieldNode]) -> Root:
        name = nodes[0].name.value
        if name == "__typename":
            return Root(key, "name", nodes)
        if name.startswith("__"):
            return Root(key, "schema", nodes)
        query = api().query_type
        assert query
        values = self._values(query.fields[name], nodes[0])
        if name == "_meta":
            return Root(key, "meta", nodes, block=values.get("block"))
        entity, kind = self._by_query[name]
        node = self._node(entity, nodes, 1)
        arguments = _arguments(values, _places(nodes)) if kind == "many" else Arguments()
        return Root(key, kind, nodes, node, arguments, values.get("id", ""), values.get("block"))

    def _values(self, definition: GraphQLField, node: FieldNode) -> dict[str, Any]:
        return get_argument_values(definition, node, self._variables)

    def _node(self, entity: Entity, nodes: Sequence[FieldNode], depth: int) -> Node:
        if depth > DEPTH:
            raise RefusalError(f"query has a depth that exceeds the limit of `{DEPTH}`")
        sets = [each.selection_set for each in nodes]
        return Node(
            entity, {name: self._selection(name, sets, depth) for name in model().concrete(entity.name)}
        )

    def _selection(self, name: str, sets: Sequence[Any], depth: int) -> Selection:
        entity = model().entities[name]
        selection = Selection(entity, [], ["t.id"])
        for key, nodes in self._collect(name, sets).items():
            self._fields += 1
            if self._fields > FIELDS:
                raise RefusalError(f"query selects more than the limit of `{FIELDS}` fields")
            selection.items.append(self._item(selection, key, nodes, depth))
        return selection

    def _item(self, selection: Selection, key: str, nodes: list[FieldNode], depth: int) -> Item:
        name, places = nodes[0].name.value, _places(nodes)
        if name == "__typename":
            return Item(key, None, places)
        each = selection.entity.fields[name]
        item = Item(key, each, places)
        if model().is_link(each):
            item.node = self._node(model().entities[each.kind], nodes, depth + 1)
        if each.many:
            definition = api().type_map[selection.entity.name].fields[name]  # type: ignore[attr-defined]
            item.arguments = _arguments(self._values(definition, nodes[0]), places)
        elif not each.derived:
            column = f't."{name}"'
            selection.columns.append(text_of(column) if kind_of(each) == "BigInt" else column)
            item.column = len(selection.columns) - 1
        return item

    def _collect(self, name: str, sets: Sequence[Any]) -> dict[str, list[FieldNode]]:
        """The fields that are wanted of a type, by their keys, fragments in their places."""
        found: dict[str, list[FieldNode]] = {}
        for node in self._flat(name, sets, set()):
            key = node.alias.value if node.alias else node.name.value
            found.setdefault(key, []).append(node)
        return found

    def _flat(self, name: str, sets: Sequence[Any], visited: set[str]) -> Iterator[FieldNode]:
        for one in sets:
            for node in one.selections if one else ():
                self._steps += 1
                if self._steps > STEPS:
                    raise RefusalError(_EXPENSIVE)
                if not self._is_wanted(node):
                    continue
                if isinstance(node, FieldNode):
                    yield node
                    continue
                inner = node
                if isinstance(node, FragmentSpreadNode):
                    if node.name.value in visited:
                        continue
                    visited.add(node.name.value)
                    inner = self._fragments[node.name.value]
                limit = inner.type_condition
                if limit is None or limit.name.value in {name, self._interface(name)}:
                    yield from self._flat(name, [inner.selection_set], visited)

    @staticmethod
    def _interface(name: str) -> str | None:
        entity = model().entities.get(name)
        return entity.interface if entity else None

    def _is_wanted(self, node: Any) -> bool:
        if not node.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        return not (skip and skip["if"]) and (not include or include["if"])


def _arguments(values: Mapping[str, Any], places: Places) -> Arguments:
    first, skip = values.get("first"), values.get("skip")
    first, skip = FIRST if first is None else first, skip or 0
    for name, number, least, most in (("first", first, 1, MOST_FIRST), ("skip", skip, 0, MOST_SKIP)):
        if not least <= number <= most:
            told = f"The `{name}` argument must be between 0 and {most}, but is {number}"
            raise RefusalError(told, places)
    return Arguments(
        first,
        skip,
        values.get("orderBy") or "id",
        values.get("orderDirection") == "desc",
        values.get("where"),
    )


def _places(nodes: Sequence[FieldNode]) -> Places:
    location = nodes[0].loc
    if location is None:
        return []
    place = location.source.get_location(location.start)
    return [(place.line, place.column)]
