"""The traps that systems in use fall into, each a test."""

from typing import Any

import pytest

from api.writer import Writer
from backends.commands import RetractEdges, Retraction
from backends.memory import MemoryBackend
from backends.vocabulary import facet_name
from tests.ingest.support import (
    START,
    Body,
    columns,
    dataset,
    dataset_event,
    ds,
    graph,
    job_event,
    names,
    run_event,
    schema,
    symlinks,
    taken,
)

MINUTE = 60_000_000


async def pairs(*events: Body) -> set[tuple[str, str]]:
    return names(graph(await taken(events)).pairs)


def run(backend: MemoryBackend, number: int = 1) -> Any:
    return next(r.value for i, r in backend.records.items() if i.startswith("run:") and i.endswith(f"{number:x}"))


async def test_two_runs_of_one_job_with_different_inputs_and_outputs() -> None:
    backend = await taken([run_event(0, "COMPLETE", "j", 1, ["a"], ["x"]), run_event(9, "COMPLETE", "j", 2, ["b"], ["y"])])
    assert names(graph(backend).pairs) == {("a", "x"), ("b", "y")}, "nothing invented, nothing forgotten"
    assert len(graph(backend).operations) == 2


async def test_inputs_at_start_and_outputs_at_complete_belong_together() -> None:
    assert await pairs(run_event(0, "START", "j", 1, ["a"]), run_event(1, "COMPLETE", "j", 1, None, ["x"])) == {("a", "x")}


async def test_a_start_coarser_than_its_complete_a_hundred_times_changes_nothing_after_the_first() -> None:
    backend = MemoryBackend()
    writer = Writer(backend)
    fine = columns({"f": [("a", "f")]}), columns({"f": [("b", "f")]})
    epochs = []
    for number in range(100):
        await writer.ingest(run_event(2 * number, "START", "j", number, ["a", "b"], ["x", "y"]))
        done = [dataset("x", fine[0]), dataset("y", fine[1])]
        epochs.append(await writer.ingest(run_event(2 * number + 1, "COMPLETE", "j", number, ["a", "b"], done)))
    assert len(set(epochs)) == 1
    assert names(graph(backend).pairs) == {("a", "x"), ("b", "y")}


async def test_a_run_that_has_not_completed_counts_until_a_completed_one_covers_it() -> None:
    start = run_event(0, "START", "j", 1, ["a"], ["x"])
    assert await pairs(start) == {("a", "x")}
    other = run_event(5, "COMPLETE", "j", 2, ["b"], ["x"])
    assert await pairs(start, other) == {("a", "x"), ("b", "x")}, "the completed one had not all its inputs"


@pytest.mark.parametrize("kind", ["FAIL", "ABORT"])
async def test_fail_and_abort_add_and_remove_no_edge(kind: str) -> None:
    start, end = run_event(0, "START", "j", 1, ["a"], ["x"]), run_event(1, kind, "j", 1, ["b"], ["y"])
    for events in ([start, end], [end, start]):
        backend = await taken(events)
        assert names(graph(backend).pairs) == {("a", "x")}
        assert run(backend)["state"] == kind
        assert run(backend)["inputs"] == [ds("a"), ds("b")], "shown with the run all the same"
    assert await pairs(end) == set()


async def test_a_failed_run_with_nothing_in_it_wipes_nothing() -> None:
    good, bad = run_event(0, "COMPLETE", "j", 1, ["a"], ["x"]), run_event(5, "FAIL", "j", 2, [], [])
    assert await pairs(good, bad) == {("a", "x")}


async def test_fail_then_complete_on_one_run_is_a_failed_run() -> None:
    events = [
        run_event(0, "START", "j", 1, ["a"], ["x"]),
        run_event(1, "FAIL", "j", 1, ["a"], ["x"]),
        run_event(1.001, "COMPLETE", "j", 1, ["a"], ["x"]),
    ]
    for order in (events, events[::-1]):
        value = run(await taken(order))
        assert value["state"] == "FAIL"
        assert not value["parts"]["job:jobs#j"]["done"]


async def test_a_second_attempt_under_the_same_run_id_has_the_last_word() -> None:
    events = [
        run_event(0, "START", "j", 1),
        run_event(1, "FAIL", "j", 1),
        run_event(2, "START", "j", 1, ["a"], ["x"]),
        run_event(3, "COMPLETE", "j", 1),
    ]
    for order in (events, events[::-1], [events[2], events[0], events[3], events[1]]):
        value = run(await taken(order))
        assert (value["state"], value["started"], value["ended"]) == ("COMPLETE", START + 2 * MINUTE, START + 3 * MINUTE)
    running = run(await taken(events[:3]))
    assert (running["state"], running["ended"]) == ("RUNNING", None)


