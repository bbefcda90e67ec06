"""Mutations from nothing: what they make, what they answer, what they refuse."""

import asyncio
from typing import Any

import pytest

from backends.changes import Changes
from backends.errors import Conflict
from backends.memory import MemoryBackend
from backends.model import Epoch
from schema.context import Context, Costs
from schema.service import schema
from tests.schema.world import World

CAPTURE = """mutation ($input: CaptureOperationInput!) { captureOperation(input: $input) { epoch
  errors { code message field }
  job { id type description tags owners lastRun { state startedAt } } operations { id type performedBy { id } hostedOn { id }
  inputs { nodes { id } } outputs { nodes { id } } } } }"""
TRAIN = """mutation ($input: TrackModelTrainingInput!) { trackModelTraining(input: $input) { epoch
  errors { code message field }
  model { id version architecture status hyperparameters metrics trainedAt description trainedOn { nodes { id } } } } }"""
PREDICT = """mutation ($input: RecordPredictionInput!) { recordPrediction(input: $input) { epoch
  errors { code message field } prediction { id value predictedAt inputs model { id } } } }"""
UPSERT = """mutation ($input: UpsertEntitiesInput!) { upsertEntities(input: $input) { epoch errors { code message field }
  entities { __typename id description tags facets ... on Dataset { type location version } ... on Asset { label }
  ... on Model { status version } ... on Column { ordinal type } ... on Metrics { values } } } }"""
LINK = """mutation ($input: LinkEntitiesInput!) { linkEntities(input: $input) { epoch errors { code message field }
  entities { id } } }"""
RETRACT = """mutation ($input: RetractEdgesInput!) { retractEdges(input: $input) { retracted epoch
  errors { code message field } entities { id } } }"""
DELETE = (
    """mutation ($input: DeleteEntityInput!) { deleteEntity(input: $input) { id epoch errors { code message field } } }"""
)


async def do(world: World, mutation: str, **given: Any) -> Any:
    """The payload of a mutation that was done."""
    (payload,) = (await world.ask(mutation, input=given)).values()
    assert payload["errors"] == []
    assert payload["epoch"]
    return payload


async def refused(world: World, mutation: str, **given: Any) -> tuple[str, str | None]:
    """Code and field of the one error of a payload that shows nothing."""
    (payload,) = (await world.ask(mutation, input=given)).values()
    (error,) = payload.pop("errors")
    assert all(not value for value in payload.values())
    assert error["message"]
    return error["code"], error["field"]


async def upstream(world: World, node_id: str) -> list[str]:
    query = "query ($id: ID!) { node(id: $id) { ... on Entity { upstream(depth: null) { nodes { id } } } } }"
    found = (await world.ask(query, id=node_id))["node"]
    return [each["id"] for each in found["upstream"]["nodes"]]


async def test_capture_works_as_the_very_first_call() -> None:
    world = World()
    made = await do(
        world,
        CAPTURE,
        name="etl",
        type="QUERY",
        inputs=["raw", "dataset:shop#orders", "asset:web#sheet"],
        outputs=["clean"],
        performedBy=["ann"],
        hostedOn=["system:aws#emr"],
        at="2026-05-01T12:00:00+02:00",
        description="cleans",
        tags=["nightly"],
        owners=["data"],
        runId="r-1",
        columns=[{"source": "raw#id", "target": "clean#id", "transformations": [{"type": "DIRECT", "masking": True}]}],
    )
    assert made["job"]["id"] == "job:default#etl"
    assert (made["job"]["description"], made["job"]["tags"], made["job"]["owners"]) == ("cleans", ["nightly"], ["data"])
    assert made["job"]["lastRun"]["state"] == "COMPLETE"
    (operation,) = made["operations"]
    assert [each["id"] for each in operation["performedBy"]] == ["user:default#ann"]
    assert [each["id"] for each in operation["hostedOn"]] == ["system:aws#emr"]
    assert [each["id"] for each in operation["outputs"]["nodes"]] == ["dataset:default#clean"]
    assert set(await upstream(world, "clean")) == {"dataset:default#raw", "dataset:shop#orders", "asset:web#sheet"}
    assert await upstream(world, "column:default#clean#id") == ["column:default#raw#id"]
    data = await world.ask("""{ column(dataset: "clean", name: "id") { upstream { edges {
        transformations { type masking } evidence { origin runs lastRun { name } } } } } }""")
    (hop,) = data["column"]["upstream"]["edges"]
    assert hop["transformations"] == [{"type": "DIRECT", "masking": True}]


