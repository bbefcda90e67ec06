"""What clients say directly, over the reference."""

from typing import Any

import pytest

from api.writer import Writer
from backends.commands import (
    CaptureOperation,
    ColumnLink,
    Command,
    CommandError,
    DeleteEntity,
    Done,
    Link,
    LinkEntities,
    RecordPrediction,
    RetractEdges,
    Retraction,
    TrackTraining,
    UpsertEntities,
)
from backends.memory import MemoryBackend
from backends.model import EdgeKey, EdgeKind
from tests.ingest.support import START, dataset, dataset_event, ds, graph, job_event, names, run_event, schema, symlinks

MINUTE = 60_000_000
JOB = "job:jobs#j"


class Desk:
    """A reference and a writer before it."""

    def __init__(self) -> None:
        self.backend = MemoryBackend()
        self.writer = Writer(self.backend, clock=lambda: START)

    async def do(self, command: Command) -> Done:
        return await self.writer.execute(command)

    async def see(self, *events: Any) -> None:
        for event in events:
            await self.writer.ingest(event)

    @property
    def pairs(self) -> set[tuple[str, str]]:
        return names(graph(self.backend).pairs)

    @property
    def nodes(self) -> set[str]:
        return self.backend._topology()[0]

    def edges(self, kind: EdgeKind) -> set[tuple[str, str]]:
        return {(key.source, key.target) for key in self.backend._topology()[1] if key.kind is kind}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def capture(minute: float = 0, **more: Any) -> CaptureOperation:
    said = {"job": JOB, "inputs": (ds("a"),), "outputs": (ds("x"),), "at": START + int(minute * MINUTE), **more}
    return CaptureOperation(**said)


async def test_a_capture_works_as_the_very_first_call(desk: Desk) -> None:
    done = await desk.do(capture(users=("user:default#ann",), systems=("system:default#airflow",), type="SQL"))
    assert desk.pairs == {("a", "x")}
    assert done.operations == tuple(graph(desk.backend).operations)
    assert desk.edges(EdgeKind.PERFORMED) == {("user:default#ann", done.operations[0])}
    assert desk.edges(EdgeKind.HOSTED) == {("system:default#airflow", done.operations[0])}
    edge = desk.backend._edge(EdgeKey(ds("a"), EdgeKind.PAIR, ds("x")))
    assert edge is not None
    assert (edge.evidence.origin, edge.evidence.runs) == ("client", 1)


async def test_the_same_capture_twice_is_one(desk: Desk) -> None:
    first = await desk.do(capture())
    assert await desk.do(capture()) == first
    assert sum(name.startswith("run:") for name in desk.backend.records) == 1


async def test_who_performed_is_kept_by_output_when_operations_are_derived_anew(desk: Desk) -> None:
    await desk.do(capture(users=("user:default#ann",)))
    await desk.do(capture(1, inputs=(ds("b"),), outputs=(ds("y"),), users=("user:default#bob",)))
    await desk.do(capture(2, inputs=(ds("a"),), outputs=(ds("w"),)))
    performed = {user.partition("#")[2]: operation for user, operation in desk.edges(EdgeKind.PERFORMED)}
    outputs = {user: graph(desk.backend).operations[operation][1] for user, operation in performed.items()}
    assert outputs == {"ann": {ds("x"), ds("w")}, "bob": {ds("y")}}


async def test_a_capture_with_columns(desk: Desk) -> None:
    link = ColumnLink("column:db#a#f", "column:db#x#g", ({"type": "DIRECT", "subtype": None},))
    await desk.do(capture(columns=(link,)))
    assert graph(desk.backend).columns == {("column:db#a#f", "column:db#x#g")}
    with pytest.raises(CommandError) as caught:
        await desk.do(capture(columns=(ColumnLink("column:db#a#f", "column:db#other#g"),)))
    assert (caught.value.code, caught.value.field) == ("BAD_INPUT", "columns")


async def test_a_capture_without_datasets_is_an_operation_all_the_same(desk: Desk) -> None:
    done = await desk.do(capture(inputs=(), outputs=(), users=("user:default#ann",)))
    assert len(done.operations) == 1


