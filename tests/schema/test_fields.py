"""Every field of every type resolves, and says what was stored."""

from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

from backends.changes import Changes, EdgeChange
from backends.ids import Kind
from backends.model import EdgeKey, EdgeKind
from schema.plan import TYPE_NAMES
from schema.service import schema
from tests.schema.graphs import node
from tests.schema.world import DAY, World

IDS = {
    Kind.DATASET: node("t"),
    Kind.COLUMN: node("t/x"),
    Kind.JOB: node("J:j"),
    Kind.OPERATION: node("*j.1"),
    Kind.RUN: "run:r2",
    Kind.MODEL: node("M1"),
    Kind.HYPERPARAMETERS: "hyperparameters:n#h",
    Kind.METRICS: "metrics:n#m",
    Kind.PREDICTION: node("P1"),
    Kind.USER: node("U1"),
    Kind.SYSTEM: "system:n#s",
    Kind.ASSET: node("A1"),
}


async def rich() -> World:
    """A store with something to say about everything."""
    world = await World().lines("s *j.1 t M1 P1", "s/x t/x", "U1 *j.1", "A1 *j.1")
    await world.edges(
        [
            EdgeKey("system:n#s", EdgeKind.HOSTED, node("*j.1")),
            EdgeKey("hyperparameters:n#h", EdgeKind.CONFIGURED_WITH, node("M1")),
            EdgeKey("metrics:n#m", EdgeKind.EVALUATED_WITH, node("M1")),
        ]
    )
    common: dict[str, Any] = {"description": "about", "tags": ["one", "two"], "owners": ["ann"], "facet__own": {"deep": [1]}}
    await world.say(node("t"), **common, type="TABLE", location="s3://x", version="7", lifecycle="DROP", columns=["x"])
    await world.say("dataset:n#alias", alias_of=node("t"))
    await world.say(node("t/x"), **common, type="int", ordinal=3)
    await world.say(
        node("J:j"), **common, type="QUERY", sql="select 1", source_url="git", last_run="run:r2", parent="job:n#dag"
    )
    await world.say(node("*j.1"), **common, type="QUERY")
    model: dict[str, Any] = {"version": "1", "architecture": "tree", "status": "LIVE", "trained_at": DAY}
    await world.say(node("M1"), **common, **model, hyperparameters={"depth": 3}, metrics={"auc": 0.5})
    await world.say(node("P1"), **common, value=[0.5], predicted_at=DAY + 1, model=node("M1"), inputs={"a": 1})
    await world.say("hyperparameters:n#h", **common, values={"depth": 3})
    await world.say("metrics:n#m", **common, values={"auc": 0.5})
    for each in (node("U1"), "system:n#s"):
        await world.say(each, **common)
    await world.say(node("A1"), **common, label="Board")
    await world.run("r1", node("J:j"), 1, state="FAIL", error="why")
    whole = {"description": "about", "tags": ["one", "two"], "owners": ["ann"], "facets": {"own": {"deep": [1]}}}
    await world.run(
        "r2",
        node("J:j"),
        2,
        **whole,
        started=DAY,
        ended=2 * DAY,
        error="no",
        parent="run:r1",
        root="run:r1",
        inputs=[node("s")],
        outputs=["dataset:n#alias"],
    )
    steps = [{"type": "DIRECT", "subtype": "IDENTITY", "description": "as is", "masking": True}, {"type": "INDIRECT"}]
    key = EdgeKey(node("s/x"), EdgeKind.DERIVES, node("t/x"))
    await world.store.apply(Changes(DAY, edges=(EdgeChange(key, {"t": {"transformations": steps, "runs": 1}}),)))
    return world