async def test_the_same_capture_again_changes_nothing_more() -> None:
    world = World()
    given: dict[str, Any] = {"name": "etl", "inputs": ["a"], "outputs": ["b"], "at": "2026-05-01T12:00:00Z"}
    first = await do(world, CAPTURE, **given)
    again = await do(world, CAPTURE, **given)
    assert again == first
    data = await world.ask('{ job(name: "etl") { runs { totalCount } } }')
    assert data["job"]["runs"]["totalCount"] == 1


async def test_from_training_to_prediction_and_back_to_the_tables() -> None:
    world = World()
    await do(world, CAPTURE, name="etl", inputs=["raw"], outputs=["features"])
    trained = await do(
        world,
        TRAIN,
        model={"name": "churn", "version": "3"},
        datasets=["features"],
        architecture="tree",
        status="STAGING",
        hyperparameters={"depth": 3},
        metrics={"auc": 0.9},
        trainedAt="2026-05-01T00:00:00Z",
        description="who leaves",
    )
    assert trained["model"] == {
        "id": "model:default#churn#3",
        "version": "3",
        "architecture": "tree",
        "status": "STAGING",
        "hyperparameters": {"depth": 3},
        "metrics": {"auc": 0.9},
        "trainedAt": "2026-05-01T00:00:00Z",
        "description": "who leaves",
        "trainedOn": {"nodes": [{"id": "dataset:default#features"}]},
    }
    said = await do(
        world, PREDICT, model="churn", name="p1", value=[0.5, None], predictedAt="2026-05-02T00:00:00Z", inputs={"c": 1}
    )
    assert said["prediction"] == {
        "id": "prediction:default#p1",
        "value": [0.5, None],
        "predictedAt": "2026-05-02T00:00:00Z",
        "inputs": {"c": 1},
        "model": {"id": "model:default#churn#3"},
    }
    assert await upstream(world, "prediction:default#p1") == [
        "model:default#churn#3",
        "dataset:default#features",
        "dataset:default#raw",
    ]
    context = await world.ask("""{ model(name: "churn") { upstream(kinds: [HYPERPARAMETERS, METRICS],
        edgeKinds: [CONFIGURED_WITH, EVALUATED_WITH]) { nodes { __typename } } } }""")
    assert [each["__typename"] for each in context["model"]["upstream"]["nodes"]] == ["Hyperparameters", "Metrics"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("m", "model:default#m#10"),
        ("model:default#m", "model:default#m#10"),
        ("model:default#m#9", "model:default#m#9"),
        ("new", "model:default#new#"),
        ("model:x#new", "model:x#new#"),
        ("model:x#new#1", "model:x#new#1"),
    ],
)
async def test_the_model_of_a_prediction_may_leave_its_version_out(said: str, meant: str) -> None:
    world = World()
    for version in ("9", "10"):
        await do(world, TRAIN, model={"name": "m", "version": version}, datasets=["d"], trainedAt="2026-05-01T00:00:00Z")
    made = await do(world, PREDICT, model=said, name="p")
    assert made["prediction"]["model"] == {"id": meant}
    assert made["prediction"]["id"] == f"prediction:{meant.split(':')[1].split('#')[0]}#p"


