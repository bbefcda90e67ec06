"""Cases by hand: what merges, what is left out, where nulls go, who runs what and how often."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import strawberry
from strawberry.directive import DirectiveLocation, DirectiveValue

from schema.columns import Columns
from schema.execute.plan import Plan
from schema.execute.reading import Reason
from tests.schema.execute import wild
from tests.schema.execute.both import Both
from tests.schema.execute.wild import Blue, Chance, Red, Row


class Exactly(Chance):
    """No chance: the values of fields by name, the usual ones where not said."""

    def __init__(self, **said: Any) -> None:
        super().__init__("s", 0)
        self.said = said

    def of(self, field: str, *good: Any) -> Any:
        found = self.said.get(field, good[-1])
        if isinstance(found, type) and issubclass(found, Exception):
            raise found(field)
        return found

    def below(self, field: str) -> Chance:
        return self

    def some(self, field: str, *, nulls: bool = False) -> Any:
        return self.said.get(field.split("2")[0], [self.thing(f"{field}0"), self.thing(f"{field}1")])

    def thing(self, field: str) -> Any:
        return self.of(field, Red(chance=self))


@pytest.fixture
def both() -> Both:
    return Both(wild.wild())


ASKED = (
    "{ red { id name } red { id nick: name name } }",
    "{ red { ...a ... on Red { next { nick } } } } fragment a on Red { next { name ...b } } fragment b on Named { id }",
    "{ named { ... on Red { x: whole next { name } } ... on Blue { x: whole next { id } } next { nick } } }",
    "{ named { ... on Named { name ... { nick } } ... on Blue { id } __typename t: __typename } }",
    "{ a: __typename red { __typename } b: __typename }",
    "{ all { ...c ...c ... on Red { ...c } } } fragment c on Named { id several { ... on Red { whole } __typename } }",
    "{ all { next { id } ... on Red { next { nick } } ... on Blue { next { name } } } }",
    "{ either { ... on Named { id } ... on Red { many(first: 1) { id } more: many(first: 0) { id } } } }",
)


@pytest.mark.parametrize("text", ASKED)
async def test_selections_merge(both: Both, text: str) -> None:
    assert (await both.same(text, Exactly()))["data"]
    for seed in range(10):
        await both.same(text, Chance(str(seed), 5))


SWITCHED = """query ($yes: Boolean!, $no: Boolean = false, $first: Int = 1, $only: [Sort!]) {
  red @include(if: $yes) { id @skip(if: $no) ...a @include(if: $no) many(first: $first, only: $only) { id } }
  ... @skip(if: $yes) { named { id @include(if: false) name @skip(if: false) @include(if: true) } }
} fragment a on Red { whole next @skip(if: $yes) { id } }"""


@pytest.mark.parametrize("yes", [True, False])
@pytest.mark.parametrize("more", [{}, {"no": True}, {"first": None, "only": ["TABLE"]}, {"no": False, "first": 2}])
async def test_variables_decide_what_is_asked_and_with_what(both: Both, yes: bool, more: dict[str, Any]) -> None:
    answer = await both.same(SWITCHED, Exactly(), {"yes": yes, **more})
    assert ("red" in answer["data"]) is yes
    assert not both.reasons


async def test_one_document_has_a_plan_for_each_choice_and_one_for_all_arguments(both: Both) -> None:
    for yes in (True, False):
        for first in range(4):
            await both.same(SWITCHED, Exactly(), {"yes": yes, "first": first})
    assert len(both.compiled._plans) == 2


async def test_operations_of_one_text_are_told_apart(both: Both) -> None:
    text = "query a { red { id } } query b { named { name } } query c { count }"
    for name in "abcba":
        assert len((await both.same(text, Exactly(), name=name))["data"]) == 1
    assert not both.reasons


@pytest.mark.parametrize(
    "variables", [{}, {"yes": None}, {"yes": 3}, {"yes": True, "first": "x"}, {"yes": True, "only": [None]}]
)
async def test_variables_that_are_wrong(both: Both, variables: dict[str, Any]) -> None:
    answer = await both.same(SWITCHED, Exactly(), variables)
    assert answer["data"] is None
    assert answer["errors"]


async def test_an_argument_that_is_wrong_only_with_its_variable(both: Both) -> None:
    """A nullable variable may stand where null is refused, if there is a default: then null is an error of the field."""
    text = "query ($w: [String!] = []) { red { id many(where: {words: $w}) { id } } count }"
    answer = await both.same(text, Exactly(), {"w": None})
    assert answer["data"] == {"red": None, "count": 3}
    assert (await both.same(text, Exactly(), {"w": ["x"]}))["data"]["red"]


NULLED = (
    ("{ red { others { whole } } count }", {"whole": None, "others": 1}),
    ("{ red { whole others { share } } count }", {"share": float("nan")}),
    ("{ red { next { next { name ... on Red { sort } } } maybe { id } } }", {"sort": ValueError}),
    ("{ all { id next { nick } } }", {"next": None}),
    ("{ all { id maybe { next { nick } } } count }", {"next": KeyError}),
    ("{ named { several { ... on Red { whole } } } }", {"whole": 2**31}),
    ("{ named { several { __typename } } }", {"several": [None, 7, wild.Text("x"), Red]}),
    ("{ named { many { __typename } several { __typename } } }", {"many": [None]}),
    ("{ red { others { __typename } } }", {"others": [None]}),
    ("{ red { others { __typename } } }", {"others": [strawberry.UNSET, ...]}),
    ("{ red { others { __typename id } } }", {"others": "text"}),
    ("{ red { others { id } } }", {"others": iter(())}),
    ("{ red { renamed sort when } }", {"renamed": "UNO"}),
    ("{ red { renamed sort } }", {"renamed": 1, "sort": "TABLE"}),
    ("{ red { anything } }", {"anything": ValueError("a value")}),
    ("{ red { id nick } count named { id } }", {"count": ValueError}),
    ("{ red { id } either { __typename } named { id } }", {"red": ValueError, "either": KeyError}),
    ("{ red { id } named { id } either { __typename } }", {"red": ValueError, "named": KeyError, "either": ValueError}),
)


@pytest.mark.parametrize(("text", "said"), NULLED)
async def test_errors_and_where_their_nulls_go(both: Both, text: str, said: dict[str, Any]) -> None:
    await both.same(text, Exactly(**said))


async def test_lists_of_lists_and_their_holes(both: Both) -> None:
    text = "{ either { ... on Blue { words grid holes late red { id } } } }"
    grids: tuple[Any, ...] = ([], [[]], [[1], None], [[1, None]], None, [1], ((1, 2), [3]), [[2**40]])
    most: tuple[Any, ...] = (None, [], [None], [[None, 2]], ([1],), [[{}]])
    for grid in grids:
        for holes in most:
            await both.same(text, Exactly(either=Blue(chance=Exactly(grid=grid, holes=holes), plain="", late=None)))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"addb": ValueError}, ["a", "b"]),
        ({"dropb": ValueError, "whole": 2**40}, ["a"]),
        ({"dropb": ValueError}, ["a", "b", "c"]),
    ],
)
async def test_mutations_are_done_once_and_in_order(both: Both, said: dict[str, Any], expected: list[str]) -> None:
    """One that cannot be null and fails, in itself or below, ends the operation: what follows is not done."""
    middle = 'drop(of: "b") { id }' if "dropb" in said else 'add(to: "b") { id }'
    text = f'mutation {{ x: add(to: "a") {{ whole }} y: {middle} z: add(to: "c") {{ id }} }}'
    for run in (both.core, both.ours):
        wild.done.clear()
        await run(text, Exactly(**said), {}, None)
        assert wild.done == expected
    await both.same(text, Exactly(**said))


async def test_introspection_is_left_to_graphql_core(both: Both) -> None:
    await both.same("{ __schema { types { name } } count }", Exactly())
    await both.same('{ count __type(name: "Red") { fields { name } } }', Exactly())
    assert set(both.reasons) == {Reason.INTROSPECTION}


@strawberry.type
class Slow:
    base: int

    @strawberry.field
    async def later(self) -> int:
        await asyncio.sleep(0)
        return self.base + 1

    @strawberry.field
    def asks(self, info: strawberry.Info) -> str:
        return info.field_name

    @strawberry.field
    def plain(self) -> int:
        return self.base


@strawberry.type
class SlowQuery:
    @strawberry.field
    async def slow(self) -> list[Slow]:
        asked.append("slow")
        return [Slow(base=at) for at in range(3)]

    @strawberry.field
    def now(self) -> Slow:
        asked.append("now")
        return Slow(base=7)


asked: list[str] = []


@strawberry.directive(locations=[DirectiveLocation.FIELD])
def shout(value: DirectiveValue[str]) -> str:
    return value.upper()


async def test_fields_that_are_more_than_a_value_are_left_to_graphql_core() -> None:
    """And found out before anything is run: no root field is run twice."""
    both = Both(strawberry.Schema(SlowQuery))
    for text in ("{ slow { plain later } now { base } }", "{ now { asks } }"):
        await both.same(text)
        asked.clear()
        await both.ours(text, None, {}, None)
        assert len(asked) == text.count("{") - 1
    assert set(both.reasons) == {Reason.RESOLVER}
    both.reasons.clear()
    await both.same("{ slow { plain } now { base } }")
    assert not both.reasons


async def test_directives_of_others_are_left_to_graphql_core() -> None:
    both = Both(strawberry.Schema(SlowQuery, directives=[shout]))
    await both.same("{ now { plain @ shout } }")
    assert set(both.reasons) == {Reason.DIRECTIVE}
    both.reasons.clear()
    await both.same("{ now { plain @include(if: true) } }")
    assert not both.reasons


async def test_types_told_apart_by_a_test_of_their_own_are_left_to_graphql_core(both: Both) -> None:
    kind = both.schema._schema.type_map["Red"]
    kind.is_type_of = lambda value, info: isinstance(value, Red)  # type: ignore[attr-defined]
    await both.same("{ red { id } }", Exactly())
    await both.same("{ either { ... on Red { id } } }", Exactly())
    assert set(both.reasons) == {Reason.TYPE}


async def test_what_would_be_too_much_code_is_left_to_graphql_core(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schema.execute.plan.MAX_FIELDS", 10)
    many = " ".join(f"a{n}: id" for n in range(9))
    await both.same(f"{{ red {{ {many} }} }}", Exactly())
    assert not both.reasons
    await both.same(f"{{ red {{ {many} next {{ id }} }} }}", Exactly())
    assert both.reasons == [Reason.SIZE] * 2


async def test_the_plans_that_are_kept_are_bounded(both: Both) -> None:
    plans = both.compiled._plans
    plans._limit = 300
    sizes = []
    for n in range(60):
        await both.same(f"{{ red {{ x{n}: id name next {{ id }} }} }}", Exactly())
        sizes.append(sum(plan.size for plan in plans._kept.values() if isinstance(plan, Plan)))
    assert 1 < len(plans) < 60
    assert max(sizes) <= 300


async def test_a_list_read_later_is_not_read_before(both: Both) -> None:
    """What can be read only once is not touched by the first try."""
    given = iter([1, 2])

    class Once(Exactly):
        def of(self, field: str, *good: Any) -> Any:
            return [given] if field == "grid" else super().of(field, *good)

    text = "{ either { ... on Blue { grid } } }"
    context = Exactly(either=Blue(chance=Once(), plain="", late=None))
    assert '"grid": [[1, 2]]' in await both.ours(text, context, {}, None)


async def test_a_request_that_is_given_up_ends_what_it_runs() -> None:
    ended: list[str] = []

    @strawberry.type
    class Query:
        @strawberry.field
        async def forever(self, name: str) -> int:
            started.set()
            try:
                return await asyncio.Event().wait()
            finally:
                ended.append(name)

    started = asyncio.Event()
    both = Both(strawberry.Schema(Query))
    task = asyncio.ensure_future(both.ours('{ a: forever(name: "a") b: forever(name: "b") }', None, {}, None))
    await started.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == ["a", "b"]


async def test_a_resolver_that_gives_a_stream_is_left_to_graphql_core() -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1

    @strawberry.type
    class Query:
        @strawberry.field
        def streamed(self) -> list[int]:
            given: Any = numbers()
            return given  # type: ignore[no-any-return]

    both = Both(strawberry.Schema(Query))
    assert (await both.same("{ streamed }"))["data"] == {"streamed": [1]}


@strawberry.type
class Cell:
    at: int
    word: str

    def __post_init__(self) -> None:
        made.append(self.at)

    @strawberry.field
    def loud(self) -> str:
        return self.word.upper()


made: list[int] = []


@strawberry.type
class CellQuery:
    @strawberry.field
    def cells(self) -> Sequence[Cell]:
        return Columns(Cell, at=range(3), word=["a", "b", "c"])


async def test_of_columns_no_object_is_made_where_attributes_are_enough() -> None:
    both = Both(strawberry.Schema(CellQuery))
    texts = "{ cells { at x: at __typename } cells { word } }", "{ cells { __typename } }", "{ cells { at loud } }"
    for text, expected in zip(texts, ([], [0, 1, 2], [0, 1, 2]), strict=True):
        await both.same(text)
        made.clear()
        await both.ours(text, None, {}, None)
        assert made == expected
    assert not both.reasons


async def test_columns_that_are_none_of_a_list_are_left_to_graphql_core(both: Both) -> None:
    """Of another class, or not as long as each other."""
    for rows in (Columns(wild.Other, text=["a"]), Columns(Row, text=["a"], number=[1, 2], sort=[], words=[], next=[])):
        await both.same("{ red { id rows { text number } } }", Exactly(rows=rows))
    assert set(both.reasons) == {Reason.ERROR}


def test_columns_are_a_list() -> None:
    cells: Columns[Cell] = Columns(Cell, at=[1, 2, 3], word=["a", "b", "c"])
    assert len(cells) == 3
    assert [cell.word for cell in cells] == ["a", "b", "c"]
    assert (cells[-1].at, [cell.at for cell in cells[1:]], next(reversed(cells)).word) == (3, [2, 3], "c")
    with pytest.raises(IndexError):
        cells[3]
