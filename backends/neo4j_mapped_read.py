"""Somebody else's graph, read by a mapping: the statements, and their records as nodes and edges of ours. Pure.

Labels and types come from the mapping file and are quoted; names of properties go in parameters.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from backends.changes import Changes, EdgeChange, NodeChange
from backends.errors import Misconfigured
from backends.ids import BadId, Kind, make_id
from backends.model import EdgeKey, EdgeKind, Json, Stamped
from backends.neo4j_mapping import GraphMapping, Label, Relationship
from backends.neo4j_statement import Statement

TALLY: Final = "mapping"
"""Who states the edges."""
STATED: Final = {"origin": "client", "confidence": 1.0}
LISTS: Final = frozenset({"tags", "owners"})
"""Attributes that are lists of text here; a single text there is a list of one."""


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def compile_label(label: Label, limit: int) -> Statement:
    """One record: of each node Neo4j's id and the properties of `Label.keys`; no more than `limit`."""
    text = (
        f"MATCH (n:{quoted(label.label)}) WITH n LIMIT $p.limit\nRETURN collect([id(n), [key IN $p.keys | n[key]]]) AS nodes"
    )
    return Statement(text, {"keys": label.keys, "limit": limit})


def compile_relationship(relationship: Relationship, limit: int) -> Statement:
    """One record: of each relationship Neo4j's ids of its ends."""
    start, end = quoted(relationship.start.label), quoted(relationship.end.label)
    text = f"""\
MATCH (a:{start})-[:{quoted(relationship.type)}]->(b:{end}) WITH a, b LIMIT $p.limit
RETURN collect([id(a), id(b)]) AS edges"""
    return Statement(text, {"limit": limit})


@dataclass(slots=True)
class Graph:
    """What was read: attributes by id, and edges."""

    nodes: dict[str, dict[str, Json]] = field(default_factory=dict)
    edges: set[EdgeKey] = field(default_factory=set)


class Reading:
    """Takes the records one by one; `graph` is then what they say. Raises `Misconfigured` past the bounds of the mapping."""

    def __init__(self, mapping: GraphMapping) -> None:
        self._mapping = mapping
        self._nodes: dict[str, dict[str, Json]] = {}
        self._ids: dict[str, dict[int, str]] = {}
        """By label: Neo4j's id to ours."""
        self._pairs: dict[EdgeKind | None, set[tuple[str, str]]] = defaultdict(set)
        self._counts = {"nodes": 0, "edges": 0}

    def left(self, what: str) -> int:
        """One more than may still come."""
        return int(getattr(self._mapping, f"max_{what}")) - self._counts[what] + 1

    def _count(self, what: str, number: int) -> None:
        self._counts[what] += number
        if self.left(what) < 1:
            most = getattr(self._mapping, f"max_{what}")
            raise Misconfigured(f"the mapped graph has more than {most:,} {what}: raise max_{what}, or map less of it")

    def take_label(self, label: Label, nodes: Sequence[tuple[int, Sequence[Any]]]) -> None:
        self._count("nodes", len(nodes))
        ids = self._ids[label.label] = {}
        unnamed = 0
        for element, values in nodes:
            node_id = _id(label, values)
            if node_id is None:
                unnamed += 1
                continue
            ids[element] = node_id
            self._nodes.setdefault(node_id, {}).update(_attributes(label, values))
        if unnamed and not label.skip_unnamed:
            raise Misconfigured(
                f"{unnamed:,} nodes with the label {label.label} have no text or number in {label.name}, or none in what "
                "else their id is made of, or too long a one: set skip_unnamed = true to leave such nodes out"
            )

    def take_relationship(self, relationship: Relationship, edges: Sequence[tuple[int, int]]) -> None:
        """Relationships of nodes that were left out, or came since, are left out as well."""
        self._count("edges", len(edges))
        starts, ends = self._ids[relationship.start.label], self._ids[relationship.end.label]
        pairs = self._pairs[relationship.kind]
        for a, b in edges:
            start, end = starts.get(a), ends.get(b)
            if start is not None and end is not None:
                pairs.add((end, start) if relationship.against else (start, end))

    def graph(self) -> Graph:
        made = Graph(self._nodes)
        operations = self._operations(made)
        for kind, pairs in self._pairs.items():
            if kind is not None:
                made.edges |= {EdgeKey(operations.get(a, a), kind, operations.get(b, b)) for a, b in pairs}
        inputs: dict[str, set[str]] = defaultdict(set)
        for source, target in self._pairs[None]:
            inputs[target].add(source)
        for target, sources in inputs.items():
            operation = _operation(target.partition(":")[2].partition("#")[0], "", [target])
            made.nodes[operation] = {}
            made.edges.add(EdgeKey(operation, EdgeKind.PRODUCES, target))
            made.edges |= {EdgeKey(source, EdgeKind.INPUT_TO, operation) for source in sources}
        return made

    def _operations(self, made: Graph) -> dict[str, str]:
        """The operation of each job."""
        outputs: dict[str, set[str]] = defaultdict(set)
        for job, output in self._pairs[EdgeKind.PRODUCES]:
            outputs[job].add(output)
        operations: dict[str, str] = {}
        for job in [node_id for node_id in made.nodes if node_id.startswith("job:")]:
            namespace, _, name = job.partition(":")[2].partition("#")
            operations[job] = operation = _operation(namespace, name, outputs[job])
            made.nodes[operation] = {}
            made.edges.add(EdgeKey(job, EdgeKind.HAS_OPERATION, operation))
        return operations


