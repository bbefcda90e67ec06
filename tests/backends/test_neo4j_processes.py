"""Several processes over one Neo4j, some of them killed; and the server itself stopped, started and killed under them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import neo4j
import pytest

from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, NodeFilter, Order
from backends.errors import BackendError, Misconfigured, TimedOut, Unavailable
from backends.memory import MemoryBackend
from backends.model import Direction, EdgeKey
from backends.neo4j_settings import Settings
from backends.registry import open_backend
from backends.testing.graphs import CHAIN, arrows, dataset, stated
from backends.testing.reading import ask, copied, epoch_of, listed, node_of, topology
from tests.backends.hasty import hasty
from tests.backends.neo4j_store import by_hand, counted, empty, wipe
from tests.backends.neo4j_writer import WRITERS
from tests.backends.test_processes import (
    COUNTER,
    ROOT,
    SOURCE,
    assert_log_is_the_topology,
    event,
    line,
    numbers,
    pair,
    process,
    run_of,
)
from tests.servers.neo4j import Neo4jServer

DOWN = Direction.DOWNSTREAM


DEADLINE = 600.0
"""Seconds after which a test ends, whatever it waits for; eighty times what one takes on a quiet machine."""


@pytest.fixture(autouse=True)
async def deadline() -> AsyncIterator[None]:
    """Whatever a test waits for is cancelled at its deadline, so that it fails and cleans up."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel(f"not done after {DEADLINE} s")

    timer = loop.call_later(DEADLINE, end)
    yield
    timer.cancel()


@pytest.fixture
async def url(neo4j_server: Neo4jServer) -> AsyncIterator[str]:
    """Of an empty store. Whatever a test does to the server, the next one finds it running."""
    await wipe(neo4j_server.url)
    yield neo4j_server.url
    neo4j_server.start()


async def assert_whole(backend: LineageBackend, names: dict[str, list[int]], sent: int) -> None:
    """Of each writer's events those acknowledged are there, and each is there with all its parts or with none."""
    every: set[EdgeKey] = set()
    for name, acknowledged in names.items():
        runs = set(await listed(backend, NodeFilter(group=f"job:{name}"), Order.NEWEST))
        there = [number for number in range(sent) if run_of(name, number) in runs]
        assert set(acknowledged) <= set(there), "an acknowledged write is lost"
        assert len(runs) == len(there)
        tagged = await listed(backend, NodeFilter(tags=frozenset({name})))
        assert tagged == sorted(dataset(f"{name}.{number}") for number in there)
        keys = [key for number in there for key in pair(name, number)]
        every |= set(keys)
        assert all(edge and edge.evidence.runs == 1 for edge in (await backend.get([], keys)).edges)
        nodes = (await backend.get([dataset(f"{name}.{number}") for number in there], facets=True)).nodes
        assert [node and node.attributes["facet:x"]["n"] for node in nodes] == there
    assert (await ask(backend, SOURCE, DOWN)).edges == every
    assert (await topology(backend)).edges == every
    ids = (await topology(backend)).ids
    assert sorted(ids) == list(range(len(ids))), "numbers are dense, none is used twice"
    await assert_log_is_the_topology(backend)


async def test_bookmark_of_a_statement_tells_what_was_committed_while_it_ran(url: str) -> None:
    """On this rests that an answer is of one moment where the bookmark after it is one of those before it."""
    said = Settings.parse(url)
    async with neo4j.AsyncGraphDatabase.driver(said.url, auth=(said.user or "", said.password or "")) as driver:

        async def told(text: str, *, meanwhile: str = "", after: neo4j.Bookmarks | None = None) -> neo4j.Bookmarks:
            mode = neo4j.READ_ACCESS if text.startswith("UNWIND") else neo4j.WRITE_ACCESS
            async with driver.session(bookmarks=after, default_access_mode=mode, fetch_size=1) as session:
                result = await session.run(neo4j.Query(text))
                if meanwhile:
                    await result.fetch(1)
                    await by_hand(url, meanwhile)
                await result.consume()
                return await session.last_bookmarks()

        reading = "UNWIND range(1, 100) AS x RETURN x"
        written = await told("CREATE (:Strange)")
        assert (await told(reading, after=written)).raw_values == written.raw_values
        assert (await told(reading, after=written, meanwhile="CREATE (:Strange)")).raw_values != written.raw_values
        assert (await told(reading, after=written)).raw_values != written.raw_values


