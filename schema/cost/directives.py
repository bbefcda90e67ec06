"""`@cost` and `@listSize`: what the schema says of the price of a field, for us and for whoever reads the SDL.

Names and arguments are those of the cost directives' draft as Apollo Federation has them: weights are whole numbers, slicing
arguments are `Int`, and an interface's fields have no weight of their own (that of the type they give counts).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import strawberry
from strawberry import UNSET
from strawberry.schema_directive import Location

WALK: Final = 50
"""What lineage from one entity weighs: it is followed and put in order for each entity anew."""
FLAT: Final = 200
"""What a graph, an impact or routes weigh beside what is shown of them: one traversal, told as a whole."""
EDGE: Final = 2
"""What an edge of a graph weighs, whose list is taken to be as long as that of its nodes: there are two or three to each."""
LIST: Final = 40
"""What a list of runs weighs: a call of the store for each entity that has one."""
SEARCH: Final = 200
"""What a search weighs."""
WRITE: Final = 10
"""What a mutation weighs, as in the draft."""

SIZED_BY: Final = "sized_by"
"""In the metadata of a field: the argument, a list, of which the answer has one item each. The directives know no such
thing, so `assumedSize` says how long it may be at most."""


@strawberry.schema_directive(
    locations=[
        Location.ARGUMENT_DEFINITION,
        Location.ENUM,
        Location.FIELD_DEFINITION,
        Location.INPUT_FIELD_DEFINITION,
        Location.OBJECT,
        Location.SCALAR,
    ],
    name="cost",
    description="What it costs to give it. Without this an object costs 1 and a scalar or an enum nothing.",
)
class Cost:
    """The weight of a field, or of every object of a type: as much as giving so many plain objects."""

    weight: int


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="How long a list is taken to be: as long as the greatest slicing argument says, else as assumed. "
    "`sizedFields`: not the field's own list is meant but these below it.",
)
class ListSize:
    """How many items a list has."""

    assumed_size: int | None = UNSET
    slicing_arguments: list[str] | None = UNSET
    sized_fields: list[str] | None = UNSET
    require_one_slicing_argument: bool | None = True


def paged(argument: str = "first", *fields: str) -> ListSize:
    """The lists of a page, as long as an argument with a default says."""
    return ListSize(
        slicing_arguments=[argument],
        sized_fields=list(fields or ("edges", "nodes")),
        require_one_slicing_argument=False,
    )


def assumed(size: int, *fields: str) -> ListSize:
    """A list of about so many items, or lists below."""
    return ListSize(assumed_size=size, sized_fields=list(fields) or UNSET, require_one_slicing_argument=UNSET)


def sized_by(argument: str) -> Mapping[str, Any]:
    """Metadata of a field whose list has an item for each of an argument's."""
    return {SIZED_BY: argument}


def of_kind(directives: Sequence[object], kind: type) -> Any:
    """The directive of a class among those of a field or a type; None without one."""
    return next((each for each in directives if isinstance(each, kind)), None)
