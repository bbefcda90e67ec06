"""How what is asked about is found: by id, by name, by another name, by a bare name, or not at all."""

import pytest

from backends.changes import Changes, NodeChange
from backends.ids import Kind, make_id
from backends.model import EdgeKey, EdgeKind
from tests.schema.graphs import node
from tests.schema.world import DAY, World

ODD = ["a#b", "50%", "a/b:c", "Ünïcode 𝒳 \U0010ffff", " spaced ", "%23", "dataset:x", "x\ny", "'); DROP", "#"]


async def test_typed_roots_and_node_find_by_name_and_by_id() -> None:
    world = await World().lines("a *j.1 b M1 P1", "t/x u/y")
    await world.run("R1", node("J:j"), 1)
    data = await world.ask("""{
        dataset(namespace: "n", name: "a") { id name namespace kind } job(namespace: "n", name: "j") { id name }
        operation(id: "operation:n#j#1") { id name job { id } }
        model(namespace: "n", name: "M1", version: "1") { id name version }
        prediction(namespace: "n", name: "P1") { id } column(namespace: "n", dataset: "t", name: "x") { id name namespace }
        run(id: "R1") { id name namespace kind } byPrefix: run(id: "run:R1") { id }
        node(id: "dataset:n#b") { __typename id }
        nodes(ids: ["model:n#M1#1", "dataset:n#no", "run:R1"]) { __typename id } }""")
    assert data["dataset"] == {"id": "dataset:n#a", "name": "a", "namespace": "n", "kind": "DATASET"}
    assert data["job"] == {"id": "job:n#j", "name": "j"}
    assert data["operation"] == {"id": "operation:n#j#1", "name": "j", "job": {"id": "job:n#j"}}
    assert data["model"] == {"id": "model:n#M1#1", "name": "M1", "version": "1"}
    assert data["column"] == {"id": "column:n#t#x", "name": "x", "namespace": "n"}
    assert data["run"] == {"id": "run:R1", "name": "R1", "namespace": "n", "kind": "RUN"}
    assert data["byPrefix"] == {"id": "run:R1"}
    assert data["node"] == {"__typename": "Dataset", "id": "dataset:n#b"}
    assert data["nodes"] == [{"__typename": "Model", "id": "model:n#M1#1"}, None, {"__typename": "Run", "id": "run:R1"}]


async def test_what_is_unknown_is_null_without_an_error() -> None:
    world = await World().lines("a *j.1 b")
    data = await world.ask("""{ node(id: "dataset:n#no") { id } bare: node(id: "no") { id } nodes(ids: ["no"]) { id }
        dataset(name: "a") { id } job(namespace: "n", name: "a") { id } operation(id: "dataset:n#a") { id }
        model(name: "m") { id } prediction(name: "p") { id } column(dataset: "d", name: "c") { id } run(id: "r") { id }
        state: nodes(ids: ["no"]) { id } }""")
    assert all(value in (None, [None]) for value in data.values())


async def test_what_was_deleted_or_withdrawn_is_unknown() -> None:
    world = await World().lines("a *j.1 b")
    await world.store.apply(Changes(DAY, (NodeChange(node("a"), deleted_at=5 * DAY), NodeChange(node("b"), withdrawn=True))))
    assert await world.ask('{ node(id: "dataset:n#a") { id } dataset(namespace: "n", name: "b") { id } }') == {
        "node": None,
        "dataset": None,
    }
    assert await world.code('{ lineage(of: ["dataset:n#a"]) { answer { total } } }') == "NOT_FOUND"


async def test_a_uuid_of_a_run_is_found_in_any_case() -> None:
    world = await World().lines("a *j.1 b")
    await world.run("0190d5e8-4c5a-7b2e-9f3d-abcdefabcdef", node("J:j"), 1)
    for text in ("0190D5E8-4C5A-7B2E-9F3D-ABCDEFABCDEF", "run:0190d5e8-4c5a-7b2e-9f3d-abcdefABCDEF"):
        data = await world.ask("query ($id: ID!) { run(id: $id) { state } node(id: $id) { id } }", id=text)
        assert data == {"run": {"state": "COMPLETE"}, "node": {"id": "run:0190d5e8-4c5a-7b2e-9f3d-abcdefabcdef"}}


async def test_another_name_is_the_same_dataset() -> None:
    world = await World().lines("a *j.1 b", "a/x b/y")
    await world.say("dataset:n#other", alias_of=node("a"), description="said of the other")
    query = """query ($id: ID!) { node(id: $id) { id ... on Dataset { aliases description downstream { nodes { id } } } }
        lineage(of: [$id], direction: DOWNSTREAM) { nodes { entity { id } } } }"""
    one, two = await world.ask(query, id=node("a")), await world.ask(query, id="dataset:n#other")
    assert one == two
    assert one["node"]["aliases"] == ["dataset:n#other"]
    data = await world.ask("""{ dataset(namespace: "n", name: "other") { id }
        column(namespace: "n", dataset: "other", name: "x") { id dataset { id } }
        lineage(of: ["dataset:n#a", "dataset:n#other"]) { summary { total } } }""")
    assert data["dataset"]["id"] == node("a")
    assert data["column"] == {"id": node("a/x"), "dataset": {"id": node("a")}}
    assert data["lineage"]["summary"]["total"] == 2


