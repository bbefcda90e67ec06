"""What was read for one request, and the entities shown from it. Resolvers read this and ask nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.ids import Kind, job_of, kind_of
from backends.model import Edge, EdgeKey, EdgeKind, Epoch, Json, Node
from backends.vocabulary import facet_name
from schema.selection import FieldKey, field_key


@dataclass(slots=True)
class Store:
    """Everything read for a request. Nodes are kept under the id they were asked by and under their own."""

    source: str
    nodes: dict[str, Node | None] = field(default_factory=dict)
    faceted: set[str] = field(default_factory=set)
    edges: dict[EdgeKey, Edge | None] = field(default_factory=dict)
    epoch: Epoch | None = None
    watermark: int | None = None
    epochs_differ: bool = False

    def keep(self, asked: str, node: Node | None, *, facets: bool) -> None:
        self.nodes[asked] = node
        if facets:
            self.faceted.add(asked)
        if node is not None and node.id != asked:
            self.keep(node.id, node, facets=facets)

    def edge(self, key: EdgeKey | None) -> Edge | None:
        """The edge, if it was read and anyone states it."""
        edge = self.edges.get(key) if key is not None else None
        return edge if edge is not None and edge.tallies else None


class Seen:
    """One entity at one place of a document: its id, what was read of it, and the values of its links there.

    `shown` is how often the answer repeats it. An entity whose row is gone is still named by its id.
    """

    __slots__ = ("id", "kind", "links", "shown", "store")

    def __init__(self, node_id: str, store: Store, kind: Kind | None = None) -> None:
        self.id = node_id
        self.kind = kind or kind_of(node_id)
        self.store = store
        self.links: dict[FieldKey, Any] = {}
        self.shown = 0

    @property
    def node(self) -> Node | None:
        return self.store.nodes.get(self.id)

    @property
    def attributes(self) -> Mapping[str, Json]:
        node = self.node
        return node.attributes if node is not None else {}

    @property
    def job(self) -> str | None:
        """Of an operation the id of its job."""
        return job_of(self.id) if self.kind is Kind.OPERATION else None

    @property
    def seen(self) -> tuple[int | None, int | None]:
        """When it was first and last seen: a node by itself, an operation by the edge from its job, a run by its events."""
        if (node := self.node) is not None and node.first_seen is not None:
            return node.first_seen, node.last_seen
        if self.job is not None:
            edge = self.store.edge(EdgeKey(self.job, EdgeKind.HAS_OPERATION, self.id))
            return (edge.evidence.first_seen, edge.evidence.last_seen) if edge is not None else (None, None)
        return self.whole("first"), self.whole("last")

    def facets(self, names: list[str] | None) -> Mapping[str, Json] | None:
        """Facets as they were sent, by name, or those of these names; None without any."""
        if self.kind is Kind.RUN:
            given = self.attributes.get("facets")
            found = dict(given) if isinstance(given, Mapping) else {}
        else:
            found = {name: value for key, value in self.attributes.items() if (name := facet_name(key)) is not None}
        return {key: value for key, value in found.items() if names is None or key in names} or None

    def link(self, name: str, /, **args: Any) -> Any:
        """The value of a field that leads to other entities, or to a page of them."""
        return self.links[field_key(name, args)]

    def text(self, key: str) -> str | None:
        value = self.attributes.get(key)
        return value if isinstance(value, str) else None

    def whole(self, key: str) -> int | None:
        value = self.attributes.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def texts(self, key: str) -> list[str]:
        value = self.attributes.get(key)
        return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
