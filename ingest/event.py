"""OpenLineage JSON -> Event: lenient where meaning survives, strict where it does not (design, section 3.6)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from backends.ids import BadId, Kind, TooLong, column_id, make_id
from backends.model import Json
from ingest.columns import ColumnLineage, Explicit, read_columns, read_entries, read_explicit
from ingest.errors import BadEvent
from ingest.facets import (
    DATASET,
    JOB,
    RUN,
    Field,
    Parent,
    attributes,
    column_tags,
    fields,
    parent,
    renamed_from,
    stack_error,
    symlinks,
)
from ingest.times import microseconds

TYPES = frozenset({"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"})
DEFAULT_NAMESPACE = "default"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Facets = Mapping[str, Mapping[str, Json]]


@dataclass(frozen=True, slots=True)
class Said:
    """A dataset as an event names it.

    `attributes` is what its facets say (those of its role as input or output included), `fields` its columns and
    `field_tags` their tags, `columns` and `lineage` what its column lineage and its explicit lineage facet say in the form
    of `ingest.columns`, `symlinks` its other names, `renamed_from` its old one. None: the event does not speak of it;
    empty: it takes back.
    """

    id: str
    attributes: Mapping[str, Json] = field(default_factory=dict)
    fields: tuple[Field, ...] | None = None
    field_tags: Mapping[str, list[str]] = field(default_factory=dict)
    columns: ColumnLineage | None = None
    lineage: Explicit | None = None
    symlinks: tuple[str, ...] | None = None
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `run` is None for a job event, `job` None for a dataset event; `lineage` is the job's explicit one.
    `inputs` and `outputs` are None where the event does not speak of them. `set_aside` says what was left out of an event
    that stands: (pointer, why)."""

    time: int
    type: str
    origin: str
    job: str | None = None
    job_attributes: Mapping[str, Json] = field(default_factory=dict)
    lineage: Explicit | None = None
    run: str | None = None
    run_attributes: Mapping[str, Json] = field(default_factory=dict)
    parent: Parent | None = None
    inputs: tuple[Said, ...] | None = None
    outputs: tuple[Said, ...] | None = None
    dataset: Said | None = None
    set_aside: tuple[tuple[str, str], ...] = ()


def run_id(text: str, job: str) -> str:
    """The id of a run: its UUID alone, else with its job, since other ids repeat. Raises `BadId`."""
    if _UUID.fullmatch(text.lower()):
        return f"run:{text.lower()}"
    made = make_id(Kind.RUN, "", "", text)
    return f"run:{job.partition(':')[2]}#{made.rpartition('#')[2]}"


def read_event(body: Json) -> Event:
    """The event in a JSON value. Raises `BadEvent` with the pointer of what is wrong."""
    if not isinstance(body, dict):
        raise BadEvent("an event is a JSON object", "")
    reader = _Reader()
    if "eventTime" not in body:
        raise BadEvent("this is no OpenLineage event: it has no eventTime", "/eventTime")
    time = microseconds(body["eventTime"])
    if time is None:
        raise BadEvent("eventTime is an ISO 8601 date and time, as in 2026-03-02T09:00:00Z", "/eventTime")
    if body.get("run") is not None:
        return _run_event(reader, body, time)
    if body.get("job") is not None:
        job = reader.name(body["job"], "/job", Kind.JOB)
        said, lineage = reader.job(body["job"], job)
        inputs, outputs = reader.datasets(body, "inputs"), reader.datasets(body, "outputs")
        return Event(
            time,
            "OTHER",
            "job event",
            job=job,
            job_attributes=said,
            lineage=lineage,
            inputs=inputs,
            outputs=outputs,
            set_aside=tuple(reader.set_aside),
        )
    if body.get("dataset") is not None:
        dataset = reader.said(body["dataset"], "/dataset")
        return Event(time, "OTHER", "dataset event", dataset=dataset, set_aside=tuple(reader.set_aside))
    raise BadEvent("an event has a run and a job, or a job, or a dataset", "/run")


def _run_event(reader: "_Reader", body: Mapping[str, Json], time: int) -> Event:
    run = body["run"]
    text = run.get("runId") if isinstance(run, dict) else None
    if not isinstance(text, str) or not text:
        raise BadEvent("a run has a runId, a text that is not empty", "/run/runId")
    job = reader.name(body.get("job"), "/job", Kind.JOB)
    try:
        run_name = run_id(text, job)
    except BadId as error:
        raise BadEvent(str(error), "/run/runId") from None
    event_type = body.get("eventType")
    spelled = event_type.strip().upper() if isinstance(event_type, str) else "OTHER"
    if spelled not in TYPES or (event_type is not None and not isinstance(event_type, str)):
        reader.leave("/eventType", "not a type of OpenLineage; taken as OTHER")
        spelled = "OTHER"
    said, lineage = reader.job(body["job"], job)
    facets = reader.facets(run, "/run")
    own = attributes(facets, RUN, "/run/facets", reader.leave)
    if own.get("error") is None and (trace := stack_error(facets.items())):
        own["error"] = trace
    inputs, outputs = reader.datasets(body, "inputs"), reader.datasets(body, "outputs")
    return Event(
        time,
        spelled,
        "run event",
        job=job,
        job_attributes=said,
        lineage=lineage,
        run=run_name,
        run_attributes=own,
        parent=parent(facets.get("parent"), run_id, reader.leave),
        inputs=inputs,
        outputs=outputs,
        set_aside=tuple(reader.set_aside),
    )