async def test_killed_writer_loses_nothing_acknowledged_and_leaves_nothing_torn(url: str) -> None:
    names: dict[str, list[int]] = {}
    for turn, deaths in enumerate((1, 30, 100)):
        name = f"w{turn}x"
        async with process("write", url, name, 100_000) as writer:
            acknowledged = await numbers(writer, deaths)
            writer.kill()
            names[name] = acknowledged + await numbers(writer)
    async with open_backend(url) as backend:
        await assert_whole(backend, names, 1_000)


@pytest.mark.parametrize("index", ["on", "off"])
async def test_many_processes_write_one_store(url: str, index: str) -> None:
    """This process writes and asks meanwhile."""
    async with (
        open_backend(f"{url}?index={index}") as backend,
        process("write", url, "ax", 60) as one,
        process("write", url, "bx", 60) as other,
    ):
        mine = [await backend.apply(event("cx", number)) for number in range(30)]
        assert mine == sorted(set(mine))
        said = [await numbers(one), await numbers(other)]
        assert [sorted(numbers) for numbers in said] == [list(range(60))] * 2
        await assert_whole(backend, {"ax": said[0], "bx": said[1], "cx": [*range(30)]}, 60)


async def test_counter_of_many_processes_counts_each_once(url: str) -> None:
    async with process("count_up", url, "", 40) as one, process("count_up", url, "", 40) as two:
        assert [await line(one), await line(two)] == ["done", "done"]
    async with open_backend(url) as backend:
        node = await node_of(backend, COUNTER)
        assert (node.attributes["n"], node.version) == (80, 80)


@pytest.mark.parametrize("index", ["on", "off"])
async def test_other_process_answers_from_what_was_just_committed(url: str, index: str) -> None:
    """Each question follows a write that was acknowledged here, and is put to another replica."""
    async with open_backend(url) as backend, process("answer", f"{url}?index={index}", "") as other:
        assert other.stdin is not None
        assert await line(other) == "ready"
        withdrawn = 0
        for number in range(40):
            epoch = await backend.apply(event("w", number))
            if number % 3 == 2:
                drop = pair("w", number - 1)[1]
                epoch = await backend.apply(Changes(1, edges=(EdgeChange(drop, drop=frozenset({"told"})),)))
                withdrawn += 1
            other.stdin.write(f"{SOURCE}\n".encode())
            assert await line(other) == f"{2 * number + 2 - withdrawn} {epoch}"


async def test_answers_beside_writers_of_other_processes_are_of_an_epoch_of_the_history(url: str) -> None:
    """Each event makes two edges at once: no answer holds one without the other, and none is older than one before it."""
    async with (
        open_backend(url) as backend,
        process("write", url, "ax", 150) as one,
        process("write", url, "bx", 150) as two,
    ):
        writing = asyncio.gather(numbers(one), numbers(two))
        last = await epoch_of(backend)
        asked = 0
        while not writing.done():
            found = await ask(backend, SOURCE, DOWN)
            assert len(found.edges) % 2 == 0
            assert len(found.nodes) in (0, len(found.edges) + 1)
            assert found.epoch >= last
            last, asked = found.epoch, asked + 1
        assert asked > 5
        assert len((await ask(backend, SOURCE, DOWN)).edges) == 600


async def test_scans_beside_writers_of_other_processes_hold_no_edge_without_its_ends(url: str) -> None:
    """Each event comes with new nodes, so that the last of them are being written whenever a scan begins."""
    async with (
        open_backend(url) as backend,
        process("write", url, "ax", 150) as one,
        process("write", url, "bx", 150) as two,
    ):
        writing = asyncio.gather(numbers(one), numbers(two))
        while not writing.done():
            await topology(backend)  # which looks for the ends of each edge
            await copied(backend, MemoryBackend())  # which refuses an edge without
        assert len((await topology(backend)).edges) == 600


