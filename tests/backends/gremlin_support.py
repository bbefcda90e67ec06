"""What tests of the Gremlin adapter share: an empty store on a server that others use too, scripts sent by hand, and writers
that die at a chosen point."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from backends.base import LineageBackend
from backends.changes import NodeFilter, Order
from backends.gremlin import GremlinBackend
from backends.gremlin_settings import Settings
from backends.gremlin_state import token
from backends.gremlin_wire import Statement, Wire
from backends.model import Direction, EdgeKey
from backends.registry import open_backend
from backends.testing.graphs import dataset
from backends.testing.reading import ask, listed, topology
from tests.backends.test_processes import SOURCE, assert_log_is_the_topology, pair, run_of
from tests.servers.gremlin import GremlinServer

PATIENT = "&timeout=60&lease=30"
"""For a machine that does much else at the same time."""
DEADLINE = 600.0
"""Seconds after which a test ends, whatever it waits for; many times what one takes on a quiet machine."""
WIPE = """
g.V().drop().iterate()
if (g.getGraph().features().graph().supportsTransactions()) g.getGraph().tx().commit()
"""


@asynccontextmanager
async def wire(url: str) -> AsyncIterator[Wire]:
    """A connection beside the adapter's."""
    made = Wire(Settings.parse(url))
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def run(url: str, script: str, **data: Any) -> list[Any]:
    """What a script answers."""
    async with wire(url) as made:
        return await made.run(Statement("by hand", script, data), list, within=150)


@asynccontextmanager
async def empty(server: GremlinServer, more: str = PATIENT) -> AsyncIterator[LineageBackend]:
    """An empty store, open. The schema stays from test to test, as in a graph that is wiped by hand."""
    url = f"{server.url}{more}"
    await run(url, WIPE)
    async with open_backend(url) as backend:
        yield backend


@contextmanager
def ending(within: float) -> Iterator[None]:
    """All that waits on this loop is cancelled when the time is up, so that a test that would hang fails and cleans up."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel(f"not done after {within} s")

    timer = loop.call_later(within, end)
    try:
        yield
    finally:
        timer.cancel()


@pytest.fixture(autouse=True)
async def deadline() -> AsyncIterator[None]:
    """Import it into a module whose tests wait for others."""
    with ending(DEADLINE):
        yield


class Counted:
    """A store whose requests are noted by name, in the order they were answered."""

    def __init__(self, url: str) -> None:
        self.requests: list[str] = []
        self.store = GremlinBackend(Settings.parse(url), lambda name, _: self.requests.append(name))

    def count(self) -> list[str]:
        """The requests since the last asking."""
        made = [*self.requests]
        self.requests.clear()
        return made


@contextmanager
def dying(backend: LineageBackend, name: str, at: str, last: str = "") -> Iterator[None]:
    """Within it the script of a write ends where it would do `at`, as if the server died there; `last` is done before."""
    assert isinstance(backend, GremlinBackend)
    scripts = backend._store._scripts
    whole = scripts[name]
    before, found, after = whole.rpartition(at)
    assert found, "the script has changed"
    scripts[name] = f"{before}{last}\nif (true) throw new IllegalStateException('died')\n{at}{after}"
    try:
        yield
    finally:
        scripts[name] = whole


@contextmanager
def slowly(backend: LineageBackend, times: int) -> Iterator[None]:
    """Within it so many turns do half of what they announced and then take longer than the server lets them."""
    assert isinstance(backend, GremlinBackend)
    scripts = backend._store._scripts
    whole = scripts["write"]
    at = "perform(parse(change), false)"
    assert at in whole, "the script has changed"
    scripts["write"] = whole.replace(
        at,
        f"""
      if (System.getProperties().merge('{token()}', 1, {{ a, b -> a + b }}) <= {times}) {{
        def half = parse(change)
        half.edges = []
        half.entries = []
        perform(half, false)
        Thread.sleep(60000)
      }}
      {at}""",
    )
    try:
        yield
    finally:
        scripts["write"] = whole


async def assert_whole(backend: LineageBackend, names: Mapping[str, Sequence[int]], sent: int) -> None:
    """Of each writer's events (see test_processes.py) those acknowledged are there, and each is there with all
    its parts or with none; the log tells of nothing else, and no intent is open."""
    every: set[EdgeKey] = set()
    for name, acknowledged in names.items():
        runs = set(await listed(backend, NodeFilter(group=f"job:{name}"), Order.NEWEST))
        there = [number for number in range(sent) if run_of(name, number) in runs]
        assert set(acknowledged) <= set(there), "an acknowledged write is lost"
        assert len(runs) == len(there)
        tagged = await listed(backend, NodeFilter(tags=frozenset({name})))
        assert tagged == sorted(dataset(f"{name}.{number}") for number in there)
        keys = [key for number in there for key in pair(name, number)]
        every |= {*keys}
        assert all(edge and edge.evidence.runs == 1 for edge in (await backend.get([], keys)).edges)
        nodes = (await backend.get([dataset(f"{name}.{number}") for number in there], facets=True)).nodes
        assert [node and node.attributes["facet:x"]["n"] for node in nodes] == there
    assert (await ask(backend, SOURCE, Direction.DOWNSTREAM)).edges == every
    found = await topology(backend)
    assert found.edges == every
    assert sorted(found.ids) == list(range(len(found.ids))), "numbers are dense, none is used twice"
    assert not (await backend.changes_since(None)).open
    await assert_log_is_the_topology(backend)