async def test_a_model_without_a_version_is_the_latest() -> None:
    world = World()
    for version, trained in (("9", None), ("10", None), ("v2", 5), ("1", 7), ("2", 7)):
        await world.say(make_id(Kind.MODEL, "default", "churn", version), trained_at=trained)
    await world.say(make_id(Kind.MODEL, "default", "old.churn", "99"), trained_at=9)
    await world.say(make_id(Kind.MODEL, "default", "plain", "9"))
    await world.say(make_id(Kind.MODEL, "default", "plain", "10"))
    data = await world.ask("""{ model(name: "churn") { version } plain: model(name: "plain") { version }
        exact: model(name: "churn", version: "9") { version } node(id: "churn") { id }
        by: node(id: "model:default#plain") { id }
        none: model(name: "CHURN") { id } }""")
    assert data["model"]["version"] == "2"
    assert data["plain"]["version"] == "10"
    assert data["exact"]["version"] == "9"
    assert data["node"]["id"] == "model:default#churn#2"
    assert data["by"]["id"] == "model:default#plain#10"
    assert data["none"] is None


async def test_a_model_with_more_versions_than_a_page() -> None:
    world = World()
    await world.store.apply(
        Changes(DAY, tuple(NodeChange(make_id(Kind.MODEL, "default", "m", str(n)), seen=(DAY, DAY)) for n in range(1205)))
    )
    assert (await world.ask('{ model(name: "m") { version } }'))["model"] == {"version": "1204"}


async def test_a_bare_name_is_one_in_the_default_namespace() -> None:
    world = World()
    await world.edges([EdgeKey("dataset:default#raw", EdgeKind.INPUT_TO, "operation:default#etl#1")])
    data = await world.ask('{ node(id: "raw") { id } lineage(of: ["raw"]) { nodes { entity { id } } } }')
    assert data["node"]["id"] == "dataset:default#raw"
    assert data["lineage"]["nodes"] == [{"entity": {"id": "dataset:default#raw"}}]
    assert world.backend.counts() == {"get": 1, "find_nodes": 2, "traverse": 1}


async def test_a_bare_name_of_two_kinds_is_an_error_that_names_both() -> None:
    world = World()
    await world.say("dataset:default#x")
    await world.say("job:default#x")
    await world.say("model:default#x#3")
    for query in ('{ lineage(of: ["x"]) { answer { total } } }', '{ node(id: "x") { id } }'):
        _, (error,) = await world.result(query)
        assert error["extensions"]["code"] == "BAD_INPUT"
        assert error["extensions"]["candidates"] == ["dataset:default#x", "job:default#x", "model:default#x#3"]
        assert "job:default#x" in error["message"]
    data, (error,) = await world.result('{ nodes(ids: ["x", "dataset:default#x"]) { id } }')
    assert data == {"nodes": [None, {"id": "dataset:default#x"}]}
    assert error["path"] == ["nodes", 0]


@pytest.mark.parametrize("name", ODD)
async def test_odd_names_are_found(name: str) -> None:
    world = World()
    source, target = make_id(Kind.DATASET, "x:/é#%", name), make_id(Kind.DATASET, "default", name)
    operation = make_id(Kind.OPERATION, "default", name, "1")
    await world.edges(
        [EdgeKey(source, EdgeKind.INPUT_TO, operation), EdgeKey(operation, EdgeKind.PRODUCES, target)], more=[source]
    )
    query = """query ($id: ID!, $namespace: String, $name: String!) { dataset(namespace: $namespace, name: $name) {
        id name namespace downstream { nodes { id name } } } node(id: $id) { id } }"""
    data = await world.ask(query, id=source, namespace="x:/é#%", name=name)
    assert data["dataset"]["name"] == name
    assert data["dataset"]["namespace"] == "x:/é#%"
    assert data["dataset"]["downstream"]["nodes"] == [{"id": target, "name": name}]
    assert data["node"]["id"] == source
    if not name.startswith("dataset:"):
        assert (await world.ask("query ($id: ID!) { node(id: $id) { id } }", id=name))["node"] == {"id": target}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dataset:one",
        "dataset:a#b#c",
        "dataset:a#b%20",
        "x\0y",
        "operation:a#b",
        "tally:x",
        "state:x",
        "a" * 2001,
        "\ud800",
    ],
)
async def test_what_cannot_be_an_id_is_bad_input(text: str) -> None:
    world = World()
    assert await world.code("query ($id: ID!) { node(id: $id) { id } }", id=text) == "BAD_INPUT"
    assert await world.code("query ($id: ID!) { lineage(of: [$id]) { answer { total } } }", id=text) == "BAD_INPUT"
    data, errors = await world.result("query ($id: ID!) { nodes(ids: [$id, $id]) { id } }", id=text)
    assert data == {"nodes": [None, None]}
    assert [error["path"] for error in errors] == [["nodes", 0], ["nodes", 1]]


