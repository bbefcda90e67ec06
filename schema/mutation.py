"""What can be changed. A mutation is a command; what cannot be done is an error of its payload, said in words."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias

import strawberry
from graphql import get_named_type

from backends.commands import Command, CommandError, Done
from backends.errors import Conflict
from backends.ids import Kind, make_id, name_of
from schema import pinning, said
from schema.context import Context, Info
from schema.cost.directives import WRITE, Cost, assumed, sized_by
from schema.errors import ApiError, Code
from schema.gather import find_one, gather_entities, known_one
from schema.names import DEFAULT_NAMESPACE, Sought, sought
from schema.pinning import told_of
from schema.pins import Views
from schema.plan import API_KINDS
from schema.selection import Document, Selection
from schema.turns import check_turns
from schema.types import payloads
from schema.types.common import resolver
from schema.types.entities import entity
from schema.types.inputs import (
    CaptureOperationInput,
    DeleteEntityInput,
    LinkEntitiesInput,
    PinImpactInput,
    RecordPredictionInput,
    RetractEdgesInput,
    TrackModelTrainingInput,
    UpsertEntitiesInput,
)

_WHAT = strawberry.argument(description="What to do.")
Capture: TypeAlias = Annotated[CaptureOperationInput, _WHAT]
Training: TypeAlias = Annotated[TrackModelTrainingInput, _WHAT]
Predicted: TypeAlias = Annotated[RecordPredictionInput, _WHAT]
Entities: TypeAlias = Annotated[UpsertEntitiesInput, _WHAT]
Links: TypeAlias = Annotated[LinkEntitiesInput, _WHAT]
Edges: TypeAlias = Annotated[RetractEdgesInput, _WHAT]
Pin: TypeAlias = Annotated[PinImpactInput, _WHAT]
Deletion: TypeAlias = Annotated[DeleteEntityInput, _WHAT]


SHOWN = frozenset({"job", "operations", "model", "prediction", "entities", "entity"})
"""The fields of payloads that show entities."""


@dataclass(slots=True)
class Outcome:
    """What a command did, or why it was not done, and the entities its payload shows, by field."""

    done: Done | None = None
    shown: Mapping[str, list[Any]] = field(default_factory=dict)
    errors: list[payloads.UserError] = field(default_factory=list)

    @property
    def epoch(self) -> str | None:
        return None if self.done is None else str(self.done.epoch)

    def all(self, name: str) -> list[Any]:
        return self.shown.get(name, [])

    def one(self, name: str) -> Any:
        return next(iter(self.all(name)), None)


@strawberry.type(
    description="What can be changed. The same mutation again changes nothing more. A change is durable once it is answered."
)
class Mutation:
    @resolver(
        "A job moved data: as good as a completed run of it. All that it names for the first time is made.",
        Cost(weight=WRITE),
    )
    async def capture_operation(self, info: Info, input: Capture) -> payloads.CaptureOperationPayload:
        async def command(context: Context) -> Command:
            return said.capture(input, context.clock())

        out = await _perform(info, command, lambda done: {"job": done.ids[:1], "operations": done.operations})
        return payloads.CaptureOperationPayload(
            job=out.one("job"), operations=out.all("operations"), epoch=out.epoch, errors=out.errors
        )

    @resolver("A version of a model was trained on datasets.", Cost(weight=WRITE))
    async def track_model_training(self, info: Info, input: Training) -> payloads.TrackModelTrainingPayload:
        async def command(context: Context) -> Command:
            return said.training(input, context.clock())

        out = await _perform(info, command, lambda done: {"model": done.ids[:1]})
        return payloads.TrackModelTrainingPayload(model=out.one("model"), epoch=out.epoch, errors=out.errors)

    @resolver("A model made a prediction.", Cost(weight=WRITE))
    async def record_prediction(self, info: Info, input: Predicted) -> payloads.RecordPredictionPayload:
        async def command(context: Context) -> Command:
            return said.prediction(input, await _model(context, input.model), context.clock())

        out = await _perform(info, command, lambda done: {"prediction": done.ids[:1]})
        return payloads.RecordPredictionPayload(prediction=out.one("prediction"), epoch=out.epoch, errors=out.errors)

    @resolver(
        "Says things of entities, and makes those that are new.",
        Cost(weight=WRITE),
        assumed(1_000, "entities"),
        metadata=sized_by("input.entities"),
    )
    async def upsert_entities(self, info: Info, input: Entities) -> payloads.UpsertEntitiesPayload:
        async def command(context: Context) -> Command:
            return said.upsert(input, context.clock())

        out = await _perform(info, command, lambda done: {"entities": done.ids})
        return payloads.UpsertEntitiesPayload(entities=out.all("entities"), epoch=out.epoch, errors=out.errors)

    @resolver(
        "States edges, and makes the entities at their ends that are new.", Cost(weight=WRITE), assumed(2_000, "entities")
    )
    async def link_entities(self, info: Info, input: Links) -> payloads.LinkEntitiesPayload:
        async def command(context: Context) -> Command:
            return said.links(input, context.clock())

        out = await _perform(info, command, lambda done: {"entities": done.ids})
        return payloads.LinkEntitiesPayload(entities=out.all("entities"), epoch=out.epoch, errors=out.errors)

    @resolver(
        "Withdraws edges, whoever stated them; they leave every answer at once.",
        Cost(weight=WRITE),
        assumed(2_000, "entities"),
    )
    async def retract_edges(self, info: Info, input: Edges) -> payloads.RetractEdgesPayload:
        async def command(context: Context) -> Command:
            return said.retractions(input, context.clock())

        out = await _perform(info, command, lambda done: {"entities": done.ids})
        return payloads.RetractEdgesPayload(
            retracted=out.done.retracted if out.done else 0,
            entities=out.all("entities"),
            epoch=out.epoch,
            errors=out.errors,
        )

    @resolver("Deletes an entity and its edges; they leave every answer at once.", Cost(weight=WRITE))
    async def delete_entity(self, info: Info, input: Deletion) -> payloads.DeleteEntityPayload:
        async def command(context: Context) -> Command:
            return said.deletion(input, await _known(context, input.id), context.clock())

        out = await _perform(info, command, lambda done: {})
        gone = strawberry.ID(out.done.ids[0]) if out.done and out.done.ids else None
        return payloads.DeleteEntityPayload(id=gone, epoch=out.epoch, errors=out.errors)

    @resolver(
        "Keeps what depends on an entity ready from now on, for all who ask; it is remembered across restarts.",
        Cost(weight=WRITE),
    )
    async def pin_impact(self, info: Info, input: Pin) -> payloads.PinImpactPayload:
        async def act(context: Context) -> Done:
            root = await pinning.pin(context, _views(context), input.id)
            return Done((await context.backend.changes_since(None)).epoch, (root,))

        out = await _act(info, act, lambda done: {"entity": done.ids})
        return payloads.PinImpactPayload(entity=out.one("entity"), errors=out.errors)

    @resolver("What depends on an entity need not be kept ready any more.", Cost(weight=WRITE))
    async def unpin_impact(self, info: Info, input: Pin) -> payloads.UnpinImpactPayload:
        async def act(context: Context) -> Done:
            root = await pinning.unpin(context, _views(context), input.id)
            return Done((await context.backend.changes_since(None)).epoch, (root,))

        out = await _act(info, act, lambda done: {})
        return payloads.UnpinImpactPayload(id=strawberry.ID(out.done.ids[0]) if out.done else None, errors=out.errors)


async def _perform(
    info: Info,
    command: Callable[[Context], Awaitable[Command]],
    shows: Callable[[Done], Mapping[str, Iterable[str]]],
) -> Outcome:
    """Runs a command and reads what its payload shows."""
    writer = info.context.writer
    if writer is None:
        raise ApiError(Code.UNSUPPORTED, "this service takes no changes")

    async def act(context: Context) -> Done:
        return await writer.execute(await command(context))

    return await _act(info, act, shows)


def _views(context: Context) -> Views:
    if context.views is None:
        raise ApiError(Code.UNSUPPORTED, "this service keeps no views: its cache is off")
    return context.views


async def _act(
    info: Info,
    act: Callable[[Context], Awaitable[Done]],
    shows: Callable[[Done], Mapping[str, Iterable[str]]],
) -> Outcome:
    """Does it and reads what its payload shows. What the sender can mend is in `errors`, anything else is raised."""
    context, raw = info.context, info._raw_info
    document = Document.of(raw)
    payload = Selection(document, [node.selection_set for node in raw.field_nodes if node.selection_set])
    below = {each.name: each.below for each in payload.fields(get_named_type(raw.return_type).name)}
    for name in SHOWN & below.keys():
        check_turns(below[name], API_KINDS, context.costs.max_turns)  # before anything is changed
    try:
        async with context.time_left():
            done = await act(context)
    except (ApiError, CommandError) as error:
        where = getattr(error, "field", None)
        return Outcome(errors=[payloads.UserError(code=str(error.code), message=error.message, field=where)])
    except Conflict:
        words = "someone else changed the same thing meanwhile; try again"
        return Outcome(errors=[payloads.UserError(code=Code.CONFLICT.value, message=words, field=None)])
    asked = {name: (below.get(name), tuple(ids)) for name, ids in shows(done).items()}
    seen = await gather_entities(context, document, asked)
    return Outcome(done, {name: [entity(each) for each in found] for name, found in seen.items()})


async def _model(context: Context, text: str) -> str:
    """The id of the model that made a prediction: the version said, else the latest there is, else one without."""
    if not text.startswith("model:"):
        name = said.whole_id(text, Kind.MODEL, "model")  # refuses what has another kind, or is no id
        meant = Sought(text, (), (DEFAULT_NAMESPACE, name_of(name)))
    else:
        with told_of("model"):
            meant = sought(text)
    if meant.latest is None:
        return meant.ids[0]
    found = await find_one(context, meant)
    return found.id if found is not None else make_id(Kind.MODEL, *meant.latest, "")


async def _known(context: Context, text: str) -> str:
    with told_of("id"):
        return (await known_one(context, text)).id