async def test_services_that_start_together_make_one_store(url: str) -> None:
    """All find no constraints and no epoch, and each would make them."""
    for row in await by_hand(url, "SHOW CONSTRAINTS YIELD name WHERE name STARTS WITH 'headwater' RETURN name"):
        await by_hand(url, f"DROP CONSTRAINT {row['name']}")
    for row in await by_hand(url, "SHOW INDEXES YIELD name WHERE name STARTS WITH 'headwater' RETURN name"):
        await by_hand(url, f"DROP INDEX {row['name']}")
    async with process("write", url, "ax", 5) as a, process("write", url, "bx", 5) as b, process("write", url, "cx", 5) as c:
        for made in (a, b, c):
            assert sorted(await numbers(made)) == list(range(5))
    async with open_backend(url) as backend:
        assert len((await ask(backend, SOURCE, DOWN)).edges) == 30


# The server


@asynccontextmanager
async def writer_of(url: str, name: str, first: int, count: int) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "tests.backends.neo4j_writer", url, name, str(first), str(count)]
    made = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        yield made
    finally:
        if made.returncode is None:
            made.kill()
        await made.communicate()


async def said_by(made: asyncio.subprocess.Process, heard: list[str]) -> None:
    """Notes all that a process says until it ends."""
    while text := await line(made):
        heard.append(text)


async def test_server_killed_in_the_middle_of_writes_loses_none_and_tears_none(url: str, neo4j_server: Neo4jServer) -> None:
    """Four writers in two processes. HEADWATER_WRITES says how many writes."""
    each = int(os.environ.get("HEADWATER_WRITES", "300")) // 2
    for _ in range(4):  # if all of them were between two writes when it was killed, or done, nothing is proved
        await wipe(url)
        if await unknown_after_a_death(url, neo4j_server, each):
            return
    raise AssertionError("the server was never killed in the middle of a write")


async def unknown_after_a_death(url: str, neo4j_server: Neo4jServer, each: int) -> int:
    """Writes so many in each process, kills the server meanwhile and proves that nothing is lost; of how many writes it is
    not known whether they are in."""
    heard: dict[str, list[str]] = {"ax": [], "bx": []}
    async with writer_of(url, "ax", 0, each) as one, writer_of(url, "bx", 0, each) as two:
        hearing = asyncio.gather(said_by(one, heard["ax"]), said_by(two, heard["bx"]))
        while sum(map(len, heard.values())) < 2 * each / 3:  # noqa: ASYNC110 (told from two other processes)
            await asyncio.sleep(0.005)
        neo4j_server.kill()
        await asyncio.to_thread(neo4j_server.start)
        await hearing
    assert all(texts.pop() == "done" for texts in heard.values())
    assert all(len(texts) == each for texts in heard.values())
    unknown = sum(text.startswith("?") for texts in heard.values() for text in texts)
    assert unknown < each, f"{2 * WRITERS} went on when the server was back"
    names = {name: [int(text) for text in texts if not text.startswith("?")] for name, texts in heard.items()}
    async with open_backend(url) as backend:
        await assert_whole(backend, names, each)
    return unknown


async def test_stopped_server_is_unavailable_at_once_and_its_return_is_noticed(
    url: str, neo4j_server: Neo4jServer, tmp_path: Path
) -> None:
    async with (
        open_backend(f"{url}?timeout=30") as plain,
        open_backend(f"{url}?timeout=30&index=on&snapshots={tmp_path}") as indexed,
    ):
        await plain.apply(stated(arrows(CHAIN)))
        await asyncio.to_thread(neo4j_server.kill)
        for backend in (plain, indexed):
            await assert_unavailable(backend)
        with pytest.raises(Unavailable):
            async with open_backend(f"{url}?timeout=30"):
                pass
        await asyncio.to_thread(neo4j_server.start)
        for backend, more in ((plain, "d-e"), (indexed, "d-f")):
            await answering(backend)
            await backend.apply(stated(arrows(more)))
            assert more in (await ask(backend, "a", DOWN)).arrows
        assert (await ask(plain, "a", DOWN)).arrows == "a-b b-c c-d d-e d-f"