async def test_a_model_from_training_to_prediction(desk: Desk) -> None:
    model = "model:default#churn#2"
    await desk.do(capture())
    training = TrackTraining(model, (ds("x"),), START, {"depth": 3}, {"auc": 0.9}, {"architecture": "trees"})
    await desk.do(training)
    await desk.do(RecordPrediction("prediction:default#p1", model, START, 0.7, {"inputs": {"id": 1}}))
    assert desk.edges(EdgeKind.USED_IN_TRAINING) == {(ds("x"), model)}
    assert desk.edges(EdgeKind.GENERATED) == {(model, "prediction:default#p1")}
    assert desk.edges(EdgeKind.CONFIGURED_WITH) == {("hyperparameters:default#churn@2", model)}
    assert desk.edges(EdgeKind.EVALUATED_WITH) == {("metrics:default#churn@2", model)}
    said = (await desk.backend.get([model, "prediction:default#p1"])).nodes
    assert said[0] is not None
    assert said[1] is not None
    assert (said[0].attributes["metrics"], said[0].attributes["version"]) == ({"auc": 0.9}, "2")
    assert (said[1].attributes["value"], said[1].attributes["model"]) == (0.7, model)


async def test_training_follows_a_dataset_to_its_other_name(desk: Desk) -> None:
    await desk.do(TrackTraining("model:default#m#1", (ds("t.b"),), START))
    await desk.see(dataset_event(1, "t.b", symlinks("t.a")))
    assert desk.edges(EdgeKind.USED_IN_TRAINING) == {(ds("t.a"), "model:default#m#1")}
    await desk.see(dataset_event(2, "t.b", {"symlinks": {"_deleted": True}}))
    assert desk.edges(EdgeKind.USED_IN_TRAINING) == {(ds("t.b"), "model:default#m#1")}


async def test_entities_are_made_changed_and_taken_back(desk: Desk) -> None:
    asset, column = "asset:default#board", "column:db#a#f"
    await desk.do(UpsertEntities({asset: {"label": "dashboard", "tags": ["kpi"]}, column: {"type": "int"}}, START))
    assert {asset, column, ds("a")} <= desk.nodes
    assert desk.edges(EdgeKind.HAS_COLUMN) == {(ds("a"), column)}
    await desk.do(UpsertEntities({asset: {"tags": None}}, START + 1))
    node = (await desk.backend.get([asset])).nodes[0]
    assert node is not None
    assert node.attributes == {"label": "dashboard"}
    wrongs: list[dict[str, Any]] = [{"run:x#y#z": {}}, {"operation:a#b#c": {}}, {asset: {"columns": ["f"]}}]
    for wrong in wrongs:
        with pytest.raises(CommandError):
            await desk.do(UpsertEntities(wrong, START))


async def test_links_to_operations_are_kept_by_job_and_output(desk: Desk) -> None:
    operation = (await desk.do(capture())).operations[0]
    asset = "asset:default#board"
    links = (
        Link(ds("b"), EdgeKind.INPUT_TO, operation),
        Link(operation, EdgeKind.PRODUCES, asset),
        Link("user:default#ann", EdgeKind.PERFORMED, operation),
    )
    await desk.do(LinkEntities(links, START + 1))
    assert {("a", "x"), ("b", "x"), ("a", "board")} <= desk.pairs
    assert {user for user, _ in desk.edges(EdgeKind.PERFORMED)} == {"user:default#ann"}
    await desk.do(capture(5, inputs=(ds("c"),)))
    assert {("b", "x"), ("c", "x")} <= desk.pairs, "derived anew with what was linked"


async def test_links_of_other_kinds(desk: Desk) -> None:
    links = (
        Link("column:db#a#f", EdgeKind.DERIVES, "column:db#x#g", 0.5, ({"type": "DIRECT"},)),
        Link(ds("a"), EdgeKind.USED_IN_TRAINING, "model:default#m#1"),
    )
    await desk.do(LinkEntities(links, START))
    assert graph(desk.backend).columns == {("column:db#a#f", "column:db#x#g")}
    assert desk.edges(EdgeKind.HAS_COLUMN) == {(ds("a"), "column:db#a#f"), (ds("x"), "column:db#x#g")}
    assert desk.edges(EdgeKind.USED_IN_TRAINING) == {(ds("a"), "model:default#m#1")}
    edge = desk.backend._edge(EdgeKey("column:db#a#f", EdgeKind.DERIVES, "column:db#x#g"))
    assert edge is not None
    assert (edge.evidence.confidence, edge.transformations) == (0.5, ({"type": "DIRECT"},))