async def test_upsert_makes_says_and_takes_back() -> None:
    world = World()
    made = await do(
        world,
        UPSERT,
        entities=[
            {
                "id": "orders",
                "description": "all orders",
                "tags": ["gold"],
                "type": "TABLE",
                "location": "s3://x",
                "version": "2",
            },
            {"label": "Dashboard", "name": "board", "attributes": {"url": "http://x", "deep": {"a": [1]}}},
            {"kind": "MODEL", "name": "m", "version": "7", "status": "LIVE"},
            {"kind": "COLUMN", "dataset": "orders", "name": "id", "ordinal": 1, "type": "int"},
            {"kind": "METRICS", "name": "x", "values": {"auc": 1}},
            {"kind": "USER", "name": "ann", "namespace": "hr"},
        ],
    )
    assert [each["id"] for each in made["entities"]] == [
        "dataset:default#orders",
        "asset:default#board",
        "model:default#m#7",
        "column:default#orders#id",
        "metrics:default#x",
        "user:hr#ann",
    ]
    orders, board, model, column, metrics, _ = made["entities"]
    assert (orders["type"], orders["location"], orders["version"], orders["tags"]) == ("TABLE", "s3://x", "2", ["gold"])
    assert (board["label"], board["facets"]) == ("Dashboard", {"url": "http://x", "deep": {"a": [1]}})
    assert (model["status"], model["version"]) == ("LIVE", "7")
    assert (column["ordinal"], column["type"], metrics["values"]) == (1, "int", {"auc": 1})
    again = await do(world, UPSERT, entities=[{"id": "orders", "description": None}], at="2026-05-01T00:00:00Z")
    assert (again["entities"][0]["description"], again["entities"][0]["tags"]) == (None, ["gold"])
    data = await world.ask('{ dataset(name: "orders") { columns { nodes { name } } } }')
    assert data["dataset"]["columns"]["nodes"] == [{"name": "id"}]


async def test_links_in_both_names_of_an_edge() -> None:
    world = World()
    made = await do(
        world,
        LINK,
        links=[
            {"source": "features", "kind": "USED_IN_TRAINING", "target": "model:default#m#1", "confidence": 0.5},
            {"source": "p1", "kind": "GENERATED_BY", "target": "model:default#m#1"},
            {"source": "model:default#m#1", "kind": "GENERATED", "target": "p2"},
            {
                "source": "t#a",
                "kind": "DERIVES",
                "target": "u#b",
                "transformations": [{"type": "INDIRECT", "subtype": "FILTER"}],
            },
        ],
    )
    assert len(made["entities"]) == 6
    data = await world.ask("""{ model(name: "m") { predictions { nodes { name } } trainedOn { nodes { name } }
        upstream { edges { evidence { confidence origin } } } } column(dataset: "u", name: "b") { upstream { edges {
        transformations { type subtype } } } } }""")
    assert [each["name"] for each in data["model"]["predictions"]["nodes"]] == ["p1", "p2"]
    assert [each["name"] for each in data["model"]["trainedOn"]["nodes"]] == ["features"]
    assert data["model"]["upstream"]["edges"][0]["evidence"]["origin"] == "client"
    assert data["column"]["upstream"]["edges"][0]["transformations"] == [{"type": "INDIRECT", "subtype": "FILTER"}]


async def test_a_retracted_edge_is_gone_from_the_next_answer() -> None:
    world = World()
    await do(world, CAPTURE, name="etl", inputs=["a", "b"], outputs=["x"], at="2026-05-01T00:00:00Z")
    gone = await do(world, RETRACT, edges=[{"source": "a", "target": "x"}], at="2026-05-02T00:00:00Z")
    assert gone["retracted"] == 1
    assert await upstream(world, "x") == ["dataset:default#b"]
    assert await refused(world, RETRACT, edges=[{"source": "a", "target": "x"}]) == ("NOT_FOUND", "edges.0")
    await do(world, CAPTURE, name="etl", inputs=["a", "b"], outputs=["x"], at="2026-05-03T00:00:00Z")
    assert await upstream(world, "x") == ["dataset:default#a", "dataset:default#b"]
    await do(world, PREDICT, model="m", name="p")
    await do(world, RETRACT, edges=[{"source": "p", "kind": "GENERATED_BY", "target": "m"}])
    assert await upstream(world, "prediction:default#p") == []
    await do(
        world, RETRACT, edges=[{"source": "p", "kind": "GENERATED_BY", "target": "model:default#m#"}]
    ) if False else None


