"""Lineage as it is shown: connections of hops, flat graphs, impact, paths, and the evidence of edges."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, TypeAlias

import strawberry
from strawberry import UNSET

from backends.changes import Cursor
from backends.model import Edge, EdgeKey, Json
from backends.model import EdgeKind as StoredEdgeKind
from schema.cost.directives import EDGE, FLAT, WALK, Cost, assumed, paged
from schema.cursors import write_cursor
from schema.enums import Direction, EdgeKind, ImpactOrder
from schema.scalars import Micros
from schema.seen import Store
from schema.selection import FieldKey, field_key
from schema.types.answer import Answer, LineageSummary
from schema.types.common import After, First, PageInfo, page_info, resolver

if TYPE_CHECKING:
    from schema.types.entities import Entity, Run

EntityRef: TypeAlias = Annotated["Entity", strawberry.lazy("schema.types.entities")]
RunRef: TypeAlias = Annotated["Run", strawberry.lazy("schema.types.entities")]


@strawberry.type(description="How values were computed from others.")
class Transformation:
    type: str = strawberry.field(
        description="DIRECT: the value itself goes in. INDIRECT: it decides, as in a filter or a join."
    )
    subtype: str | None = strawberry.field(
        description="IDENTITY, TRANSFORMATION, AGGREGATION, JOIN, FILTER, GROUP_BY, SORT ..."
    )
    description: str | None = strawberry.field(description="In words, as the source said it.")
    masking: bool = strawberry.field(description="Whether the value is hidden by it, as by a hash.")
    field: str | None = strawberry.field(
        default=None, description="Of an edge between datasets: the source field that all of the target depends on."
    )


def transformation(said: Json) -> Transformation:
    """From what is kept on an edge."""

    def text(key: str) -> str | None:
        value = said.get(key)
        return value if isinstance(value, str) else None

    return Transformation(
        type=text("type") or "UNKNOWN",
        subtype=text("subtype"),
        description=text("description"),
        masking=said.get("masking") is True,
        field=text("field"),
    )


@strawberry.type(description="Why an edge is believed.")
class Evidence:
    origin: str = strawberry.field(description="Who said it: run event, job event, dataset event, client or inferred.")
    confidence: float = strawberry.field(description="How sure, 0 to 1; 1 where it was observed.")
    first_seen: Micros | None = strawberry.field(description="The time of the first event that says it.")
    last_seen: Micros | None = strawberry.field(description="The time of the last event that says it.")
    runs: int = strawberry.field(description="In how many runs it was seen.")
    last_run: RunRef | None = strawberry.field(description="The last run it was seen in.")


@dataclass(slots=True)
class Proof:
    """Where the evidence of an edge is found: its key (None: none to be told) in what was read, and the last runs shown.

    A pair of a very wide operation has no evidence of its own: then `between`, the two edges by which it goes through the
    operation, tell it. Every statement of the rarer one is one of the pair.
    """

    store: Store
    key: EdgeKey | None
    runs: dict[str, "Run"]
    between: tuple[EdgeKey, ...] = ()

    def edge(self) -> Edge | None:
        """The edge whose evidence it is."""
        own = self.store.edge(self.key)
        if own is not None or not self.between:
            return own
        both = [edge for key in self.between if (edge := self.store.edge(key)) is not None]
        return min(both, key=lambda edge: len(edge.tallies)) if len(both) == len(self.between) else None

    def evidence(self) -> Evidence | None:
        edge = self.edge()
        if edge is None:
            return None
        told = edge.evidence
        return Evidence(
            origin=told.origin,
            confidence=told.confidence,
            first_seen=None if told.first_seen is None else Micros(told.first_seen),
            last_seen=None if told.last_seen is None else Micros(told.last_seen),
            runs=told.runs,
            last_run=self.runs.get(told.last_run) if told.last_run is not None else None,
        )

    def transformations(self) -> list[Transformation]:
        edge = self.edge()
        return [transformation(said) for said in edge.transformations] if edge is not None else []


@strawberry.type(
    description="An entity that was reached. via, evidence and transformations are those of the last step into it, "
    "empty where several steps lead there."
)
class LineageHop:
    node: EntityRef = strawberry.field(description="The entity.")
    depth: int = strawberry.field(description="How many shown steps away it is, at the least.")
    via: list[EntityRef] = strawberry.field(
        description="What the last step passed through unseen; at most 20.", directives=[assumed(2)]
    )
    proof: strawberry.Private[Proof]
    place: strawberry.Private[Cursor]

    @resolver("Where the hop stands: the nearest first, ties by id.")
    def cursor(self) -> str:
        return write_cursor("near", self.place)

    @resolver("Why the last step is believed; of a step from dataset to dataset that of the pair.")
    def evidence(self) -> Evidence | None:
        return self.proof.evidence()

    @resolver("How the last step computes.", assumed(2))
    def transformations(self) -> list[Transformation]:
        return self.proof.transformations()


@strawberry.type(
    description="One page of what an entity comes from, or of what comes of it; the nearest first, ties by id.",
    directives=[Cost(weight=WALK)],
)
class LineageConnection:
    edges: list[LineageHop] = strawberry.field(description="The hops with their cursors.")
    total_count: int | None = strawberry.field(
        description="How many there are on all pages; null where the service's bound cut the counting short."
    )
    answer: Answer = strawberry.field(description="What this answer is worth.")
    more: strawberry.Private[bool]
    begun: strawberry.Private[bool]

    @resolver("The entities of the hops.")
    def nodes(self) -> list[EntityRef]:
        return [hop.node for hop in self.edges]

    @resolver("Where the page stands.")
    def page_info(self) -> PageInfo:
        return page_info([hop.cursor() for hop in (self.edges[:1] + self.edges[-1:])], more=self.more, begun=self.begun)


@strawberry.type(
    description="An entity in a graph. A root is 0 and BOTH; one reached both ways is BOTH with the lesser depth."
)
class LineageNode:
    entity: EntityRef = strawberry.field(description="The entity.")
    depth: int = strawberry.field(description="How many shown steps from the nearest root.")
    direction: Direction = strawberry.field(description="Whether it was reached upstream, downstream, or both ways.")


@strawberry.type(
    description="An edge between two shown entities, in the direction the data flows. kind is null where folding joined "
    "several edges; via then names what lies between.",
    directives=[Cost(weight=EDGE)],
)
class LineageEdge:
    source: strawberry.ID = strawberry.field(description="The id of the entity it comes from.")
    target: strawberry.ID = strawberry.field(description="The id of the entity it goes to.")
    via: list[strawberry.ID] = strawberry.field(description="The ids of what lies between; at most 20.")
    via_count: int = strawberry.field(description="How many lie between.")
    stored_kind: strawberry.Private[StoredEdgeKind | None]
    proof: strawberry.Private[Proof]

    @resolver("Made of its ends and its kind: the same in every answer.")
    def id(self) -> strawberry.ID:
        text = f"{self.source}\n{self.stored_kind or ''}\n{self.target}"
        return strawberry.ID("edge:" + blake2b(text.encode(), digest_size=12).hexdigest())

    @resolver("How the two are joined; null where folding joined several edges.")
    def kind(self) -> EdgeKind | None:
        return None if self.stored_kind is None else EdgeKind(self.stored_kind)

    @resolver("Why it is believed; of a folded edge from dataset to dataset that of the pair.")
    def evidence(self) -> Evidence | None:
        return self.proof.evidence()

    @resolver("How it computes.", assumed(2))
    def transformations(self) -> list[Transformation]:
        return self.proof.transformations()


@strawberry.type(
    description="A graph for a screen or a program: every node and edge within reach, flat.", directives=[Cost(weight=FLAT)]
)
class Lineage:
    nodes: Sequence[LineageNode] = strawberry.field(description="The nearest first, ties by id; the roots are among them.")
    edges: Sequence[LineageEdge] = strawberry.field(description="All edges between these nodes.")
    summary: LineageSummary = strawberry.field(description="Counts of everything within reach, the roots included.")
    answer: Answer = strawberry.field(description="What this answer is worth.")


@strawberry.type(description="An entity that would feel a change.")
class ImpactEdge:
    node: EntityRef = strawberry.field(description="The entity.")
    depth: int = strawberry.field(description="How many shown steps from the nearest root.")
    impact_level: float = strawberry.field(
        description="Number of distinct paths from the roots; exact up to 2^53, capped at 1e300. "
        "Things in a cycle count as one."
    )
    order: strawberry.Private[str]
    place: strawberry.Private[tuple[int | float | str, ...]]

    @resolver("Where the entity stands in the order asked for.")
    def cursor(self) -> str:
        return write_cursor(self.order, self.place)


@strawberry.type(description="One page of what a change would affect.")
class ImpactConnection:
    edges: list[ImpactEdge] = strawberry.field(description="The affected with their cursors.")
    total_count: int | None = strawberry.field(
        description="How many are affected; null where the service's bound cut the counting short."
    )
    more: strawberry.Private[bool]
    begun: strawberry.Private[bool]

    @resolver("The affected entities.")
    def nodes(self) -> list[EntityRef]:
        return [edge.node for edge in self.edges]

    @resolver("Where the page stands.")
    def page_info(self) -> PageInfo:
        return page_info([edge.cursor() for edge in (self.edges[:1] + self.edges[-1:])], more=self.more, begun=self.begun)


@strawberry.type(
    description="What breaks if these change. The roots themselves are not counted as affected.",
    directives=[Cost(weight=FLAT)],
)
class Impact:
    roots: list[EntityRef] = strawberry.field(description="What was asked about.")
    summary: LineageSummary = strawberry.field(description="Counts of everything affected.")
    answer: Answer = strawberry.field(description="What this answer is worth.")
    pages: strawberry.Private[dict[FieldKey, ImpactConnection]] = field(default_factory=dict)

    @resolver("The affected, by the page.", paged())
    def affected(
        self,
        first: First = 50,
        after: After = UNSET,
        order_by: Annotated[ImpactOrder | None, strawberry.argument(description="What comes first.")] = ImpactOrder.DEPTH,
    ) -> ImpactConnection:
        return self.pages[field_key("affected", {"first": first, "after": after, "orderBy": order_by})]


@strawberry.type(description="One route; each step goes the way the data flows.")
class Path:
    nodes: list[EntityRef] = strawberry.field(
        description="What it leads through, from the first to the last.", directives=[assumed(10)]
    )
    edges: Sequence[LineageEdge] = strawberry.field(description="The steps between them.", directives=[assumed(10)])
    length: int = strawberry.field(description="How many steps it has.")


@strawberry.type(
    description="The shortest routes by which one thing reaches another, fewest steps first.",
    directives=[Cost(weight=FLAT)],
)
class Paths:
    paths: list[Path] = strawberry.field(description="The routes; none where it does not reach it.")
    answer: Answer = strawberry.field(description="What this answer is worth.")
