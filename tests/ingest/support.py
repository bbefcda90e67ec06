"""What the tests of ingest share: building events, taking them into the reference, and looking at the graph that results."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from api.writer import Writer
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import EdgeKind, Json
from ingest.errors import BadEvent
from ingest.fields import CONTESTED

Body = dict[str, Any]
DAY = 86_400_000_000
START = 1_767_225_600_000_000  # 2026-01-01
_UUID = "00000000-0000-4000-8000-{:012x}"


def at(minute: float) -> str:
    """An event time: minutes after the start of 2026."""
    from datetime import UTC, datetime, timedelta

    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")


def uuid(number: int) -> str:
    return _UUID.format(number)


def dataset(name: str, facets: Mapping[str, Json] | None = None, namespace: str = "db") -> Body:
    return {"namespace": namespace, "name": name, **({"facets": dict(facets)} if facets else {})}


def run_event(
    minute: float,
    kind: str | None,
    job: str,
    run: int | str,
    inputs: Iterable[str | Body] | None = None,
    outputs: Iterable[str | Body] | None = None,
    **more: Any,
) -> Body:
    """A run event; datasets given by name are in the namespace `db`. `job_facets` and `run_facets` may be given."""
    body: Body = {
        "eventTime": at(minute),
        "run": {
            "runId": uuid(run) if isinstance(run, int) else run,
            "facets": more.pop("run_facets", {}),
        },
        "job": {"namespace": "jobs", "name": job, "facets": more.pop("job_facets", {})},
        **more,
    }
    if kind is not None:
        body["eventType"] = kind
    for key, listed in (("inputs", inputs), ("outputs", outputs)):
        if listed is not None:
            body[key] = [dataset(each) if isinstance(each, str) else each for each in listed]
    return body


def job_event(
    minute: float,
    job: str,
    inputs: Iterable[str | Body] | None = None,
    outputs: Iterable[str | Body] | None = None,
    facets: Mapping[str, Json] | None = None,
) -> Body:
    body = run_event(minute, None, job, 0, inputs, outputs, job_facets=dict(facets or {}))
    del body["run"]
    return body


def dataset_event(minute: float, name: str, facets: Mapping[str, Json]) -> Body:
    return {"eventTime": at(minute), "dataset": dataset(name, facets)}


def columns(fields: Mapping[str, Iterable[tuple[str, str]]], **more: Json) -> dict[str, Json]:
    """A columnLineage facet: output field -> (dataset, field) in the namespace `db`."""
    listed = {
        name: {"inputFields": [{**dataset(source), "field": field} for source, field in sources]}
        for name, sources in fields.items()
    }
    return {"columnLineage": {"fields": listed, **more}}


def schema(*names: str) -> dict[str, Json]:
    return {"schema": {"fields": [{"name": name, "type": "int"} for name in names]}}


def symlinks(*names: str) -> dict[str, Json]:
    return {"symlinks": {"identifiers": [{**dataset(name), "type": "TABLE"} for name in names]}}


def ds(name: str) -> str:
    return make_id(Kind.DATASET, "db", name)


async def taken(events: Iterable[Json]) -> MemoryBackend:
    """A fresh reference that has taken the events, in the order given; refused ones are passed over."""
    backend = MemoryBackend()
    writer = Writer(backend, clock=lambda: START + 300 * DAY)
    for event in events:
        try:
            await writer.ingest(event)
        except BadEvent:
            continue
    return backend


class Graph(NamedTuple):
    """The current topology as people count it: table to table, column to column, and the operations between."""

    pairs: set[tuple[str, str]]
    columns: set[tuple[str, str]]
    operations: dict[str, tuple[frozenset[str], frozenset[str]]]


def graph(backend: MemoryBackend) -> Graph:
    nodes, edges = backend._topology()
    inputs, outputs = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for key in edges:
        if key.kind is EdgeKind.INPUT_TO:
            inputs[key.target].add(key.source)
        elif key.kind is EdgeKind.PRODUCES:
            outputs[key.source].add(key.target)
    operations = {o: (frozenset(inputs[o]), frozenset(outputs[o])) for o in nodes if o.startswith("operation:")}
    return Graph(
        {(a, x) for ins, outs in operations.values() for a in ins for x in outs},
        {(key.source, key.target) for key in edges if key.kind is EdgeKind.DERIVES},
        operations,
    )


def names(pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Pairs without `dataset:db#`, for reading."""
    return {(a.rpartition("#")[2], x.rpartition("#")[2]) for a, x in pairs}


def seen(backend: MemoryBackend) -> dict[str, Any]:
    """Everything a reader can see, and what later events are decided by; without what only tells how it came about."""
    nodes, edges = backend._topology()
    found: dict[str, Any] = {}
    for node_id in nodes:
        node = backend._node(node_id, facets=True)
        assert node is not None
        # Which other names of a column were ever written is history: a lineage facet that was replaced names some.
        aliases = () if node_id.startswith("column:") else node.aliases
        attributes = {key: value for key, value in node.attributes.items() if key != CONTESTED}
        found[node_id] = (attributes, node.first_seen, node.last_seen, aliases)
    for key, stored in backend.edges.items():
        if stored.tallies and (key in edges or key.kind is EdgeKind.PAIR):
            edge = backend._edge(key)
            assert edge is not None
            found[str(key)] = (edge.evidence, edge.transformations)
    for record_id, record in backend.records.items():
        value = {k: v for k, v in record.value.items() if v is not None}
        if record_id.endswith(("#fields", "#guard")):
            continue  # like other names of columns: a lineage facet that was replaced named some
        if not record_id.startswith("tally:") or value.get("runs"):
            found[record_id] = (json.dumps(value, sort_keys=True), record.groups, record.rank)
    return found
