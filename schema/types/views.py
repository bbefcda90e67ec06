"""What is kept ready of what depends on something."""

import strawberry

from schema.cost.directives import assumed
from schema.scalars import Micros
from schema.types.entities import Entity


@strawberry.type(description="What depends on something, kept ready: proved current, or repaired, when it is asked for.")
class ImpactView:
    roots: list[Entity] = strawberry.field(
        description="What it depends on; of a job its operations, of a dataset whose fields are meant the columns.",
        directives=[assumed(2)],
    )
    pinned: bool = strawberry.field(
        description="Whether it is kept because its root is pinned, else for being hot and large."
    )
    nodes: int = strawberry.field(description="How many nodes it holds, those that are not shown by default too.")
    bytes: int = strawberry.field(description="The memory it takes.")
    epoch: str = strawberry.field(description="The moment in the topology log it was last proved for.")
    made_at: Micros = strawberry.field(description="When it was computed.")
    checked_at: Micros = strawberry.field(description="When it was proved or repaired last.")
    hits: int = strawberry.field(description="How often it was given.")
    repairs: int = strawberry.field(description="How often it was carried over a change.")
