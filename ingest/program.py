"""How pure code reads: it yields what it needs and is sent the answer.

A program is a generator. It yields `Fetch` and `Listing`, is sent a `View` and a tuple of nodes, and returns `Changes`;
`api.writer` runs it over a backend, from the start again when the changes conflict.
"""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from backends.changes import NodeFilter, Resolution
from backends.model import Edge, EdgeKey, Node

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Fetch:
    """Nodes, records and edges by id; `facets` asks for whole facets as well."""

    ids: tuple[str, ...] = ()
    edges: tuple[EdgeKey, ...] = ()
    facets: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """All nodes or records that match, in full."""

    where: NodeFilter


Reading: TypeAlias = Fetch | Listing
Program: TypeAlias = Generator[Reading, Any, Result]


class View:
    """Everything a program has read, by the id it asked for."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node | None] = {}
        self.edges: dict[EdgeKey, Edge | None] = {}

    def node(self, node_id: str) -> Node | None:
        """A node or record that was read; KeyError if it was not asked for."""
        return self.nodes[node_id]

    def version(self, node_id: str) -> int:
        """The version for `Changes.expect`; 0 where unknown."""
        node = self.nodes[node_id]
        return node.version if node is not None else 0

    def resolution(self, name: str) -> Resolution:
        """What a name stands for."""
        node = self.nodes[name]
        return Resolution(name, None) if node is None else Resolution(node.id, node.deleted_at)

    def resolutions(self, names: Iterable[str]) -> Mapping[str, Resolution]:
        """For `Changes.resolved`."""
        return {name: self.resolution(name) for name in names}


def fetch(view: View, ids: Iterable[str] = (), edges: Iterable[EdgeKey] = ()) -> Program[None]:
    """Reads into the view what it lacks, in one round trip, or none."""
    missing = tuple(dict.fromkeys(node_id for node_id in ids if node_id not in view.nodes))
    keys = tuple(dict.fromkeys(key for key in edges if key not in view.edges))
    if missing or keys:
        records = yield Fetch(missing, keys)
        view.nodes.update(zip(missing, records.nodes, strict=True))
        view.edges.update(zip(keys, records.edges, strict=True))


def listing(view: View, where: NodeFilter) -> Program[tuple[Node, ...]]:
    """Lists, and keeps in the view what was listed."""
    nodes: tuple[Node, ...] = yield Listing(where)
    view.nodes.update((node.id, node) for node in nodes)
    return nodes


def whole(node_id: str) -> Program[Node | None]:
    """One node with its facets, which the view does without."""
    records = yield Fetch((node_id,), facets=True)
    node: Node | None = records.nodes[0]
    return node
