"""What a client says directly -> changes. Pure programs like `ingest.interpret`; withdrawing is in `ingest.withdraw`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from backends.changes import Changes
from backends.commands import (
    KINDS_MADE,
    CaptureOperation,
    ColumnLink,
    Command,
    CommandError,
    DeleteEntity,
    Link,
    LinkEntities,
    RecordPrediction,
    RetractEdges,
    TrackTraining,
    UpsertEntities,
)
from backends.ids import Kind, dataset_of, job_of, kind_of, make_id, split_id
from backends.model import EdgeKey, EdgeKind, Json, Stamped, canonical
from ingest import fields, names, withdraw
from ingest.columns import ColumnLineage, Sources
from ingest.draft import Draft
from ingest.event import Event, Said, run_id
from ingest.interpret import settle, take
from ingest.layout import unpack
from ingest.owners import state_id
from ingest.program import Program, View, fetch

OURS = (names.SAYS, names.SAID_BY, names.LEFT, fields.CONTESTED, "schema", "columns", "last_run")
"""Attributes that events alone keep; clients cannot set them."""


AHEAD = 86_400_000_000
"""How far ahead of the wall clock the time of a command may be: clocks differ, a day is enough for all zones."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command changes, and the ids it is about (see `backends.commands.Done`)."""

    changes: Changes
    ids: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    retracted: int = 0


def perform(command: Command, at: int) -> Program[Outcome]:
    """What a command changes; `at` is the wall clock. Raises `CommandError`."""
    view = View()
    if command.at > at + AHEAD:
        raise CommandError(
            "BAD_INPUT", "this time is more than a day ahead; what is said with it could not be changed", "at"
        )
    if isinstance(command, CaptureOperation):
        return (yield from _capture(view, Draft(at, min(command.at, at)), command))
    draft, stale = Draft(at), set[str]()
    ids: tuple[str, ...] = ()
    if isinstance(command, RetractEdges | DeleteEntity):
        if isinstance(command, RetractEdges):
            ids, retracted, homes = yield from withdraw.retract(view, draft, command, stale)
        else:
            retracted, homes = yield from withdraw.delete(view, draft, command, stale)
            ids = (command.id,)
        yield from settle(view, draft, stale, homes)
        return Outcome(draft.changes(), ids, retracted=retracted)
    if isinstance(command, TrackTraining):
        ids = yield from _train(view, draft, command, stale)
    elif isinstance(command, RecordPrediction):
        ids = yield from _predict(view, draft, command)
    elif isinstance(command, UpsertEntities):
        ids = yield from _upsert(view, draft, command)
    else:
        ids = yield from _link(view, draft, command, stale)
    yield from settle(view, draft, stale, {})
    return Outcome(draft.changes(), ids)


def _stamped(attributes: Mapping[str, Json], at: int) -> dict[str, Stamped]:
    for key in attributes:
        if key.startswith(OURS[:2]) or key in OURS[2:]:
            raise CommandError("BAD_INPUT", f"{key} is kept by events and cannot be set", "attributes")
    return {key: Stamped(at, value) for key, value in attributes.items()}


def _say(view: View, draft: Draft, node_id: str, at: int, attributes: Mapping[str, Json] | None = None) -> None:
    """Says something of an entity that was read, under the name given, and that its node was seen."""
    draft.say(node_id, _stamped(attributes or {}, at), seen=(at, at))
    home = view.resolution(node_id)
    if home.deleted_at is not None:
        draft.say(home.id, seen=(at, at))


def _capture(view: View, draft: Draft, command: CaptureOperation) -> Program[Outcome]:
    """A captured operation is as good as a completed run that a client saw."""
    text = command.run
    if text is None:
        content = canonical([command.job, sorted(command.inputs), sorted(command.outputs), command.at])
        text = f"capture-{sha256(content.encode()).hexdigest()[:16]}"
    columns = _columns(command.columns)
    attributes = dict(command.attributes)
    if command.type is not None:
        attributes["type"] = command.type
    event = Event(
        command.at,
        "COMPLETE",
        "client",
        job=command.job,
        job_attributes={key: stamped.value for key, stamped in _stamped(attributes, command.at).items()},
        run=run_id(text, command.job),
        inputs=tuple(Said(name) for name in command.inputs),
        outputs=tuple(Said(name, columns=columns.pop(name, None)) for name in command.outputs),
    )
    if columns:
        raise CommandError("BAD_INPUT", f"columns of {min(columns)} were given, but it is no output", "columns")
    stale = {command.job}
    homes = yield from take(view, draft, event, stale)
    yield from fetch(view, [state_id(command.job), *command.users, *command.systems])
    hang(view, draft, command.job, command.outputs or ("",), EdgeKind.PERFORMED, command.users, command.at)
    hang(view, draft, command.job, command.outputs or ("",), EdgeKind.HOSTED, command.systems, command.at)
    yield from settle(view, draft, stale, homes)
    return Outcome(draft.changes(), (command.job,), _operations(view, draft, command))