async def test_what_is_said_of_a_training_link_is_kept_until_something_later_is_said(desk: Desk) -> None:
    key = EdgeKey(ds("a"), EdgeKind.USED_IN_TRAINING, "model:default#m#1")

    def confidence() -> float:
        edge = desk.backend._edge(key)
        assert edge is not None
        return edge.evidence.confidence

    await desk.do(LinkEntities((Link(*key, 0.4),), START))
    assert confidence() == 0.4
    await desk.do(LinkEntities((Link(*key),), START - 1))
    assert confidence() == 0.4
    await desk.do(LinkEntities((Link(*key),), START + 1))
    assert confidence() == 1.0


async def test_what_would_be_lost_of_a_link_with_an_operation_is_refused(desk: Desk) -> None:
    operation = (await desk.do(capture())).operations[0]
    for link in (Link(ds("b"), EdgeKind.INPUT_TO, operation, 0.4), Link(operation, EdgeKind.PRODUCES, ds("y"), 1.0, ({},))):
        with pytest.raises(CommandError, match="leave confidence and transformations out"):
            await desk.do(LinkEntities((link,), START))


@pytest.mark.parametrize(
    ("link", "code"),
    [
        (Link(ds("a"), EdgeKind.INPUT_TO, "operation:jobs#j#0123456789abcdef"), "NOT_FOUND"),
        (Link(ds("a"), EdgeKind.PRODUCES, ds("b")), "BAD_INPUT"),
        (Link(JOB, EdgeKind.HAS_OPERATION, "operation:jobs#j#0123456789abcdef"), "NOT_FOUND"),
        (Link(ds("a"), EdgeKind.DERIVES, "column:db#a#f"), "BAD_INPUT"),
    ],
)
async def test_links_that_cannot_be(desk: Desk, link: Link, code: str) -> None:
    with pytest.raises(CommandError) as caught:
        await desk.do(LinkEntities((link,), START))
    assert caught.value.code == code


async def retract(desk: Desk, source: str, kind: EdgeKind | None, target: str, minute: float = 60) -> Done:
    return await desk.do(RetractEdges((Retraction(source, kind, target),), START + int(minute * MINUTE)))


async def test_a_retracted_pair_is_gone_until_it_is_seen_later(desk: Desk) -> None:
    await desk.see(run_event(0, "COMPLETE", "j", 1, ["a", "b"], ["x", "y"]))
    await retract(desk, ds("a"), None, ds("x"))
    assert desk.pairs == {("a", "y"), ("b", "x"), ("b", "y")}
    await desk.see(run_event(30, "COMPLETE", "j", 2, ["a", "b"], ["x", "y"]))
    assert ("a", "x") not in desk.pairs, "an earlier time outlives nothing"
    await desk.see(run_event(90, "COMPLETE", "j", 3, ["a", "b"], ["x", "y"]))
    assert ("a", "x") in desk.pairs


async def test_a_retracted_input_and_a_retracted_output(desk: Desk) -> None:
    await desk.see(run_event(0, "COMPLETE", "j", 1, ["a", "b"], ["x", "y"]))
    operation = next(iter(graph(desk.backend).operations))
    await retract(desk, ds("a"), EdgeKind.INPUT_TO, operation)
    assert desk.pairs == {("b", "x"), ("b", "y")}
    await retract(desk, operation, EdgeKind.PRODUCES, ds("x"))
    assert desk.pairs == {("b", "y")}
    assert ds("x") in desk.nodes


async def test_an_idle_input_and_a_rename_and_a_declaration_are_retracted(desk: Desk) -> None:
    facet = {"lifecycleStateChange": {"lifecycleStateChange": "RENAME", "previousIdentifier": dataset("old")}}
    declared = {"lineage": {"inputs": [{**dataset("s.a"), "type": "DATASET"}]}}
    await desk.see(
        run_event(0, "COMPLETE", "j", 1, ["a"], []), dataset_event(0, "new", facet), dataset_event(0, "s.x", declared)
    )
    operation = next(o for o in graph(desk.backend).operations if o.startswith("operation:jobs#j#"))
    await retract(desk, ds("a"), EdgeKind.INPUT_TO, operation)
    await retract(desk, ds("old"), None, ds("new"))
    await retract(desk, ds("s.a"), None, ds("s.x"))
    assert graph(desk.backend).operations == {}


