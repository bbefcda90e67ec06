"""What an operation is taken to cost: by hand, one rule at a time."""

from typing import Any

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    get_operation_ast,
    is_composite_type,
    is_list_type,
    is_non_null_type,
    parse,
    validate,
)

from schema.cost.directives import EDGE, FLAT, LIST, SEARCH, WALK, WRITE
from schema.cost.priced import Priced
from schema.cost.prices import INTROSPECTION, MOST, REQUEST, Prices
from schema.service import schema

CORE = schema()._schema
PRICES = Prices(CORE)
ENTITY = 1
PAGE = 1


def priced(text: str) -> Priced:
    assert not validate(CORE, parse(text)), text
    return Priced(PRICES, parse(text))


def cost(text: str, name: str | None = None, /, **variables: Any) -> int:
    operation = get_operation_ast(parse(text), name)
    assert operation is not None
    return priced(text).cost(operation, variables)


def dearest(text: str, **variables: Any) -> str:
    operation = get_operation_ast(parse(text))
    assert operation is not None
    return priced(text).dearest(operation, variables)


def test_objects_cost_one_and_leaves_nothing() -> None:
    assert cost("{ __typename }") == REQUEST
    assert cost('{ node(id: "x") { id __typename } }') == REQUEST + ENTITY
    assert cost('{ a: node(id: "x") { id } b: node(id: "x") { id } }') == REQUEST + 2 * ENTITY
    assert cost('{ dataset(name: "x") { name tags aliases facets } }') == REQUEST + ENTITY


def test_a_list_costs_as_often_as_it_may_have_items() -> None:
    page = "{ nodes { id } }"
    assert cost(f'{{ dataset(name: "x") {{ columns(first: 7) {page} }} }}') == REQUEST + ENTITY + PAGE + 7
    assert cost(f'{{ dataset(name: "x") {{ columns {page} }} }}') == REQUEST + ENTITY + PAGE + 100
    assert cost(f'{{ dataset(name: "x") {{ columns(first: null) {page} }} }}') == REQUEST + ENTITY + PAGE + 100
    assert cost(f'{{ dataset(name: "x") {{ columns(first: -7) {page} }} }}') == REQUEST + ENTITY + PAGE
    assert cost('{ dataset(name: "x") { columns(first: 7) { totalCount } } }') == REQUEST + ENTITY + PAGE
    edges = "{ edges { cursor node { id } } nodes { id } pageInfo { endCursor } }"
    assert cost(f'{{ dataset(name: "x") {{ columns(first: 7) {edges} }} }}') == REQUEST + ENTITY + PAGE + 7 + 7 + 7 + 1


def test_sizes_multiply_along_a_path() -> None:
    text = '{ dataset(name: "x") { upstream(first: 5) { nodes { upstream(first: 3) { nodes { id } } } } } }'
    assert cost(text) == REQUEST + ENTITY + WALK + 5 * (ENTITY + WALK + 3 * ENTITY)


def test_what_variables_say_counts_and_not_what_they_might() -> None:
    text = 'query ($n: Int = 4) { dataset(name: "x") { columns(first: $n) { nodes { id } } } }'
    base = REQUEST + ENTITY + PAGE
    assert cost(text, n=4) == base + 4
    assert cost(text, n=900) == base + 900
    assert cost(text, n=None) == base + 100
    assert cost(text) == base + 100
    assert cost(text, n=-1) == base


def test_ids_count_each() -> None:
    assert cost('{ nodes(ids: ["a", "b", "c"]) { id } }') == REQUEST + 3
    assert cost('{ nodes(ids: "a") { id } }') == REQUEST + 1
    text = "query ($of: [ID!]!) { nodes(ids: $of) { id } impact(of: $of) { roots { id } summary { total } } }"
    assert cost(text, of=["x"] * 30) == REQUEST + 30 + FLAT + 30 + 1
    text = 'query ($a: ID!) { nodes(ids: ["x", $a]) { id } }'
    assert cost(text, a="y") == REQUEST + 2
    text = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Dataset { id } } }"
    assert cost(text, r=[{}] * 12) == REQUEST + 12


