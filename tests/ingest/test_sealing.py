"""A job that runs for years stays bounded, and nothing that people see changes by it."""

from typing import Any

from api.writer import Writer
from backends.commands import RetractEdges, Retraction
from backends.memory import MemoryBackend
from backends.model import EdgeKind
from ingest.sealing import FOLD_AT, WEEK
from tests.ingest.support import START, Body, columns, dataset, ds, graph, run_event

DAY = 24 * 60


class Clock:
    """The wall clock of a writer, moved by hand."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> int:
        return self.time


def daily(number: int) -> list[Body]:
    """A run a day that reads a source, one reference table in the first weeks, and writes a partition of its own."""
    inputs = ["source", "early"] if number < 20 else ["source"]
    output = dataset(f"part.{number}", columns({"f": [("source", "f")]}))
    log = [dataset("log")] if number == 3 else []
    return [
        run_event(DAY * number, "START", "j", number, [*inputs, "all"], [f"part.{number}"]),
        run_event(DAY * number + 5, "COMPLETE", "j", number, inputs, [output, *log]),
    ]


async def lived(days: int, *, sealed_after: int) -> tuple[MemoryBackend, Writer]:
    backend, clock = MemoryBackend(), Clock()
    writer = Writer(backend, clock, sealed_after=sealed_after)
    for number in range(days):
        clock.time = START + number * DAY * 60_000_000
        for event in daily(number):
            await writer.ingest(event)
    return backend, writer


def evidence(backend: MemoryBackend) -> dict[Any, Any]:
    keys = [k for k in backend.edges if k.kind in (EdgeKind.PAIR, EdgeKind.DERIVES, EdgeKind.PRODUCES)]
    edges = [backend._edge(key) for key in keys if backend.edges[key].tallies]
    return {edge.key: (edge.evidence, edge.transformations) for edge in edges if edge is not None}


def pictures(backend: MemoryBackend) -> int:
    return sum(record_id.startswith("picture:") for record_id in backend.records)


async def test_pictures_of_sealed_runs_are_folded_and_nothing_else_changes() -> None:
    plain, _ = await lived(150, sealed_after=10_000 * WEEK)
    sealed, _ = await lived(150, sealed_after=WEEK)
    assert pictures(plain) == 150
    assert pictures(sealed) <= FOLD_AT + 1
    assert graph(sealed) == graph(plain)
    assert evidence(sealed) == evidence(plain)


async def test_a_folded_pair_can_be_retracted_and_comes_back_when_seen() -> None:
    backend, writer = await lived(100, sealed_after=WEEK)
    at = START + 200 * DAY * 60_000_000
    assert (ds("early"), ds("part.5")) in graph(backend).pairs
    writer.clock = lambda: at
    await writer.execute(RetractEdges((Retraction(ds("early"), None, ds("part.5")),), at))
    assert (ds("early"), ds("part.5")) not in graph(backend).pairs
    await writer.ingest(run_event(300 * DAY, "COMPLETE", "j", 999, ["source", "early"], ["part.5"]))
    assert (ds("early"), ds("part.5")) in graph(backend).pairs


async def test_an_event_of_a_sealed_run_is_taken_all_the_same() -> None:
    backend, writer = await lived(100, sealed_after=WEEK)
    before = graph(backend).pairs
    await writer.ingest(run_event(2 * DAY + 9, "OTHER", "j", 2, ["late"], None))
    assert graph(backend).pairs - before == {(ds("late"), ds("part.2"))}
