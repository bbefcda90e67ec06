"""Some writes decided one after the other on what was read once, and what they come to in the store together. Pure.

Each write sees what those before it in the group come to; one that is refused leaves the others alone. What is written is
the difference between the first state and the last, so the cost of a commit is shared and nothing is written twice. The
log has the rows of each write in its order, so each has an epoch of its own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from backends.changes import Changes
from backends.decide import Decision, LogEntry, Outcome, Stored, StoredEdge, Wanted, wanted
from backends.errors import BackendError, Rejected
from backends.ids import BadId, check_text
from backends.model import EdgeKey, EdgeKind, Epoch, Json
from backends.neo4j_graph import can_be_id
from backends.neo4j_write import Found, FoundRecord, Reading
from backends.rows import NodeRow, chain
from backends.vocabulary import FACET

Result: TypeAlias = Epoch | BackendError
KEPT: Final = StoredEdge({"": {}})
"""Stands for an edge that is stated, by whom was not read."""
INT64: Final = 2**63
LONGEST_GROUP: Final = 1_500
"""Characters, since an index takes keys of some 8,000 bytes, and a group is in it beside the id of a record."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Edges at a node: those that are `shown`, and of the others Neo4j's ids of the nodes that keep them; of the nodes at
    the other ends of those that stand, the numbers."""

    shown: Collection[EdgeKey]
    kept: Mapping[EdgeKey, str]
    numbers: Mapping[str, int]


@dataclass(slots=True)
class State:
    """Where nodes, edges and records stand after the writes decided so far. An edge is known with whether it is part of
    the topology; a record that is None was removed."""

    rows: dict[str, NodeRow]
    edges: dict[EdgeKey, tuple[StoredEdge, bool]]
    records: dict[str, "Written | None"]
    next_number: int
    epoch: Epoch
    watermark: int | None
    log: list[tuple[LogEntry, Epoch]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Written:
    """The new content of a record."""

    value: Mapping[str, Json]
    version: int
    rank: int
    groups: tuple[str, ...]


class MoreNeeded(Exception):
    """The writes cannot be decided on what was read; `nodes` are ids to read, `flipped` those whose edges are wanted."""

    def __init__(self, nodes: Iterable[str] = (), flipped: Iterable[str] = ()) -> None:
        self.nodes, self.flipped = frozenset(nodes), frozenset(flipped)


class Group:
    """Writes to be decided together."""

    def __init__(self, writes: Sequence[Changes]) -> None:
        self._writes = [(changes, wanted(changes), refusal(changes)) for changes in writes]
        self._also: set[str] = set()
        self.flipped: set[str] = set()
        """Nodes whose edges are to be read as well, and given to `decide`."""

    def reading(self) -> Reading:
        """What has to be read, as far as it is known."""
        nodes: dict[str, None] = {}
        facets: set[str] = set()
        edges: dict[EdgeKey, None] = {}
        records: dict[str, None] = {}
        for changes, wants, refused in self._writes:
            if refused is None:
                nodes |= dict.fromkeys(filter(can_be_id, wants.nodes))
                # Another name and the node it is a name of are found by the same words, so both are needed.
                nodes |= dict.fromkeys(change.alias_of for change in changes.nodes if change.alias_of)
                edges |= dict.fromkeys(wants.edges)
                records |= dict.fromkeys(filter(can_be_id, wants.records))
                facets |= {c.id for c in changes.nodes if any(key.startswith(FACET) for key in c.attributes)}
        nodes |= dict.fromkeys(sorted(self._also))
        return Reading(tuple(nodes), frozenset(facets), tuple(edges), tuple(records))

    def decide(self, found: Found, incident: Incident) -> "Decided":
        """Decides all writes. Raises `MoreNeeded` after noting what is missing: read again, and decide again."""
        try:
            return self._decided(found, incident)
        except MoreNeeded as more:
            self._also |= more.nodes
            self.flipped |= more.flipped
            raise

    def _decided(self, found: Found, incident: Incident) -> "Decided":
        classes = {near for node in found.nodes.values() for near in (node.row.alias_of, *node.others) if near}
        if classes and (unread := classes - {*self.reading().nodes}):
            raise MoreNeeded(unread)
        state = State(
            rows={node_id: node.row for node_id, node in found.nodes.items()},
            edges={key: (edge.edge, edge.keeper is None) for key, edge in found.edges.items()},
            records={},
            next_number=found.next_number,
            epoch=found.epoch,
            watermark=found.watermark,
        )
        state.edges |= {key: (KEPT, True) for key in incident.shown if key not in state.edges}
        state.edges |= {key: (KEPT, False) for key in incident.kept if key not in state.edges}
        turn = _Turn(state, found, incident, frozenset(self.flipped))
        results: list[Result] = []
        for changes, wants, refused in self._writes:
            if refused is not None:
                results.append(refused)
                continue
            try:
                results.append(turn.take(changes, wants))
            except BackendError as error:
                results.append(error)
        return Decided(found, incident, state, tuple(results))


class _Turn:
    """Takes one write after the other."""

    def __init__(self, state: State, found: Found, incident: Incident, flipped: frozenset[str]) -> None:
        self._state, self._found, self._incident, self._flipped = state, found, incident, flipped
        self._edges_at: dict[str, set[EdgeKey]] = {}
        for key in state.edges:
            self._note(key)

    def _note(self, key: EdgeKey) -> None:
        self._edges_at.setdefault(key.source, set()).add(key)
        self._edges_at.setdefault(key.target, set()).add(key)

    def take(self, changes: Changes, wants: Wanted) -> Epoch:
        state = self._state
        rows = {node_id: row for node_id in wants.nodes if (row := state.rows.get(node_id)) is not None}
        rows |= {row.id: row for old in rows.values() if old.alias_of and (row := state.rows.get(old.alias_of))}
        stored = Stored(
            rows,
            {key: state.edges[key][0] for key in wants.edges if key in state.edges},
            {record_id: version for record_id in wants.records if (version := self._version(record_id))},
        )
        decision = Decision(changes, stored, state.next_number)
        outcome = self._outcome(decision)
        made = sum(row.id not in state.rows for row in outcome.rows)
        state.next_number += made
        state.rows |= {row.id: row for row in outcome.rows}
        for key, (edge, stands) in outcome.edges.items():
            if key not in state.edges:
                self._note(key)
            state.edges[key] = (edge, stands)
        for key, stands in outcome.moved.items():
            state.edges[key] = (state.edges[key][0], stands)
        for change, version in outcome.records:
            value = change.value
            state.records[change.id] = None if value is None else Written(value, version, change.rank, change.groups)
        for entry in outcome.log:
            state.epoch = Epoch(state.epoch.seq + 1, chain(state.epoch.chain, entry))
            state.log.append((entry, state.epoch))
        if changes.watermark is not None:
            state.watermark = max(changes.watermark, changes.watermark if state.watermark is None else state.watermark)
        return state.epoch

    def _version(self, record_id: str) -> int:
        if record_id in self._state.records:
            written = self._state.records[record_id]
            return 0 if written is None else written.version
        known: FoundRecord | None = self._found.records.get(record_id)
        return known.version if known else 0

    def _outcome(self, decision: Decision) -> Outcome:
        """With the edges at nodes that come or go: those of the store, where there may be some, and of the group."""
        flipped = decision.flipped
        if unread := {node_id for node_id in flipped if node_id in self._found.nodes} - self._flipped:
            raise MoreNeeded(flipped=unread)
        state = self._state
        keys = {key for node_id in flipped for key in self._edges_at.get(node_id, ())}
        edges = {key: state.edges[key][0] for key in keys}
        ends = {end for key in keys for end in (key.source, key.target)}
        others = {end: row for end in ends if (row := state.rows.get(end)) is not None}
        unknown = ends - others.keys()
        # Of a node at the other end of an edge that stands nothing is needed but that it stands, and its number.
        numbers = self._incident.numbers
        others |= {end: NodeRow(end, numbers[end], 0, {}) for end in unknown if end in numbers}
        if unread := unknown - others.keys():
            raise MoreNeeded(unread)
        return decision.outcome(edges, others)


@dataclass(frozen=True, slots=True)
class Decided:
    """The states before and after, and how each write ended."""

    found: Found
    incident: Incident
    state: State
    results: tuple[Result, ...]

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(
            self.state.records
            or self.state.log
            or self.state.watermark != self.found.watermark
            or self.changed_rows()
            or self.changed_edges()
        )

    def changed_rows(self) -> list[NodeRow]:
        nodes = self.found.nodes
        return [row for i, row in self.state.rows.items() if i not in nodes or nodes[i].row is not row]

    def changed_edges(self) -> list[EdgeKey]:
        return [key for key, now in self.state.edges.items() if now != self.edge_before(key)]

    def edge_before(self, key: EdgeKey) -> tuple[StoredEdge, bool] | None:
        """An edge as it was read: what is said of it, and whether it stood."""
        known = self.found.edges.get(key)
        if known is not None:
            return known.edge, known.keeper is None
        if key in self.incident.shown:
            return KEPT, True
        return (KEPT, False) if key in self.incident.kept else None

    def keeper_of(self, key: EdgeKey) -> str:
        """Neo4j's id of the node that keeps an edge which was there before and did not stand."""
        known = self.found.edges.get(key)
        return known.keeper if known is not None and known.keeper is not None else self.incident.kept[key]


NEVER: Final = tuple(kind.value for kind in EdgeKind if kind.is_hidden)
"""Kinds of edges that are no part of the topology: as Neo4j is asked to leave them out."""


def refusal(changes: Changes) -> Rejected | None:
    """Why a write cannot be stored, whatever the store holds."""
    numbers: list[int | None] = [changes.at, changes.watermark]
    for node in changes.nodes:
        numbers += [*(node.seen or ()), node.deleted_at]
    numbers += [record.rank for record in changes.records]
    if not all(-INT64 < number < INT64 for number in numbers if number is not None):
        return Rejected("a number does not fit into 64 bits")
    ids = [change.id for part in (changes.nodes, changes.records) for change in part]
    ids += [change.alias_of for change in changes.nodes if change.alias_of]
    for node_id in ids:
        try:
            check_text(node_id)
        except BadId as error:
            return Rejected(str(error))
    groups = {group for record in changes.records for group in record.groups}
    if any(len(group) > LONGEST_GROUP for group in groups):
        return Rejected(f"the name of a group has at most {LONGEST_GROUP} characters")
    return None
