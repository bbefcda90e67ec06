"""The schema as a subgraph of Apollo Federation 2: the printed one with the directives of federation, and without what
federation adds to each subgraph."""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from graphql import (
    DefinitionNode,
    DirectiveDefinitionNode,
    DirectiveNode,
    DocumentNode,
    ObjectTypeDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from strawberry.schema.base import BaseSchema

from schema.types.federation import KEYS

VERSION: Final = "v2.9"
"""The first that knows @cost and @listSize; composition takes subgraphs of several versions."""
SHAREABLE: Final = frozenset({"PageInfo"})
"""Types that other subgraphs have as well, by the names and meanings of Relay."""
_OURS: Final = frozenset({"_Any", "_Entity", "_Service"})
_FIELDS: Final = frozenset({"_entities", "_service"})
_LINKED: Final = frozenset({"cost", "listSize"})
"""Directives of ours that federation has: they are imported from there, not defined."""


@lru_cache(maxsize=4)
def subgraph_of(schema: BaseSchema) -> str:
    """The text of a schema as a subgraph."""
    return as_subgraph(schema.as_str())


def as_subgraph(schema: str) -> str:
    """A printed schema as a subgraph."""
    document = parse(schema, no_location=True)
    used = _Used()
    visit(document, used)
    linked = ["@key", "@shareable", *(f"@{name}" for name in sorted(_LINKED & used.names))]
    names = ", ".join(f'"{name}"' for name in linked)
    link = f'extend schema @link(url: "https://specs.apollo.dev/federation/{VERSION}", import: [{names}])'
    kept = [_with_directives(node) for node in document.definitions if not _is_federations(node)]
    return f"{link}\n\n{print_ast(DocumentNode(definitions=tuple(kept)))}"


class _Used(Visitor):
    """The names of the directives that are used."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        self.names.add(node.name.value)


def _is_federations(node: DefinitionNode) -> bool:
    name = getattr(getattr(node, "name", None), "value", "")
    return name in (_LINKED if isinstance(node, DirectiveDefinitionNode) else _OURS)


def _with_directives(node: DefinitionNode) -> DefinitionNode:
    if not isinstance(node, ObjectTypeDefinitionNode):
        return node
    name = node.name.value
    if name == "Query":
        return replace(node, fields=tuple(field for field in node.fields or () if field.name.value not in _FIELDS))
    keys = next((keys for kind, keys in KEYS.items() if kind.capitalize() == name), ())
    more = [f'@key(fields: "{key}")' for key in keys] + ["@shareable"] * (name in SHAREABLE)
    marked = parse(f"type {name} {' '.join(more)}", no_location=True).definitions[0]
    assert isinstance(marked, ObjectTypeDefinitionNode)
    return replace(node, directives=(*(node.directives or ()), *(marked.directives or ())))
