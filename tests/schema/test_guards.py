"""Documents that are too much are refused before they run, and nothing that is sent makes the service think for long."""

import pytest
from graphql import get_introspection_query

from schema.guards import Documents, Limits
from schema.service import LineageSchema, schema
from tests.schema.world import World


def nested(levels: int) -> str:
    return '{ node(id: "x") ' + "{ ... on Entity { upstream { nodes " * levels + "{ id }" + "} } }" * levels + " }"


TOO_COSTLY = {
    "levels": nested(16),
    "aliases": "{ "
    + " ".join(f'a{n}: node(id: "x") {{ id }}' for n in range(16))
    + nested(0)[1:-1]
    + " "
    + " ".join(f"b{n}: __typename" for n in range(16))
    + " }",
    "directives": '{ node(id: "x") { id ' + " ".join(f"x{n}: id @skip(if: false)" for n in range(21)) + " } }",
    "root fields": "{ " + " ".join(f"__typename a{n}: __typename" for n in range(20)) + " }",
    "fields": '{ node(id: "x") { ' + "id " * 1001 + "} }",
    "aliases in fragments": "{ ...A ...A } fragment A on Query { " + " ".join(f"a{n}: __typename" for n in range(16)) + " }",
    "the same fields": '{ node(id: "x") { ... on Dataset {' + " columns { nodes { id } }" * 100 + " } } }",
    "the same field in fragments in fragments": '{ node(id: "x") {' + "... on Entity {" * 60 + "id " * 30 + "}" * 60 + "} }",
    "fragments beside each other": '{ node(id: "x") { '
    + " ".join(f"...F{n}" for n in range(150))
    + " } } "
    + " ".join(f"fragment F{n} on Entity {{ id }}" for n in range(150)),
    "a tree of fragments": "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(20))
    + " fragment F20 on Query { __typename }",
}


@pytest.mark.parametrize("what", TOO_COSTLY)
async def test_what_is_too_wide_or_too_deep_is_too_costly(what: str) -> None:
    world = World()
    assert await world.code(TOO_COSTLY[what]) == "TOO_COSTLY"
    assert world.backend.counts() == {}


async def test_what_is_too_long_is_too_large() -> None:
    world = World()
    assert await world.code("{ __typename } # " + "é" * 33_000) == "TOO_LARGE"
    assert await world.code("{ " + "id " * 2001 + "}") == "TOO_LARGE"
    assert await world.code("{ " + "id " * 2001) == "TOO_LARGE"


async def test_limits_are_not_met_by_what_people_ask() -> None:
    world = await World().lines("a *1 b")
    await world.ask(nested(4).replace("upstream", "downstream"))
    await world.ask("{ " + " ".join(f"a{n}: __typename" for n in range(19)) + " }")


@pytest.mark.parametrize(
    "query",
    [
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
        "{ ...A } fragment A on Query { ...A ...A ...A }",
        '{ node(id: "x") { ...A } } fragment A on Entity { upstream { nodes { ...A id } } downstream { nodes { ...A } } }',
        '{ ...A ...A } fragment A on Query { node(id: "x") { ...B id } node(id: "x") { id ...B } } '
        "fragment B on Entity { upstream { nodes { ...B } nodes { ...B } } upstream { nodes { ...B } } }",
        "{" + "a{" * 1500,
        "[" * 1000,
        "{ node(id: " + "[" * 900 + "]" * 900 + ") { id } }",
    ],
)
async def test_what_would_go_on_for_ever_ends(query: str) -> None:
    data, errors = await World().result(query)
    assert data is None
    assert errors
    assert {error["extensions"]["code"] for error in errors} <= {"BAD_INPUT", "TOO_LARGE", "TOO_COSTLY"}


async def test_introspection_is_served_and_bounded() -> None:
    world = World()
    data = await world.ask(get_introspection_query(descriptions=True, input_value_deprecation=True))
    assert {each["name"] for each in data["__schema"]["types"]} > {"Dataset", "Lineage", "DateTime"}
    deep = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }"
    assert await world.code(deep) == "BAD_INPUT"


def test_a_document_is_read_once() -> None:
    documents = Documents(schema()._schema, Limits())
    one = documents.prepare("{ __typename }")
    assert documents.prepare("{ __typename }") is one
    assert documents.prepare("{ nope }").errors
    assert documents.prepare("{ nope }") is documents.prepare("{ nope }")


def test_what_is_remembered_is_bounded_by_number_and_by_size() -> None:
    documents = Documents(schema()._schema, Limits(), most=3, most_bytes=50_000)
    kept = [documents.prepare(f"{{ a{n}: __typename }}") for n in range(3)]
    assert documents.prepare("{ a0: __typename }") is kept[0]
    documents.prepare("{ a3: __typename }")
    assert documents.prepare("{ a0: __typename }") is kept[0]
    assert documents.prepare("{ a1: __typename }") is not kept[1]
    documents.prepare("{ __typename } #" + "x" * 49_900)
    assert documents.prepare("{ a0: __typename }") is not kept[0]
    kept = [documents.prepare(f"{{ a{n}: __typename }}") for n in range(2)]
    documents.prepare("{ " + "a " * 60 + "}")  # which is short, and takes as much as the other
    assert documents.prepare("{ a0: __typename }") is not kept[0]
    assert documents.prepare("{ a1: __typename }") is not kept[1]


async def test_limits_can_be_others() -> None:
    small = LineageSchema(Limits(depth=2))
    answer = await small.execute(
        '{ node(id: "x") { ... on Entity { upstream { nodes { id } } } } }', context_value=World().context()
    )
    assert answer.errors is not None
    assert answer.errors[0].extensions == {"code": "TOO_COSTLY"}
