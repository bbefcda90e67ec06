"""What many types share: ids, pages, arguments."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Generic, TypeAlias, TypeVar, cast

import strawberry

from backends.changes import Cursor
from schema.cursors import write_cursor
from schema.enums import EdgeKind, Kind
from schema.scalars import Micros
from schema.seen import Seen

First: TypeAlias = Annotated[int | None, strawberry.argument(description="How many to give, 1 to 1,000.")]
After: TypeAlias = Annotated[
    str | None, strawberry.argument(description="The endCursor of the page before; null for the first page.")
]
Depth: TypeAlias = Annotated[
    int | None, strawberry.argument(description="How many shown steps away; null is as far as it goes.")
]
Kinds: TypeAlias = Annotated[
    list[Kind] | None,
    strawberry.argument(
        description="What is shown; everything else is passed through and does not count as depth. "
        "Null shows all but OPERATION, JOB, RUN and PREDICTION. Only COLUMN means the column layer. Kinds of which the "
        "edges that are followed lead to none are BAD_INPUT; none ever leads to a RUN."
    ),
]
EdgeKinds: TypeAlias = Annotated[
    list[EdgeKind] | None,
    strawberry.argument(
        description="Which edges are followed; null follows the flow of data: INPUT_TO, PRODUCES, USED_IN_TRAINING, "
        "DERIVES, and GENERATED where predictions are shown or asked about. Only DERIVES means the column layer."
    ),
]
AsOf: TypeAlias = Annotated[
    Micros | None, strawberry.argument(description="The moment to answer for; other than null is UNSUPPORTED so far.")
]
Namespace: TypeAlias = Annotated[
    str | None, strawberry.argument(description="The namespace of the name; `default` where left out.")
]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def resolver(
    description: str, *directives: object, name: str | None = None, metadata: Mapping[str, Any] | None = None
) -> Callable[[F], F]:
    """Marks a method as a field of its type. Strawberry leaves the method callable, which its own annotation denies."""
    made = strawberry.field(description=description, name=name, directives=directives, metadata=metadata)
    return cast(Callable[[F], F], made)


@strawberry.interface(description="Anything with an id.")
class Node:
    seen: strawberry.Private[Seen]

    @resolver("As kind:namespace#name, with `%` and `#` percent-encoded inside a part; the same on every backend.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(self.seen.id)

    @classmethod
    def resolve_type(cls, value: "Node", *_: object) -> str:
        return type(value).__name__


@strawberry.type(description="Where a page stands among its neighbours.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether the page began after a cursor.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first row; null where there is none.")
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last row, to give as `after`; null where there is none."
    )


def page_info(ends: list[str], *, more: bool, begun: bool) -> PageInfo:
    """From the cursors of the first and the last row; none where the page is empty."""
    start, end = (ends[0], ends[-1]) if ends else (None, None)
    return PageInfo(has_next_page=more, has_previous_page=begun, start_cursor=start, end_cursor=end)


@strawberry.type(description="One row of a page.")
class Edge(Generic[T]):
    node: T = strawberry.field(description="The entity.")
    order: strawberry.Private[str]
    place: strawberry.Private[Cursor]

    @resolver("Where the row stands in its order; stays right while others write.")
    def cursor(self) -> str:
        return write_cursor(self.order, self.place)


@strawberry.type(description="One page of entities.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The rows with their cursors.")
    more: strawberry.Private[bool]
    begun: strawberry.Private[bool]
    total_count: int | None = strawberry.field(
        description="How many there are on all pages; null where the service's bound cut the counting short."
    )

    @resolver("The entities of the rows.")
    def nodes(self) -> list[T]:
        return [edge.node for edge in self.edges]

    @resolver("Where the page stands.")
    def page_info(self) -> PageInfo:
        return page_info([edge.cursor() for edge in (self.edges[:1] + self.edges[-1:])], more=self.more, begun=self.begun)
