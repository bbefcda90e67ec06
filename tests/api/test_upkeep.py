"""Rows of old runs age out; what they said of lineage stays."""

import asyncio

import pytest

from api.upkeep import DAY, forget_runs, upkeep
from api.writer import Writer
from backends.memory import MemoryBackend
from backends.model import EdgeKind
from tests.ingest.support import START, graph, run_event


class Clock:
    time = START

    def __call__(self) -> int:
        return self.time


@pytest.fixture
async def writer() -> Writer:
    """A writer that took a run a day for 1,500 days, and stands at the last."""
    clock = Clock()
    writer = Writer(MemoryBackend(), clock)
    for day in range(0, 1500, 5):
        clock.time = START + day * DAY
        await writer.ingest(run_event(day * 24 * 60, "COMPLETE", "j", day, ["a"], ["x"]))
    return writer


def runs(backend: MemoryBackend) -> int:
    return sum(record_id.startswith("run:") for record_id in backend.records)


async def test_old_runs_are_forgotten_and_what_they_said_stays(writer: Writer) -> None:
    backend = writer.backend
    assert isinstance(backend, MemoryBackend)
    key = next(key for key in backend.edges if key.kind is EdgeKind.PAIR)
    before, evidence = graph(backend), backend._edge(key)
    assert await forget_runs(writer, 1000) == 100
    assert runs(backend) == 200
    assert graph(backend) == before
    assert backend._edge(key) == evidence
    assert await forget_runs(writer, 1000) == 0, "once is enough"


async def test_a_run_that_something_arrived_for_lately_stays(writer: Writer) -> None:
    backend = writer.backend
    assert isinstance(backend, MemoryBackend)
    await writer.ingest(run_event(1, "OTHER", "j", 0))
    assert await forget_runs(writer, 1000) == 99


async def test_upkeep_goes_on_until_it_is_cancelled(writer: Writer) -> None:
    backend = writer.backend
    assert isinstance(backend, MemoryBackend)
    task = asyncio.create_task(upkeep(writer, 1000))
    for _ in range(100):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert runs(backend) < 300
