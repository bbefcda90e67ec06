"""What a gateway of Apollo Federation asks of us: entities by what others say of them, and our schema as a subgraph."""

from collections.abc import Mapping
from typing import Any

import pytest
from graphql import ObjectTypeDefinitionNode, parse, print_ast

from api.__main__ import main
from backends.changes import Changes, NodeChange
from schema.execute.reading import Reason
from schema.service import LineageSchema
from schema.subgraph import as_subgraph, subgraph_of
from tests.schema.graphs import node
from tests.schema.world import DAY, World

IDS = "query ($of: [_Any!]!) { _entities(representations: $of) { __typename ... on Dataset { id } ... on Model { id } \
... on Operation { id } ... on Prediction { id } } }"


class Strict(LineageSchema):
    """Notes what the compiled executor left to the general one."""

    def __init__(self, *, compiled: bool = True) -> None:
        self.reasons: list[Reason] = []
        super().__init__(compiled=compiled)

    def note_fallback(self, reason: Reason) -> None:
        self.reasons.append(reason)


def ref(typename: str, **key: Any) -> dict[str, Any]:
    return {"__typename": typename, **key}


def named(typename: str, name: str, **more: Any) -> dict[str, Any]:
    return ref(typename, namespace="n", name=name, **more)


async def found(world: World, *of: object) -> tuple[list[Any], list[Mapping[str, Any]]]:
    """What comes of representations: ids, None where nothing was found, and the errors."""
    data, errors = await world.result(IDS, of=list(of))
    return [each and each["id"] for each in data["_entities"]], errors


@pytest.fixture
async def world() -> World:
    world = await World().lines("raw *j.1 clean M1 P1", "clean *k.1 out", "clean *k.2 more", "raw *77 copy")
    await world.say("dataset:n#other", alias_of=node("raw"))
    for version, trained in (("9", 1), ("10", 2)):
        await world.say(f"model:n#twice#{version}", trained_at=trained)
    return world


async def test_entities_come_in_the_order_asked_however_they_are_told(world: World) -> None:
    ids, errors = await found(
        world,
        ref("Prediction", id=node("P1")),
        named("Dataset", "raw"),
        named("Dataset", "other"),
        ref("Dataset", id="dataset:n#other"),
        named("Operation", "j"),
        named("Operation", "77"),
        ref("Operation", id=node("*k.2")),
        named("Model", "M1", version="1"),
        named("Model", "twice"),
        named("Model", "twice", version=None),
        ref("Model", id="model:n#twice"),
        named("Prediction", "P1"),
        named("Dataset", "nowhere"),
        named("Operation", "nobody"),
        named("Dataset", "clean", owners=["what a @requires adds"]),
        named("Dataset", "raw"),
    )
    latest = "model:n#twice#10"
    assert not errors
    assert ids == [
        node("P1"),
        *[node("raw")] * 3,
        *(node(word) for word in ("*j.1", "*77", "*k.2", "M1")),
        *[latest] * 3,
        node("P1"),
        None,
        None,
        node("clean"),
        node("raw"),
    ]


async def test_what_is_wrong_with_one_is_its_own_error(world: World) -> None:
    wrong = [
        ref("Job", id="job:n#j"),
        ref("_Any"),
        ref("Dataset"),
        ref("Dataset", namespace="n"),
        ref("Dataset", id="job:n#j"),
        ref("Dataset", id="raw"),
        ref("Dataset", id=7),
        ref("Dataset", namespace="n", name=["raw"]),
        ref("Dataset", id="dataset:n#a#b"),
        ref("Dataset", namespace="n", name="\0"),
        ref("Operation", namespace="n", name="x" * 3000),
        named("Operation", "k"),
        "Dataset",
        7,
        ["Dataset"],
        {"id": node("raw")},
        {"__typename": {"Dataset": 1}, "id": node("raw")},
    ]
    ids, errors = await found(world, named("Dataset", "raw"), *wrong, named("Dataset", "clean"))
    assert ids == [node("raw"), *[None] * len(wrong), node("clean")]
    assert [error["path"] for error in errors] == [["_entities", place] for place in range(1, len(wrong) + 1)]
    assert {error["extensions"]["code"] for error in errors} == {"BAD_INPUT"}
    several = next(error for error in errors if "operations" in error["message"])
    assert several["extensions"]["candidates"] == [node("*k.1"), node("*k.2")]
    assert all(len(error["message"]) < 200 for error in errors)


async def test_what_was_deleted_is_null_without_an_error(world: World) -> None:
    await world.store.apply(Changes(DAY, (NodeChange(node("raw"), deleted_at=5 * DAY),)))
    assert await found(world, named("Dataset", "raw"), named("Dataset", "clean")) == ([None, node("clean")], [])