def selection(kind: GraphQLNamedType, depth: int) -> str:
    """Everything of a type, its own links `depth` levels deep."""
    if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
        return "__typename id" if kind.name == "Node" else "__typename id kind name"
    assert isinstance(kind, GraphQLObjectType)
    parts = ["__typename"]
    for name, field in kind.fields.items():
        below = get_named_type(field.type)
        if is_leaf_type(below):
            parts.append(name)
        elif depth > 0 or below.name in ("PageInfo", "Answer", "Evidence", "Transformation"):
            enters = isinstance(below, GraphQLObjectType) and bool(below.interfaces)
            parts.append(f"{name} {{ {selection(below, depth - enters)} }}")
        elif isinstance(below, GraphQLObjectType) and below.interfaces:
            parts.append(f"{name} {{ id }}")
    return " ".join(parts)


async def test_every_field_of_every_kind_resolves() -> None:
    world = await rich()
    types = schema()._schema.type_map
    for kind, node_id in IDS.items():
        everything = selection(types[TYPE_NAMES[kind]], 1)
        query = f"query ($id: ID!) {{ node(id: $id) {{ ... on {TYPE_NAMES[kind]} {{ {everything} }} }} }}"
        found = (await world.ask(query, id=node_id))["node"]
        assert found["__typename"] == TYPE_NAMES[kind]
        assert (found["id"], found["kind"], found["namespace"]) == (node_id, kind.value, "n")
        assert (found["description"], found["tags"], found["owners"]) == ("about", ["one", "two"], ["ann"])
        assert found["facets"] == {"own": {"deep": [1]}}
        assert found["firstSeen"]
        assert found["lastSeen"]


async def test_root_fields_give_every_field_of_their_answers() -> None:
    world = await rich()
    types = schema()._schema.type_map
    for call, name in (
        ('lineage(of: ["dataset:n#t"])', "Lineage"),
        ('impact(of: ["dataset:n#s"])', "Impact"),
        ('paths(from: "dataset:n#s", to: "prediction:n#P1", kinds: [DATASET, MODEL, PREDICTION])', "Paths"),
        ('search(text: "t")', "EntityConnection"),
    ):
        data = await world.ask(f"{{ found: {call} {{ {selection(types[name], 1)} }} }}")
        assert data["found"]["__typename"] == name


