"""What mutations take. Ids may be bare names in the namespace `default`; what is named for the first time is made."""

import strawberry
from strawberry import UNSET

from schema.enums import EdgeKind, Kind
from schema.scalars import JsonValue, Micros

WHEN = "When it happened; now where left out."


@strawberry.input(description="How values are computed.")
class TransformationInput:
    type: str = strawberry.field(description="DIRECT or INDIRECT.")
    subtype: str | None = strawberry.field(description="IDENTITY, AGGREGATION, FILTER ...", default=UNSET)
    description: str | None = strawberry.field(description="In words.", default=UNSET)
    masking: bool | None = strawberry.field(description="Whether the value is hidden by it.", default=UNSET)


@strawberry.input(description="A field computed from another.")
class ColumnLinkInput:
    source: strawberry.ID = strawberry.field(
        description="The id of the field read; `orders#id` is one of a default dataset."
    )
    target: strawberry.ID = strawberry.field(description="The id of the field written, one of an output.")
    transformations: list[TransformationInput] | None = strawberry.field(description="How.", default=UNSET)


@strawberry.input(description="A job moved data.")
class CaptureOperationInput:
    name: str = strawberry.field(description="The name of the job.")
    namespace: str | None = strawberry.field(description="Its namespace; `default` where left out.", default=UNSET)
    type: str | None = strawberry.field(description="What kind of operation.", default=UNSET)
    inputs: list[strawberry.ID] | None = strawberry.field(description="The datasets or assets read.", default=UNSET)
    outputs: list[strawberry.ID] | None = strawberry.field(description="The datasets or assets written.", default=UNSET)
    performed_by: list[strawberry.ID] | None = strawberry.field(description="The users who did it.", default=UNSET)
    hosted_on: list[strawberry.ID] | None = strawberry.field(description="The systems it ran on.", default=UNSET)
    run_id: str | None = strawberry.field(
        description="The id of the run; without one the same capture again is the same run.", default=UNSET
    )
    at: Micros | None = strawberry.field(description=WHEN, default=UNSET)
    description: str | None = strawberry.field(description="What the job is.", default=UNSET)
    tags: list[str] | None = strawberry.field(description="Labels of the job.", default=UNSET)
    owners: list[str] | None = strawberry.field(description="Who answers for the job.", default=UNSET)
    columns: list[ColumnLinkInput] | None = strawberry.field(description="Which fields came of which.", default=UNSET)


@strawberry.input(description="A model by its name.")
class ModelInput:
    name: str = strawberry.field(description="Its name.")
    namespace: str | None = strawberry.field(description="Its namespace; `default` where left out.", default=UNSET)
    version: str | None = strawberry.field(description="Its version; part of its id.", default=UNSET)


@strawberry.input(description="A model was trained.")
class TrackModelTrainingInput:
    model: ModelInput = strawberry.field(description="The model.")
    datasets: list[strawberry.ID] = strawberry.field(description="The datasets or assets it was trained on.")
    architecture: str | None = strawberry.field(description="How it is built.", default=UNSET)
    status: str | None = strawberry.field(description="Where it stands: STAGING, PRODUCTION ...", default=UNSET)
    hyperparameters: JsonValue | None = strawberry.field(
        description="An object: what the training was configured with.", default=UNSET
    )
    metrics: JsonValue | None = strawberry.field(description="An object: how well it did.", default=UNSET)
    trained_at: Micros | None = strawberry.field(description=WHEN, default=UNSET)
    description: str | None = strawberry.field(description="What the model is.", default=UNSET)
    tags: list[str] | None = strawberry.field(description="Labels.", default=UNSET)
    owners: list[str] | None = strawberry.field(description="Who answers for it.", default=UNSET)


@strawberry.input(description="A model said something.")
class RecordPredictionInput:
    model: strawberry.ID = strawberry.field(
        description="The model; without a version the latest, without `model:` one in the namespace `default`."
    )
    name: str = strawberry.field(description="The name of the prediction.")
    namespace: str | None = strawberry.field(description="Its namespace; that of the model where left out.", default=UNSET)
    value: JsonValue | None = strawberry.field(description="What was said.", default=UNSET)
    predicted_at: Micros | None = strawberry.field(description=WHEN, default=UNSET)
    inputs: JsonValue | None = strawberry.field(description="What it was said about.", default=UNSET)
    description: str | None = strawberry.field(description="In words.", default=UNSET)
    tags: list[str] | None = strawberry.field(description="Labels.", default=UNSET)
    owners: list[str] | None = strawberry.field(description="Who answers for it.", default=UNSET)


