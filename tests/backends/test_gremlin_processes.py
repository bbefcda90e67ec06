"""Several processes over one Gremlin store, some of them killed; and the server stopped, hung and started under them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange
from backends.errors import BackendError, TimedOut, Unavailable
from backends.model import Direction
from backends.registry import open_backend
from backends.testing.graphs import CHAIN, arrows, stated
from backends.testing.reading import ask, epoch_of, node_of
from tests.backends.gremlin_support import PATIENT, WIPE, assert_whole, deadline, run
from tests.backends.hasty import hasty
from tests.backends.test_processes import COUNTER, SOURCE, event, line, numbers, pair, process
from tests.servers.gremlin import JanusGraphServer, TinkerPopServer

__all__ = ["deadline"]
DOWN = Direction.DOWNSTREAM
SHORT = "&timeout=60&lease=8"
"""The lease of one that is killed is over soon, and nobody is taken for dead on a busy machine."""


@pytest.fixture
async def url(janusgraph_server: JanusGraphServer) -> str:
    """Of an empty store."""
    await run(janusgraph_server.url, WIPE)
    return janusgraph_server.url


async def test_killed_writer_loses_nothing_acknowledged_and_leaves_nothing_torn(url: str) -> None:
    names: dict[str, list[int]] = {}
    for turn, deaths in enumerate((1, 30)):
        name = f"w{turn}x"
        async with process("write", f"{url}{SHORT}", name, 100_000) as writer:
            acknowledged = await numbers(writer, deaths)
            writer.kill()
            names[name] = acknowledged + await numbers(writer)
    async with open_backend(f"{url}{SHORT}") as backend:
        await assert_whole(backend, names, 1_000)


@pytest.mark.parametrize("index", ["on", "off"])
async def test_many_processes_write_one_store(url: str, index: str) -> None:
    """This process writes and asks meanwhile; each event makes two edges at once, and no answer holds one alone."""
    async with (
        open_backend(f"{url}{PATIENT}&index={index}") as backend,
        process("write", f"{url}{PATIENT}", "ax", 40) as one,
        process("write", f"{url}{PATIENT}", "bx", 40) as other,
    ):
        writing = asyncio.gather(numbers(one), numbers(other))
        mine = [await backend.apply(event("cx", number)) for number in range(10)]
        assert mine == sorted(set(mine))
        last = mine[-1]
        while not writing.done():
            found = await ask(backend, SOURCE, DOWN)
            assert len(found.edges) % 2 == 0
            assert len(found.nodes) == len(found.edges) + 1
            assert found.epoch >= last
            last = found.epoch
        said = await writing
        assert [sorted(each) for each in said] == [list(range(40))] * 2
        await assert_whole(backend, {"ax": said[0], "bx": said[1], "cx": [*range(10)]}, 40)


async def test_counter_of_many_processes_counts_each_once(url: str) -> None:
    async with process("count_up", f"{url}{PATIENT}", "", 20) as one, process("count_up", f"{url}{PATIENT}", "", 20) as two:
        assert [await line(one), await line(two)] == ["done", "done"]
    async with open_backend(f"{url}{PATIENT}") as backend:
        node = await node_of(backend, COUNTER)
        assert (node.attributes["n"], node.version) == (40, 40)


@pytest.mark.parametrize("index", ["on", "off"])
async def test_other_process_answers_from_what_was_just_committed(url: str, index: str) -> None:
    async with (
        open_backend(f"{url}{PATIENT}") as backend,
        process("answer", f"{url}{PATIENT}&index={index}", "") as other,
    ):
        assert other.stdin is not None
        assert await line(other) == "ready"
        withdrawn = 0
        for number in range(20):
            epoch = await backend.apply(event("w", number))
            if number % 3 == 2:
                drop = pair("w", number - 1)[1]
                epoch = await backend.apply(Changes(1, edges=(EdgeChange(drop, drop=frozenset({"told"})),)))
                withdrawn += 1
            other.stdin.write(f"{SOURCE}\n".encode())
            assert await line(other) == f"{2 * number + 2 - withdrawn} {epoch}"


# The server


@pytest.fixture(params=["janusgraph", "tinkerpop"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[JanusGraphServer | TinkerPopServer]:
    """Either, empty. Whatever a test does to it, the next one finds it running."""
    made: JanusGraphServer | TinkerPopServer = request.getfixturevalue(f"{request.param}_server")
    await run(made.url, WIPE)
    yield made
    made.start()


Call = Callable[[], Awaitable[object]]


def calls(backend: LineageBackend) -> list[Call]:
    return [
        backend.ping,
        lambda: ask(backend, "a", DOWN),
        lambda: backend.apply(stated(arrows("d-e"))),
        lambda: backend.get([SOURCE]),
        lambda: backend.changes_since(None),
        lambda: backend.scan(),
    ]


async def test_stopped_server_is_unavailable_within_the_deadline_and_its_return_is_noticed(
    server: JanusGraphServer | TinkerPopServer,
) -> None:
    """It comes back with nothing, since it keeps things in memory: that is another history, and noticed as well."""
    async with AsyncExitStack() as stack:
        urls = [f"{server.url}&timeout=60&lease=30&index={index}" for index in ("on", "off")]
        backends = [await stack.enter_async_context(open_backend(url)) for url in urls]
        before = await backends[0].apply(stated(arrows(CHAIN)))
        assert {(await ask(backend, "a", DOWN)).arrows for backend in backends} == {"a-b b-c c-d"}
        server.kill()
        for backend in backends:
            for call in calls(backend):
                with pytest.raises(Unavailable):
                    async with asyncio.timeout(62):
                        await call()
        with pytest.raises(Unavailable):
            async with open_backend(urls[1]):
                pass
        await asyncio.to_thread(server.start)
        for backend in backends:
            await backend.ping()
            page = await backend.changes_since(before)
            assert not page.known
        await backends[0].apply(stated(arrows("a-e e-f")))
        for backend in backends:
            assert (await ask(backend, "a", DOWN)).arrows == "a-e e-f"
            assert (await epoch_of(backend)).seq == 5


async def test_server_that_hangs_times_out_and_is_asked_again(server: JanusGraphServer | TinkerPopServer) -> None:
    async with open_backend(f"{server.url}{PATIENT}") as backend:
        await backend.apply(stated(arrows(CHAIN)))
    async with hasty(f"{server.url}&timeout=1&lease=30") as backend:
        server.freeze()
        try:
            for call in calls(backend)[:3]:
                with pytest.raises(TimedOut):
                    await call()
        finally:
            server.thaw()
    async with open_backend(f"{server.url}{SHORT}") as backend:
        # What was sent before it hung may still be done, or not.
        await backend.apply(stated(arrows("d-f")))
        assert (await ask(backend, "a", DOWN)).arrows in ("a-b b-c c-d d-f", "a-b b-c c-d d-e d-f")


async def test_nothing_listens_there(url: str) -> None:
    with pytest.raises(BackendError) as raised:
        async with open_backend("gremlin://user:hunter2@127.0.0.1:1/g?timeout=5"):
            pass
    assert isinstance(raised.value, Unavailable)
    assert "hunter2" not in repr(raised.value)