def _columns(links: Iterable[ColumnLink]) -> dict[str, ColumnLineage]:
    found: dict[str, ColumnLineage] = {}
    for link in links:
        into, source = dataset_of(link.target), dataset_of(link.source)
        columns = found.setdefault(into, {"fields": {}, "dataset": {}})
        sources: Sources = columns["fields"].setdefault(split_id(link.target)[1][2], {})
        steps = [{"masking": False, **{k: v for k, v in step.items() if v is not None}} for step in link.transformations]
        sources.setdefault(source, {})[split_id(link.source)[1][2]] = steps
    return found


def _operations(view: View, draft: Draft, command: CaptureOperation) -> tuple[str, ...]:
    """The operations that a capture is part of now: those of its outputs, or the one without outputs."""
    laid = unpack(draft.record(view, state_id(command.job)).get("laid"))
    homes = {draft.resolved[name].id for name in command.outputs if name in draft.resolved} | set(command.outputs)
    made = {key.source for key in laid if key.kind is EdgeKind.PRODUCES and key.target in homes}
    producing = {key.source for key in laid if key.kind is EdgeKind.PRODUCES}
    idle = {key.target for key in laid if key.kind is EdgeKind.HAS_OPERATION} - producing
    return tuple(sorted(made or idle))


def hang(view: View, draft: Draft, job: str, outputs: Iterable[str], kind: EdgeKind, who: Iterable[str], at: int) -> None:
    """Notes in the state of a job who performed or hosted its operations, by output."""
    ids = list(who)
    if not ids:
        return
    state = draft.record(view, state_id(job))
    hung = {output: dict(kinds) for output, kinds in state.get("hung", {}).items()}
    for output in outputs:
        kinds = hung.setdefault(output, {})
        kinds[kind.value] = {**kinds.get(kind.value, {}), **dict.fromkeys(ids, at)}
    for node_id in ids:
        _say(view, draft, node_id, at)
    draft.write(view, state_id(job), {**state, "hung": hung})


def _train(view: View, draft: Draft, command: TrackTraining, stale: set[str]) -> Program[tuple[str, ...]]:
    _, (namespace, name, version) = split_id(command.model)
    made = f"{name}@{version}" if version else name
    sets = {
        Kind.HYPERPARAMETERS: (EdgeKind.CONFIGURED_WITH, "hyperparameters", command.hyperparameters),
        Kind.METRICS: (EdgeKind.EVALUATED_WITH, "metrics", command.metrics),
    }
    yield from fetch(view, [state_id(command.model), command.model, *command.datasets])
    attributes: dict[str, Json] = {**command.attributes, "trained_at": command.at, "version": version or None}
    for kind, (edge, key, values) in sets.items():
        if values is None:
            continue
        attributes[key] = dict(values)
        node_id = make_id(kind, namespace, made)
        yield from fetch(view, [node_id])
        _say(view, draft, node_id, command.at, {"values": dict(values)})
        yield from _state(view, draft, Link(node_id, edge, command.model), command.at)
    _say(view, draft, command.model, command.at, attributes)
    _trained(view, draft, command.model, command.datasets, command.at)
    for dataset in command.datasets:
        _say(view, draft, dataset, command.at)
    stale.add(command.model)
    return (command.model,)


def _trained(
    view: View, draft: Draft, model: str, datasets_used: Iterable[str], at: int, facts: Mapping[str, Json] | None = None
) -> None:
    state = draft.record(view, state_id(model))
    trained = dict(state.get("trained", {}))
    for name in datasets_used:
        first, last, *said = trained.get(name, (at, at))
        said = said if at < last else [dict(facts)] if facts else []
        trained[name] = [min(first, at), max(last, at), *said]
    draft.write(view, state_id(model), {**state, "trained": trained})


def _predict(view: View, draft: Draft, command: RecordPrediction) -> Program[tuple[str, ...]]:
    yield from fetch(view, [command.prediction, command.model])
    own = {**command.attributes, "value": command.value, "predicted_at": command.at, "model": command.model}
    _say(view, draft, command.prediction, command.at, own)
    _say(view, draft, command.model, command.at)
    yield from _state(view, draft, Link(command.model, EdgeKind.GENERATED, command.prediction), command.at)
    return (command.prediction,)