async def test_a_start_that_arrives_late_changes_nothing() -> None:
    backend = await taken([run_event(5, "COMPLETE", "j", 1, ["a"], ["x"]), run_event(0, "START", "j", 1)])
    assert run(backend)["state"] == "COMPLETE"
    assert names(graph(backend).pairs) == {("a", "x")}


async def test_one_run_id_under_two_jobs() -> None:
    backend = await taken([run_event(0, "COMPLETE", "j", 1, ["a"], ["x"]), run_event(1, "COMPLETE", "k", 1, ["b"], ["y"])])
    assert names(graph(backend).pairs) == {("a", "x"), ("b", "y")}
    assert run(backend)["job"] == "job:jobs#j", "the job it was first seen under"
    assert {"job:jobs#j", "job:jobs#k"} <= set(next(r for i, r in backend.records.items() if i.startswith("run:")).groups)


async def test_an_input_that_no_column_lineage_names_may_still_break_the_job() -> None:
    output = dataset("x", columns({"f": [("a", "f")]}))
    assert await pairs(run_event(0, "COMPLETE", "j", 1, ["a", "b"], [output])) == {("a", "x"), ("b", "x")}


async def test_column_lineage_keeps_the_outputs_of_one_job_apart() -> None:
    outputs = [dataset("x", columns({"f": [("a", "f")]})), dataset("y", columns({"f": [("b", "f")]}))]
    assert await pairs(run_event(0, "COMPLETE", "j", 1, ["a", "b"], outputs)) == {("a", "x"), ("b", "y")}


async def test_a_source_that_only_column_lineage_names_counts_with_less_confidence() -> None:
    backend = await taken([run_event(0, "COMPLETE", "j", 1, ["s.a"], [dataset("s.x", columns({"f": [("s.c", "f")]}))])])
    assert names(graph(backend).pairs) == {("s.a", "s.x"), ("s.c", "s.x")}
    found = {k.source: backend._edge(k) for k in backend.edges if k.kind == "PAIR"}
    assert {source: edge.evidence.confidence for source, edge in found.items() if edge} == {ds("s.a"): 1.0, ds("s.c"): 0.8}


async def test_a_bare_alias_is_set_aside_unless_it_is_an_input() -> None:
    output = dataset("s.x", columns({"f": [("src", "f")], "g": [("s.a", "g")]}))
    backend = await taken([run_event(0, "COMPLETE", "j", 1, ["s.a"], [output])])
    assert names(graph(backend).pairs) == {("s.a", "s.x")}
    assert ds("src") not in backend.rows
    assert await pairs(run_event(0, "COMPLETE", "j", 1, ["src"], [output])) == {("src", "s.x"), ("s.a", "s.x")}


async def test_dataset_level_steps_stand_on_the_pair_and_are_not_multiplied_into_columns() -> None:
    whole = [{**dataset("a"), "field": "k", "transformations": [{"type": "INDIRECT", "subtype": "JOIN"}]}]
    output = dataset("x", columns({"f": [("a", "f")], "g": [("a", "g")]}, dataset=whole))
    backend = await taken([run_event(0, "COMPLETE", "j", 1, ["a"], [output])])
    assert len(graph(backend).columns) == 2
    edge = next(backend._edge(key) for key in backend.edges if key.kind == "PAIR")
    assert edge is not None
    assert edge.transformations == ({"type": "INDIRECT", "subtype": "JOIN", "masking": False, "field": "k"},)


async def test_outputs_of_the_explicit_facet_have_the_sources_named_for_them_and_no_other() -> None:
    entries = [
        {**dataset("x"), "type": "DATASET", "inputs": [{**dataset("a"), "type": "DATASET"}]},
        {**dataset("y"), "type": "DATASET", "inputs": []},
    ]
    facets = {"lineage": {"entries": entries}}
    backend = await taken([run_event(0, "COMPLETE", "j", 1, ["a", "b"], ["x", "y", "z"], job_facets=facets)])
    found = graph(backend)
    assert names(found.pairs) == {("a", "x")}
    assert {ds("y"), ds("z")} <= {output for _, outputs in found.operations.values() for output in outputs}
    assert (frozenset({ds("b")}), frozenset()) in found.operations.values(), "b feeds the job only"


async def test_job_events_replace_by_event_time_and_only_what_they_speak_of() -> None:
    first, second = job_event(0, "j", ["a"], ["x"]), job_event(5, "j", ["b"])
    for order in ([first, second], [second, first]):
        assert await pairs(*order) == {("b", "x")}
    assert await pairs(first, second, job_event(9, "j", [])) == set()
    assert await pairs(first, run_event(3, "COMPLETE", "j", 1, ["c"], ["x"]), job_event(9, "j", [], [])) == {("c", "x")}


