"""Random streams of OpenLineage events over a small world, so that everything meets everything."""

import random
from typing import Any

from tests.ingest.support import Body, columns, dataset, dataset_event, job_event, run_event, schema, symlinks

TABLES = ["s.a", "s.b", "s.c", "s.x", "s.y", "tmp"]
FIELDS = ["f", "g"]
KINDS = ["START", "RUNNING", "COMPLETE", "COMPLETE", "FAIL", "ABORT", "OTHER", None]


def stream(chance: random.Random, size: int) -> list[Body]:
    """Events of three jobs and six tables in ten minutes, so that times and runs collide."""
    return [_event(chance) for _ in range(size)]


def _event(chance: random.Random) -> Body:
    minute = chance.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    job = chance.choice(["j1", "j2", "j3"])
    roll = chance.random()
    if roll < 0.12:
        return dataset_event(minute, chance.choice(TABLES), _facets(chance, declared=True))
    inputs = None if chance.random() < 0.2 else [_said(chance) for _ in range(chance.randrange(3))]
    outputs = None if chance.random() < 0.2 else [_said(chance, output=True) for _ in range(chance.randrange(3))]
    facets = {"lineage": _entries(chance)} if chance.random() < 0.1 else {}
    if roll < 0.27:
        return job_event(minute, job, inputs, outputs, facets)
    more: dict[str, Any] = {"job_facets": facets}
    if chance.random() < 0.2:
        parent = {"run": {"runId": f"p{chance.randrange(2)}"}, "job": {"namespace": "jobs", "name": "top"}}
        more["run_facets"] = {"parent": parent}
    return run_event(minute, chance.choice(KINDS), job, chance.randrange(5), inputs, outputs, **more)


def _said(chance: random.Random, *, output: bool = False) -> Body:
    return dataset(chance.choice(TABLES), _facets(chance, output=output))


def _facets(chance: random.Random, *, output: bool = False, declared: bool = False) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if chance.random() < 0.3:
        facets |= schema(*chance.sample(["f", "g", "h"], chance.randrange(3)))
    if chance.random() < 0.1:
        facets |= symlinks(*chance.sample(TABLES, chance.randrange(3)))
    if chance.random() < 0.1:
        facets["documentation"] = {"description": chance.choice(["one", "two"])}
    if chance.random() < 0.1:
        facets["tags"] = {"tags": [{"key": "pii", "value": "true", "field": chance.choice(FIELDS)}, {"key": "k"}]}
    if chance.random() < 0.05:
        facets["lifecycleStateChange"] = {
            "lifecycleStateChange": chance.choice(["RENAME", "RENAME", "DROP"]),
            "previousIdentifier": {"namespace": "db", "name": chance.choice(TABLES)},
        }
    if (output and chance.random() < 0.35) or (declared and chance.random() < 0.5):
        fields = {f: [(chance.choice(TABLES), chance.choice(FIELDS))] for f in FIELDS if chance.random() < 0.6}
        whole = [{**dataset(chance.choice(TABLES)), "field": "f", "transformations": [{"type": "INDIRECT"}]}]
        facets |= columns(fields, dataset=whole if chance.random() < 0.3 else [])
    if chance.random() < (0.3 if declared else 0.04):
        sources = [{**dataset(name), "type": "DATASET"} for name in chance.sample(TABLES, chance.randrange(3))]
        facets["lineage"] = {"inputs": sources}
    for name in list(facets):
        if chance.random() < 0.08:
            facets[name] = {"_deleted": True}
    return facets


def _entries(chance: random.Random) -> dict[str, Any]:
    if chance.random() < 0.1:
        return {"_deleted": True}
    entries = []
    for _ in range(chance.randrange(3)):
        sources = [{**dataset(name), "type": "DATASET"} for name in chance.sample(TABLES, chance.randrange(3))]
        field = [{**dataset(chance.choice(TABLES)), "type": "DATASET", "field": "f"}]
        kind = chance.choice(["DATASET", "DATASET", "JOB"])
        target = {"type": "JOB"} if kind == "JOB" else {**dataset(chance.choice(TABLES)), "type": "DATASET"}
        entries.append({**target, "inputs": sources, "fields": {"g": {"inputs": field}}})
    return {"entries": entries}
