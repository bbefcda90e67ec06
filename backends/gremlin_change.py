"""What one turn writes: several writes, decided one after the other, come to one change of the store. Pure.

A change is a document that says how things are after it, so that it can be done twice, or to its end by somebody else:

    at       vertices of the nodes it speaks of, None for new ones
    nodes    [id, label, properties (None: taken away)]
    edges    [source, kind, target, whether it stands]
    entries  [shelf, place, text (None: taken away), whether it is new, node whose vertex is the text]
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from backends.changes import Changes, LogRow, RecordChange
from backends.decide import Decision, LogEntry, Outcome, Stored, StoredEdge
from backends.gremlin_places import (
    LABELS,
    back_entry,
    edge_entry,
    group_place,
    group_shelf,
    log_place,
    log_shelf,
    number_place,
    number_shelf,
    places_of,
    record_entry,
)
from backends.gremlin_rows import Found, KeptEdge, StoredRecord, facets_of, said_of
from backends.gremlin_state import Announced, Batch, State, chained, log_rows, token
from backends.ids import BadId, kind_of, name_of, namespace_of
from backends.model import EdgeKey, Epoch, Json
from backends.rows import NodeRow, as_node
from backends.stored import dump

Place = tuple[str, str]
NOTHING: dict[str, Json] = {"at": {}, "nodes": [], "edges": [], "entries": []}
"""The change that changes nothing."""


class Entry(NamedTuple):
    """What an entry of a shelf is after the change; `node`: its text is the vertex of that node."""

    text: str | None
    new: bool
    node: str | None = None


class Turn(NamedTuple):
    """What a turn writes."""

    state: State
    announced: Announced
    change: dict[str, Any]
    shelves: frozenset[str]


class Draft:
    """Writes being decided at one state of the store. `found`, `edges` and `records` are what was read of it."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.found: dict[str, Found] = {}
        self.rows: dict[str, NodeRow] = {}
        self.edges: dict[EdgeKey, StoredEdge | None] = {}
        self.records: dict[str, StoredRecord | None] = {}
        self._rows: dict[str, NodeRow] = {}
        self._edges: dict[EdgeKey, StoredEdge] = {}
        self._records: dict[str, StoredRecord | None] = {}
        self._joined: dict[str, set[str]] = {}
        self._log: list[LogEntry] = []
        self._number = state.number
        self._epoch = state.epoch
        self._watermark = state.watermark

    # What was read

    def saw_nodes(self, found: Iterable[Found]) -> None:
        for one in found:
            self.found[one.id] = one
            if one.row is not None:
                self.rows[one.id] = one.row

    def now(self, node_id: str) -> NodeRow | None:
        return self._rows.get(node_id) or self.rows.get(node_id)

    # Deciding

    def decision(self, changes: Changes) -> Decision:
        """One more write, after those before it. Raises `Conflict`, `Rejected`."""
        edges = {key: edge for key, edge in self.edges.items() if edge is not None} | self._edges
        wanted = {change.key for change in changes.edges}
        versions = {i: record.version for i, record in (self.records | self._records).items() if record is not None}
        stored = Stored(self.rows | self._rows, {key: edges[key] for key in wanted if key in edges}, versions)
        return Decision(changes, stored, self._number)

    def take(self, changes: Changes, decision: Decision, incident: Mapping[EdgeKey, StoredEdge]) -> Epoch:
        """The epoch after a write that was decided. `incident` are the edges at the nodes that came or went, as they are
        stored; their other ends were seen."""
        ends = {end for key in incident for end in (key.source, key.target)}
        near = {key: self._edges.get(key, edge) for key, edge in incident.items()}
        near |= {key: edge for key, edge in self._edges.items() if {key.source, key.target} & {*decision.flipped}}
        ends |= {end for key in near for end in (key.source, key.target)}
        outcome = decision.outcome(near, {end: row for end in ends if (row := self.now(end)) is not None})
        self._note(outcome)
        for key, edge in incident.items():
            self.edges.setdefault(key, edge)
        if changes.watermark is not None:
            self._watermark = max(changes.watermark, self._watermark or changes.watermark)
        self._log += outcome.log
        self._epoch = chained(self._epoch, log_rows(outcome.log, self._epoch.seq))
        return self._epoch

    def _note(self, outcome: Outcome) -> None:
        self._rows |= {row.id: row for row in outcome.rows}
        for row in outcome.rows:
            if row.alias_of is not None:
                self._joined.setdefault(row.alias_of, set()).add(row.id)
        self._number = max([self._number, *(row.number + 1 for row in outcome.rows)])
        self._edges |= {key: edge for key, (edge, _) in outcome.edges.items()}
        for record, version in outcome.records:
            self._records[record.id] = _stored(record, version)

    # What it comes to

    @property
    def is_nothing(self) -> bool:
        return not (self._rows or self._edges or self._records) and self._watermark == self.state.watermark

    def turn(self) -> Turn:
        """What to write. Where nothing is to be written it is a turn all the same, in which nothing happens."""
        name = token()
        before = self.state
        state = State(before.store, before.turn + 1, name, name, self._epoch, self._number, self._watermark)
        rows = log_rows(self._log, before.epoch.seq)
        touched: set[str] = {*self._rows, *self._records}
        entries: dict[Place, Entry] = {}
        nodes = [*self._node_changes(entries, touched)]
        edges = [*self._edge_changes(entries, touched)]
        self._record_entries(entries)
        if rows:
            self._log_entry(entries, rows)
        touched |= {shelf for shelf, _ in entries if not shelf.startswith(_SHARDED)}
        speaks_of = {node[0] for node in nodes} | {end for edge in edges for end in (edge[0], edge[2])}
        change: dict[str, Json] = {
            "at": {node_id: self.found[node_id].at or None if node_id in self.found else None for node_id in speaks_of},
            "nodes": nodes,
            "edges": edges,
            "entries": [[*place, entry.text, int(entry.new), entry.node] for place, entry in entries.items()],
        }
        announced = Announced(before, rows, frozenset(touched))
        return Turn(state, announced, change, frozenset(shelf for shelf, _ in entries))

    def _log_entry(self, entries: dict[Place, Entry], rows: tuple[LogRow, ...]) -> None:
        last = rows[-1].seq
        entries[log_shelf(last), log_place(last)] = Entry(Batch(self.state.epoch, rows).text(), new=True)

    def _node_changes(self, entries: dict[Place, Entry], touched: set[str]) -> Iterable[list[Json]]:
        """Vertices, and where nodes are listed and found."""
        heads = {*self._rows}
        for made in self._rows.values():
            old = self.rows.get(made.id)
            heads |= {end for end in (made.alias_of, old.alias_of if old else None) if end is not None}
        touched |= heads
        for node_id in sorted(heads):
            properties: dict[str, Json] = {}
            row, was = self._rows.get(node_id), self.rows.get(node_id)
            if row is not None:
                properties |= _properties(row, was)
                if was is None:
                    number = row.number
                    entries[number_shelf(number), number_place(number)] = Entry("", new=True, node=node_id)
            names = self._names(node_id)
            if names != (self.found[node_id].names if node_id in self.found else ()):
                properties["names"] = dump(names) if names else None
            had, has = self._places(node_id, before=True), self._places(node_id, before=False)
            entries.update((place, Entry(None, new=False)) for place in had - has)
            entries.update((place, Entry("", new=True, node=node_id)) for place in has - had)
            if properties or had != has:
                yield [node_id, LABELS[kind_of(node_id)], properties]

    def _names(self, node_id: str) -> tuple[str, ...]:
        """The other names of a node after the change."""
        known = {*(self.found[node_id].names if node_id in self.found else ()), *self._joined.get(node_id, ())}
        return tuple(sorted(name for name in known if (row := self.now(name)) is not None and row.alias_of == node_id))

    def _places(self, node_id: str, *, before: bool) -> set[Place]:
        row = self.rows.get(node_id) if before else self.now(node_id)
        if row is None or not row.standing:
            return set()
        if before:
            names = self.found[node_id].names
            others = [self.rows[name] for name in names if name in self.rows]
        else:
            others = [other for name in self._names(node_id) if (other := self.now(name)) is not None]
        return places_of(node_id, as_node(row, others, facets=False).attributes)

    def _edge_changes(self, entries: dict[Place, Entry], touched: set[str]) -> Iterable[list[Json]]:
        for key in sorted(self._edges.keys() | {key for key, edge in self.edges.items() if edge is not None}):
            was = self.edges.get(key)
            edge = self._edges.get(key, was)
            if edge is None:
                continue
            ends = (key.source, key.target)
            if edge is not was:
                touched |= {*ends}
                self._keep(entries, key, was, edge)
            stood = was is not None and _stands(key, was, [self.rows.get(end) for end in ends])
            stands = _stands(key, edge, [self.now(end) for end in ends])
            if stood != stands:
                touched |= {*ends}
                yield [key.source, key.kind.value, key.target, int(stands)]

    def _keep(self, entries: dict[Place, Entry], key: EdgeKey, was: StoredEdge | None, edge: StoredEdge) -> None:
        numbers = [row.number for end in (key.source, key.target) if (row := self.now(end)) is not None]
        entries[edge_entry(key)] = Entry(KeptEdge(max(numbers), edge).text(), new=was is None)
        stated, is_stated = was is not None and bool(was.tallies), bool(edge.tallies)
        if stated != is_stated:
            entries[back_entry(key)] = Entry("" if is_stated else None, new=is_stated)

    def _record_entries(self, entries: dict[Place, Entry]) -> None:
        for record_id, record in self._records.items():
            was = self.records.get(record_id)
            if record is None and was is None:
                continue
            text = None if record is None else record.text()
            entries[record_entry(record_id)] = Entry(text, new=was is None)
            had = set() if was is None else _group_places(record_id, was)
            has = set() if record is None else _group_places(record_id, record)
            entries.update((place, Entry(None, new=False)) for place in had - has)
            entries.update((place, Entry(text, new=place not in had)) for place in has)


