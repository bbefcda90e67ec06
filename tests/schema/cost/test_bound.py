"""Whatever is asked, and whatever there is: an answer never comes to more than its price."""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from graphql import (
    REMOVE,
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    IntValueNode,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    get_operation_ast,
    is_composite_type,
    parse,
    parse_value,
    print_ast,
    validate,
    visit,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from schema.cost.priced import Priced
from schema.cost.prices import INTROSPECTION, REQUEST, Prices, count, within
from schema.guards import Limits
from schema.selection import Document, Selection
from schema.service import LineageSchema
from tests.schema.graphs import node
from tests.schema.test_any_query import IDS_SAID, REFUSED, Asker
from tests.schema.test_fields import rich
from tests.schema.world import World

SCHEMA = LineageSchema(Limits(aliases=2_000, depth=60, fields=20_000, tokens=50_000, root_fields=50))
CORE = SCHEMA._schema
PRICES = Prices(CORE)
SDL = SCHEMA.as_str()
SCALARS: dict[str, Any] = {
    "DateTime": st.just(nodes.String("2026-01-01T00:00:00Z")),
    "JSON": st.just(nodes.String("x")),
    "_Any": st.just(parse_value('{__typename: "Dataset", id: "t"}')),
}


NAMES = {"namespace": ["n"], "name": ["t", "x", "j", "M1", "P1"], "text": ["t", "x", ""], "dataset": ["t"]}


class Typed(Visitor):
    """Has each object tell its type."""

    def leave_selection_set(self, node: SelectionSetNode, *_: Any) -> SelectionSetNode:
        typename = FieldNode(name=NameNode(value="__typename"), directives=(), arguments=())
        return SelectionSetNode(selections=(typename, *node.selections))


class Meaning(Typed):
    """Has a made-up document speak of what there is: its strings are ids, its numbers small, some of them variables."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        self.variables: dict[str, int | None] = {}

    def enter_argument(self, node: ArgumentNode, *_: Any) -> Any:
        said = NAMES.get(node.name.value)
        if said is None and node.name.value in REFUSED:
            return REMOVE
        if said is not None and isinstance(node.value, StringValueNode):
            return ArgumentNode(name=node.name, value=StringValueNode(value=self.chance.choice(said), block=True))
        return None

    def enter_string_value(self, node: StringValueNode, *_: Any) -> StringValueNode | None:
        return None if node.block else StringValueNode(value=self.chance.choice(IDS_SAID), block=False)

    def enter_int_value(self, node: IntValueNode, key: Any, parent: Any, *_: Any) -> IntValueNode | VariableNode:
        number = self.chance.choice([0, *[1, 1, 2, 2, 3, 5, 20] * 3])
        if type(parent).__name__ == "ArgumentNode" and self.chance.random() < 0.5:
            name = f"v{len(self.variables)}"
            self.variables[name] = self.chance.choice([number, number, None])
            return VariableNode(name=NameNode(value=name))
        return IntValueNode(value=str(number))


def meaningful(text: str, seed: int) -> tuple[str, dict[str, int | None]]:
    """The text of a document that says something, and its variables."""
    meaning = Meaning(seed)
    document: DocumentNode = visit(parse(text), meaning)
    (operation,) = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    head = " ".join(f"${name}: Int" for name in meaning.variables)
    body = print_ast(operation)
    if head:
        at = body.index("{")
        body = f"query ({head}) {body[at:]}"
    rest = [print_ast(each) for each in document.definitions if each is not operation]
    return "\n".join([body, *rest]), meaning.variables


class Actual:
    """What an answer came to, by the same weights. Of a list whose length is assumed so many items count as that is."""

    def __init__(self, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> None:
        fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
        coerced = get_variable_values(CORE, operation.variable_definitions or (), dict(variables))
        assert isinstance(coerced, VariableValues)
        self.variables = coerced
        self.document = Document(CORE, operation, fragments, coerced)
        self.objects = 0

    def cost(self, data: Mapping[str, Any]) -> int:
        kind = CORE.get_root_type(self.document.operation.operation)
        assert kind is not None
        return REQUEST + self.below(kind, [self.document.operation.selection_set], data, {})

    def below(self, kind: Any, sets: Sequence[SelectionSetNode], value: Any, sized: Mapping[str, int]) -> int:
        if not isinstance(kind, GraphQLObjectType):
            kind = CORE.type_map[value["__typename"]]
        total = 0
        for key, group in Selection(self.document, list(sets)).grouped(kind.name).items():
            name = group[0].name.value
            total += INTROSPECTION.get(name, 0) if name.startswith("__") else self.field(kind, group, value[key], sized)
        return total

    def field(self, kind: GraphQLObjectType, group: Sequence[FieldNode], value: Any, sized: Mapping[str, int]) -> int:
        name = group[0].name.value
        field, rule = kind.fields[name], PRICES.rule(kind, name)
        if value is None or not is_composite_type(get_named_type(field.type)):
            return 0
        given = get_argument_values(field, group[0], self.variables)
        asked = [self.asked(field.args, given, each) for each in (rule.slicing or ((rule.by,) if rule.by else ()))]
        size = max(asked) if asked else rule.assumed
        items = value if isinstance(value, list) else [value]
        if isinstance(value, list):
            most = sized.get(name, size if not rule.sized else None)
            assert most is not None, name
            if not (asked or name in sized) or (kind.name, name) == ("Lineage", "edges"):
                items = items[:most]  # assumed
            assert len(items) <= most, (kind.name, name)
        sets = [each.selection_set for each in group if each.selection_set is not None]
        self.objects += len(items)
        lists = dict.fromkeys(rule.sized, size or 0)
        found = [each for each in items if each is not None]
        return sum(rule.weight + self.below(get_named_type(field.type), sets, each, lists) for each in found)

    def asked(self, args: Mapping[str, Any], given: Mapping[str, Any], path: str) -> int:
        default = args[path.split(".")[0]].default_value
        return count(within(given, *path.split(".")), default if isinstance(default, int) else 0)


async def costs(world: World, text: str, variables: Mapping[str, Any]) -> tuple[int, int, int]:
    """What an answer was priced, what it came to, and how many objects it had."""
    document = parse(text)
    if validate(CORE, document):
        return 0, 0, 0
    world.schema = SCHEMA
    data, _ = await world.result(text, **variables)
    operation = get_operation_ast(document)
    assert operation is not None
    if data is None:
        return 0, 0, 0
    coerced = get_variable_values(CORE, operation.variable_definitions or (), dict(variables))
    assert isinstance(coerced, VariableValues)
    estimated = Priced(PRICES, document).cost(operation, coerced.coerced)
    actual = Actual(document, operation, variables)
    return estimated, actual.cost(data), actual.objects


async def compare(world: World, text: str, variables: Mapping[str, Any]) -> int:
    """How many objects the answer had; it came to no more than it was priced."""
    estimated, actual, objects = await costs(world, text, variables)
    assert actual <= estimated, text
    return objects


def lines(chance: random.Random) -> list[str]:
    """Datasets, jobs and fields at random."""
    names = ["t", "x", "s", "u", "v", "w"]
    made = []
    for number in range(chance.randint(1, 40)):
        job = chance.choice(["j", "k", "l"])
        made.append(f"{chance.choice(names)} *{job}.{number} {chance.choice(names)}")
        if chance.random() < 0.5:
            made.append(f"{chance.choice(names)}/c{chance.randint(0, 9)} {chance.choice(names)}/c{chance.randint(0, 9)}")
    return made


async def random_world(seed: int) -> World:
    if seed % 4 == 0:
        return await rich()
    chance = random.Random(seed)
    world = await World().lines(*lines(chance))
    for number in range(chance.randint(0, 12)):
        await world.run(f"r{number}", node(f"J:{chance.choice('jkl')}"), number)
    return world


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


SEEN: list[int] = []


assert CORE.query_type is not None
ROOTS = sorted(name for name in CORE.query_type.fields if not name.startswith("_"))


@given(
    text=st.sampled_from(ROOTS).flatmap(lambda name: queries(SDL, fields=[name], custom_scalars=SCALARS)),
    seed=st.integers(0, 40),
)
def test_queries_of_any_shape(runner: asyncio.Runner, text: str, seed: int) -> None:
    async def one() -> int:
        said, variables = meaningful(text, seed)
        return await compare(await random_world(seed), said, variables)

    SEEN.append(runner.run(one()))


def test_they_were_answers_of_some_size(runner: asyncio.Runner) -> None:
    """Else the above would have compared nothing with nothing."""
    for seed in range(60):
        SEEN.append(runner.run(compare_asked(seed)))
    assert sum(objects > 5 for objects in SEEN) >= 3, SEEN


async def compare_asked(seed: int) -> int:
    return await compare(await random_world(seed), print_ast(visit(parse(Asker(seed).query()), Typed())), {})


@pytest.mark.parametrize("first", range(1, 6))
@pytest.mark.parametrize("seed", range(6))
async def test_pages_that_are_full(seed: int, first: int) -> None:
    """Nothing is left of the price where all lists are as long as they may be."""
    chance = random.Random(seed * 10 + first)
    world = await World().lines(*(f"t *j.{n} b{n} *k.{n} c{n}.{m}" for n in range(6) for m in range(6)))
    text, depth = "id", chance.randint(1, 2)
    for _ in range(depth):
        below = chance.choice(["nodes { %s }", "edges { depth node { %s } }", "nodes { __typename } edges { node { %s } }"])
        text = "... on Entity { __typename } ... on Dataset { downstream(first: $n) { %s } }" % (below % text)
    query = print_ast(visit(parse('query ($n: Int) { dataset(name: "t", namespace: "n") { %s } }' % text), Typed()))  # noqa: UP031
    estimated, actual, objects = await costs(world, query, {"n": first})
    assert estimated == actual
    assert objects > first**depth