def test_an_input_object_may_hold_the_list() -> None:
    text = "mutation ($i: UpsertEntitiesInput!) { upsertEntities(input: $i) { entities { id } } }"
    assert cost(text, i={"entities": [{}] * 9}) == REQUEST + WRITE + 9
    assert cost(text, i={}) == REQUEST + WRITE
    text = 'mutation ($e: EntityInput!) { upsertEntities(input: {entities: [{id: "a"}, $e]}) { entities { id } } }'
    assert cost(text, e={}) == REQUEST + WRITE + 2
    text = "mutation ($e: [EntityInput!]!) { upsertEntities(input: {entities: $e}) { entities { id } } }"
    assert cost(text, e=[{}] * 5) == REQUEST + WRITE + 5


def test_a_graph_costs_by_its_nodes() -> None:
    text = 'query ($n: Int) { lineage(of: "x", maxNodes: $n) { nodes { entity { id } } edges { evidence { runs } } } }'
    assert cost(text, n=10) - cost(text, n=0) == 10 * (2 + EDGE + 1)
    assert cost(text) == cost(text, n=1000)
    assert cost('{ impact(of: "x") { affected(first: 8) { nodes { id } } } }') == REQUEST + FLAT + PAGE + 8
    assert cost('{ paths(from: "x", to: "y", first: 2) { paths { length } } }') == REQUEST + FLAT + 2


def test_what_is_not_a_mere_object_weighs_more() -> None:
    assert cost('{ search(text: "x", first: 5) { nodes { id } } }') == REQUEST + SEARCH + 5
    assert cost('{ job(name: "x") { runs(first: 5) { nodes { id } } } }') == REQUEST + ENTITY + LIST + 5
    assert cost("{ __schema { types { name } } }") == REQUEST + INTROSPECTION["__schema"]
    assert cost('{ __type(name: "X") { name } }') == REQUEST + INTROSPECTION["__type"]
    assert cost('mutation { deleteEntity(input: {id: "x"}) { id } }') == REQUEST + WRITE


def test_of_an_interface_the_dearest_type_counts() -> None:
    assert cost('{ node(id: "x") { ... on Dataset { columns(first: 5) { nodes { id } } } } }') == REQUEST + ENTITY + PAGE + 5
    text = """{ node(id: "x") { ... on Dataset { columns(first: 5) { nodes { id } } }
        ... on Job { runs(first: 2) { nodes { id } } inputs(first: 1) { nodes { id } } }
        ... on Entity { downstream(first: 1) { nodes { id } } } } }"""
    assert cost(text) == REQUEST + ENTITY + (WALK + 1) + max(PAGE + 5, LIST + 2 + PAGE + 1)
    text = """query ($n: Int!) { node(id: "x") { ... on Dataset { columns(first: $n) { nodes { id } } }
        ... on Job { inputs(first: 30) { nodes { id } } } } }"""
    assert [cost(text, n=n) for n in (5, 30, 31)] == [REQUEST + ENTITY + PAGE + most for most in (30, 30, 31)]
    text = (
        "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Model { trainedOn(first: 3) { nodes { id } } } } }"
    )
    assert cost(text, r=[1, 2]) == REQUEST + 2 * (ENTITY + PAGE + 3)


def test_what_is_said_twice_is_paid_for_once() -> None:
    once = cost('{ dataset(name: "x") { columns(first: 5) { nodes { id } pageInfo { endCursor } } } }')
    text = """{ dataset(name: "x") { ...a ...b ...a columns(first: 5) { nodes { id } } } dataset(name: "x") { ...a } }
        fragment a on Dataset { columns(first: 5) { nodes { id } pageInfo { endCursor } } }
        fragment b on Entity { ... on Dataset { columns(first: 5) { ... { pageInfo { hasNextPage } } } } }"""
    assert cost(text) == once


def test_what_is_left_out_costs_nothing() -> None:
    text = """query ($with: Boolean!, $without: Boolean = false) { dataset(name: "x") {
        columns(first: 5) @include(if: $with) { nodes { id } } ...f @skip(if: $without)
        upstream @skip(if: true) { nodes { id } } } }
        fragment f on Dataset { producedBy(first: 3) { nodes { id } } }"""
    base = REQUEST + ENTITY
    assert cost(text, **{"with": True, "without": False}) == base + PAGE + 5 + PAGE + 3
    assert cost(text, **{"with": False, "without": False}) == base + PAGE + 3
    assert cost(text, **{"with": False, "without": True}) == base
    assert cost(text, **{"with": False, "without": None}) == base + PAGE + 3