_SHARDED = ("~out ", "~into ", "~records ", "~nodes ", "~log ")
"""Shelves that hold anything by hash or number: who looks there goes by an id."""


def _stored(record: RecordChange, version: int) -> StoredRecord | None:
    return None if record.value is None else StoredRecord(version, record.rank, record.groups, record.value)


def _group_places(record_id: str, record: StoredRecord) -> set[Place]:
    kind = kind_of(record_id)
    return {(group_shelf(kind, group), group_place(record_id, record.rank)) for group in record.groups}


def _stands(key: EdgeKey, edge: StoredEdge, ends: Iterable[NodeRow | None]) -> bool:
    """Whether an edge is part of the topology: somebody states it and both its ends stand."""
    return bool(edge.tallies) and not key.kind.is_hidden and all(row is not None and row.standing for row in ends)


def _properties(row: NodeRow, was: NodeRow | None) -> dict[str, Json]:
    """The properties of a vertex that change; `name` and `namespace` are for people."""
    said, facets = said_of(row), facets_of(row)
    properties: dict[str, Json] = {"said": said}
    if facets != (None if was is None else facets_of(was)):
        properties["facets"] = facets
    if row.alias_of != (None if was is None else was.alias_of):
        properties["alias"] = row.alias_of
    if was is None:
        properties |= {"number": row.number, **_names(row.id)}
    if was is None or row.standing != was.standing:
        properties["standing"] = row.standing
    return properties


def _names(node_id: str) -> dict[str, str]:
    try:
        return {"name": name_of(node_id), "namespace": namespace_of(node_id)}
    except BadId:  # an id with the wrong number of parts has no name
        return {}