@pytest.mark.parametrize(
    ("said", "likest"),
    [
        ("dataset:shop#sales.public.ordrs", "dataset:shop#sales.public.orders"),
        ("dataset:shop#sales.public.order", "dataset:shop#sales.public.orders"),
        ("dataset:shop#sales.pubic.orders", "dataset:shop#sales.public.orders"),
        ("dataset:sop#sales.public.orders", "dataset:shop#sales.public.orders"),
        ("orders", "dataset:shop#sales.public.orders"),
        ("job:shop#load_order", "job:shop#load_orders"),
        ("dataset:shop#xyzzy", "dataset:shop#customers"),
        ("model:shop#chrun#1", "model:shop#churn#2"),
    ],
)
async def test_an_unknown_id_is_an_error_with_the_nearest(said: str, likest: str) -> None:
    world = World()
    for each in (
        "dataset:shop#sales.public.orders",
        "dataset:shop#sales.public.order_items",
        "dataset:shop#sales.public.customers_all",
        "dataset:shop#customers",
        "job:shop#load_orders",
        "job:shop#load_customers",
        "model:shop#churn#2",
    ):
        await world.say(each)
    for query in (
        "query ($id: ID!) { lineage(of: [$id]) { answer { total } } }",
        "query ($id: ID!) { impact(of: [$id]) { answer { total } } }",
        'query ($id: ID!) { paths(from: "dataset:shop#customers", to: $id) { answer { total } } }',
    ):
        data, (error,) = await world.result(query, id=said)
        assert list(data.values()) == [None]
        assert (error["extensions"]["code"], error["extensions"]["id"]) == ("NOT_FOUND", said)
        assert error["extensions"]["nearest"][0] == likest
        assert len(error["extensions"]["nearest"]) <= 5


async def test_one_unknown_id_does_not_take_the_others_with_it() -> None:
    world = await World().lines("a *j.1 b")
    data, errors = await world.result(
        '{ a: lineage(of: ["dataset:n#a"]) { answer { total } } b: lineage(of: ["no"]) { nodes { depth } } }'
    )
    assert data == {"a": {"answer": {"total": 2}}, "b": None}
    assert [error["path"] for error in errors] == [["b"]]


async def test_lists_of_ids_are_bounded_and_not_empty() -> None:
    world = World()
    assert await world.code("{ lineage(of: []) { answer { total } } }") == "BAD_INPUT"
    many = [f"dataset:n#{n}" for n in range(1001)]
    for query in (
        "query ($ids: [ID!]!) { impact(of: $ids) { answer { total } } }",
        "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        "query ($ids: [ID!]!) { lineage(of: $ids) { answer { total } } }",
    ):
        assert await world.code(query, ids=many) == "BAD_INPUT"
    assert (
        await world.code("query ($ids: [ID!]!) { lineage(of: $ids) { answer { total } } }", ids=many[:1000]) == "NOT_FOUND"
    )
    assert (
        await world.code(
            "query ($ids: [ID!]!) { lineage(of: $ids) { answer { total } } }", ids=[f"x{n}" for n in range(101)]
        )
        == "BAD_INPUT"
    )


async def test_search_finds_the_best_match_first() -> None:
    world = World()
    await world.say("dataset:db#sales.public.orders", tags=["gold", "pii"], columns=["customer_id"])
    await world.say("dataset:db#mart.customer_orders", tags=["gold"])
    await world.say("job:db#load_orders")
    await world.say("asset:web#orders_board", description="what was ordered")
    query = """query ($text: String, $kinds: [Kind!], $ns: String, $tags: [String!], $first: Int, $after: String) {
        search(text: $text, kinds: $kinds, namespace: $ns, tags: $tags, first: $first, after: $after) {
        totalCount pageInfo { hasNextPage endCursor } edges { cursor } nodes { id __typename } } }"""

    async def found(**variables: object) -> list[str]:
        return [each["id"] for each in (await world.ask(query, **variables))["search"]["nodes"]]

    assert (await found(text="orders"))[0] == "dataset:db#sales.public.orders"
    assert await found(text="customer_id") == ["dataset:db#sales.public.orders"]
    assert await found(text="orders", kinds=["JOB"]) == ["job:db#load_orders"]
    assert await found(text="orders", ns="web") == ["asset:web#orders_board"]
    assert await found(tags=["gold", "pii"]) == ["dataset:db#sales.public.orders"]
    assert await found(text="  ") == await found() == sorted(await found())
    assert await found(kinds=[]) == []
    first = (await world.ask(query, text="orders", first=3))["search"]
    rest = (await world.ask(query, text="orders", first=3, after=first["pageInfo"]["endCursor"]))["search"]
    assert first["pageInfo"]["hasNextPage"]
    assert not rest["pageInfo"]["hasNextPage"]
    assert first["totalCount"] == rest["totalCount"] == 4
    assert len({each["id"] for each in first["nodes"] + rest["nodes"]}) == 4
    _, (error,) = await world.result(query, kinds=["RUN"])
    assert error["extensions"]["code"] == "BAD_INPUT"
    assert "runs" in error["message"]
