"""What an operation says of itself though nothing is written to it: its type is its job's, its times are its edges'."""

from tests.ingest.support import columns, dataset, dataset_event, ds, run_event
from tests.schema.world import World

QUERY = """
query ($id: ID!) {
  dataset: node(id: $id) { ... on Dataset { producedBy { nodes { type firstSeen lastSeen job { name } } } } }
}
"""


async def told(world: World, name: str) -> dict[str, object]:
    answer = await world.ask(QUERY, id=ds(name))
    nodes = answer["dataset"]["producedBy"]["nodes"]
    assert len(nodes) == 1
    found: dict[str, object] = nodes[0]
    return found


async def test_type_and_times_of_a_jobs_operation() -> None:
    world = World()
    facets = {"jobType": {"jobType": "MODEL"}}
    for minute in (5, 0, 9):
        event = run_event(minute, "COMPLETE", "j", minute, ["a"], ["x"], job_facets=facets)
        await world.writer.ingest(event)
    assert await told(world, "x") == {
        "type": "MODEL",
        "firstSeen": "2026-01-01T00:00:00Z",
        "lastSeen": "2026-01-01T00:09:00Z",
        "job": {"name": "j"},
    }


async def test_of_a_rename_and_of_a_declaration() -> None:
    world = World()
    renamed = {"lifecycleStateChange": {"lifecycleStateChange": "RENAME", "previousIdentifier": dataset("old")}}
    declared = {"lineage": {"inputs": [{**dataset("s.a"), "type": "DATASET"}]}}
    for minute in (3, 7):
        await world.writer.ingest(dataset_event(minute, "new", renamed))
        await world.writer.ingest(dataset_event(minute, "s.x", declared))
    times = {"firstSeen": "2026-01-01T00:03:00Z", "lastSeen": "2026-01-01T00:07:00Z", "job": None}
    assert await told(world, "new") == {"type": "RENAME", **times}
    assert await told(world, "s.x") == {"type": None, **times}


async def test_a_very_wide_operation_proves_its_pairs_by_its_edges() -> None:
    world = World()
    inputs, outputs = [f"in{number}" for number in range(101)], [f"out{number}" for number in range(100)]
    for minute in (0, 5):
        await world.writer.ingest(run_event(minute, "COMPLETE", "j", minute, inputs, outputs))
    await world.writer.ingest(run_event(9, "COMPLETE", "j", 9, inputs[:1], outputs))
    query = """
    query ($id: ID!) {
      node(id: $id) { ... on Dataset { downstream(first: 1) { edges { evidence { runs lastSeen lastRun { state } } } } } }
      lineage(of: [$id], direction: DOWNSTREAM, depth: 1) { edges { evidence { runs } } }
    }
    """
    answer = await world.ask(query, id=ds("in0"))
    evidence = {"runs": 3, "lastSeen": "2026-01-01T00:09:00Z", "lastRun": {"state": "COMPLETE"}}
    assert answer["node"]["downstream"]["edges"] == [{"evidence": evidence}]
    assert [edge["evidence"] for edge in answer["lineage"]["edges"]] == [{"runs": 3}] * 100
    answer = await world.ask(query, id=ds("in7"))
    assert [edge["evidence"] for edge in answer["lineage"]["edges"]] == [{"runs": 2}] * 100


async def test_the_field_that_a_whole_output_depends_on_is_named() -> None:
    world = World()
    whole = [{**dataset("a"), "field": "k", "transformations": [{"type": "INDIRECT", "subtype": "JOIN"}]}]
    output = dataset("x", columns({"f": [("a", "f")]}, dataset=whole))
    await world.writer.ingest(run_event(0, "COMPLETE", "j", 1, ["a"], [output]))
    query = (
        "query ($id: ID!) { node(id: $id) { ... on Dataset { upstream { edges { transformations { subtype field } } } } } }"
    )
    answer = await world.ask(query, id=ds("x"))
    assert answer["node"]["upstream"]["edges"] == [{"transformations": [{"subtype": "JOIN", "field": "k"}]}]