@strawberry.input(
    description="An entity and what is said of it: by `id`, or by `kind` and `name`. What is left out stays, "
    "null takes it back."
)
class EntityInput:
    id: strawberry.ID | None = strawberry.field(description="Its id, in place of kind, namespace and name.", default=UNSET)
    kind: Kind | None = strawberry.field(description="What it is; ASSET where there is a label.", default=UNSET)
    namespace: str | None = strawberry.field(description="Its namespace; `default` where left out.", default=UNSET)
    name: str | None = strawberry.field(description="Its name.", default=UNSET)
    dataset: str | None = strawberry.field(description="Of a column: the name of its dataset.", default=UNSET)
    version: str | None = strawberry.field(
        description="Of a model part of its id, of a dataset the version last written.", default=UNSET
    )
    label: str | None = strawberry.field(description="Of an asset: what such a thing is called.", default=UNSET)
    description: str | None = strawberry.field(description="What it is.", default=UNSET)
    tags: list[str] | None = strawberry.field(description="Labels.", default=UNSET)
    owners: list[str] | None = strawberry.field(description="Who answers for it.", default=UNSET)
    type: str | None = strawberry.field(description="Its type.", default=UNSET)
    location: str | None = strawberry.field(description="Of a dataset: where it lies.", default=UNSET)
    architecture: str | None = strawberry.field(description="Of a model: how it is built.", default=UNSET)
    status: str | None = strawberry.field(description="Of a model: where it stands.", default=UNSET)
    sql: str | None = strawberry.field(description="Of a job: what it runs.", default=UNSET)
    source_url: str | None = strawberry.field(description="Of a job: where its code is.", default=UNSET)
    ordinal: int | None = strawberry.field(description="Of a column: its place, from 1.", default=UNSET)
    values: JsonValue | None = strawberry.field(description="Of hyperparameters or metrics: an object.", default=UNSET)
    attributes: JsonValue | None = strawberry.field(
        description="An object of anything else; each member is kept, and served, as a facet.", default=UNSET
    )


@strawberry.input(description="Entities and what is said of them.")
class UpsertEntitiesInput:
    entities: list[EntityInput] = strawberry.field(description="At most 1,000.")
    at: Micros | None = strawberry.field(description="When it is so; now where left out.", default=UNSET)


@strawberry.input(description="An edge that you state.")
class LinkInput:
    source: strawberry.ID = strawberry.field(description="Where the data comes from.")
    kind: EdgeKind = strawberry.field(description="How; GENERATED_BY goes from the prediction to the model.")
    target: strawberry.ID = strawberry.field(description="Where it goes to.")
    confidence: float | None = strawberry.field(description="How sure, 0 to 1; 1 where left out.", default=UNSET)
    transformations: list[TransformationInput] | None = strawberry.field(
        description="Of an edge between columns: how.", default=UNSET
    )


@strawberry.input(description="Edges that you state.")
class LinkEntitiesInput:
    links: list[LinkInput] = strawberry.field(description="At most 1,000.")
    at: Micros | None = strawberry.field(description="When it is so; now where left out.", default=UNSET)


@strawberry.input(description="An edge to withdraw.")
class EdgeInput:
    source: strawberry.ID = strawberry.field(description="Where it comes from.")
    kind: EdgeKind | None = strawberry.field(
        description="How; null for the folded edge from one dataset to another, or two names that were wrongly joined.",
        default=UNSET,
    )
    target: strawberry.ID = strawberry.field(description="Where it goes to.")


@strawberry.input(description="Edges to withdraw. One comes back when it is seen again with a later time.")
class RetractEdgesInput:
    edges: list[EdgeInput] = strawberry.field(description="At most 1,000.")
    at: Micros | None = strawberry.field(description="As of when; now where left out.", default=UNSET)


@strawberry.input(description="An entity to delete. It comes back when it is seen again with a later time.")
class DeleteEntityInput:
    id: strawberry.ID = strawberry.field(description="Which.")
    at: Micros | None = strawberry.field(description="As of when; now where left out.", default=UNSET)


@strawberry.input(description="What to keep ready, or no longer.")
class PinImpactInput:
    id: strawberry.ID = strawberry.field(description="What others depend on; a bare name is one in the namespace `default`.")