async def assert_unavailable(backend: LineageBackend) -> None:
    """Each call says so. The deadline of 30 seconds is the store's; more than it would be another error, or a hang."""
    for call in (
        backend.ping,
        lambda: ask(backend, "a", DOWN),
        lambda: backend.apply(stated(arrows("d-e"))),
        lambda: backend.get([SOURCE]),
        lambda: backend.scan(),
    ):
        with pytest.raises(Unavailable):
            async with asyncio.timeout(60):
                await call()


async def answering(backend: LineageBackend) -> None:
    """Returns once a store that was away answers again, by itself. A server that has just started may be slow."""
    while True:
        try:
            return await backend.ping()
        except (Unavailable, TimedOut):
            await asyncio.sleep(0.2)


async def test_server_that_hangs_times_out(url: str, neo4j_server: Neo4jServer) -> None:
    async with open_backend(url) as backend:
        await backend.apply(stated(arrows(CHAIN)))
    async with hasty(f"{url}?timeout=1") as backend:
        neo4j_server.freeze()
        try:
            for call in (backend.ping, lambda: ask(backend, "a", DOWN), lambda: backend.apply(stated(arrows("d-e")))):
                with pytest.raises(BackendError) as raised:
                    await call()
                assert isinstance(raised.value, TimedOut | Unavailable)
        finally:
            neo4j_server.thaw()
        await answering(backend)
    async with open_backend(url) as backend:
        await backend.apply(stated(arrows("d-f")))
        assert "d-f" in (await ask(backend, "a", DOWN)).arrows


async def test_lock_that_a_stranger_holds_is_waited_for_and_no_longer_than_said(url: str) -> None:
    """Somebody's open transaction on the epoch node: writes wait, reads go on."""
    said = Settings.parse(url)
    async with empty(url) as backend, hasty(f"{url}?timeout=1.5") as impatient:
        await backend.apply(stated(arrows(CHAIN)))
        async with (
            neo4j.AsyncGraphDatabase.driver(said.url, auth=(said.user or "", said.password or "")) as driver,
            driver.session() as session,
        ):
            transaction = await session.begin_transaction()
            await transaction.run("MATCH (e:_Epoch) SET e.seen = 1")
            with pytest.raises(TimedOut):
                await impatient.apply(stated(arrows("d-e")))
            assert (await ask(backend, "a", DOWN)).arrows == "a-b b-c c-d"
            waiting = asyncio.ensure_future(backend.apply(stated(arrows("d-f"))))
            await asyncio.sleep(0.2)
            assert not waiting.done()
            await transaction.rollback()
            await waiting
        assert (await ask(backend, "a", DOWN)).arrows == "a-b b-c c-d d-f"


async def test_wrong_password_or_database_is_a_mistake_in_the_settings(url: str) -> None:
    for wrong in (url.replace("not-a-secret", "wrong"), f"{url}?database=nosuch", url.replace("bolt:", "bolt+ssc:")):
        with pytest.raises(BackendError) as raised:
            async with open_backend(wrong):
                pass
        assert isinstance(raised.value, Misconfigured) or "ssc" in wrong
        assert "wrong" not in str(raised.value)


async def test_write_that_changes_nothing_is_believed_only_of_one_moment(url: str) -> None:
    """What was read in parts, beside another writer, would make an epoch that is older than what it says."""
    await wipe(url)
    async with counted(url) as one, counted(url) as other:
        await one.store.apply(stated(arrows("x-y")))
        later = await other.store.apply(stated(arrows("a-b")))
        one.count()
        assert await one.store.apply(stated(arrows("a-b"))) == later
        assert one.count() == 2, "read, and read again under the lock"
        assert await one.store.apply(stated(arrows("a-b"))) == later
        assert one.count() == 1, "nobody wrote meanwhile"