def test_each_operation_has_its_own_price() -> None:
    text = 'query a { dataset(name: "x") { id } } query b { nodes(ids: ["x", "y"]) { id } }'
    document = parse(text)
    both = Priced(PRICES, document)
    for name, most in (("a", 1), ("b", 2), ("a", 1)):
        operation = get_operation_ast(document, name)
        assert operation is not None
        assert both.cost(operation, {}) == REQUEST + most


def test_prices_that_are_kept_are_bounded() -> None:
    """Each choice of @skip and @include has a price of its own, and there are many choices."""
    names = [f"v{n}" for n in range(7)]
    fields = " ".join(f'{name}: node(id: "x") @include(if: ${name}) {{ id }}' for name in names)
    document = parse(f"query ({' '.join(f'${name}: Boolean!' for name in names)}) {{ {fields} }}")
    operation = get_operation_ast(document)
    assert operation is not None
    prices = Prices(CORE, most=100)
    made = Priced(prices, document)
    for turn in range(2):
        for bits in range(2 ** len(names)):
            chosen = {name: bool(bits >> at & 1) for at, name in enumerate(names)}
            before = made.made
            assert made.cost(operation, chosen) == REQUEST + bits.bit_count()
            assert made.made == before + 1, (turn, bits)
            assert made.cost(operation, chosen) == REQUEST + bits.bit_count()
            assert made.made == before + 1
            assert prices.lines <= 100
            assert len(prices.kept) <= 20


def test_what_cannot_be_said_is_said_as_the_most() -> None:
    text = "id"
    for _ in range(20):
        text = "upstream(first: 1000) { nodes { %s } }" % text  # noqa: UP031 - braces
    assert cost('{ dataset(name: "x") { %s } }' % text) == MOST  # noqa: UP031


@pytest.mark.parametrize("named", ["$n", "9"])
def test_many_types_at_many_levels_are_priced_once_each(named: str) -> None:
    """The text grows by a line with each level, and so does the work, though there are 3^18 ways down."""
    text = "id"
    for _ in range(18):
        below = f"upstream(first: {named}) {{ nodes {{ {text} }} }}"
        text = f"... on Dataset {{ type }} ... on Job {{ sql }} ... on Entity {{ {below} }}"
    head = "query ($n: Int) " if named == "$n" else ""
    most = 1
    for _ in range(18):
        most = WALK + 9 * most + 1
    assert cost(head + '{ node(id: "x") { ' + text + " } }", n=9) == min(REQUEST + most, MOST)


def test_it_says_where_most_is_paid() -> None:
    text = """query ($n: Int) { search(text: "x") { nodes { id } } dataset(name: "x") { columns { totalCount }
        upstream(first: $n) { nodes { upstream(first: $n) { nodes { id } } } } } }"""
    assert dearest(text, n=30) == "dataset.upstream.nodes.upstream"
    assert dearest(text, n=100) == "dataset.upstream.nodes.upstream.nodes"
    assert dearest(text, n=0) == "search"
    assert dearest('{ nodes(ids: ["a", "b"]) { ... on Job { runs { nodes { id } } } } }') == "nodes.runs"


def test_every_list_of_the_schema_has_a_size() -> None:
    """Else it would be taken for one object, however long it is."""
    said: set[tuple[str, str]] = set()
    lists: set[tuple[str, str]] = set()
    for kind in CORE.type_map.values():
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) or kind.name.startswith("__"):
            continue
        for name, field in kind.fields.items():
            rule, below = PRICES.rule(kind, name), get_named_type(field.type)
            given = field.type.of_type if is_non_null_type(field.type) else field.type
            if rule.sized:
                said |= {(below.name, each) for each in rule.sized}
            elif rule.assumed is not None or rule.slicing:
                said.add((kind.name, name))
            if is_list_type(given) and is_composite_type(below):
                lists.add((kind.name, name))
            for argument in {*rule.slicing, *((rule.by or "").split(".")[:1] if rule.by else ())}:
                assert argument in field.args, (kind.name, name)
            for each in rule.sized:
                assert isinstance(below, GraphQLObjectType)
                assert each in below.fields, (kind.name, name)
    assert lists - said == set()
    assert len(lists) > 20


def test_what_is_followed_is_paid_for_once() -> None:
    text = 'subscription { lineageChanged(of: ["x"]) { nodesAdded edgesAdded { via } epoch } }'
    assert cost(text) == REQUEST + FLAT + 20 * EDGE