def _upsert(view: View, draft: Draft, command: UpsertEntities) -> Program[tuple[str, ...]]:
    columns = [node_id for node_id in command.entities if kind_of(node_id) is Kind.COLUMN]
    yield from fetch(view, [*command.entities, *map(dataset_of, columns)])
    for node_id, attributes in command.entities.items():
        if kind_of(node_id) not in KINDS_MADE:
            raise CommandError("BAD_INPUT", f"{kind_of(node_id).a} cannot be made by name", "entities")
        _say(view, draft, node_id, command.at, attributes)
    for column in columns:
        yield from _has_column(view, draft, column, command.at)
    return tuple(command.entities)


def _has_column(view: View, draft: Draft, column: str, at: int) -> Program[None]:
    dataset = dataset_of(column)
    yield from fetch(view, [column, dataset])
    draft.say(column, withdrawn=False)
    _say(view, draft, dataset, at)
    yield from _state(view, draft, Link(dataset, EdgeKind.HAS_COLUMN, column), at)


def _state(view: View, draft: Draft, link: Link, at: int) -> Program[None]:
    """An edge that a client states of its own; stated again it was seen again."""
    key = EdgeKey(view.resolution(link.source).id, link.kind, view.resolution(link.target).id)
    yield from fetch(view, edges=[key])
    edge = view.edges[key]
    old: Mapping[str, Json] = edge.tallies.get("client", {}) if edge is not None else {}
    facts: dict[str, Json] = {
        "origin": "client",
        "first": min(at, old.get("first", at)),
        "last": max(at, old.get("last", at)),
    }
    draft.edge(key, {"client": facts | _said_of(link)})


def _said_of(link: Link) -> dict[str, Json]:
    """What a client says of an edge beside that it is there."""
    facts: dict[str, Json] = {}
    if link.confidence != 1.0:
        facts["confidence"] = link.confidence
    if link.transformations:
        facts["transformations"] = [dict(step) for step in link.transformations]
    return facts


def _link(view: View, draft: Draft, command: LinkEntities, stale: set[str]) -> Program[tuple[str, ...]]:
    for index, link in enumerate(command.links):
        field = f"links.{index}"
        EdgeKey(link.source, link.kind, link.target).check()
        yield from fetch(view, [link.source, link.target])
        for end, name in ((link.source, "source"), (link.target, "target")):
            if kind_of(end) not in KINDS_MADE and (view.node(end) is None):
                raise CommandError("NOT_FOUND", f"{end} is unknown", f"{field}.{name}")
        operation = next((end for end in (link.source, link.target) if kind_of(end) is Kind.OPERATION), None)
        if link.kind is EdgeKind.HAS_OPERATION:
            raise CommandError("BAD_INPUT", "operations come from captures and events", f"{field}.kind")
        for end in (link.source, link.target):
            if kind_of(end) is not Kind.OPERATION:
                _say(view, draft, end, command.at)
        if operation is not None:
            yield from _link_operation(view, draft, link, operation, command.at, field)
            stale.add(job_of(operation) or operation)
        elif link.kind is EdgeKind.USED_IN_TRAINING:
            yield from fetch(view, [state_id(link.target)])
            _trained(view, draft, link.target, [link.source], command.at, _said_of(link))
            stale.add(link.target)
        else:
            if link.kind is EdgeKind.DERIVES:
                yield from _has_column(view, draft, link.source, command.at)
                yield from _has_column(view, draft, link.target, command.at)
            yield from _state(view, draft, link, command.at)
    return tuple(dict.fromkeys(end for link in command.links for end in (link.source, link.target)))


def _link_operation(view: View, draft: Draft, link: Link, operation: str, at: int, field: str) -> Program[None]:
    """A link with an operation is kept by the operation's job and outputs, and outlives the operation's id."""
    job = job_of(operation)
    if job is None:
        raise CommandError("BAD_INPUT", "this operation was declared by a dataset event; capture one of a job", field)
    if _said_of(link):
        text = "what an operation reads or writes is counted by its runs: leave confidence and transformations out"
        raise CommandError("BAD_INPUT", text, field)
    yield from fetch(view, [state_id(job)])
    state = draft.record(view, state_id(job))
    laid = unpack(state.get("laid"))
    outputs = [key.target for key in laid if key.kind is EdgeKind.PRODUCES and key.source == operation]
    inputs = [key.source for key in laid if key.kind is EdgeKind.INPUT_TO and key.target == operation]
    if link.kind in (EdgeKind.PERFORMED, EdgeKind.HOSTED):
        hang(view, draft, job, outputs or [""], link.kind, [link.source], at)
        return
    links = {output: dict(sources) for output, sources in state.get("links", {}).items()}
    if link.kind is EdgeKind.INPUT_TO:
        pairs = [(output, link.source) for output in outputs or [""]]
    else:
        pairs = [(link.target, source) for source in inputs or [""]]
    for output, source in pairs:
        links.setdefault(output, {})[source] = max(at, links.get(output, {}).get(source, at))
    draft.write(view, state_id(job), {**state, "links": links})