async def test_a_dataset_event_alone_declares_a_derivation_and_takes_it_back() -> None:
    source = [{**dataset("s.a"), "type": "DATASET"}]
    first = dataset_event(0, "s.x", {"lineage": {"inputs": source}})
    backend = await taken([first])
    assert names(graph(backend).pairs) == {("s.a", "s.x")}
    assert all(operation.startswith("operation:db##") for operation in graph(backend).operations)
    gone = dataset_event(5, "s.x", {"lineage": {"_deleted": True}})
    for order in ([first, gone], [gone, first]):
        assert graph(await taken(order)).operations == {}


async def test_schema_facets_replace_the_columns_of_a_dataset() -> None:
    old, new = dataset_event(0, "a", schema("f", "g")), dataset_event(5, "a", schema("g", "h"))
    for order in ([old, new], [new, old]):
        backend = await taken(order)
        listed = {k.target for k in backend._topology()[1] if k.kind == "HAS_COLUMN"}
        assert listed == {"column:db#a#g", "column:db#a#h"}


async def test_rename_and_then_the_old_name_used_again() -> None:
    renamed = {"lifecycleStateChange": "RENAME", "previousIdentifier": dataset("old")}
    events = [
        run_event(0, "COMPLETE", "j", 1, ["a"], ["old"]),
        run_event(5, "COMPLETE", "mv", 2, [], [dataset("new", {"lifecycleStateChange": renamed})]),
        run_event(9, "COMPLETE", "k", 3, ["b"], ["old"]),
    ]
    backend = await taken(events)
    assert names(graph(backend).pairs) == {("a", "old"), ("old", "new"), ("b", "old")}
    types = {backend.rows[o].attributes.get("type") for o in graph(backend).operations if o.startswith("operation:db##")}
    assert {stamped.value for stamped in types if stamped} == {"RENAME"}


async def test_a_blue_green_swap_merges_nothing() -> None:
    def swap(minute: float, number: int, old: str, new: str) -> Body:
        facet = {"lifecycleStateChange": "RENAME", "previousIdentifier": dataset(old)}
        return run_event(minute, "COMPLETE", "swap", number, [], [dataset(new, {"lifecycleStateChange": facet})])

    backend = await taken([swap(0, 1, "blue", "tmp"), swap(1, 2, "green", "blue"), swap(2, 3, "tmp", "green")])
    assert len(graph(backend).operations) == 4, "three renames and the job that reads and writes"
    assert {ds("blue"), ds("green"), ds("tmp")} <= backend._topology()[0]


async def test_drop_marks_the_dataset_and_keeps_its_edges() -> None:
    drop = dataset("x", {"lifecycleStateChange": {"lifecycleStateChange": "DROP"}})
    backend = await taken([run_event(0, "COMPLETE", "j", 1, ["a"], ["x"]), run_event(5, "COMPLETE", "d", 2, [], [drop])])
    assert ("a", "x") in names(graph(backend).pairs)
    assert backend.rows[ds("x")].attributes["lifecycle"].value == "DROP"


async def test_a_symlink_seen_alone_before() -> None:
    events = [
        run_event(0, "COMPLETE", "j", 1, ["a"], ["t.x"]),
        run_event(1, "COMPLETE", "k", 2, ["path/x"], ["y"]),
        run_event(2, "COMPLETE", "k", 3, [dataset("path/x", symlinks("t.x"))], ["y"]),
    ]
    for order in (events, events[::-1], [events[1], events[2], events[0]]):
        assert await pairs(*order) == {("a", "path/x"), ("path/x", "y")}, "the least id of the class"


async def test_a_symlink_withdrawn_by_the_dataset_itself() -> None:
    joined = dataset_event(0, "b", symlinks("a"))
    writes = run_event(1, "COMPLETE", "j", 1, ["b"], ["x"])
    gone = dataset_event(5, "b", {"symlinks": {"_deleted": True}})
    assert await pairs(joined, writes) == {("a", "x")}
    for order in ([joined, writes, gone], [gone, joined, writes], [writes, gone, joined]):
        assert await pairs(*order) == {("b", "x")}


