"""What a client may say directly, beside OpenLineage events: one value per mutation. `ingest` interprets them.

Ids are ids of nodes as said (`backends.ids`), times microseconds. What is named for the first time is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from backends.ids import Kind
from backends.model import EdgeKind, Epoch, Json


@dataclass(frozen=True, slots=True)
class ColumnLink:
    """One field computed from another; `transformations` have `type`, `subtype`, `description`, `masking`."""

    source: str
    target: str
    transformations: tuple[Mapping[str, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class CaptureOperation:
    """A job moved data: as good as a completed run of it. `run` is a run id (text) or None, then nothing is run twice:
    the same capture again is one."""

    job: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    at: int
    type: str | None = None
    users: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    run: str | None = None
    columns: tuple[ColumnLink, ...] = ()
    attributes: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrackTraining:
    """A model version was trained on datasets (or assets)."""

    model: str
    datasets: tuple[str, ...]
    at: int
    hyperparameters: Mapping[str, Json] | None = None
    metrics: Mapping[str, Json] | None = None
    attributes: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordPrediction:
    """A model made a prediction."""

    prediction: str
    model: str
    at: int
    value: Json = None
    attributes: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpsertEntities:
    """Entities and what is said of them; an attribute given as None is taken back."""

    entities: Mapping[str, Mapping[str, Json]]
    at: int


@dataclass(frozen=True, slots=True)
class Link:
    """An edge a client states. Between an operation and a dataset it is kept by the operation's job and outputs."""

    source: str
    kind: EdgeKind
    target: str
    confidence: float = 1.0
    transformations: tuple[Mapping[str, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class LinkEntities:
    links: tuple[Link, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Retraction:
    """An edge to withdraw. `kind` None: the folded edge from one dataset to another, or two names wrongly joined."""

    source: str
    kind: EdgeKind | None
    target: str


@dataclass(frozen=True, slots=True)
class RetractEdges:
    retractions: tuple[Retraction, ...]
    at: int


@dataclass(frozen=True, slots=True)
class DeleteEntity:
    """Hides an entity and its edges until it is seen again later than `at`."""

    id: str
    at: int


Command: TypeAlias = (
    CaptureOperation | TrackTraining | RecordPrediction | UpsertEntities | LinkEntities | RetractEdges | DeleteEntity
)


@dataclass(frozen=True, slots=True)
class Done:
    """What a command did: the epoch after it and the ids it was about (made, changed or withdrawn), as they resolve now.
    `operations` are those that carry a capture, `retracted` is how many statements a retraction withdrew."""

    epoch: Epoch
    ids: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    retracted: int = 0


class CommandError(Exception):
    """A command that cannot be done, in words for its sender: `code` (NOT_FOUND, BAD_INPUT, CONFLICT), `field`, advice."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field


KINDS_MADE = frozenset(Kind) - {Kind.OPERATION, Kind.RUN, Kind.STATE, Kind.PICTURE, Kind.TALLY}
"""Kinds a client may make by name; operations come from captures and events, runs from events."""