async def test_all_are_read_at_once_and_what_is_below_them_is_planned_as_for_root_fields(world: World) -> None:
    world.schema = schema = Strict()
    query = """query ($of: [_Any!]!) { _entities(representations: $of) {
        ... on Dataset { name facets upstream(depth: 2) { nodes { id ... on Dataset { upstream { totalCount } } } } }
        ... on Model { trainedOn { nodes { id } } } ... on _Entity { __typename } } }"""
    of = [named("Dataset", "clean"), named("Dataset", "out"), ref("Model", id=node("M1"))]
    data = await world.ask(query, of=of)
    assert world.backend.counts() == {"get": 1, "traverse": 1}
    assert [each["__typename"] for each in data["_entities"]] == ["Dataset", "Dataset", "Model"]
    assert [each["id"] for each in data["_entities"][1]["upstream"]["nodes"]] == [node("clean"), node("raw")]
    assert data["_entities"][2]["trainedOn"]["nodes"] == [{"id": node("clean")}]
    await world.ask(IDS, of=[named("Dataset", f"d{number}") for number in range(1000)])
    assert world.backend.counts() == {"get": 1}
    await world.ask(IDS, of=[named("Operation", name) for name in "jjj"])
    assert world.backend.counts() == {"get": 1, "traverse": 1}
    await world.ask("{ _service { sdl } }")
    assert schema.reasons == []


@pytest.mark.parametrize("compiled", [True, False])
async def test_both_executors_and_representations_in_the_text_say_the_same(world: World, compiled: bool) -> None:
    world.schema = Strict(compiled=compiled)
    text = """query ($name: String = "raw") {
        _entities(representations: [{__typename: "Dataset", namespace: "n", name: $name}, {__typename: "Dataset"}]) {
            ... on Dataset { id } }
        two: _entities(representations: []) { __typename } }"""
    data, errors = await world.result(text)
    assert data == {"_entities": [{"id": node("raw")}, None], "two": []}
    assert [error["path"] for error in errors] == [["_entities", 1]]


async def test_too_many_are_refused_before_anything_is_read(world: World) -> None:
    data, errors = await world.result(IDS, of=[named("Dataset", "raw")] * 1001)
    assert data is None
    assert [(error["path"], error["extensions"]["code"]) for error in errors] == [(["_entities"], "BAD_INPUT")]
    assert world.backend.counts() == {}
    ids, errors = await found(world, *(named("Model", f"m{number}") for number in range(150)), named("Dataset", "raw"))
    assert ids == [*[None] * 150, node("raw")]
    assert [error["path"][1] for error in errors] == list(range(100, 150))
    assert {error["extensions"]["code"] for error in errors} == {"TOO_COSTLY"}


async def test_the_subgraph_is_the_schema_with_keys_and_without_what_federation_adds(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    sdl = (await world.ask("{ _service { sdl } }"))["_service"]["sdl"]
    assert sdl == subgraph_of(world.schema)
    types = {each.name.value: each for each in parse(sdl).definitions if isinstance(each, ObjectTypeDefinitionNode)}
    keys = {
        name: [
            print_ast((each.arguments or ())[0].value).strip('"')
            for each in kind.directives or ()
            if each.name.value == "key"
        ]
        for name, kind in types.items()
        if any(each.name.value in ("key", "shareable") for each in kind.directives or ())
    }
    assert keys == {
        "Dataset": ["id", "namespace name"],
        "Model": ["id", "namespace name version", "namespace name"],
        "Operation": ["id", "namespace name"],
        "PageInfo": [],
        "Prediction": ["id", "namespace name"],
    }
    for name, fields in keys.items():
        given = {field.name.value for field in types[name].fields or ()}
        assert given >= {field for key in fields for field in key.split()}
    assert not set(types) & {"_Service", "_Entity", "_Any"}
    assert not {field.name.value for field in types["Query"].fields or ()} & {"_service", "_entities"}
    assert sdl.startswith("extend schema @link(url:")
    assert "Where it lies, as a URI." in sdl, "descriptions stay"
    assert main(["schema", "--federation"]) == 0
    assert capsys.readouterr().out == sdl + "\n"


def test_directives_that_federation_has_are_imported_and_not_defined() -> None:
    sdl = as_subgraph(
        "directive @cost(weight: Int!) on FIELD_DEFINITION\ndirective @ours on FIELD_DEFINITION\n"
        "type Query { a: Int @cost(weight: 3) @ours }"
    )
    assert 'import: ["@key", "@shareable", "@cost"]' in sdl
    assert "directive @cost" not in sdl
    assert "directive @ours" in sdl
    assert "a: Int @cost(weight: 3) @ours" in sdl
