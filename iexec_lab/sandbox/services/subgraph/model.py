"""The entities of ``schema.graphql``, as the index and the API both need them.

Read by hand, line by line, because the index is needed from the start of a sandbox, and importing
graphql-core takes a quarter of a second.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Final

_IRREGULAR: Final = {
    "Category": "categories",
    "BulkSlice": "bulkSliceice",  # what The Graph makes of it
    "TaskConsensus": "taskConsensuses",
}
_TYPE = re.compile(r"(type|interface) (\w+)(?: implements (\w+))?( @entity(?:\((immutable): true\))?)? \{")
_FIELD = re.compile(r'\s+(\w+): (?:(\w+)|\[(\w+)!\])(!?)(?: @derivedFrom\(field: "(\w+)"\))?')
_ENUM = re.compile(r"enum (\w+) \{ ([\w ]+) \}")


@dataclass(frozen=True, slots=True)
class Field:
    """``kind`` is the name of a scalar, an enum or an entity; ``derived`` the field that refers back."""

    name: str
    kind: str
    many: bool
    required: bool
    derived: str | None


@dataclass(frozen=True)
class Entity:
    """A type, or an interface, of which ``members`` are the types."""

    name: str
    interface: str | None
    is_interface: bool
    immutable: bool
    fields: dict[str, Field] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)

    @property
    def single(self) -> str:
        """The name of the query for one of them."""
        return self.name[0].lower() + self.name[1:]

    @property
    def plural(self) -> str:
        return _IRREGULAR.get(self.name, f"{self.single}s")

    @cached_property
    def columns(self) -> tuple[Field, ...]:
        """What a row holds: neither reverse links nor lists."""
        return tuple(each for each in self.fields.values() if each.derived is None and not each.many)

    @cached_property
    def lists(self) -> tuple[Field, ...]:
        """Lists of links that are not derived; each has a table of its own."""
        return tuple(each for each in self.fields.values() if each.derived is None and each.many)


@dataclass(frozen=True, slots=True)
class Model:
    enums: dict[str, tuple[str, ...]]
    entities: dict[str, Entity]

    def concrete(self, name: str) -> list[str]:
        """The types of an interface, or a type itself."""
        entity = self.entities[name]
        return entity.members if entity.is_interface else [name]

    def is_link(self, each: Field) -> bool:
        return each.kind in self.entities


@cache
def model() -> Model:
    enums: dict[str, tuple[str, ...]] = {}
    entities: dict[str, Entity] = {}
    current: Entity | None = None
    for line in Path(__file__).with_name("schema.graphql").read_text("utf-8").splitlines():
        if found := _ENUM.match(line):
            enums[found[1]] = tuple(found[2].split())
        elif found := _TYPE.match(line):
            current = Entity(found[2], found[3], found[1] == "interface", immutable=bool(found[5]))
            entities[current.name] = current
        elif current and (found := _FIELD.match(line)):
            name, one, many, required, derived = found.groups()
            current.fields[name] = Field(name, one or many, bool(many), bool(required), derived)
    for entity in entities.values():
        if entity.interface:
            entities[entity.interface].members.append(entity.name)
    return Model(enums, entities)