async def test_values_are_those_that_were_stored() -> None:
    world = await rich()
    data = await world.ask("""{
      dataset(namespace: "n", name: "t") { type location version lifecycle aliases columns { totalCount nodes { name } }
        producedBy { nodes { id } } consumedBy { nodes { id } } usedInTraining { nodes { id version } }
        facets(names: ["no"]) }
      column(namespace: "n", dataset: "t", name: "x") { type ordinal dataset { id }
        upstream { edges { transformations { type subtype description masking } } } }
      job(namespace: "n", name: "j") { type sql sourceUrl parent { id name description }
        lastRun { id state } runs { nodes { id } }
        inputs { nodes { id } } outputs { nodes { id } } operations { nodes { id } } }
      operation(id: "operation:n#j#1") { type job { id } inputs { totalCount nodes { id } } outputs { nodes { id } }
        performedBy { id } hostedOn { id } }
      run(id: "r2") { state startedAt endedAt error job { id sql } parent { id state children { totalCount nodes { id } } }
        root { error } inputs { nodes { id } } outputs { totalCount nodes { id type } } upstream { nodes { id } } }
      model(namespace: "n", name: "M1") { version architecture status trainedAt hyperparameters metrics
        trainedOn { nodes { id } } predictions { nodes { id } } }
      prediction(namespace: "n", name: "P1") { value predictedAt inputs model { id status } }
      h: node(id: "hyperparameters:n#h") { ... on Hyperparameters { values } }
      m: node(id: "metrics:n#m") { ... on Metrics { values } }
      u: node(id: "user:n#U1") { ... on User { performed { nodes { id } } } }
      s: node(id: "system:n#s") { ... on System { hosts { nodes { id } } } }
      a: node(id: "asset:n#A1") { ... on Asset { label } } }""")
    ids = {"nodes": [{"id": node("*j.1")}]}
    assert data["dataset"] == {
        "type": "TABLE",
        "location": "s3://x",
        "version": "7",
        "lifecycle": "DROP",
        "aliases": ["dataset:n#alias"],
        "columns": {"totalCount": 1, "nodes": [{"name": "x"}]},
        "producedBy": ids,
        "consumedBy": {"nodes": []},
        "usedInTraining": {"nodes": [{"id": node("M1"), "version": "1"}]},
        "facets": None,
    }
    steps = [
        {"type": "DIRECT", "subtype": "IDENTITY", "description": "as is", "masking": True},
        {"type": "INDIRECT", "subtype": None, "description": None, "masking": False},
    ]
    assert data["column"] == {
        "type": "int",
        "ordinal": 3,
        "dataset": {"id": node("t")},
        "upstream": {"edges": [{"transformations": steps}]},
    }
    assert data["job"] == {
        "type": "QUERY",
        "sql": "select 1",
        "sourceUrl": "git",
        "parent": {"id": "job:n#dag", "name": "dag", "description": None},
        "lastRun": {"id": "run:r2", "state": "COMPLETE"},
        "runs": {"nodes": [{"id": "run:r2"}, {"id": "run:r1"}]},
        "inputs": {"nodes": [{"id": node("s")}]},
        "outputs": {"nodes": [{"id": node("t")}]},
        "operations": ids,
    }
    assert data["operation"] == {
        "type": "QUERY",
        "job": {"id": node("J:j")},
        "inputs": {"totalCount": 1, "nodes": [{"id": node("s")}]},
        "outputs": {"nodes": [{"id": node("t")}]},
        "performedBy": [{"id": node("U1")}],
        "hostedOn": [{"id": "system:n#s"}],
    }
    assert data["run"] == {
        "state": "COMPLETE",
        "startedAt": "1970-01-02T00:00:00Z",
        "endedAt": "1970-01-03T00:00:00Z",
        "error": "no",
        "job": {"id": node("J:j"), "sql": "select 1"},
        "parent": {"id": "run:r1", "state": "FAIL", "children": {"totalCount": 1, "nodes": [{"id": "run:r2"}]}},
        "root": {"error": "why"},
        "inputs": {"nodes": [{"id": node("s")}]},
        "outputs": {"totalCount": 1, "nodes": [{"id": node("t"), "type": "TABLE"}]},
        "upstream": {"nodes": [{"id": node("s")}]},
    }
    assert data["model"] == {
        "version": "1",
        "architecture": "tree",
        "status": "LIVE",
        "trainedAt": "1970-01-02T00:00:00Z",
        "hyperparameters": {"depth": 3},
        "metrics": {"auc": 0.5},
        "trainedOn": {"nodes": [{"id": node("t")}]},
        "predictions": {"nodes": [{"id": node("P1")}]},
    }
    assert data["prediction"] == {
        "value": [0.5],
        "predictedAt": "1970-01-02T00:00:00.000001Z",
        "inputs": {"a": 1},
        "model": {"id": node("M1"), "status": "LIVE"},
    }
    assert [data["h"]["values"], data["m"]["values"], data["a"]["label"]] == [{"depth": 3}, {"auc": 0.5}, "Board"]
    assert data["u"]["performed"] == data["s"]["hosts"] == ids


async def test_one_field_name_means_another_way_for_each_kind() -> None:
    """`inputs` and `job` of a job, an operation and a run, asked side by side in one list."""
    world = await rich()
    data = await world.ask("""{ nodes(ids: ["job:n#j", "operation:n#j#1", "run:r2"]) { __typename
        ... on Job { inputs { nodes { id } } parent { id } } ... on Operation { inputs { nodes { name } } job { name } }
        ... on Run { inputs { totalCount } job { id } parent { state } } } }""")
    assert data["nodes"] == [
        {"__typename": "Job", "inputs": {"nodes": [{"id": node("s")}]}, "parent": {"id": "job:n#dag"}},
        {"__typename": "Operation", "inputs": {"nodes": [{"name": "s"}]}, "job": {"name": "j"}},
        {"__typename": "Run", "inputs": {"totalCount": 1}, "job": {"id": node("J:j")}, "parent": {"state": "FAIL"}},
    ]


