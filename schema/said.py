"""What a client says in a mutation, as a command. Pure: ids are completed here, whatever needs the graph is found before."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from strawberry import UNSET

from backends.commands import (
    KINDS_MADE,
    CaptureOperation,
    ColumnLink,
    CommandError,
    DeleteEntity,
    Link,
    LinkEntities,
    RecordPrediction,
    RetractEdges,
    Retraction,
    TrackTraining,
    UpsertEntities,
)
from backends.ids import KINDS, BadId, Kind, kind_of, make_id, namespace_of, split_id
from backends.model import ENDS, EdgeKind, Json
from backends.vocabulary import facet_key
from schema import enums
from schema.names import DEFAULT_NAMESPACE
from schema.plan import API_KINDS
from schema.types.inputs import (
    CaptureOperationInput,
    DeleteEntityInput,
    EntityInput,
    LinkEntitiesInput,
    LinkInput,
    RecordPredictionInput,
    RetractEdgesInput,
    TrackModelTrainingInput,
    TransformationInput,
    UpsertEntitiesInput,
)

MAX_ITEMS = 1_000
"""Entities, links or edges in one mutation."""
MAX_ENDS = 10_000
"""Datasets of one capture or training."""

T = TypeVar("T")
_PREFIXES = tuple(f"{kind.lower()}:" for kind in KINDS)
_OWN: Mapping[str, tuple[str, frozenset[Kind]]] = {
    "type": ("type", frozenset({Kind.DATASET, Kind.COLUMN, Kind.JOB})),
    "location": ("location", frozenset({Kind.DATASET})),
    "version": ("version", frozenset({Kind.DATASET})),
    "architecture": ("architecture", frozenset({Kind.MODEL})),
    "status": ("status", frozenset({Kind.MODEL})),
    "sql": ("sql", frozenset({Kind.JOB})),
    "source_url": ("source_url", frozenset({Kind.JOB})),
    "ordinal": ("ordinal", frozenset({Kind.COLUMN})),
    "values": ("values", frozenset({Kind.HYPERPARAMETERS, Kind.METRICS})),
    "label": ("label", frozenset({Kind.ASSET})),
}
"""Inputs that only some kinds have, with the attribute they set."""
_COMMON = ("description", "tags", "owners")


def refuse(field: str, message: str) -> CommandError:
    """Wrong input, said by the field it is in."""
    return CommandError("BAD_INPUT", message, field)


def whole_id(text: str, kind: Kind, field: str, allowed: Iterable[Kind] = ()) -> str:
    """The id that is meant: itself where it has a kind, else a name of `kind` in the namespace `default`.

    Raises `CommandError` for what is no id, and for a kind that cannot stand there.
    """
    try:
        if not text.startswith(_PREFIXES):
            if not text:
                raise BadId("an id is not empty")
            parts = text.split("#") if kind is Kind.COLUMN else [text]
            if kind is Kind.COLUMN and len(parts) != 2:
                raise BadId("a column is named column:namespace#dataset#field, or dataset#field")
            return make_id(kind, DEFAULT_NAMESPACE, *parts, *([""] if kind is Kind.MODEL else []))
        found, _ = split_id(text)
    except BadId as error:
        raise refuse(field, str(error)) from None
    wanted = {kind, *allowed}
    if found not in wanted:
        raise refuse(field, f"{text} is {found.a}; {' or '.join(k.a for k in sorted(wanted))} stands here")
    return text


def named(kind: Kind, namespace: str | None, *names: str, field: str) -> str:
    """The id of an entity by its name. Raises `CommandError`."""
    try:
        if not names[0]:
            raise BadId("a name is not empty")
        return make_id(kind, given(namespace) or DEFAULT_NAMESPACE, *names)
    except BadId as error:
        raise refuse(field, str(error)) from None


def given(value: T | None) -> T | None:
    """The value, None where it was left out."""
    return None if value is UNSET else value


def ids(texts: Sequence[str] | None, kind: Kind, field: str, allowed: Iterable[Kind] = ()) -> tuple[str, ...]:
    """The ids in a list of an input. Raises `CommandError`."""
    listed = given(texts) or []
    if len(listed) > MAX_ENDS:
        raise refuse(field, f"at most {MAX_ENDS:,} ids, not {len(listed):,}")
    found = (whole_id(text, kind, f"{field}.{index}", allowed) for index, text in enumerate(listed))
    return tuple(dict.fromkeys(found))


def capture(said: CaptureOperationInput, now: int) -> CaptureOperation:
    """Raises `CommandError`."""
    inputs = ids(said.inputs, Kind.DATASET, "inputs", (Kind.ASSET,))
    outputs = ids(said.outputs, Kind.DATASET, "outputs", (Kind.ASSET,))
    if not inputs and not outputs:
        raise refuse("inputs", "an operation reads or writes something: give inputs or outputs")
    columns = given(said.columns) or []
    return CaptureOperation(
        job=named(Kind.JOB, said.namespace, said.name, field="name"),
        inputs=inputs,
        outputs=outputs,
        at=_when(said.at, now),
        type=given(said.type),
        users=ids(said.performed_by, Kind.USER, "performedBy"),
        systems=ids(said.hosted_on, Kind.SYSTEM, "hostedOn"),
        run=given(said.run_id),
        columns=tuple(
            ColumnLink(
                whole_id(link.source, Kind.COLUMN, f"columns.{index}.source"),
                whole_id(link.target, Kind.COLUMN, f"columns.{index}.target"),
                _steps(link.transformations),
            )
            for index, link in enumerate(columns)
        ),
        attributes=_attributes(said, _COMMON),
    )


def training(said: TrackModelTrainingInput, now: int) -> TrackTraining:
    """Raises `CommandError`."""
    model = said.model
    return TrackTraining(
        model=named(Kind.MODEL, model.namespace, model.name, given(model.version) or "", field="model.name"),
        datasets=ids(said.datasets, Kind.DATASET, "datasets", (Kind.ASSET,)),
        at=_when(said.trained_at, now),
        hyperparameters=_object(said.hyperparameters, "hyperparameters"),
        metrics=_object(said.metrics, "metrics"),
        attributes=_attributes(said, ("architecture", "status", *_COMMON)),
    )


def prediction(said: RecordPredictionInput, model: str, now: int) -> RecordPrediction:
    """`model` is the id of the model as it was found. Raises `CommandError`."""
    namespace = given(said.namespace)
    attributes = _attributes(said, _COMMON)
    if said.inputs is not UNSET:
        attributes["inputs"] = said.inputs
    return RecordPrediction(
        prediction=named(Kind.PREDICTION, namespace_of(model) if namespace is None else namespace, said.name, field="name"),
        model=model,
        at=_when(said.predicted_at, now),
        value=given(said.value),
        attributes=attributes,
    )


def upsert(said: UpsertEntitiesInput, now: int) -> UpsertEntities:
    """Raises `CommandError`."""
    _check_count(said.entities, "entities")
    entities: dict[str, dict[str, Json]] = {}
    for index, entity in enumerate(said.entities):
        node_id = _entity_id(entity, f"entities.{index}")
        if kind_of(node_id) not in KINDS_MADE:
            field = f"entities.{index}.{'kind' if given(entity.id) is None else 'id'}"
            raise refuse(field, f"{kind_of(node_id).a} cannot be made by name: capture an operation, or send events")
        entities.setdefault(node_id, {}).update(_entity_attributes(entity, kind_of(node_id), f"entities.{index}"))
    return UpsertEntities(entities, _when(said.at, now))


def _entity_id(said: EntityInput, field: str) -> str:
    kind = given(said.kind)
    text, name = given(said.id), given(said.name)
    if text is not None:
        if name is not None:
            raise refuse(field, "give an id, or a kind and a name")
        meant: Kind = kind.value if kind else Kind.ASSET if given(said.label) else Kind.DATASET
        return whole_id(text, meant, f"{field}.id", () if kind else API_KINDS)
    if name is None:
        raise refuse(field, "an entity needs an id, or a kind and a name")
    if kind is None and not given(said.label):
        raise refuse(f"{field}.kind", "an entity needs a kind, or a label that makes it an asset")
    made: Kind = kind.value if kind else Kind.ASSET
    if made not in KINDS_MADE:
        return f"{made.lower()}:"
    if made is Kind.COLUMN:
        if given(said.dataset) is None:
            raise refuse(f"{field}.dataset", "a column needs the name of its dataset")
        return named(made, said.namespace, given(said.dataset) or "", name, field=f"{field}.name")
    more = [given(said.version) or ""] if made is Kind.MODEL else []
    return named(made, said.namespace, name, *more, field=f"{field}.name")


def _entity_attributes(said: EntityInput, kind: Kind, field: str) -> dict[str, Json]:
    attributes = _attributes(said, _COMMON)
    for name, (key, kinds) in _OWN.items():
        value = getattr(said, name)
        if value is UNSET or (name == "version" and kind is Kind.MODEL):
            continue
        if kind not in kinds:
            raise refuse(f"{field}.{_camel(name)}", f"{kind.a} has no {_camel(name)}")
        attributes[key] = _object(value, f"{field}.values") if name == "values" else value
    for name, value in (_object(said.attributes, f"{field}.attributes") or {}).items():
        attributes[facet_key(name)] = value
    return attributes


def links(said: LinkEntitiesInput, now: int) -> LinkEntities:
    """Raises `CommandError`."""
    _check_count(said.links, "links")
    return LinkEntities(tuple(_link(link, f"links.{index}") for index, link in enumerate(said.links)), _when(said.at, now))


def _link(said: LinkInput, field: str) -> Link:
    source, kind, target = _ends(said.source, said.kind, said.target, field)
    confidence = given(said.confidence)
    confidence = 1.0 if confidence is None else confidence
    if not 0 <= confidence <= 1:
        raise refuse(f"{field}.confidence", "confidence is 0 to 1")
    return Link(source, kind, target, confidence, _steps(said.transformations))


def _ends(source: str, kind: enums.EdgeKind, target: str, field: str) -> tuple[str, EdgeKind, str]:
    """Both ends in the direction in which the edge is stored."""
    stored = kind.stored
    names = ("source", "target")
    if kind is enums.EdgeKind.GENERATED_BY:
        source, target, names = target, source, ("target", "source")
    sources, targets = ENDS[stored]
    return (
        whole_id(source, _usual(sources), f"{field}.{names[0]}", sources),
        stored,
        whole_id(target, _usual(targets), f"{field}.{names[1]}", targets),
    )


def _usual(kinds: frozenset[Kind]) -> Kind:
    """The kind that a bare name means where these may stand."""
    return Kind.DATASET if Kind.DATASET in kinds else min(kinds)


def retractions(said: RetractEdgesInput, now: int) -> RetractEdges:
    """Raises `CommandError`."""
    _check_count(said.edges, "edges")
    found = []
    for index, edge in enumerate(said.edges):
        field, kind = f"edges.{index}", given(edge.kind)
        if kind is None:
            source = whole_id(edge.source, Kind.DATASET, f"{field}.source", API_KINDS)
            found.append(Retraction(source, None, whole_id(edge.target, Kind.DATASET, f"{field}.target", API_KINDS)))
        else:
            found.append(Retraction(*_ends(edge.source, kind, edge.target, field)))
    return RetractEdges(tuple(found), _when(said.at, now))


def deletion(said: DeleteEntityInput, node_id: str, now: int) -> DeleteEntity:
    """`node_id` is the entity as it was found."""
    return DeleteEntity(node_id, _when(said.at, now))


def _when(at: int | None, now: int) -> int:
    time = given(at)
    return now if time is None else time


def _attributes(said: Any, names: Iterable[str]) -> dict[str, Json]:
    """What was said under these names; null takes it back."""
    return {name: value for name in names if (value := getattr(said, name)) is not UNSET}


def _steps(said: Sequence[TransformationInput] | None) -> tuple[Mapping[str, Json], ...]:
    return tuple(
        {
            "type": step.type,
            "subtype": given(step.subtype),
            "description": given(step.description),
            "masking": bool(given(step.masking)),
        }
        for step in given(said) or ()
    )


def _object(value: object, field: str) -> Mapping[str, Json] | None:
    if value is UNSET or value is None:
        return None
    if not isinstance(value, Mapping):
        raise refuse(field, "this is a JSON object")
    return value


def _check_count(items: Sequence[object], field: str) -> None:
    if not 1 <= len(items) <= MAX_ITEMS:
        raise refuse(field, f"1 to {MAX_ITEMS:,} at a time, not {len(items):,}")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)