class _Reader:
    """Reads the parts of one event and remembers what it left out."""

    def __init__(self) -> None:
        self.set_aside: list[tuple[str, str]] = []

    def leave(self, pointer: str, why: str) -> None:
        self.set_aside.append((pointer, why))

    def name(self, body: Json, pointer: str, kind: Kind) -> str:
        """The id of a job or dataset. A name is needed; a namespace left out is `default`."""
        if not isinstance(body, dict):
            raise BadEvent(f"a {kind.lower()} is an object with a namespace and a name", pointer)
        name, namespace = body.get("name"), body.get("namespace")
        if not isinstance(name, str) or not name:
            raise BadEvent(f"a {kind.lower()} has a name, a text that is not empty", f"{pointer}/name")
        if namespace is None:
            namespace = DEFAULT_NAMESPACE
        if not isinstance(namespace, str):
            raise BadEvent("a namespace is a text", f"{pointer}/namespace")
        try:
            return make_id(kind, namespace, name)
        except BadId as error:
            raise BadEvent(str(error), f"{pointer}/name") from error

    def datasets(self, body: Mapping[str, Json], key: str) -> tuple[Said, ...] | None:
        """The inputs or outputs. One whose id is too long is set aside; one that cannot be read refuses the event."""
        listed = body.get(key)
        if listed is None:
            return None
        if not isinstance(listed, list):
            raise BadEvent(f"{key} is a list of datasets", f"/{key}")
        found = []
        for index, item in enumerate(listed):
            pointer = f"/{key}/{index}"
            try:
                found.append(self.said(item, pointer, "inputFacets" if key == "inputs" else "outputFacets"))
            except BadEvent as error:
                if not isinstance(error.__cause__, TooLong):
                    raise
                self.leave(error.pointer, error.message)
        return tuple(found)

    def said(self, item: Json, pointer: str, roles: str | None = None) -> Said:
        """A dataset with what its facets say; `roles` names the key of those it has as an input or output."""
        dataset = self.name(item, pointer, Kind.DATASET)
        facets = self.facets(item, pointer)
        if roles is not None:
            facets |= self.facets(item, pointer, roles)
        at = f"{pointer}/facets"
        found = attributes(facets, DATASET, at, self.leave)
        schema = facets.get("schema") if "columns" in found else None
        columns = None if schema is None else self.fields(dataset, schema, f"{at}/schema")
        if columns:
            found["columns"] = [column.name for column in columns]
        return Said(
            dataset,
            found,
            fields=columns,
            field_tags=column_tags(facets.get("tags") if "tags" in found else None),
            columns=read_columns(facets.get("columnLineage"), dataset, f"{at}/columnLineage", self.leave),
            lineage=read_explicit(facets.get("lineage"), dataset, f"{at}/lineage", self.leave),
            symlinks=symlinks(facets.get("symlinks"), at, self.leave),
            renamed_from=renamed_from(facets.get("lifecycleStateChange")),
        )

    def fields(self, dataset: str, schema: Mapping[str, Json], pointer: str) -> tuple[Field, ...]:
        """The columns of a schema facet whose ids are not too long."""
        kept = []
        for column in fields(schema):
            try:
                column_id(dataset, column.name)
                kept.append(column)
            except BadId as error:
                self.leave(f"{pointer}/fields/{column.ordinal - 1}", str(error))
        return tuple(kept)

    def job(self, body: Json, job: str) -> tuple[Mapping[str, Json], Explicit | None]:
        """What the facets of a job say, and its explicit lineage."""
        facets = self.facets(body, "/job")
        lineage = read_entries(facets.get("lineage"), job, "/job/facets/lineage", self.leave)
        return attributes(facets, JOB, "/job/facets", self.leave), lineage

    def facets(self, body: Mapping[str, Json], pointer: str, key: str = "facets") -> dict[str, Mapping[str, Json]]:
        """The facets that are objects; null ones say nothing, others are set aside."""
        listed = body.get(key)
        if listed is None:
            return {}
        if not isinstance(listed, dict):
            self.leave(f"{pointer}/{key}", "facets are an object; set aside")
            return {}
        for name, facet in listed.items():
            if facet is not None and not isinstance(facet, dict):
                self.leave(f"{pointer}/{key}/{name}", "a facet is an object; set aside")
        return {name: facet for name, facet in listed.items() if isinstance(facet, dict)}
