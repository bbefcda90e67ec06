"""The entities. Each value is read from what was gathered (`Seen`); a field that leads on was gathered beforehand."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from backends import ids
from schema.cost.directives import LIST, Cost, assumed, paged
from schema.enums import Kind
from schema.scalars import JsonValue, Micros
from schema.seen import Seen
from schema.types.common import After, AsOf, Connection, Depth, EdgeKinds, First, Kinds, Node, T, resolver
from schema.types.lineage import LineageConnection

_KINDS: Mapping[ids.Kind, Kind] = {kind.value: kind for kind in Kind}


@strawberry.interface(description="Anything that lineage is told of.")
class Entity(Node):
    @resolver("What it is.")
    def kind(self) -> Kind:
        return _KINDS[self.seen.kind]

    @resolver("Where its name is unique; that of a run is that of its job.")
    def namespace(self) -> str:
        return ids.namespace_of(self.seen.id)

    @resolver("Its name; of a column the field alone, of an operation its job, of a run its run id.")
    def name(self) -> str:
        return ids.name_of(self.seen.id)

    @resolver("What people say it is.")
    def description(self) -> str | None:
        return self.seen.text("description")

    @resolver("Labels.")
    def tags(self) -> list[str]:
        return self.seen.texts("tags")

    @resolver("Who answers for it.")
    def owners(self) -> list[str]:
        return self.seen.texts("owners")

    @resolver("The time of the first event that named it.")
    def first_seen(self) -> Micros | None:
        return _micros(self.seen.seen[0])

    @resolver("The time of the last event that named it.")
    def last_seen(self) -> Micros | None:
        return _micros(self.seen.seen[1])

    @resolver("Facets as they were sent, by name; all of them unless `names` picks some. Null without any.")
    def facets(
        self, names: Annotated[list[str] | None, strawberry.argument(description="Only these; null gives all.")] = UNSET
    ) -> JsonValue | None:
        return _json(self.seen.facets(None if names is UNSET else names))

    @resolver("Entities this one comes from, one shown step away unless depth says more.", paged())
    def upstream(
        self,
        depth: Depth = 1,
        kinds: Kinds = UNSET,
        edge_kinds: EdgeKinds = UNSET,
        first: First = 50,
        after: After = UNSET,
        as_of: AsOf = UNSET,
    ) -> LineageConnection:
        return self._walk("upstream", depth, kinds, edge_kinds, first, after)

    @resolver("Entities that come of this one, one shown step away unless depth says more.", paged())
    def downstream(
        self,
        depth: Depth = 1,
        kinds: Kinds = UNSET,
        edge_kinds: EdgeKinds = UNSET,
        first: First = 50,
        after: After = UNSET,
        as_of: AsOf = UNSET,
    ) -> LineageConnection:
        return self._walk("downstream", depth, kinds, edge_kinds, first, after)

    def _walk(
        self, name: str, depth: Depth, kinds: Kinds, edge_kinds: EdgeKinds, first: First, after: After
    ) -> LineageConnection:
        found: LineageConnection = self.seen.link(
            name, depth=depth, kinds=kinds, edgeKinds=edge_kinds, first=first, after=after
        )
        return found


@strawberry.type(description="A table, file set, topic or feature view.")
class Dataset(Entity):
    @resolver("What kind of dataset: TABLE, VIEW, FILE, TOPIC ...")
    def type(self) -> str | None:
        return self.seen.text("type")

    @resolver("Where it lies, as a URI.")
    def location(self) -> str | None:
        return self.seen.text("location")

    @resolver("The version last written.")
    def version(self) -> str | None:
        return self.seen.text("version")

    @resolver("What last happened to it: CREATE, ALTER, TRUNCATE, OVERWRITE, RENAME or DROP.")
    def lifecycle(self) -> str | None:
        return self.seen.text("lifecycle")

    @resolver("Other names of the same dataset (symlinks), as ids.")
    def aliases(self) -> list[str]:
        node = self.seen.node
        return list(node.aliases) if node is not None else []

    @resolver("Its fields, by name.", paged())
    def columns(self, first: First = 100, after: After = UNSET) -> Connection["Column"]:
        return _page(self, "columns", first, after)

    @resolver("The operations that write it.", paged())
    def produced_by(self, first: First = 20, after: After = UNSET) -> Connection["Operation"]:
        return _page(self, "producedBy", first, after)

    @resolver("The operations that read it.", paged())
    def consumed_by(self, first: First = 20, after: After = UNSET) -> Connection["Operation"]:
        return _page(self, "consumedBy", first, after)

    @resolver("The models trained on it.", paged())
    def used_in_training(self, first: First = 20, after: After = UNSET) -> Connection["Model"]:
        return _page(self, "usedInTraining", first, after)


@strawberry.type(description="A field of a dataset; its lineage is that of fields.")
class Column(Entity):
    @resolver("The dataset it is a field of.")
    def dataset(self) -> Dataset:
        found: Dataset = self.seen.link("dataset")
        return found

    @resolver("Its data type, as the source names it.")
    def type(self) -> str | None:
        return self.seen.text("type")

    @resolver("Its place among the fields, from 1.")
    def ordinal(self) -> int | None:
        return self.seen.whole("ordinal")


@strawberry.type(
    description="What runs again and again under one name. Its upstream and downstream are those of all its operations."
)
class Job(Entity):
    @resolver("What kind of job: QUERY, MODEL, TASK, DAG ...")
    def type(self) -> str | None:
        return self.seen.text("type")

    @resolver("The SQL it last ran.")
    def sql(self) -> str | None:
        return self.seen.text("sql")

    @resolver("Where its source code is.")
    def source_url(self) -> str | None:
        return self.seen.text("source_url")

    @resolver("The job it is a part of, such as the DAG of a task.")
    def parent(self) -> "Job | None":
        found: Job | None = self.seen.link("parent")
        return found

    @resolver("The datasets any of its operations reads.", paged())
    def inputs(self, first: First = 100, after: After = UNSET) -> Connection[Dataset]:
        return _page(self, "inputs", first, after)

    @resolver("The datasets any of its operations writes.", paged())
    def outputs(self, first: First = 100, after: After = UNSET) -> Connection[Dataset]:
        return _page(self, "outputs", first, after)

    @resolver("The ways it moves data.", paged())
    def operations(self, first: First = 20, after: After = UNSET) -> Connection["Operation"]:
        return _page(self, "operations", first, after)

    @resolver("Its executions, newest first.", paged(), Cost(weight=LIST))
    def runs(self, first: First = 20, after: After = UNSET) -> Connection["Run"]:
        return _page(self, "runs", first, after)

    @resolver("The run it was last heard of in; where runs overlap, not always the one that started last.")
    def last_run(self) -> "Run | None":
        found: Run | None = self.seen.link("lastRun")
        return found


@strawberry.type(description="One way a job moves data: these inputs flow into these outputs.")
class Operation(Entity):
    @resolver("What kind of operation: RENAME, else that of its job.")
    def type(self) -> str | None:
        job = self.seen.store.nodes.get(self.seen.job) if self.seen.job is not None else None
        own = self.seen.text("type")
        return own if own is not None or job is None else job.attributes.get("type")

    @resolver("The job. Null where a dataset event alone declared the derivation.")
    def job(self) -> Job | None:
        found: Job | None = self.seen.link("job")
        return found

    @resolver("The datasets it reads.", paged())
    def inputs(self, first: First = 100, after: After = UNSET) -> Connection[Dataset]:
        return _page(self, "inputs", first, after)

    @resolver("The datasets it writes.", paged())
    def outputs(self, first: First = 100, after: After = UNSET) -> Connection[Dataset]:
        return _page(self, "outputs", first, after)

    @resolver("Who performed it; at most 1,000.", assumed(5))
    def performed_by(self) -> list["User"]:
        found: list[User] = self.seen.link("performedBy")
        return found

    @resolver("What hosted it; at most 1,000.", assumed(5))
    def hosted_on(self) -> list["System"]:
        found: list[System] = self.seen.link("hostedOn")
        return found


@strawberry.type(description="One execution of a job. Its upstream are its own inputs and what they come from.")
class Run(Entity):
    @resolver("Where its name is unique; that of a run is that of its job.")
    def namespace(self) -> str:
        return ids.namespace_of(self.seen.text("job") or self.seen.id)

    @resolver("RUNNING, COMPLETE, FAIL or ABORT; UNKNOWN where only its name is left.")
    def state(self) -> str:
        return self.seen.text("state") or "UNKNOWN"

    @resolver("When it started.")
    def started_at(self) -> Micros | None:
        return _micros(self.seen.whole("started"))

    @resolver("When it ended; null while it runs.")
    def ended_at(self) -> Micros | None:
        return _micros(self.seen.whole("ended"))

    @resolver("What went wrong, as the run said it.")
    def error(self) -> str | None:
        return self.seen.text("error")

    @resolver("The job it is an execution of.")
    def job(self) -> Job | None:
        found: Job | None = self.seen.link("job")
        return found

    @resolver("The run that started it.")
    def parent(self) -> "Run | None":
        found: Run | None = self.seen.link("parent")
        return found

    @resolver("The run at the top of its parents.")
    def root(self) -> "Run | None":
        found: Run | None = self.seen.link("root")
        return found

    @resolver("The runs it started, newest first.", paged(), Cost(weight=LIST))
    def children(self, first: First = 20, after: After = UNSET) -> Connection["Run"]:
        return _page(self, "children", first, after)

    @resolver("The datasets this very run read.", paged())
    def inputs(self, first: First = 100, after: After = UNSET) -> Connection[Dataset]:
        return _page(self, "inputs", first, after)

    @resolver("The datasets this very run wrote.", paged())
    def outputs(self, first: First = 100, after: After = UNSET) -> Connection[Dataset]:
        return _page(self, "outputs", first, after)


@strawberry.type(description="A version of a trained model.")
class Model(Entity):
    @resolver("The version, part of its id.")
    def version(self) -> str | None:
        return self.seen.text("version") or ids.split_id(self.seen.id)[1][2] or None

    @resolver("How it is built.")
    def architecture(self) -> str | None:
        return self.seen.text("architecture")

    @resolver("Where it stands: STAGING, PRODUCTION, ARCHIVED, or whatever its registry says.")
    def status(self) -> str | None:
        return self.seen.text("status")

    @resolver("When it was trained.")
    def trained_at(self) -> Micros | None:
        return _micros(self.seen.whole("trained_at"))

    @resolver("The datasets it was trained on.", paged())
    def trained_on(self, first: First = 20, after: After = UNSET) -> Connection[Dataset]:
        return _page(self, "trainedOn", first, after)

    @resolver("What its training was configured with.")
    def hyperparameters(self) -> JsonValue | None:
        return _json(self.seen.attributes.get("hyperparameters"))

    @resolver("How well it did.")
    def metrics(self) -> JsonValue | None:
        return _json(self.seen.attributes.get("metrics"))

    @resolver("What it said.", paged())
    def predictions(self, first: First = 50, after: After = UNSET) -> Connection["Prediction"]:
        return _page(self, "predictions", first, after)


@strawberry.type(description="What a model said.")
class Prediction(Entity):
    @resolver("What was said.")
    def value(self) -> JsonValue | None:
        return _json(self.seen.attributes.get("value"))

    @resolver("When it was said.")
    def predicted_at(self) -> Micros | None:
        return _micros(self.seen.whole("predicted_at"))

    @resolver("What it was said about, as the caller gave it.")
    def inputs(self) -> JsonValue | None:
        return _json(self.seen.attributes.get("inputs"))

    @resolver("The model that said it.")
    def model(self) -> Model | None:
        found: Model | None = self.seen.link("model")
        return found


@strawberry.type(description="What a training was configured with, as an entity of its own.")
class Hyperparameters(Entity):
    @resolver("The values by name.")
    def values(self) -> JsonValue | None:
        return _json(self.seen.attributes.get("values"))


@strawberry.type(description="How well a model did, as an entity of its own.")
class Metrics(Entity):
    @resolver("The values by name.")
    def values(self) -> JsonValue | None:
        return _json(self.seen.attributes.get("values"))


@strawberry.type(description="Who performs operations.")
class User(Entity):
    @resolver("The operations it performed.", paged())
    def performed(self, first: First = 20, after: After = UNSET) -> Connection[Operation]:
        return _page(self, "performed", first, after)


@strawberry.type(description="What hosts operations: a cluster, a warehouse, a machine.")
class System(Entity):
    @resolver("The operations it hosted.", paged())
    def hosts(self, first: First = 20, after: After = UNSET) -> Connection[Operation]:
        return _page(self, "hosts", first, after)


@strawberry.type(
    description="Anything else a caller brings: dashboard, feature, notebook. It may stand where a dataset stands."
)
class Asset(Entity):
    @resolver("What the caller calls such a thing.")
    def label(self) -> str:
        return self.seen.text("label") or "Asset"


ENTITY_TYPES: Mapping[ids.Kind, type[Entity]] = {
    ids.Kind.DATASET: Dataset,
    ids.Kind.COLUMN: Column,
    ids.Kind.JOB: Job,
    ids.Kind.OPERATION: Operation,
    ids.Kind.RUN: Run,
    ids.Kind.MODEL: Model,
    ids.Kind.HYPERPARAMETERS: Hyperparameters,
    ids.Kind.METRICS: Metrics,
    ids.Kind.PREDICTION: Prediction,
    ids.Kind.USER: User,
    ids.Kind.SYSTEM: System,
    ids.Kind.ASSET: Asset,
}


def entity(seen: Seen) -> Any:
    """The GraphQL value of an entity that is shown."""
    return ENTITY_TYPES[seen.kind](seen=seen)


def _page(parent: Entity, name: str, first: First, after: After) -> Connection[T]:
    found: Connection[T] = parent.seen.link(name, first=first, after=after)
    return found


def _micros(time: int | None) -> Micros | None:
    return None if time is None else Micros(time)


def _json(value: object) -> JsonValue | None:
    return None if value is None else JsonValue(value)
