"""A schema with everything in it, whose values are made up by chance: most are good, some are none of their type."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from random import Random
from typing import Annotated, Any, NewType, TypeAlias

import strawberry
from graphql import GraphQLError, GraphQLObjectType
from strawberry.schema.config import StrawberryConfig

from schema.columns import Columns

When = NewType("When", datetime)
Anything = NewType("Anything", object)


@strawberry.enum
class Sort(Enum):
    TABLE = "table"
    TOPIC = 7


@strawberry.enum
class Renamed(Enum):
    ONE = strawberry.enum_value(1, name="UNO")
    TWO = strawberry.enum_value(2, name="DUE")


@strawberry.input
class Where:
    sort: Sort | None = None
    words: list[str] = strawberry.field(default_factory=lambda: ["a"])


class Text(str):
    """A text that is not quite one."""


ODD: tuple[Any, ...] = (None, {}, [], object, 2**40, float("nan"), float("inf"), True, 3, 2.5, "12", Text("t"), b"b")
ODD += (Sort.TABLE, Renamed.ONE, "TABLE", ValueError("given"), (1, 2), Ellipsis)


class Chance:
    """What the fields of one object are, always the same for one seed. `faults`: in how many of a hundred values."""

    def __init__(self, seed: str, faults: float) -> None:
        self.seed, self.faults = seed, faults

    def of(self, field: str, *good: Any) -> Any:
        random = Random(f"{self.seed}.{field}")
        if random.random() * 100 >= self.faults:
            return random.choice(good)
        if random.random() < 0.3:
            raise random.choice([ValueError(f"{field} is broken"), GraphQLError(f"{field} is not for you"), KeyError(field)])
        return random.choice(ODD)

    def tried(self, field: str, *good: Any) -> Any:
        """The same, and an error is a value."""
        try:
            return self.of(field, *good)
        except Exception as error:
            return error

    def below(self, field: str) -> "Chance":
        return Chance(f"{self.seed}.{field}", self.faults)

    def some(self, field: str, *, nulls: bool = False) -> Any:
        """A list of objects."""
        random = Random(f"{self.seed}.{field}.many")
        many = [self.thing(f"{field}{at}") for at in range(random.randint(0, 3))]
        if nulls:
            many = [None if random.random() < 0.3 else each for each in many]
        return self.of(field, many, many, tuple(many))

    def thing(self, field: str) -> Any:
        below = self.below(field)
        return self.of(field, Red(chance=below), Blue(chance=below, plain=f"plain {field}", late=None))

    def rows(self, field: str) -> Any:
        """Some rows, as a list of objects and as columns."""
        below = [self.below(f"{field}{at}") for at in range(Random(f"{self.seed}.{field}.many").randint(0, 3))]
        columns = {
            "text": [each.tried("text", "t", "") for each in below],
            "number": [each.tried("number", 1, None) for each in below],
            "sort": [each.tried("sort", Sort.TABLE, Sort.TOPIC) for each in below],
            "words": [each.tried("words", [], ["a"], ("b", "c")) for each in below],
            "next": [each.tried("next", None, Red(chance=each)) for each in below],
        }
        made: Columns[Any] = Columns(Row, **columns)
        return self.of(field, list(made), made, made, Columns(Other, text=columns["text"]) if self.faults else made)


AnyThing: TypeAlias = Annotated["Red | Blue", strawberry.union("AnyThing")]


@strawberry.interface
class Named:
    chance: strawberry.Private[Chance]

    @strawberry.field
    def id(self) -> strawberry.ID:
        return strawberry.ID(self.chance.of("id", self.chance.seed, self.chance.seed, 12))

    @strawberry.field
    def name(self) -> str:
        return str(self.chance.of("name", "n", "", "ü"))

    @strawberry.field
    def nick(self) -> str | None:
        found: str | None = self.chance.of("nick", "n", None)
        return found

    @strawberry.field
    def next(self) -> "Named":
        found: Named = self.chance.thing("next")
        return found

    @strawberry.field
    def maybe(self) -> "Named | None":
        found: Named | None = self.chance.of("maybe", None, self.chance.thing("maybe"))
        return found

    @strawberry.field
    def either(self) -> AnyThing:
        found: AnyThing = self.chance.thing("either")
        return found

    @strawberry.field
    def many(self, first: int | None = 2, only: list[Sort] | None = None, where: Where | None = None) -> list["Named"]:
        found: Any = self.chance.some(f"many{first}{only}{where}")
        return found[:first] if isinstance(found, list) else found

    @strawberry.field
    def several(self) -> list[AnyThing | None] | None:
        found: list[AnyThing | None] | None = self.chance.some("several", nulls=True)
        return found


@strawberry.type
class Row:
    text: str
    number: int | None
    sort: Sort
    words: Sequence[str]
    next: Named | None

    @strawberry.field
    def loud(self) -> str:
        return self.text.upper()


@strawberry.type
class Other:
    text: str


@strawberry.type
class Red(Named):
    @strawberry.field
    def rows(self) -> Sequence[Row]:
        return self.chance.rows("rows")  # type: ignore[no-any-return]

    @strawberry.field
    def rows_or_not(self) -> Sequence[Row | None] | None:
        return self.chance.rows("rows_or_not")  # type: ignore[no-any-return]

    @strawberry.field
    def whole(self) -> int:
        return self.chance.of("whole", 1, 0, -5, 2**31 - 1, True, 2.0, "7")  # type: ignore[no-any-return]

    @strawberry.field
    def whole_or_not(self) -> int | None:
        return self.chance.of("whole_or_not", 1, None)  # type: ignore[no-any-return]

    @strawberry.field
    def share(self) -> float:
        return self.chance.of("share", 0.5, 1, -0.0, 1e300)  # type: ignore[no-any-return]

    @strawberry.field
    def is_so(self) -> bool:
        return self.chance.of("is_so", True, False, 1)  # type: ignore[no-any-return]

    @strawberry.field
    def sort(self) -> Sort:
        return self.chance.of("sort", Sort.TABLE, Sort.TOPIC)  # type: ignore[no-any-return]

    @strawberry.field
    def renamed(self) -> Renamed | None:
        return self.chance.of("renamed", Renamed.ONE, Renamed.TWO, None)  # type: ignore[no-any-return]

    @strawberry.field
    def when(self) -> When:
        return self.chance.of("when", datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[no-any-return]

    @strawberry.field
    def anything(self) -> Anything | None:
        return self.chance.of("anything", {"a": [1, None]}, None, "x", 0)  # type: ignore[no-any-return]

    @strawberry.field
    def others(self) -> list["Red"]:
        return self.chance.of("others", [], [Red(chance=self.chance.below(f"other{at}")) for at in range(3)])  # type: ignore[no-any-return]


@strawberry.type
class Blue(Named):
    plain: str
    late: str | None

    @strawberry.field
    def whole(self) -> int:
        return self.chance.of("whole", 9)  # type: ignore[no-any-return]

    @strawberry.field
    def words(self) -> list[str]:
        return self.chance.of("words", [], ["a", "b"], [Text("c")], ("d",), [1])  # type: ignore[no-any-return]

    @strawberry.field
    def grid(self) -> list[list[int]]:
        return self.chance.of("grid", [], [[], [1, 2]], [[3]], [[2**40]])  # type: ignore[no-any-return]

    @strawberry.field
    def holes(self) -> list[list[int | None] | None] | None:
        return self.chance.of("holes", None, [None, [None, 1], []])  # type: ignore[no-any-return]

    @strawberry.field
    def red(self) -> Red | None:
        return self.chance.of("red", None, Red(chance=self.chance.below("red")))  # type: ignore[no-any-return]


def chance_of(info: strawberry.Info) -> Chance:
    return info.context  # type: ignore[no-any-return]


@strawberry.type
class Query:
    @strawberry.field
    async def named(self, info: strawberry.Info, which: str = "") -> Named:
        found: Named = chance_of(info).thing(f"named{which}")
        return found

    @strawberry.field
    async def red(self, info: strawberry.Info) -> Red | None:
        return chance_of(info).of("red", None, Red(chance=chance_of(info).below("red")))  # type: ignore[no-any-return]

    @strawberry.field
    def all(self, info: strawberry.Info, at_most: int | None = None) -> list[Named | None] | None:
        found: Any = chance_of(info).some("all", nulls=True)
        return found[:at_most] if isinstance(found, list) else found

    @strawberry.field
    async def count(self, info: strawberry.Info) -> int:
        return chance_of(info).of("count", 3)  # type: ignore[no-any-return]

    @strawberry.field
    def either(self, info: strawberry.Info) -> AnyThing | None:
        found: AnyThing | None = chance_of(info).thing("either")
        return found


@strawberry.type
class Mutation:
    @strawberry.field
    async def add(self, info: strawberry.Info, to: str) -> Red:
        done.append(to)
        return chance_of(info).of(f"add{to}", Red(chance=chance_of(info).below(to)))  # type: ignore[no-any-return]

    @strawberry.field
    def drop(self, info: strawberry.Info, of: str) -> Blue | None:
        done.append(of)
        return chance_of(info).of(f"drop{of}", None, Blue(chance=chance_of(info).below(of), plain="p", late="l"))  # type: ignore[no-any-return]


done: list[str] = []
"""What mutations did, in order."""


def wild() -> strawberry.Schema:
    """The schema, whose types are told apart by class alone."""
    made = strawberry.Schema(
        Query,
        Mutation,
        config=StrawberryConfig(
            scalar_map={
                When: strawberry.scalar(name="When", serialize=lambda value: value.isoformat()),
                Anything: strawberry.scalar(name="Anything", serialize=lambda value: value),
            }
        ),
    )
    for kind in made._schema.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            kind.is_type_of = None
    return made
