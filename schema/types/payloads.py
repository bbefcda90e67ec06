"""What mutations give: the entities they were about, the epoch after, and what could not be done."""

import strawberry

from schema.cost.directives import assumed
from schema.types.entities import Entity, Job, Model, Operation, Prediction

EPOCH = "The moment in the topology log after the change; null where it was not made."
ERRORS = "Why it was not made; empty where it was."


@strawberry.type(description="Why a change was not made. Nothing of it was.")
class UserError:
    code: str = strawberry.field(description="BAD_INPUT, NOT_FOUND or CONFLICT.")
    message: str = strawberry.field(description="In words, and what to do.")
    field: str | None = strawberry.field(description="The field of the input that it is about, as `links.0.source`.")


@strawberry.type(description="What came of capturing an operation.")
class CaptureOperationPayload:
    job: Job | None = strawberry.field(description="The job.")
    operations: list[Operation] = strawberry.field(
        description="The operations that carry the capture now.", directives=[assumed(5)]
    )
    epoch: str | None = strawberry.field(description=EPOCH)
    errors: list[UserError] = strawberry.field(description=ERRORS, directives=[assumed(1)])


@strawberry.type(description="What came of tracking a training.")
class TrackModelTrainingPayload:
    model: Model | None = strawberry.field(description="The model.")
    epoch: str | None = strawberry.field(description=EPOCH)
    errors: list[UserError] = strawberry.field(description=ERRORS, directives=[assumed(1)])


@strawberry.type(description="What came of recording a prediction.")
class RecordPredictionPayload:
    prediction: Prediction | None = strawberry.field(description="The prediction.")
    epoch: str | None = strawberry.field(description=EPOCH)
    errors: list[UserError] = strawberry.field(description=ERRORS, directives=[assumed(1)])


@strawberry.type(description="What came of saying things of entities.")
class UpsertEntitiesPayload:
    entities: list[Entity] = strawberry.field(description="The entities, in the order given, each once.")
    epoch: str | None = strawberry.field(description=EPOCH)
    errors: list[UserError] = strawberry.field(description=ERRORS, directives=[assumed(1)])


@strawberry.type(description="What came of stating edges.")
class LinkEntitiesPayload:
    entities: list[Entity] = strawberry.field(description="The ends of the edges, each once.")
    epoch: str | None = strawberry.field(description=EPOCH)
    errors: list[UserError] = strawberry.field(description=ERRORS, directives=[assumed(1)])


@strawberry.type(description="What came of withdrawing edges.")
class RetractEdgesPayload:
    retracted: int = strawberry.field(description="How many edges were withdrawn.")
    entities: list[Entity] = strawberry.field(description="The ends of the edges, each once.")
    epoch: str | None = strawberry.field(description=EPOCH)
    errors: list[UserError] = strawberry.field(description=ERRORS, directives=[assumed(1)])


@strawberry.type(description="What came of deleting an entity.")
class DeleteEntityPayload:
    id: strawberry.ID | None = strawberry.field(description="The id of what was deleted; null where nothing was.")
    epoch: str | None = strawberry.field(description=EPOCH)
    errors: list[UserError] = strawberry.field(description=ERRORS, directives=[assumed(1)])


@strawberry.type(description="What came of pinning.")
class PinImpactPayload:
    entity: Entity | None = strawberry.field(description="What was pinned.")
    errors: list[UserError] = strawberry.field(description=ERRORS, directives=[assumed(1)])


@strawberry.type(description="What came of taking a pin away.")
class UnpinImpactPayload:
    id: strawberry.ID | None = strawberry.field(description="The id of what was pinned; null where it was not.")
    errors: list[UserError] = strawberry.field(description=ERRORS, directives=[assumed(1)])
