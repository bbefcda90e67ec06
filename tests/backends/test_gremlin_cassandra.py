"""JanusGraph over a real Cassandra, where nothing is atomic across rows: the core of the contract, and deaths."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from backends.base import LineageBackend
from backends.errors import BackendError
from backends.model import Direction
from backends.registry import open_backend
from backends.testing import random_cases
from backends.testing.atomicity import AtomicityContract
from backends.testing.concurrency import ConcurrencyContract
from backends.testing.logs import LogContract
from backends.testing.random_cases import RandomContract
from backends.testing.reading import ask
from backends.testing.traversals import TraversalContract
from tests.backends.gremlin_support import assert_whole, deadline, empty
from tests.backends.test_processes import ROOT, SOURCE, event, line
from tests.servers.cassandra import JanusGraphOnCassandra

__all__ = ["deadline"]
EACH = 12
"""Writes of each process that outlives the deaths."""


class TestCore:
    """A turn takes a tenth of a second here, so a chosen part: what hangs on how the storage orders, keeps and commits."""

    case_factor = 0.02
    pytest_generate_tests = RandomContract.pytest_generate_tests
    test_random_history = RandomContract.test_random_history
    test_random_graph = RandomContract.test_random_graph
    _same_from_either_end = staticmethod(RandomContract._same_from_either_end)
    test_shortcut = TraversalContract.test_shortcut_gives_the_least_depth_and_prunes_nothing
    test_cycle = TraversalContract.test_cycle_ends_and_keeps_the_edge_that_closes_it
    test_both = TraversalContract.test_both_has_the_edges_between_its_two_sides
    test_cut = TraversalContract.test_cut_falls_within_a_level_by_the_bytes_of_ids
    test_odd_ids = TraversalContract.test_odd_ids_are_ids
    test_log_has_its_rows = LogContract.test_everything_that_came_or_went_has_its_row
    test_refused_write = AtomicityContract.test_refused_write_leaves_nothing
    _nothing_comes_of = AtomicityContract._nothing_comes_of
    test_no_write_is_lost = ConcurrencyContract.test_no_write_is_lost_among_many

    @pytest.fixture
    async def backend(
        self, janusgraph_on_cassandra: JanusGraphOnCassandra, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[LineageBackend]:
        monkeypatch.setattr(random_cases, "STEPS", 4)
        async with empty(janusgraph_on_cassandra) as backend:
            yield backend


@asynccontextmanager
async def writer(url: str, name: str, count: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process that writes whatever happens to the server. It says a number when a write is acknowledged, `?` and the
    number where nobody knows, and `done`."""
    command = [sys.executable, "-m", "tests.backends.neo4j_writer", url, name, "0", str(count)]
    made = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        yield made
    finally:
        if made.returncode is None:
            made.kill()
        await made.communicate()


async def hear(made: asyncio.subprocess.Process, heard: list[str]) -> None:
    """Notes all that a process says until it ends."""
    while text := await line(made):
        heard.append(text)


async def test_deaths_of_a_writer_and_of_the_server_lose_nothing_acknowledged_and_leave_nothing_torn(
    janusgraph_on_cassandra: JanusGraphOnCassandra,
) -> None:
    """Three processes write. One is killed in the middle of it, then JanusGraph is; Cassandra goes on. Meanwhile this one
    asks: each event makes two edges at once, and no answer holds one alone, nor fewer than an earlier one."""
    server = janusgraph_on_cassandra
    url = f"{server.url}&timeout=60&lease=8"
    heard: dict[str, list[str]] = {"ax": [], "bx": [], "cx": []}
    answers: list[int] = []
    async with empty(server, "&timeout=60&lease=8") as backend:
        await backend.apply(event("dx", 0))

        async def asking() -> None:
            while True:
                with suppress(BackendError):
                    found = await ask(backend, SOURCE, Direction.DOWNSTREAM)
                    assert len(found.edges) % 2 == 0
                    assert len(found.nodes) == len(found.edges) + 1
                    answers.append(len(found.edges))
                await asyncio.sleep(0.02)

        async with writer(url, "ax", 1_000) as doomed, writer(url, "bx", EACH) as one, writer(url, "cx", EACH) as two:
            asks = asyncio.create_task(asking())
            hearing = [
                asyncio.create_task(hear(each, said)) for each, said in zip((doomed, one, two), heard.values(), strict=True)
            ]
            while not heard["ax"]:  # noqa: ASYNC110 (told from another process)
                await asyncio.sleep(0.01)
            doomed.kill()
            so_far = len(heard["bx"]) + len(heard["cx"])
            while len(heard["bx"]) + len(heard["cx"]) < max(so_far, EACH // 2):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            server.kill()
            await asyncio.to_thread(server.start)
            await asyncio.gather(*hearing)
            asks.cancel()
            with suppress(asyncio.CancelledError):
                await asks
    assert answers == sorted(answers)
    assert len(answers) > 5
    for name in ("bx", "cx"):
        assert heard[name].pop() == "done"
        assert len(heard[name]) == EACH
    names = {name: [int(text) for text in texts if not text.startswith("?")] for name, texts in heard.items()}
    async with open_backend(url) as backend:
        await assert_whole(backend, {**names, "dx": [0]}, 1_000)