async def test_a_wrong_symlink_is_retracted_and_the_class_falls_apart() -> None:
    backend = await taken([run_event(0, "COMPLETE", "j", 1, [dataset("b", symlinks("a"))], ["x"])])
    writer = Writer(backend)
    done = await writer.execute(RetractEdges((Retraction(ds("b"), None, ds("a")),), START + 60 * MINUTE))
    assert done.retracted == 1
    assert names(graph(backend).pairs) == {("b", "x")}
    await writer.ingest(run_event(120, "COMPLETE", "j", 2, [dataset("b", symlinks("a"))], ["x"]))
    assert names(graph(backend).pairs) == {("a", "x")}, "said again later, it stands again"


async def test_evidence_counts_the_pictures_that_name_the_edge() -> None:
    events = [run_event(n, "COMPLETE", "j", n, ["a"], ["x"]) for n in range(5)]
    events += [run_event(10 + n, "COMPLETE", "j", 10 + n, ["a", "b"], ["x"]) for n in range(3)]
    backend = await taken(events)
    found = {k.source: backend._edge(k) for k in backend.edges if k.kind == "PAIR"}
    told = {source: (e.evidence.runs, e.evidence.first_seen, e.evidence.last_seen) for source, e in found.items() if e}
    assert told == {
        ds("a"): (8, START, START + 12 * MINUTE),
        ds("b"): (3, START + 10 * MINUTE, START + 12 * MINUTE),
    }
    newest = found[ds("b")]
    assert newest is not None
    assert newest.evidence.last_run == "run:00000000-0000-4000-8000-00000000000c"


async def test_a_failed_run_makes_no_edge_look_fresher() -> None:
    events = [
        run_event(0, "COMPLETE", "j", 1, ["a"], ["x"]),
        run_event(5, "START", "j", 2, ["a"], ["x"]),
        run_event(9, "FAIL", "j", 2, ["a"], ["x"]),
    ]
    for order in (events, events[::-1]):
        backend = await taken(order)
        edge = next(backend._edge(key) for key in backend.edges if key.kind == "PAIR")
        assert edge is not None
        assert edge.evidence.last_seen == START + 5 * MINUTE, "when the START said so"


async def test_a_facet_with_the_name_of_one_of_ours() -> None:
    odd = {"_fields": {"mine": True}, "__fields": {"mine": 2}}
    events = [
        dataset_event(0, "a", schema("f")),
        dataset_event(1, "a", odd),
        dataset_event(2, "a", schema("g")),
        run_event(3, "START", "j", 1, run_facets=odd),
    ]
    backend = await taken(events)
    attributes = backend.rows[ds("a")].attributes
    facets = {facet_name(key): stamped.value for key, stamped in attributes.items() if facet_name(key)}
    assert facets == {"schema": schema("g")["schema"], **odd}
    assert run(backend)["facets"] == odd


async def test_a_clock_that_runs_ahead_does_not_speak_for_all() -> None:
    backend = await taken(
        [run_event(0, "COMPLETE", "j", 1, ["a"], ["x"]), run_event(10**9, "COMPLETE", "j", 2, ["b"], ["x"])]
    )
    assert names(graph(backend).pairs) == {("a", "x"), ("b", "x")}
    assert backend.watermark == START + 300 * 24 * 60 * MINUTE, "the clock of the writer"


async def test_a_thousand_inputs_and_a_thousand_outputs_cost_thousands() -> None:
    inputs, outputs = [f"i{n}" for n in range(1000)], [f"o{n}" for n in range(1000)]
    backend = await taken([run_event(0, "COMPLETE", "j", 1, inputs, outputs)])
    assert len(backend.edges) == 2001


@pytest.mark.parametrize("first", ["s.a", "s.x"])
async def test_two_names_of_one_dataset_in_one_picture_are_both_heard(first: str) -> None:
    """The one is an input, the other is only named by column lineage: that order decided how sure the edge was."""
    other = "s.x" if first == "s.a" else "s.a"
    whole = [{**dataset(first), "field": "r", "transformations": [{"type": "INDIRECT", "subtype": "FILTER"}]}]
    output = dataset("s.o", columns({"q": [(other, "p")]}, dataset=whole))
    events = [
        run_event(0, "COMPLETE", "j", 1, [other, "s.z"], [output]),
        run_event(5, "RUNNING", "j", 2, [dataset("s.x", symlinks("s.a"))]),
    ]
    for order in (events, events[::-1]):
        backend = await taken(order)
        found = {key: edge for key in backend.edges if key.source == ds("s.a") and (edge := backend._edge(key))}
        sure = {key.kind.value: edge.evidence.confidence for key, edge in found.items() if edge.tallies}
        assert sure["PAIR"] == sure["INPUT_TO"] == 1.0
        pair = next(edge for key, edge in found.items() if key.kind == "PAIR")
        assert [step["subtype"] for step in pair.transformations] == ["FILTER"]
