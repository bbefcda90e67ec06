"""What a write comes to, once what it touches has been read. Pure; shared by adapters of stores that are asked from afar.

An adapter reads what `wanted` names, under its lock; asks `Decision` for the nodes that came or went; reads the edges at
those; and writes the outcome with the log rows, in one transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from backends.changes import Changes, LogOp, RecordChange, Resolution
from backends.errors import Conflict, Rejected
from backends.ids import kind_of
from backends.model import EdgeKey, Json
from backends.rows import NodeRow, changed

Tallies = Mapping[str, Mapping[str, Json]]


@dataclass(frozen=True, slots=True)
class StoredEdge:
    """An edge as stored: who states it, and since when nobody does."""

    tallies: Tallies
    retracted_at: int | None = None


@dataclass(slots=True)
class Stored:
    """What was read. Rows are by the very id; a name's node must be there as well as the name. Versions are of records."""

    rows: dict[str, NodeRow] = field(default_factory=dict)
    edges: dict[EdgeKey, StoredEdge] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a write must read: nodes (with what they are other names of), records (their versions), edges."""

    nodes: tuple[str, ...]
    records: tuple[str, ...]
    edges: tuple[EdgeKey, ...]


def wanted(changes: Changes) -> Wanted:
    """What a write must read before it can be decided."""
    nodes = dict.fromkeys(change.id for change in changes.nodes)
    records = dict.fromkeys(change.id for change in changes.records)
    for node_id in changes.expect:
        (records if kind_of(node_id).is_record else nodes)[node_id] = None
    nodes |= dict.fromkeys(changes.resolved)
    for edge in changes.edges:
        nodes |= {edge.key.source: None, edge.key.target: None}
    return Wanted(tuple(nodes), tuple(records), tuple(dict.fromkeys(edge.key for edge in changes.edges)))


class LogEntry(NamedTuple):
    """A log row without its place, as `chain` takes it: of a node its kind's code, number, -1 and id; of an edge its
    kind's code and ends."""

    op: LogOp
    code: int
    source: int
    target: int
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to write: rows that are new or changed, edges that changed with whether they are part of the topology now,
    records, and the log rows in order. `moved` are edges whose statements are unchanged but whose standing is not."""

    rows: tuple[NodeRow, ...]
    edges: Mapping[EdgeKey, tuple[StoredEdge, bool]]
    moved: Mapping[EdgeKey, bool]
    records: tuple[tuple[RecordChange, int], ...]
    log: tuple[LogEntry, ...]

    def __bool__(self) -> bool:
        return bool(self.rows or self.edges or self.moved or self.records)


class Decision:
    """One write being decided. Raises `Conflict` or `Rejected` at once where it cannot be."""

    def __init__(self, changes: Changes, stored: Stored, next_number: int) -> None:
        self.changes, self.stored = changes, stored
        self._check()
        self.rows = dict(stored.rows)
        self._changed: dict[str, NodeRow] = {}
        for change in changes.nodes:
            old = self.rows.get(change.id)
            after = changed(old or NodeRow(change.id, next_number, 0, {}), change)
            if old is None:
                next_number += 1
                after = after if after.version == 1 else replace(after, version=1)
            if after is not old:
                self.rows[change.id] = self._changed[change.id] = after

    @property
    def flipped(self) -> tuple[str, ...]:
        """The nodes that stand now and did not, or the other way round: whose edges must be read, all of them."""
        before = self.stored.rows
        return tuple(i for i, row in self._changed.items() if row.standing != (i in before and before[i].standing))

    def outcome(self, incident: Mapping[EdgeKey, StoredEdge], others: Mapping[str, NodeRow]) -> Outcome:
        """What to write. `incident` are all edges at the flipped nodes, `others` the rows at their other ends."""
        rows = {**others, **self.rows}
        before_rows = {**others, **self.stored.rows}
        before = {**incident, **self.stored.edges}
        after = dict(before)
        for change in self.changes.edges:
            old = after.get(change.key)
            if old is None and not change.put:
                continue
            tallies = {k: v for k, v in (old.tallies if old else {}).items() if k not in change.drop} | dict(change.put)
            if old is None or old.tallies != tallies:
                after[change.key] = StoredEdge(tallies, None if tallies else self.changes.at)
        edges: dict[EdgeKey, tuple[StoredEdge, bool]] = {}
        moved: dict[EdgeKey, bool] = {}
        came: list[EdgeKey] = []
        went: list[EdgeKey] = []
        for key, edge in after.items():
            was, stands = _stands(key, before.get(key), before_rows), _stands(key, edge, rows)
            if edge is not before.get(key):
                edges[key] = (edge, stands)
            elif was != stands:
                moved[key] = stands
            if was != stands:
                (came if stands else went).append(key)
        return Outcome(tuple(self._changed.values()), edges, moved, self._records(), tuple(self._log(came, went, rows)))

    def _records(self) -> tuple[tuple[RecordChange, int], ...]:
        return tuple((change, self.stored.versions.get(change.id, 0) + 1) for change in self.changes.records)

    def _log(self, came: list[EdgeKey], went: list[EdgeKey], rows: Mapping[str, NodeRow]) -> Iterable[LogEntry]:
        """Edges go before their ends go and come after their ends came."""

        def edge(op: LogOp, key: EdgeKey) -> LogEntry:
            return LogEntry(op, key.kind.code, rows[key.source].number, rows[key.target].number)

        flipped = sorted(self.flipped)
        yield from (edge(LogOp.EDGE_WENT, key) for key in sorted(went))
        for op, stands in ((LogOp.NODE_WENT, False), (LogOp.NODE_CAME, True)):
            for node_id in flipped:
                if rows[node_id].standing is stands:
                    yield LogEntry(op, kind_of(node_id).code, rows[node_id].number, -1, node_id)
        yield from (edge(LogOp.EDGE_CAME, key) for key in sorted(came))

    def _check(self) -> None:
        stored = self.stored
        for node_id, version in self.changes.expect.items():
            row = stored.rows.get(node_id)
            if stored.versions.get(node_id, row.version if row else 0) != version:
                raise Conflict(f"{node_id} has changed since it was read")
        for name, resolution in self.changes.resolved.items():
            row = stored.rows.get(name)
            if row is not None and row.alias_of is not None:
                row = stored.rows.get(row.alias_of)
            if (row.resolution if row else Resolution(name, None)) != resolution:
                raise Conflict(f"{name} stands for another node since it was read")
        known = stored.rows.keys() | {change.id for change in self.changes.nodes}
        for edge in self.changes.edges:
            for end in (edge.key.source, edge.key.target):
                if edge.put and end not in known:
                    raise Rejected(f"an edge needs both its ends, {end} is unknown")


def _stands(key: EdgeKey, edge: StoredEdge | None, rows: Mapping[str, NodeRow]) -> bool:
    """Whether an edge is part of the topology: somebody states it and both its ends stand."""
    if edge is None or not edge.tallies or key.kind.is_hidden:
        return False
    source, target = rows.get(key.source), rows.get(key.target)
    return source is not None and source.standing and target is not None and target.standing
