"""The file that says how somebody else's graph in Neo4j is lineage: labels are kinds, relationships are edges. Pure.

    namespace = "warehouse"          # of nodes that have none of their own; `default` unless said
    refresh = 60                     # seconds a reading is good for; 0 reads anew for each call
    max_nodes = 50000                # more than that are refused
    max_edges = 200000

    [nodes.Table]                    # a label
    kind = "DATASET"
    name = "qualifiedName"           # the property that names it within its namespace
    namespace_property = "database"
    attributes = { description = "comment" }
    skip_unnamed = true              # leave out nodes without a name; unless said they are an error

    [[edges]]                        # (:Pipeline)-[:READS]->(:Table), and the data flows the other way
    type = "READS"
    from = "Pipeline"
    to = "Table"
    flow = "against"

The kind of an edge follows from the kinds it joins. A job stands for its one operation: what it reads flows into all that
it writes. Between two datasets comes an operation without a job, one for each output.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from backends.errors import Misconfigured
from backends.ids import Kind
from backends.model import EDGE_KINDS, ENDS, EdgeKind

DATA: Final = frozenset({Kind.DATASET, Kind.ASSET})
NOT_MAPPED: Final = {Kind.OPERATION: "map jobs: each brings its operation", Kind.RUN: "runs are no part of a graph"}


@dataclass(frozen=True, slots=True)
class Label:
    """What the nodes of a label are. All but `kind`, `namespace` and `skip_unnamed` are names of properties; `attributes`
    maps our names to theirs."""

    label: str
    kind: Kind
    name: str
    namespace: str
    namespace_property: str | None = None
    dataset: str | None = None
    version: str | None = None
    attributes: Mapping[str, str] | None = None
    skip_unnamed: bool = False

    @property
    def keys(self) -> list[str]:
        """The properties to read: of the id first, then the attributes."""
        return [
            *(key or "" for key in (self.name, self.namespace_property, self.dataset, self.version)),
            *self.said.values(),
        ]

    @property
    def said(self) -> Mapping[str, str]:
        return self.attributes or {}


@dataclass(frozen=True, slots=True)
class Relationship:
    """What the relationships of a type between two labels are: `(start)-[:type]->(end)`, and how the data flows."""

    type: str
    start: Label
    end: Label
    against: bool = False

    @property
    def source(self) -> Label:
        return self.end if self.against else self.start

    @property
    def target(self) -> Label:
        return self.start if self.against else self.end

    @property
    def kind(self) -> EdgeKind | None:
        """None where two datasets are joined, which takes an operation in between. Raises `Misconfigured`."""
        source, target = self.source.kind, self.target.kind
        if source in DATA and target in DATA:
            return None
        stands = {Kind.JOB: Kind.OPERATION}
        ends = (stands.get(source, source), stands.get(target, target))
        for kind in EDGE_KINDS:
            if not kind.is_hidden and ends[0] in ENDS[kind][0] and ends[1] in ENDS[kind][1]:
                return kind
        raise Misconfigured(f"mapping: {self.type}: nothing flows from {source.a} to {target.a}")


@dataclass(frozen=True, slots=True)
class GraphMapping:
    labels: tuple[Label, ...]
    relationships: tuple[Relationship, ...]
    refresh: float = 60.0
    max_nodes: int = 50_000
    max_edges: int = 200_000

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises `Misconfigured`."""
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError):
            raise Misconfigured("mapping is no file that can be read") from None
        return cls.parse(text)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `Misconfigured`, saying where and what."""
        try:
            said = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise Misconfigured(f"mapping: {error}") from None
        whole = _Table("mapping", said)
        namespace = whole.text("namespace", "default")
        labels = {
            label: _label(label, _Table(f"nodes.{label}", table), namespace)
            for label, table in whole.take("nodes", dict, {}).items()
        }
        relationships = tuple(
            _relationship(_Table(f"edges[{place}]", table), labels)
            for place, table in enumerate(whole.take("edges", list, []))
        )
        made = cls(
            tuple(labels.values()),
            relationships,
            whole.number("refresh", 60.0),
            int(whole.number("max_nodes", 50_000)),
            int(whole.number("max_edges", 200_000)),
        )
        whole.done()
        if not labels:
            raise Misconfigured("mapping: there is no label: write [nodes.LABEL]")
        return made


class _Table:
    """A table of the file, whose keys are taken one by one; what is left over is an error."""

    def __init__(self, place: str, said: Any) -> None:
        if not isinstance(said, dict):
            raise Misconfigured(f"mapping: {place} is a table")
        self._place, self._left = place, dict(said)

    def wrong(self, message: str) -> Misconfigured:
        return Misconfigured(f"mapping: {self._place}: {message}")

    def take(self, key: str, kind: type, default: Any) -> Any:
        value = self._left.pop(key, default)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong(f"{key} is missing" if value is None else f"{key} is not what is wanted there")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value: str = self.take(key, str, default)
        if not value:
            raise self.wrong(f"{key} is empty")
        return value

    def perhaps(self, key: str) -> str | None:
        return self.text(key) if key in self._left else None

    def number(self, key: str, default: float) -> float:
        value = self._left.pop(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            raise self.wrong(f"{key} is a number, 0 or more")
        return float(value)

    def done(self) -> None:
        if self._left:
            raise self.wrong(f"unknown key {', '.join(sorted(self._left))}")


def _label(label: str, table: _Table, namespace: str) -> Label:
    said = table.text("kind")
    try:
        kind = Kind(said)
    except ValueError:
        raise table.wrong(f"kind {said} is unknown; kinds are written as in GraphQL: DATASET, JOB, MODEL ...") from None
    if kind.is_record or kind in NOT_MAPPED:
        raise table.wrong(f"kind {said} cannot be mapped: {NOT_MAPPED.get(kind, 'it is a record of ours')}")
    attributes = table.take("attributes", dict, {})
    if not all(isinstance(theirs, str) for theirs in attributes.values()):
        raise table.wrong("attributes maps our names to names of properties")
    made = Label(
        label=label,
        kind=kind,
        name=table.text("name"),
        namespace=table.text("namespace", namespace),
        namespace_property=table.perhaps("namespace_property"),
        dataset=table.perhaps("dataset"),
        version=table.perhaps("version"),
        attributes=attributes,
        skip_unnamed=table.take("skip_unnamed", bool, False),
    )
    table.done()
    for key, needed in (("dataset", Kind.COLUMN), ("version", Kind.MODEL)):
        if (getattr(made, key) is not None) is not (kind is needed):
            raise table.wrong(f"{key} names a property of {needed.a}, which needs it, and of nothing else")
    return made


def _relationship(table: _Table, labels: Mapping[str, Label]) -> Relationship:
    type_, ends, flow = table.text("type"), [table.text("from"), table.text("to")], table.text("flow", "along")
    table.done()
    if unknown := [end for end in ends if end not in labels]:
        raise table.wrong(f"there is no [nodes.{unknown[0]}]")
    if flow not in ("along", "against"):
        raise table.wrong("flow is along or against the arrow")
    made = Relationship(type_, labels[ends[0]], labels[ends[1]], flow == "against")
    made.kind  # noqa: B018 (raises where nothing flows that way)
    return made
