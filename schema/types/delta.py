"""How lineage changes, as it is told to those who follow it."""

from collections.abc import Sequence

import strawberry

from schema.cost.directives import FLAT, Cost, assumed
from schema.types.lineage import LineageEdge


@strawberry.type(
    description="How lineage differs from what was told before. To have it as lineage tells it now: take away what went, "
    "edges by their id, then add what came. An edge whose via changed went and came.",
    directives=[Cost(weight=FLAT)],
)
class LineageDelta:
    nodes_added: list[strawberry.ID] = strawberry.field(description="The ids of what came within reach.")
    nodes_removed: list[strawberry.ID] = strawberry.field(description="The ids of what is no longer within reach.")
    edges_added: Sequence[LineageEdge] = strawberry.field(description="The edges that came.", directives=[assumed(20)])
    edges_removed: Sequence[LineageEdge] = strawberry.field(
        description="The edges that went; mostly nobody states them now.", directives=[assumed(20)]
    )
    epoch: str = strawberry.field(description="Until when all is told: to go on from, as `since`.")