def _operation(namespace: str, job: str, outputs: Iterable[str]) -> str:
    """As `ingest.derive` names operations: by the least SHA-256 of their outputs' ids."""
    digest = min((sha256(output.encode()).hexdigest() for output in outputs), default=sha256(b"").hexdigest())
    return f"operation:{namespace}#{job}#{digest[:16]}"


def _id(label: Label, values: Sequence[Any]) -> str | None:
    """None for a node that has no name, or whose id would be no id."""
    name, own_namespace, dataset, version = map(_part, values[:4])
    namespace = own_namespace or label.namespace
    parts = {Kind.COLUMN: (namespace, dataset, name), Kind.MODEL: (namespace, name, version)}.get(
        label.kind, (namespace, name)
    )
    if not all(parts):
        return None
    try:
        made = make_id(label.kind, *(part for part in parts if part))
        # The id of a job's operation is longer by its hash, and must be one as well.
        make_id(Kind.OPERATION, namespace, name or "", "0" * 16)
    except BadId:
        return None
    return made


def _part(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)


def _attributes(label: Label, values: Sequence[Any]) -> dict[str, Json]:
    found = {ours: _plain(ours, value) for ours, value in zip(label.said, values[4:], strict=True)}
    if label.kind is Kind.ASSET:
        found.setdefault("label", label.label)
    return {key: value for key, value in found.items() if value is not None}


def _plain(key: str, value: Any) -> Json:
    """A JSON value; times as text, None for what has no such form."""
    if hasattr(value, "iso_format"):
        value = value.iso_format()
    if isinstance(value, list):
        return [item for item in (_plain("", each) for each in value) if item is not None]
    if not isinstance(value, str | int | float | bool):
        return None
    return [value] if key in LISTS and isinstance(value, str) else value


def difference(before: Graph, after: Graph, at: int) -> Changes:
    """The write that leads from one reading to the next one, begun at `at`, which becomes the watermark."""
    nodes: list[NodeChange] = []
    for node_id, said in after.nodes.items():
        was = before.nodes.get(node_id)
        if was != said:
            values: Mapping[str, Json] = dict.fromkeys(was or {}) | said
            nodes.append(NodeChange(node_id, {key: Stamped(at, value) for key, value in values.items()}, withdrawn=False))
    nodes += [NodeChange(node_id, withdrawn=True) for node_id in before.nodes if node_id not in after.nodes]
    edges = [EdgeChange(key, {TALLY: STATED}) for key in sorted(after.edges - before.edges)]
    edges += [EdgeChange(key, drop=frozenset({TALLY})) for key in sorted(before.edges - after.edges)]
    return Changes(at, tuple(nodes), tuple(edges), watermark=at)
