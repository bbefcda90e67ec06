"""Facets -> attributes: what each known facet says in the words of `backends.vocabulary`. Unknown facets are kept whole.

A reader raises `Wrong` where a facet is not of its own form; the facet is then set aside and the event stands.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from backends.ids import BadId, Kind, make_id
from backends.model import Json
from backends.vocabulary import facet_key
from ingest.columns import Leave

Facet: TypeAlias = Mapping[str, Json]
Attributes: TypeAlias = dict[str, Json]


class Wrong(Exception):
    """The facet is not of its form."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column as a schema facet describes it; `ordinal` counts from 1."""

    name: str
    ordinal: int
    type: str | None
    description: str | None


def _text(facet: Facet, key: str) -> str:
    value = facet.get(key)
    if not isinstance(value, str):
        raise Wrong(f"{key} is a text")
    return value


def _objects(facet: Facet, key: str) -> list[Facet]:
    listed = facet.get(key)
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise Wrong(f"{key} is a list of objects")
    return listed


def _attribute(key: str, name: str) -> Callable[[Facet], Attributes]:
    return lambda facet: {name: _text(facet, key)}


def _owners(facet: Facet) -> Attributes:
    return {"owners": sorted({_text(owner, "name") for owner in _objects(facet, "owners")})}


def _tags(facet: Facet) -> Attributes:
    return {"tags": sorted({tag_text(tag) for tag in _objects(facet, "tags") if not tag.get("field")})}


def tag_text(tag: Facet) -> str:
    """A tag in one text: its key, with the value unless that only says true."""
    key, value = _text(tag, "key"), tag.get("value")
    return key if value is None or str(value).lower() == "true" else f"{key}:{value}"


def _schema(facet: Facet) -> Attributes:
    return {"columns": [field.name for field in fields(facet)]}


def fields(facet: Facet) -> tuple[Field, ...]:
    """The columns a schema facet lists, each name once."""
    found: dict[str, Field] = {}
    for item in _objects(facet, "fields") if facet.get("fields") is not None else []:
        name = _text(item, "name")
        if name and name not in found:
            texts = [item.get(key) if isinstance(item.get(key), str) else None for key in ("type", "description")]
            found[name] = Field(name, len(found) + 1, *texts)
    return tuple(found.values())


def column_tags(facet: Facet | None) -> dict[str, list[str]]:
    """The tags of a tags facet that are meant for columns, by column."""
    found: dict[str, set[str]] = {}
    for tag in (facet or {}).get("tags") or ():
        if isinstance(tag.get("field"), str) and tag["field"]:
            found.setdefault(tag["field"], set()).add(tag_text(tag))
    return {name: sorted(tags) for name, tags in sorted(found.items())}


Readers: TypeAlias = Mapping[str, tuple[Callable[[Facet], Attributes], tuple[str, ...]]]
"""Facet name -> how to read it, and the attributes it speaks of (which its `_deleted` takes back)."""

DATASET: Readers = {
    "documentation": (_attribute("description", "description"), ("description",)),
    "ownership": (_owners, ("owners",)),
    "tags": (_tags, ("tags",)),
    "schema": (_schema, ("columns",)),
    "datasetType": (_attribute("datasetType", "type"), ("type",)),
    "version": (_attribute("datasetVersion", "version"), ("version",)),
    "lifecycleStateChange": (_attribute("lifecycleStateChange", "lifecycle"), ("lifecycle",)),
    "dataSource": (_attribute("uri", "location"), ("location",)),
}
JOB: Readers = {
    "documentation": (_attribute("description", "description"), ("description",)),
    "ownership": (_owners, ("owners",)),
    "tags": (_tags, ("tags",)),
    "jobType": (_attribute("jobType", "type"), ("type",)),
    "sql": (_attribute("query", "sql"), ("sql",)),
    "sourceCodeLocation": (_attribute("url", "source_url"), ("source_url",)),
}
RUN: Readers = {
    "errorMessage": (_attribute("message", "error"), ("error",)),
    "tags": (_tags, ("tags",)),
}


def attributes(facets: Mapping[str, Facet], readers: Readers, pointer: str, leave: Leave) -> Attributes:
    """What the facets say, each whole under `facet:NAME` and in the attributes its reader finds; None takes back."""
    found: Attributes = {}
    for name, facet in facets.items():
        read, keys = readers.get(name, (None, ()))
        if facet.get("_deleted"):
            found |= {facet_key(name): None, **dict.fromkeys(keys)}
            continue
        try:
            said = read(facet) if read is not None else {}
        except Wrong as why:
            leave(f"{pointer}/{name}", f"{why}; set aside")
            continue
        found |= {facet_key(name): dict(facet), **said}
    return found


@dataclass(frozen=True, slots=True)
class Parent:
    """The run (and its job) that a run was started by, and the root of both, as ids of runs."""

    run: str
    job: str
    root: str | None


def parent(facet: Facet | None, run_id: Callable[[str, str], str], leave: Leave) -> Parent | None:
    """The parent facet of a run; `run_id` makes the id of a run from its text and its job."""
    if facet is None or facet.get("_deleted"):
        return None
    try:
        run, job = _run_of(facet, run_id)
        root = facet.get("root")
        return Parent(run, job, _run_of(root, run_id)[0] if isinstance(root, dict) else None)
    except (Wrong, BadId) as why:
        leave("/run/facets/parent", f"{why}; set aside")
        return None


def _run_of(body: Facet, run_id: Callable[[str, str], str]) -> tuple[str, str]:
    run, job = body.get("run"), body.get("job")
    if not isinstance(run, dict) or not isinstance(job, dict):
        raise Wrong("a parent has a run and a job")
    text, namespace = _text(run, "runId"), job.get("namespace", "default")
    if not text or not isinstance(namespace, str):
        raise Wrong("a parent has a runId and a namespace")
    job_id = make_id(Kind.JOB, namespace, _text(job, "name"))
    return run_id(text, job_id), job_id


def symlinks(facet: Facet | None, pointer: str, leave: Leave) -> tuple[str, ...] | None:
    """Other names of a dataset; None where the event does not speak of them, empty where it takes all back."""
    if facet is None:
        return None
    if facet.get("_deleted"):
        return ()
    try:
        return tuple(sorted({_named(item) for item in _objects(facet, "identifiers")}))
    except (Wrong, BadId) as why:
        leave(f"{pointer}/symlinks", f"{why}; set aside")
        return None


def renamed_from(facet: Facet | None) -> str | None:
    """The old name, where a lifecycle facet says that a dataset was renamed."""
    if facet is None or facet.get("lifecycleStateChange") != "RENAME":
        return None
    before = facet.get("previousIdentifier")
    try:
        return _named(before) if isinstance(before, dict) else None
    except (Wrong, BadId):
        return None


def _named(item: Facet) -> str:
    namespace, name = item.get("namespace", "default"), _text(item, "name")
    if not isinstance(namespace, str) or not name:
        raise Wrong("a dataset has a namespace and a name")
    return make_id(Kind.DATASET, namespace, name)


def stack_error(facets: Iterable[tuple[str, Facet]]) -> str | None:
    """The first line of an exception that an emitter keeps in a facet of its own (Spark does)."""
    for name, facet in facets:
        if name.endswith(".exception"):
            text = facet.get("message") or facet.get("stackTrace")
            if isinstance(text, str) and text.strip():
                return text.strip().splitlines()[0]
    return None
