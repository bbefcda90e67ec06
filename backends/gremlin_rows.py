"""Between what a Gremlin store keeps as texts and the values of the contract. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from backends.decide import StoredEdge
from backends.ids import KINDS
from backends.model import Json, Stamped
from backends.rows import NodeRow
from backends.stored import dump, encodable, load
from backends.vocabulary import FACET

_NODES: Final = frozenset(f"{kind.lower()}:" for kind in KINDS if not kind.is_record)
_RECORDS: Final = frozenset(f"{kind.lower()}:" for kind in KINDS if kind.is_record)


def may_be_node(text: str) -> bool:
    """Whether any text can be the id of a node, so that the store need be asked."""
    return text[: text.find(":") + 1] in _NODES and "\0" not in text and encodable(text)


def may_be_record(text: str) -> bool:
    """Whether any text can be the id of a record."""
    return text[: text.find(":") + 1] in _RECORDS and "\0" not in text and encodable(text)


class Found(NamedTuple):
    """A node as it is stored: `at` is its vertex, `names` its other names. `row` is None for one that is only named by
    others and not made yet."""

    id: str
    at: str
    row: NodeRow | None
    names: tuple[str, ...]


def founds(text: str) -> Iterator[Found]:
    """The nodes of an answer, seven texts each."""
    parts = text.split("\0")
    for place in range(0, len(parts) - 1, 7):
        node_id, at, number, said, facets, alias, names = parts[place : place + 7]
        row = node_row(node_id, int(number), said, facets, alias) if said else None
        yield Found(node_id, at, row, tuple(load(names)) if names else ())


def node_row(node_id: str, number: int, said: str, facets: str, alias: str) -> NodeRow:
    version, first, last, deleted, withdrawn, attributes = load(said)
    stamped = {name: Stamped(*value) for name, value in attributes.items()}
    if facets:
        stamped.update((name, Stamped(*value)) for name, value in load(facets).items())
    return NodeRow(node_id, number, version, stamped, first, last, deleted, bool(withdrawn), alias or None)


def said_of(row: NodeRow) -> str:
    """What is kept of a row beside its id, number, facets and the node it is another name of."""
    attributes = {name: value for name, value in row.attributes.items() if not name.startswith(FACET)}
    return dump([row.version, row.first_seen, row.last_seen, row.deleted_at, int(row.withdrawn), attributes])


def facets_of(row: NodeRow) -> str | None:
    """The facets of a row; None where it has none."""
    facets = {name: value for name, value in row.attributes.items() if name.startswith(FACET)}
    return dump(facets) if facets else None


class StoredRecord(NamedTuple):
    """A record as it is stored."""

    version: int
    rank: int
    groups: tuple[str, ...]
    value: Mapping[str, Json]

    @classmethod
    def parse(cls, text: str) -> "StoredRecord":
        version, rank, groups, value = load(text)
        return cls(version, rank, tuple(groups), value)

    def text(self) -> str:
        return dump(self)


STATED: Final = "1"
"""What the text of an edge begins with while somebody states it."""


class KeptEdge(NamedTuple):
    """An edge as it is stored. `since` is the greater number of its ends: it cannot be older than that node."""

    since: int
    edge: StoredEdge

    @classmethod
    def parse(cls, text: str) -> "KeptEdge":
        since, retracted, tallies = load(text[1:])
        return cls(since, StoredEdge(tallies, retracted))

    def text(self) -> str:
        flag = STATED if self.edge.tallies else "0"
        return flag + dump([self.since, self.edge.retracted_at, self.edge.tallies])


def pairs(text: str) -> Iterator[Sequence[str]]:
    """The entries of an answer: a place and a text each."""
    parts = text.split("\0")
    for place in range(0, len(parts) - 1, 2):
        yield parts[place : place + 2]
