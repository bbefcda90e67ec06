"""What an answer is worth, and its counts."""

from dataclasses import dataclass

import strawberry

from schema.cost.directives import assumed
from schema.enums import CacheStatus, Kind
from schema.impact import Summary
from schema.scalars import Micros
from schema.seen import Store
from schema.types.common import resolver

SERVICE_BOUND = ("SERVICE_BOUND", "more is within reach than this service looks at in one traversal; the nearest are given")
MAX_NODES = ("MAX_NODES", "more is within reach than maxNodes; the nearest are given")
EDGES_CUT = ("EDGES_CUT", "more folded edges than one answer holds; ask for fewer nodes, or show OPERATION")
WORK_BOUND = ("WORK_BOUND", "the routes are too many to look at all; those given may not be the shortest")
EPOCHS_DIFFER = ("EPOCHS_DIFFER", "the graph changed while it was read, again and again; parts are of different moments")


@dataclass(slots=True)
class Told:
    """What an answer must say of itself. `reasons` are (code, words), the weightiest first."""

    store: Store
    total: int | None
    cache: str
    reasons: tuple[tuple[str, str], ...] = ()

    def reason(self) -> tuple[str, str] | None:
        if self.reasons:
            return self.reasons[0]
        return EPOCHS_DIFFER if self.store.epochs_differ else None


@strawberry.type(description="What an answer is worth: on every lineage, impact and path result.")
class Answer:
    told: strawberry.Private[Told]

    @resolver("Whether this is all there is. A page that is not the last does not make it incomplete.")
    def complete(self) -> bool:
        return self.told.reason() is None

    @resolver("Why it is not complete, in words; null where it is.")
    def incomplete_because(self) -> str | None:
        reason = self.told.reason()
        return reason[1] if reason else None

    @resolver("Why it is not complete: SERVICE_BOUND, MAX_NODES, EDGES_CUT, WORK_BOUND, EPOCHS_DIFFER; null where it is.")
    def incomplete_code(self) -> str | None:
        reason = self.told.reason()
        return reason[0] if reason else None

    @resolver("Whether nodes or edges were left out because a bound was reached.")
    def truncated(self) -> bool:
        return any(reason in (SERVICE_BOUND, MAX_NODES, EDGES_CUT) for reason in self.told.reasons)

    @resolver("How many entities there are before any cut; null where the service's bound cut the counting.")
    def total(self) -> int | None:
        return self.told.total

    @resolver("The moment in the topology log that the answer is of.")
    def epoch(self) -> str:
        return str(self.told.store.epoch)

    @resolver("The moment in time that was asked about; null is now.")
    def as_of(self) -> Micros | None:
        return None

    @resolver("The time of the newest event included; null where there was none.")
    def watermark(self) -> Micros | None:
        time = self.told.store.watermark
        return None if time is None else Micros(time)

    @resolver("Which backend, or which members of a federation, answered.")
    def sources(self) -> list[str]:
        return [self.told.store.source]

    @resolver("How the answer was had.")
    def cache(self) -> CacheStatus:
        return CacheStatus[self.told.cache]


@strawberry.type(description="How many of a kind.")
class KindCount:
    kind: Kind = strawberry.field(description="The kind.")
    count: int = strawberry.field(description="How many.")


@strawberry.type(description="How many at a depth.")
class DepthCount:
    depth: int = strawberry.field(description="Shown steps from the nearest root.")
    count: int = strawberry.field(description="How many.")


@strawberry.type(description="How many in a namespace.")
class NamespaceCount:
    namespace: str = strawberry.field(description="The namespace.")
    count: int = strawberry.field(description="How many.")


@strawberry.type(description="Counts of everything shown, before any cut.")
class LineageSummary:
    counts: strawberry.Private[Summary]
    exact: strawberry.Private[bool]

    @resolver("How many entities; null where the service's bound cut the counting short.")
    def total(self) -> int | None:
        return self.counts.total if self.exact else None

    @resolver("By kind.", assumed(12))
    def by_kind(self) -> list[KindCount]:
        return [KindCount(kind=Kind(kind), count=count) for kind, count in self.counts.by_kind]

    @resolver("By depth, the nearest first.", assumed(20))
    def by_depth(self) -> list[DepthCount]:
        return [DepthCount(depth=depth, count=count) for depth, count in self.counts.by_depth]

    @resolver("By namespace, the fullest first.", assumed(20))
    def by_namespace(self) -> list[NamespaceCount]:
        return [NamespaceCount(namespace=namespace, count=count) for namespace, count in self.counts.by_namespace]
