"""The enums of the API. Members carry the values of `backends`, so that nothing is translated by hand."""

from enum import Enum
from typing import Any, TypeVar, cast

import strawberry

from backends import ids, model

V = TypeVar("V")


def _value(value: V, description: str) -> V:
    """The value of a member, described. Strawberry puts the bare value in its place."""
    return cast(V, strawberry.enum_value(value, description=description))


@strawberry.enum(name="Kind", description="What an entity is.")
class Kind(Enum):
    DATASET = _value(ids.Kind.DATASET, "A table, file set, topic or feature view.")
    COLUMN = _value(ids.Kind.COLUMN, "A field of a dataset.")
    JOB = _value(ids.Kind.JOB, "What runs again and again under one name.")
    OPERATION = _value(ids.Kind.OPERATION, "One way a job moves data: these inputs flow into these outputs.")
    RUN = _value(ids.Kind.RUN, "One execution of a job.")
    MODEL = _value(ids.Kind.MODEL, "A version of a trained model.")
    HYPERPARAMETERS = _value(ids.Kind.HYPERPARAMETERS, "What a training was configured with.")
    METRICS = _value(ids.Kind.METRICS, "How well a model did.")
    PREDICTION = _value(ids.Kind.PREDICTION, "What a model said.")
    USER = _value(ids.Kind.USER, "Who performed an operation.")
    SYSTEM = _value(ids.Kind.SYSTEM, "What hosted an operation.")
    ASSET = _value(ids.Kind.ASSET, "Anything else a caller brings: dashboard, feature, notebook.")


@strawberry.enum(name="EdgeKind", description="How two entities are joined; always in the direction the data flows.")
class EdgeKind(Enum):
    INPUT_TO = _value(model.EdgeKind.INPUT_TO, "Dataset to operation.")
    PRODUCES = _value(model.EdgeKind.PRODUCES, "Operation to dataset.")
    USED_IN_TRAINING = _value(model.EdgeKind.USED_IN_TRAINING, "Dataset to model.")
    GENERATED = _value(model.EdgeKind.GENERATED, "Model to prediction.")
    GENERATED_BY = _value("GENERATED_BY", "The inverse name of GENERATED, prediction to model; accepted, never answered.")
    DERIVES = _value(model.EdgeKind.DERIVES, "Column to column.")
    CONFIGURED_WITH = _value(
        model.EdgeKind.CONFIGURED_WITH, "Hyperparameters to model; context, followed only if asked for."
    )
    EVALUATED_WITH = _value(model.EdgeKind.EVALUATED_WITH, "Metrics to model; context, followed only if asked for.")
    PERFORMED = _value(model.EdgeKind.PERFORMED, "User to operation; context, followed only if asked for.")
    HOSTED = _value(model.EdgeKind.HOSTED, "System to operation; context, followed only if asked for.")
    HAS_COLUMN = _value(model.EdgeKind.HAS_COLUMN, "Dataset to column; context, followed only if asked for.")
    HAS_OPERATION = _value(model.EdgeKind.HAS_OPERATION, "Job to operation; context, followed only if asked for.")

    @property
    def stored(self) -> model.EdgeKind:
        """The kind as it is stored: GENERATED for its inverse name."""
        value: Any = self.value
        return value if isinstance(value, model.EdgeKind) else model.EdgeKind.GENERATED


@strawberry.enum(name="Direction", description="Which way lineage is followed.")
class Direction(Enum):
    UPSTREAM = _value(model.Direction.UPSTREAM, "Where it comes from.")
    DOWNSTREAM = _value(model.Direction.DOWNSTREAM, "What comes of it.")
    BOTH = _value(model.Direction.BOTH, "Upstream united with downstream; what merely shares a source is neither.")


@strawberry.enum(name="CacheStatus", description="How an answer was had.")
class CacheStatus(Enum):
    HIT = _value("HIT", "Remembered, and proved current.")
    REPAIRED = _value("REPAIRED", "Remembered, and brought up to date.")
    MISS = _value("MISS", "Computed, and remembered.")
    BYPASS = _value("BYPASS", "Computed; no cache took part.")


@strawberry.enum(name="ImpactOrder", description="What comes first among the affected.")
class ImpactOrder(Enum):
    DEPTH = _value("DEPTH", "The nearest first.")
    IMPACT_LEVEL = _value("IMPACT_LEVEL", "Those reached by the most paths first.")
    NAME = _value("NAME", "By name.")