async def test_what_is_absent_is_null_or_empty() -> None:
    world = await World().lines("a", "J:j", "M1", "A1", "*1", "P1")
    await world.run("r", node("J:none"), 1, job=None, state=None)
    data = await world.ask("""{ dataset(namespace: "n", name: "a") { description tags owners type aliases facets
        columns { totalCount nodes { id } pageInfo { hasNextPage startCursor endCursor } } }
        job(namespace: "n", name: "j") { lastRun { id } parent { id }
        runs { totalCount nodes { id } } inputs { nodes { id } } }
        operation(id: "operation:n##1") { name job { id } } model(namespace: "n", name: "M1") { metrics trainedAt }
        node(id: "asset:n#A1") { ... on Asset { label } } prediction(namespace: "n", name: "P1") { value model { id } }
        run(id: "r") { state job { id } namespace parent { id } facets
        inputs { nodes { id } } upstream { nodes { id } } } }""")
    nothing = {"hasNextPage": False, "startCursor": None, "endCursor": None}
    assert data == {
        "dataset": {
            "description": None,
            "tags": [],
            "owners": [],
            "type": None,
            "aliases": [],
            "facets": None,
            "columns": {"totalCount": 0, "nodes": [], "pageInfo": nothing},
        },
        "job": {"lastRun": None, "parent": None, "runs": {"totalCount": 0, "nodes": []}, "inputs": {"nodes": []}},
        "operation": {"name": "1", "job": None},
        "model": {"metrics": None, "trainedAt": None},
        "node": {"label": "Asset"},
        "prediction": {"value": None, "model": None},
        "run": {
            "state": "UNKNOWN",
            "job": None,
            "namespace": "",
            "parent": None,
            "inputs": {"nodes": []},
            "upstream": {"nodes": []},
            "facets": None,
        },
    }


async def test_an_entity_whose_row_is_gone_is_still_named_by_its_id() -> None:
    world = await World().lines("a *j.1 b")
    await world.run("r", "job:n#gone", 1, parent="run:older", inputs=["dataset:n#lost"])
    data = await world.ask("""{ run(id: "r") { namespace
        job { id name namespace description tags } parent { id name state startedAt }
        inputs { nodes { id name type columns { totalCount } } } } }""")
    assert data["run"] == {
        "namespace": "n",
        "job": {"id": "job:n#gone", "name": "gone", "namespace": "n", "description": None, "tags": []},
        "parent": {"id": "run:older", "name": "older", "state": "UNKNOWN", "startedAt": None},
        "inputs": {"nodes": [{"id": "dataset:n#lost", "name": "lost", "type": None, "columns": {"totalCount": 0}}]},
    }


async def test_facets_are_read_only_where_they_are_selected() -> None:
    world = await rich()
    query = '{ dataset(namespace: "n", name: "t") { description upstream { nodes { description %s } } } }'
    await world.ask(query.replace("%s", ""))
    assert [given[2] for name, given in world.backend.calls if name == "get"] == [False, False]
    world.backend.counts()
    await world.ask(query.replace("%s", "facets"))
    assert [given[2] for name, given in world.backend.calls if name == "get"] == [False, True]
    world.backend.counts()
    data = await world.ask(
        '{ dataset(namespace: "n", name: "t") { some: facets(names: ["own", "no"]) all: facets no: facets(names: []) } }'
    )
    assert data["dataset"]["some"] == data["dataset"]["all"] == {"own": {"deep": [1]}}
    assert data["dataset"]["no"] is None
    assert [given[2] for name, given in world.backend.calls if name == "get"] == [True]