async def test_a_deleted_entity_is_unknown_until_it_is_seen_again() -> None:
    world = World()
    await do(world, CAPTURE, name="etl", inputs=["a"], outputs=["x"], at="2026-05-01T00:00:00Z")
    gone = await do(world, DELETE, id="a", at="2026-05-02T00:00:00Z")
    assert gone["id"] == "dataset:default#a"
    assert await upstream(world, "x") == []
    assert await world.code('{ lineage(of: ["a"]) { answer { total } } }') == "NOT_FOUND"
    assert await refused(world, DELETE, id="a") == ("NOT_FOUND", "id")
    await do(world, CAPTURE, name="etl", inputs=["a"], outputs=["x"], at="2026-05-03T00:00:00Z")
    assert await upstream(world, "x") == ["dataset:default#a"]


async def test_payloads_are_planned_like_any_answer() -> None:
    world = World()
    await do(world, CAPTURE, name="first", inputs=["raw"], outputs=["mid"])
    world.backend.counts()
    await world.ask("""mutation { captureOperation(input: { name: "second", inputs: ["mid"], outputs: ["end"] }) {
        operations { upstream { nodes { id upstream { nodes { id description } } } } } } }""")
    assert world.backend.counts() == {"get": 1, "traverse": 1}


@pytest.mark.parametrize(
    ("mutation", "given", "wanted"),
    [
        (CAPTURE, {"name": "j"}, ("BAD_INPUT", "inputs")),
        (CAPTURE, {"name": "", "inputs": ["a"]}, ("BAD_INPUT", "name")),
        (CAPTURE, {"name": "j", "inputs": ["a", "job:n#x"]}, ("BAD_INPUT", "inputs.1")),
        (CAPTURE, {"name": "j", "inputs": [""]}, ("BAD_INPUT", "inputs.0")),
        (CAPTURE, {"name": "j", "inputs": ["dataset:x"]}, ("BAD_INPUT", "inputs.0")),
        (CAPTURE, {"name": "x\0", "inputs": ["a"]}, ("BAD_INPUT", "name")),
        (CAPTURE, {"name": "j" * 2000, "inputs": ["a"]}, ("BAD_INPUT", "name")),
        (CAPTURE, {"name": "j", "inputs": ["a"], "performedBy": ["system:n#s"]}, ("BAD_INPUT", "performedBy.0")),
        (
            CAPTURE,
            {"name": "j", "outputs": ["a"], "columns": [{"source": "x", "target": "a#b"}]},
            ("BAD_INPUT", "columns.0.source"),
        ),
        (
            CAPTURE,
            {"name": "j", "outputs": ["a"], "columns": [{"source": "x#y", "target": "z#b"}]},
            ("BAD_INPUT", "columns"),
        ),
        (TRAIN, {"model": {"name": "m"}, "datasets": ["a"], "metrics": [1]}, ("BAD_INPUT", "metrics")),
        (TRAIN, {"model": {"name": ""}, "datasets": ["a"]}, ("BAD_INPUT", "model.name")),
        (TRAIN, {"model": {"name": "m"}, "datasets": ["user:n#a"]}, ("BAD_INPUT", "datasets.0")),
        (PREDICT, {"model": "dataset:n#a", "name": "p"}, ("BAD_INPUT", "model")),
        (PREDICT, {"model": "", "name": "p"}, ("BAD_INPUT", "model")),
        (PREDICT, {"model": "m", "name": ""}, ("BAD_INPUT", "name")),
        (UPSERT, {"entities": []}, ("BAD_INPUT", "entities")),
        (UPSERT, {"entities": [{"description": "x"}]}, ("BAD_INPUT", "entities.0")),
        (UPSERT, {"entities": [{"name": "x"}]}, ("BAD_INPUT", "entities.0.kind")),
        (UPSERT, {"entities": [{"id": "a", "name": "x"}]}, ("BAD_INPUT", "entities.0")),
        (UPSERT, {"entities": [{"id": "a"}, {"id": "job:n#x", "kind": "DATASET"}]}, ("BAD_INPUT", "entities.1.id")),
        (UPSERT, {"entities": [{"id": "user:n#a", "location": "x"}]}, ("BAD_INPUT", "entities.0.location")),
        (UPSERT, {"entities": [{"id": "a", "attributes": [1]}]}, ("BAD_INPUT", "entities.0.attributes")),
        (UPSERT, {"entities": [{"kind": "COLUMN", "name": "x"}]}, ("BAD_INPUT", "entities.0.dataset")),
        (UPSERT, {"entities": [{"kind": "RUN", "name": "x"}]}, ("BAD_INPUT", "entities.0.kind")),
        (UPSERT, {"entities": [{"kind": "OPERATION", "name": "x"}]}, ("BAD_INPUT", "entities.0.kind")),
        (UPSERT, {"entities": [{"id": "run:x"}]}, ("BAD_INPUT", "entities.0.id")),
        (LINK, {"links": []}, ("BAD_INPUT", "links")),
        (LINK, {"links": [{"source": "a", "kind": "DERIVES", "target": "b#c"}]}, ("BAD_INPUT", "links.0.source")),
        (LINK, {"links": [{"source": "a", "kind": "INPUT_TO", "target": "dataset:n#b"}]}, ("BAD_INPUT", "links.0.target")),
        (
            LINK,
            {"links": [{"source": "a", "kind": "USED_IN_TRAINING", "target": "model:n#m#1", "confidence": 1.5}]},
            ("BAD_INPUT", "links.0.confidence"),
        ),
        (
            LINK,
            {"links": [{"source": "a", "kind": "INPUT_TO", "target": "operation:n#j#0"}]},
            ("NOT_FOUND", "links.0.target"),
        ),
        (RETRACT, {"edges": []}, ("BAD_INPUT", "edges")),
        (RETRACT, {"edges": [{"source": "a", "target": "b"}]}, ("NOT_FOUND", "edges.0.source")),
        (DELETE, {"id": "nothing"}, ("NOT_FOUND", "id")),
        (DELETE, {"id": ""}, ("BAD_INPUT", "id")),
    ],
)
async def test_what_cannot_be_done_is_said_by_field(mutation: str, given: Any, wanted: tuple[str, str | None]) -> None:
    world = World()
    before = (await world.store.changes_since(None)).epoch
    assert await refused(world, mutation, **given) == wanted
    assert (await world.store.changes_since(None)).epoch == before


