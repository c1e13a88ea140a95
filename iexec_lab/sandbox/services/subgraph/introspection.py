"""What a query asks of the schema itself, and ``_meta``: executed by graphql-core, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
)

from iexec_lab.sandbox.services.subgraph.api import api
from iexec_lab.sandbox.services.subgraph.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iexec_lab.sandbox.services.subgraph.plan import Plan, Root

_FAN_OUT: Final = {
    "types": 180,
    "fields": 15,
    "inputFields": 90,
    "enumValues": 30,
    "args": 5,
    "directives": 5,
}
"""About how many of each the schema has."""
COST: Final = 6_000_000
"""Of a query; the one that tools send costs a quarter, and takes half a second."""
_DEEPEST: Final = 24


def introspect(plan: Plan, root: Root, values: Mapping[str, Any] | None = None) -> Any:
    """One field of the query, resolved from ``values`` or, without them, from the schema."""
    fragments = {
        each.name.value: each
        for each in plan.document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    sets = [each.selection_set for each in root.fields if each.selection_set]
    plan.spent += sum(_cost(each, fragments, 0) for each in sets)
    if plan.spent > COST:
        raise RefusalError("query is too expensive")
    operation = OperationDefinitionNode(
        operation=plan.operation.operation,
        name=None,
        variable_definitions=plan.operation.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(root.fields)),
    )
    document = DocumentNode(definitions=(operation, *fragments.values()))
    result = execute_sync(api(), document, values, variable_values=dict(plan.given))
    if result.errors:
        raise result.errors[0]
    return (result.data or {})[root.key]


def _cost(selected: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], depth: int) -> int:
    if depth > _DEEPEST:
        raise RefusalError(f"query has a depth that exceeds the limit of `{_DEEPEST}`")
    total = 0
    for node in selected.selections:
        if isinstance(node, FragmentSpreadNode):
            total += _cost(fragments[node.name.value].selection_set, fragments, depth + 1)
        elif isinstance(node, FieldNode):
            inner = _cost(node.selection_set, fragments, depth + 1) if node.selection_set else 0
            total += 1 + inner * _FAN_OUT.get(node.name.value, 1)
        elif isinstance(node, InlineFragmentNode):
            total += _cost(node.selection_set, fragments, depth + 1)
        if total > COST:
            raise RefusalError("query is too expensive")
    return total
