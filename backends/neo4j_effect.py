"""What a group of writes comes to, as the parameters of the one statement that writes it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from backends.decide import LogEntry
from backends.ids import kind_of
from backends.model import EdgeKey, Epoch, Json
from backends.neo4j_graph import HIDDEN, LABELS, names, plain, search_properties, storable
from backends.neo4j_group import Decided, Written
from backends.neo4j_statement import Statement
from backends.neo4j_values import dump_tallies, parted
from backends.neo4j_write import WRITE
from backends.rows import NodeRow, as_node
from backends.stored import dump, dump_stamped
from backends.text import SEARCHED

TOGETHER: Final = 100
"""Rows of the log in one node of it: a node for each was a quarter of a large write."""


def compile_write(decided: Decided, revision: int) -> Statement:
    """The statement that writes what was decided; its record is missing where somebody wrote since the reading. `revision`
    is what it leaves as `LogPage.revision`."""
    found, state = decided.found, decided.state
    nodes = _Nodes(decided)
    return Statement(
        WRITE,
        {
            "writes": found.writes,
            "at": [*state.epoch],
            "next": state.next_number,
            "watermark": state.watermark,
            "revision": revision,
            "log": _log(state.log),
            **_records(decided),
            **_edges(decided, nodes),
            **nodes.parameters(),
        },
        writes=True,
    )


def _log(entries: Sequence[tuple[LogEntry, Epoch]]) -> list[list[Any]]:
    """Nodes of the log: the place of the last of the rows of each, and the rows."""
    parts = [entries[begin : begin + TOGETHER] for begin in range(0, len(entries), TOGETHER)]
    return [
        [
            part[-1][1].seq,
            dump([[int(row.op), row.code, row.source, row.target, row.id, epoch.chain] for row, epoch in part]),
        ]
        for part in parts
    ]


class _Nodes:
    """New and changed nodes; also where the statement finds the ends of new edges."""

    def __init__(self, decided: Decided) -> None:
        self._decided = decided
        self._changed = decided.changed_rows()
        known = decided.found.nodes
        self._made = [row for row in self._changed if row.id not in known]
        self._place = {row.id: place for place, row in enumerate(self._made)}
        self._ends: dict[str, int] = {}

    def end(self, node_id: str) -> int:
        """Where an end of a new edge is: its place among the nodes made, or minus one minus that among those known."""
        place = self._place.get(node_id)
        if place is not None:
            return place
        return -1 - self._ends.setdefault(node_id, len(self._ends))

    def parameters(self) -> dict[str, Any]:
        """Asked for last, when all ends are known."""
        known = self._decided.found.nodes
        search = self._search()
        told: dict[str, dict[str, Json]] = {}
        flipped = []
        for row in self._changed:
            before = known.get(row.id)
            if before is None:
                continue
            told[row.id] = _changed_properties(before.row, row, facets=before.facets)
            if before.row.standing != row.standing:
                flipped.append([before.element, _label(before.row), _label(row)])
        for node_id, properties in search.items():
            if node_id in known:
                told.setdefault(node_id, {}).update(properties)
        return {
            "made": [
                [_label(row), _some(new_properties(row) | search.get(row.id, {})), row.number, row.id] for row in self._made
            ],
            "ends": [known[node_id].element for node_id in self._ends],
            "told": [[known[node_id].element, properties] for node_id, properties in told.items()],
            "flipped": flipped,
        }

    def _search(self) -> dict[str, dict[str, Json]]:
        """What standing nodes are found by, where that may have changed: what their other names say is part of it."""
        known, rows = self._decided.found.nodes, self._decided.state.rows
        others: dict[str, list[NodeRow]] = {}
        for row in rows.values():
            if row.alias_of is not None:
                others.setdefault(row.alias_of, []).append(row)
        touched: dict[str, None] = {}
        for row in self._changed:
            before = known[row.id].row if row.id in known else None
            for alias in (row.alias_of, before and before.alias_of):
                if alias:
                    touched[alias] = None
            if before is None or before.standing != row.standing or row.id in others or _searched(before, row):
                touched[row.id] = None
        return {
            node_id: search_properties(node_id, _found_by(rows[node_id], others.get(node_id, ())))
            for node_id in touched
            if node_id in rows and rows[node_id].standing
        }


def _some(properties: dict[str, Json]) -> dict[str, Json]:
    """Without those that are nothing: a new node has none to take away."""
    return {key: value for key, value in properties.items() if value is not None}


def _label(row: NodeRow) -> str:
    return LABELS[kind_of(row.id)] if row.standing else HIDDEN


def _found_by(row: NodeRow, others: Sequence[NodeRow]) -> Mapping[str, Json]:
    """The attributes whose words a search looks at."""
    if others:
        return as_node(row, others, facets=False).attributes
    said = row.attributes
    return {key: said[key].value for key in SEARCHED if key in said}


def _searched(before: NodeRow, row: NodeRow) -> bool:
    return any(before.attributes.get(key) is not row.attributes.get(key) for key in SEARCHED)


def _in_force(row: NodeRow) -> dict[str, Json]:
    return plain({key: stamped.value for key, stamped in row.attributes.items()})


def _times(row: NodeRow) -> dict[str, Json]:
    return {
        "_version": row.version,
        "_first": row.first_seen,
        "_last": row.last_seen,
        "_deleted": row.deleted_at,
        "_withdrawn": row.withdrawn or None,
        "_alias": row.alias_of,
    }


def new_properties(row: NodeRow) -> dict[str, Json]:
    """Of a new node all properties but its number and its id, and those it is found by."""
    small, facets = parted(row.attributes)
    properties = {**_in_force(row), **names(row.id), **_times(row)}
    if small:
        properties["_said"] = dump_stamped(small)
    if facets:
        properties["_facets"] = dump_stamped(facets)
    return properties


def _changed_properties(before: NodeRow, row: NodeRow, *, facets: bool) -> dict[str, Json]:
    """None takes a property away."""
    properties = _times(row)
    if row.attributes is not before.attributes:
        small, large = parted(row.attributes)
        properties["_said"] = dump_stamped(small)
        if facets:
            properties["_facets"] = dump_stamped(large)
        now = _in_force(row)
        properties |= dict.fromkeys(_in_force(before).keys() - now.keys()) | now
    return properties


def _edges(decided: Decided, nodes: _Nodes) -> dict[str, list[Any]]:
    """`came` are new in the graph, `sunk` leave it, `risen` enter it from where they were kept; `restated` and `rekept`
    stay where they are."""
    parts: dict[str, list[Any]] = {name: [] for name in ("came", "risen", "sunk", "restated", "kept", "rekept")}
    for key in decided.changed_edges():
        edge, stands = decided.state.edges[key]
        before = decided.edge_before(key)
        said: dict[str, Json] = {}
        if before is None or before[0] != edge:
            said = dump_tallies(edge.tallies)
        if before is None:
            if stands:
                parts["came"].append([*_joined(key, nodes), said])
            else:
                kept = dict(zip(("source", "kind", "target"), _named(key), strict=True))
                parts["kept"].append({**kept, **said, "retracted_at": edge.retracted_at})
            continue
        stood = before[1]
        if said and not stands:
            said["retracted_at"] = edge.retracted_at
        if stood and stands:
            parts["restated"].append([*_named(key), said])
        elif stood:
            parts["sunk"].append([*_named(key), said])
        elif stands:
            parts["risen"].append([*_joined(key, nodes), said, decided.keeper_of(key)])
        else:
            parts["rekept"].append([decided.keeper_of(key), said])
    return parts


def _joined(key: EdgeKey, nodes: _Nodes) -> tuple[int, str, int]:
    return nodes.end(key.source), key.kind.value, nodes.end(key.target)


def _named(key: EdgeKey) -> tuple[str, str, str]:
    return key.source, key.kind.value, key.target


def _records(decided: Decided) -> dict[str, list[Any]]:
    parts: dict[str, list[Any]] = {name: [] for name in ("records", "removed", "unlisted", "listed")}
    for record_id, written in decided.state.records.items():
        before = decided.found.records.get(record_id)
        was = set() if before is None else _places(record_id, before.groups, before.rank)
        will = set() if written is None else _places(record_id, written.groups, written.rank)
        if written is not None:
            parts["records"].append([record_id, _record_properties(written)])
        elif before is not None:
            parts["removed"].append(record_id)
        parts["unlisted"] += map(list, sorted(was - will))
        parts["listed"] += map(list, sorted(will - was))
    return parts


def _record_properties(written: Written) -> dict[str, Json]:
    groups = list(map(storable, written.groups))
    return {"value": dump(dict(written.value)), "version": written.version, "rank": written.rank, "groups": groups}


def _places(record_id: str, groups: Iterable[str], rank: int) -> set[tuple[str, int, str]]:
    return {(storable(group), -rank, record_id) for group in groups}
