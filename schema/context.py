"""What one request has in hand: a backend to read, a writer, what it may cost, and until when it may take."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import time_ns
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import strawberry

from backends.base import LineageBackend
from backends.commands import Command, Done
from backends.model import MAX_NODES
from schema.cost.budgets import Budget
from schema.finished import Finished
from schema.pins import Views

if TYPE_CHECKING:
    from schema.live.hub import Live


class Writer(Protocol):
    """Runs commands. `api.writer.Writer` is the one there is."""

    async def execute(self, command: Command) -> Done:
        """Does it, durably. Raises `CommandError` for what cannot be done, `BackendError` for what failed."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What one request may cost; past any of these it is refused as TOO_COSTLY, past `seconds` as TIMEOUT. `max_cost` is of
    what it asks for, before it is run; the others are of what that comes to."""

    max_nodes: int = MAX_NODES
    """The service's own bound on a traversal; past it an answer is cut and says so."""
    max_turns: int = 4
    """Changes of direction or layer on one path of a nested query."""
    max_shown: int = 50_000
    """Entities shown by nested fields, all pages together."""
    max_faceted: int = 1_000
    """Entities read together with facets, which are wide."""
    max_listed: int = 5_000
    """Runs listed: entities that list them times their page."""
    max_folded: int = 50_000_000
    """Nodes and edges looked at in memory: those of the subgraph, once for each entity whose lineage is told from it."""
    max_cost: int = 0
    """What one operation may cost by `schema.cost`, known before it is run; 0: anything."""
    attempts: int = 4
    """How often a plan is tried until all its traversals are of one epoch."""
    seconds: float = 30.0


def now() -> int:
    """The wall clock in microseconds."""
    return time_ns() // 1000


@dataclass(slots=True)
class Context:
    """Made anew for each request; resolvers find it as `info.context`."""

    backend: LineageBackend
    writer: Writer | None = None
    costs: Costs = field(default_factory=Costs)
    clock: Callable[[], int] = now
    finished: Finished | None = None
    """Where answers are kept as bytes; None: neither kept nor taken from there."""
    budget: Budget | None = None
    """What the client may spend; None: anything."""
    cost: int | None = None
    """What the operation may cost, once that is known."""
    paid: int = 0
    """What was paid for so far."""
    views: Views | None = None
    """Who keeps impact views; None: nobody."""
    live: "Live | None" = None
    """Who follows the log for subscriptions; None: nobody."""
    is_replayable: bool = True
    """Whether the answer comes of nothing but calls of the backend."""
    deadline: float | None = None
    gathered: "asyncio.Future[Any] | None" = None
    """What the root fields of the query share; see `schema.gather`."""

    def time_left(self) -> "asyncio.Timeout":
        """A block that ends with TimeoutError at the deadline of the request, counted from its first use."""
        if self.deadline is None:
            self.deadline = asyncio.get_running_loop().time() + self.costs.seconds
        return asyncio.timeout_at(self.deadline)


Info: TypeAlias = strawberry.Info[Context, None]