async def test_more_than_a_thousand_at_once_are_refused() -> None:
    world = World()
    many = [{"id": f"d{n}"} for n in range(1001)]
    assert await refused(world, UPSERT, entities=many) == ("BAD_INPUT", "entities")
    assert len((await do(world, UPSERT, entities=many[:300]))["entities"]) == 300


async def test_without_a_writer_changes_are_unsupported() -> None:
    world = World()
    answer = await schema().execute(
        'mutation { deleteEntity(input: { id: "x" }) { id } }', context_value=Context(world.backend)
    )
    assert answer.errors is not None
    assert answer.errors[0].extensions == {"code": "UNSUPPORTED"}
    assert answer.data is None


async def test_a_conflict_that_does_not_end_is_an_error_of_the_payload() -> None:
    class Contested(MemoryBackend):
        async def apply(self, changes: Changes) -> Epoch:
            raise Conflict("versions at 10.0.0.5 differ")

    assert await refused(World(Contested()), UPSERT, entities=[{"id": "x"}]) == ("CONFLICT", None)


async def test_a_store_that_is_slow_to_write_is_a_timeout() -> None:
    class Slow(MemoryBackend):
        async def apply(self, changes: Changes) -> Epoch:
            await asyncio.sleep(60)
            raise AssertionError("it was not waited for")

    world = World(Slow(), Costs(seconds=0.01))
    assert await world.code(UPSERT, input={"entities": [{"id": "x"}]}) == "TIMEOUT"


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        ("upstream(first: 0) { totalCount }", "BAD_INPUT"),
        ("upstream { nodes { upstream(depth: -1) { totalCount } } }", "BAD_INPUT"),
        ('upstream(asOf: "2026-01-01T00:00:00Z") { totalCount }', "UNSUPPORTED"),
        ("upstream { nodes { downstream { nodes { " * 3 + "id" + " } } } }" * 3, "TOO_COSTLY"),
    ],
)
async def test_a_payload_that_cannot_be_shown_is_refused_before_anything_changes(shown: str, code: str) -> None:
    world = World()
    query = 'mutation { upsertEntities(input: { entities: [{ id: "x" }] }) { entities { SHOWN } } }'.replace("SHOWN", shown)
    assert await world.code(query) == code
    assert (await world.ask('{ node(id: "x") { id } }'))["node"] is None