async def test_other_edges_are_retracted(desk: Desk) -> None:
    model, user = "model:default#m#1", "user:default#ann"
    operation = (await desk.do(capture(users=(user,)))).operations[0]
    await desk.do(TrackTraining(model, (ds("x"),), START, metrics={"auc": 1}))
    await desk.see(
        job_event(
            0,
            "k",
            [],
            [dataset("y", {"columnLineage": {"fields": {"f": {"inputFields": [{**dataset("a"), "field": "f"}]}}}})],
        )
    )
    await retract(desk, ds("x"), None, model)
    await retract(desk, "metrics:default#m@1", EdgeKind.EVALUATED_WITH, model)
    await retract(desk, user, EdgeKind.PERFORMED, operation)
    await retract(desk, "column:db#a#f", None, "column:db#y#f")
    for kind in (EdgeKind.USED_IN_TRAINING, EdgeKind.EVALUATED_WITH, EdgeKind.PERFORMED, EdgeKind.DERIVES):
        assert desk.edges(kind) == set(), kind


async def test_retracting_what_is_not_there(desk: Desk) -> None:
    await desk.see(run_event(0, "COMPLETE", "j", 1, ["a"], ["x"]))
    for source, kind, target in ((ds("x"), None, ds("a")), (ds("a"), None, ds("zz")), (JOB, None, ds("a"))):
        with pytest.raises(CommandError):
            await retract(desk, source, kind, target)
    await retract(desk, ds("a"), None, ds("x"))
    with pytest.raises(CommandError) as caught:
        await retract(desk, ds("a"), None, ds("x"))
    assert caught.value.code == "NOT_FOUND", "once is enough"


async def test_a_dataset_is_deleted_and_seen_again(desk: Desk) -> None:
    both = (
        run_event(0, "COMPLETE", "j", 1, ["a"], [dataset("x", schema("f"))]),
        run_event(0, "COMPLETE", "k", 2, ["x"], ["y"]),
    )
    await desk.see(*both)
    await desk.do(DeleteEntity(ds("x"), START + 60 * MINUTE))
    assert desk.pairs == set()
    assert {ds("x"), "column:db#x#f"}.isdisjoint(desk.nodes)
    await desk.see(run_event(90, "COMPLETE", "j", 3, ["a"], [dataset("x", schema("f"))]))
    assert desk.pairs == {("a", "x")}, "what was not seen since stays gone"
    assert {ds("x"), "column:db#x#f"} <= desk.nodes


async def test_jobs_models_operations_runs_and_others_are_deleted(desk: Desk) -> None:
    await desk.see(run_event(0, "COMPLETE", "j", 1, ["a"], ["x"]), run_event(0, "COMPLETE", "k", 2, ["b"], ["y"]))
    await desk.do(TrackTraining("model:default#m#1", (ds("x"),), START))
    operation = next(o for o in graph(desk.backend).operations if o.startswith("operation:jobs#k#"))
    at = START + 60 * MINUTE
    await desk.do(DeleteEntity(operation, at))
    assert desk.pairs == {("a", "x")}
    await desk.do(DeleteEntity(JOB, at))
    assert desk.pairs == set()
    assert JOB not in desk.nodes
    await desk.do(DeleteEntity("model:default#m#1", at))
    assert desk.edges(EdgeKind.USED_IN_TRAINING) == set()
    await desk.see(run_event(90, "COMPLETE", "j", 3, ["a"], ["x"]))
    assert desk.pairs == {("a", "x")}
    assert JOB in desk.nodes
    run = next(i for i in desk.backend.records if i.startswith("run:") and i.endswith("3"))
    await desk.do(DeleteEntity(run, at))
    assert desk.pairs == set(), "it was the only run that said so since"
    with pytest.raises(CommandError):
        await desk.do(DeleteEntity(run, at))


async def test_deleting_one_name_deletes_the_dataset_with_all_its_names(desk: Desk) -> None:
    await desk.see(run_event(0, "COMPLETE", "j", 1, [dataset("b", symlinks("a"))], ["x"]))
    await desk.do(DeleteEntity(ds("b"), START + 60 * MINUTE))
    assert {ds("a"), ds("b")}.isdisjoint(desk.nodes)
    assert desk.pairs == set()
    await desk.see(run_event(90, "COMPLETE", "j", 2, ["b"], ["x"]))
    assert desk.pairs == {("a", "x")}
