"""Between what Neo4j stores and our values: JSON, rows of nodes, tallies. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from backends.decide import Tallies
from backends.errors import Misconfigured
from backends.model import Stamped
from backends.neo4j_graph import restored, storable
from backends.rows import NodeRow
from backends.stored import dump, load, load_stamped
from backends.vocabulary import FACET

HERE: Final = ("id", "_number", "_version", "_said", "_first", "_last", "_deleted", "_withdrawn", "_alias")
"""The properties that `node_row` takes."""


class Foreign(Misconfigured):
    """The graph holds what this service did not write."""

    def __init__(self) -> None:
        super().__init__("nodes that Headwater did not write are joined to its own: see docs/neo4j.md, `headwater resync`")


def row_of(variable: str) -> str:
    """A list expression of the properties of a node that `node_row` takes."""
    return f"[{', '.join(f'{variable}.{name}' for name in HERE)}]"


def node_row(row: Sequence[Any], facets: str | None = None) -> NodeRow:
    """From the properties `HERE`; with the facets that another property holds."""
    node_id, number, version, said, first, last, deleted, withdrawn, alias = row
    attributes = load_stamped(said)
    if facets is not None:
        attributes |= load_stamped(facets)
    return NodeRow(node_id, number, version, attributes, first, last, deleted, bool(withdrawn), alias)


def parted(attributes: Mapping[str, Stamped]) -> tuple[dict[str, Stamped], dict[str, Stamped]]:
    """Attributes without facets, and the facets."""
    small: dict[str, Stamped] = {}
    facets: dict[str, Stamped] = {}
    for key, stamped in attributes.items():
        (facets if key.startswith(FACET) else small)[key] = stamped
    return small, facets


def tallies_of(names: Sequence[str] | None, facts: Sequence[str] | None) -> Tallies:
    """Who states an edge and what each says, from two lists that belong together; no list is nobody."""
    return dict(zip(map(restored, names or ()), map(load, facts or ()), strict=True))


def dump_tallies(tallies: Tallies) -> dict[str, list[str] | None]:
    """The same as properties; None takes a property away."""
    if not tallies:
        return {"tallies": None, "facts": None}
    return {"tallies": list(map(storable, tallies)), "facts": [dump(dict(facts)) for facts in tallies.values()]}
