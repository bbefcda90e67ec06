"""Several processes, one file: all read what is committed, one writes at a time, and one that is killed in the middle of
writing loses nothing it acknowledged and leaves nothing torn.

This file is also what the other processes run: `python -m tests.backends.test_processes JOB URL NAME COUNT`. They print a
line for each thing done, after it is acknowledged.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest

from backends import indexed
from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, LogOp, NodeChange, NodeFilter, Order, RecordChange
from backends.errors import Conflict
from backends.ids import Kind, make_id
from backends.model import Direction, EdgeKey, Epoch, Stamped
from backends.registry import open_backend
from backends.sqlite_rows import GENESIS
from backends.testing.following import Follower
from backends.testing.graphs import dataset, operation, reads, writes
from backends.testing.reading import ask, listed, node_of, topology

ROOT = Path(__file__).parents[2]
COUNTER = make_id(Kind.STATE, "counter")
SOURCE = dataset("source")


def event(name: str, number: int) -> Changes:
    """A write with a part in every table."""
    task, target = operation(f"{name}{number}"), dataset(f"{name}.{number}")
    said = {
        "facet:x": Stamped(1, {"n": number}),
        "tags": Stamped(1, [name]),
        "description": Stamped(1, f"word{name}{number}"),
    }
    return Changes(
        number,
        nodes=(NodeChange(SOURCE, seen=(number, number)), NodeChange(task), NodeChange(target, said)),
        edges=tuple(EdgeChange(key, {"told": {"runs": 1}}) for key in pair(name, number)),
        records=(RecordChange(run_of(name, number), {"number": number}, (f"job:{name}",), number),),
        watermark=number,
    )


def pair(name: str, number: int) -> list[EdgeKey]:
    task = operation(f"{name}{number}")
    return [reads(SOURCE, task), writes(task, dataset(f"{name}.{number}"))]


def run_of(name: str, number: int) -> str:
    return make_id(Kind.RUN, "etl", name, str(number))


# What the other processes do


async def write(backend: LineageBackend, name: str, count: int) -> None:
    """Writes events, several at once, for as long as it lives or until so many are done."""
    numbers = iter(range(count))

    async def sender() -> None:
        for number in numbers:
            await backend.apply(event(name, number))
            print(number, flush=True)  # noqa: T201 (how the parent is told)

    await asyncio.gather(*(sender() for _ in range(8)))


async def count_up(backend: LineageBackend, name: str, count: int) -> None:
    """Adds one to a shared counter, so many times; who lost a race reads again."""
    for _ in range(count):
        while True:
            node = (await backend.get([COUNTER])).nodes[0]
            value = node.attributes["n"] if node else 0
            try:
                await backend.apply(
                    Changes(
                        1,
                        records=(RecordChange(COUNTER, {"n": value + 1}),),
                        expect={COUNTER: node.version if node else 0},
                    )
                )
            except Conflict:
                continue
            break
    print("done", flush=True)  # noqa: T201


async def answer(backend: LineageBackend, name: str, count: int) -> None:
    """For each line it is given: how many edges lie downstream of that id, and at which epoch."""
    print("ready", flush=True)  # noqa: T201
    while line := await asyncio.to_thread(sys.stdin.readline):
        found = await ask(backend, line.strip(), Direction.DOWNSTREAM)
        print(len(found.edges), found.epoch, flush=True)  # noqa: T201


async def hold(backend: LineageBackend, name: str, count: int) -> None:
    """Stops in the middle of a transaction."""
    connection = apsw.Connection(name)
    connection.execute("BEGIN IMMEDIATE; UPDATE edges SET standing = 0; DELETE FROM topology_log")
    connection.cache_flush()
    print("held", flush=True)  # noqa: T201
    await asyncio.sleep(60)


JOBS: dict[str, Callable[[LineageBackend, str, int], Awaitable[None]]] = {
    "write": write,
    "count_up": count_up,
    "answer": answer,
    "hold": hold,
}


async def main() -> None:
    _, job, url, name, count = sys.argv
    vars(indexed)["STALE"] = 40  # compactions and snapshots while it lives, too
    async with open_backend(url) as backend:
        await JOBS[job](backend, name, int(count))


# The tests


@asynccontextmanager
async def process(job: str, url: str, name: str, count: int = 0) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process; killed where it has not ended."""
    command = [sys.executable, "-m", "tests.backends.test_processes", job, url, name, str(count)]
    pipe = asyncio.subprocess.PIPE
    made = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    try:
        yield made
    finally:
        if made.returncode is None:
            made.kill()
        await made.communicate()


async def line(made: asyncio.subprocess.Process) -> str:
    assert made.stdout is not None
    return (await made.stdout.readline()).decode().strip()


async def numbers(made: asyncio.subprocess.Process, most: int = 10**9) -> list[int]:
    """What it acknowledged: up to so many lines, or all until it ends."""
    said: list[int] = []
    while len(said) < most and (text := await line(made)):
        said.append(int(text))
    return said


async def assert_whole(backend: LineageBackend, path: Path, name: str, acknowledged: list[int], sent: int) -> None:
    """Every write is there with all its parts or with none; those acknowledged are."""
    listed_runs = await listed(backend, NodeFilter(group=f"job:{name}"), Order.NEWEST)
    there = [number for number in range(sent) if run_of(name, number) in set(listed_runs)]
    assert set(acknowledged) <= set(there)
    assert len(listed_runs) == len(there)
    tagged = await listed(backend, NodeFilter(tags=frozenset({name})))
    assert tagged == sorted(dataset(f"{name}.{number}") for number in there)
    keys = [key for number in there for key in pair(name, number)]
    assert all(edge and edge.evidence.runs == 1 for edge in (await backend.get([], keys)).edges)
    nodes = (await backend.get([dataset(f"{name}.{number}") for number in there], facets=True)).nodes
    assert [node and node.attributes["facet:x"]["n"] for node in nodes] == there
    for number in there[-3:]:
        where = NodeFilter(text=f"word{name}{number}")
        assert await listed(backend, where, Order.RELEVANCE) == [dataset(f"{name}.{number}")]
    found = (await ask(backend, SOURCE, Direction.DOWNSTREAM)).edges
    assert {key for key in found if f"{name}" in key.source + key.target} == set(keys)
    await assert_log_is_the_topology(backend)
    connection = apsw.Connection(str(path))
    assert connection.pragma("integrity_check") == "ok"
    connection.execute("INSERT INTO search (search) VALUES ('integrity-check')")
    connection.close()


async def assert_log_is_the_topology(backend: LineageBackend) -> None:
    """Read from the very beginning; `take` also proves the chain and the order."""
    follower = Follower(GENESIS)
    epoch: Epoch = GENESIS
    while True:
        page = await backend.changes_since(epoch)
        assert page.known
        for row in page.rows:
            follower.take(row)
        epoch = page.epoch
        if not page.more:
            break
    assert follower.epoch == epoch
    assert follower.topology == await topology(backend)


@pytest.mark.parametrize("index", ["on", "off"])
async def test_killed_writer_loses_nothing_acknowledged_and_leaves_nothing_torn(tmp_path: Path, index: str) -> None:
    path = tmp_path / "lineage.db"
    url = f"sqlite:///{path}?index={index}"
    for turn, deaths in enumerate((3, 40, 150)):
        name = f"w{turn}x"
        async with process("write", url, name, 100_000) as writer:
            acknowledged = await numbers(writer, deaths)
            writer.kill()
            acknowledged += await numbers(writer)
        async with open_backend(url) as backend:
            await assert_whole(backend, path, name, acknowledged, acknowledged[-1] + 100)


async def test_killed_in_the_middle_of_a_transaction_gives_up_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lineage.db"
    url = f"sqlite:///{path}?timeout=20"
    async with open_backend(url) as backend:
        await backend.apply(event("w", 0))
        async with process("hold", url, str(path)) as holder:
            assert await line(holder) == "held"
            assert len((await ask(backend, SOURCE, Direction.DOWNSTREAM)).edges) == 2, "readers are not kept waiting"
            waiting = asyncio.ensure_future(backend.apply(event("w", 1)))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            holder.kill()
            await waiting
        await assert_whole(backend, path, "w", [0, 1], 2)


async def test_many_processes_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "lineage.db"
    url = f"sqlite:///{path}?timeout=60"
    async with (
        open_backend(url) as backend,
        process("write", url, "ax", 60) as one,
        process("write", url, "bx", 60) as other,
    ):
        # This process writes and asks meanwhile, and follows them by the log alone.
        mine = [await backend.apply(event("cx", number)) for number in range(30)]
        assert mine == sorted(mine)
        said = [await numbers(one), await numbers(other)]
        assert [sorted(numbers) for numbers in said] == [list(range(60))] * 2
        for name, count in (("ax", 60), ("bx", 60), ("cx", 30)):
            await assert_whole(backend, path, name, list(range(count)), count)
        ids = (await topology(backend)).ids
        assert sorted(ids) == list(range(len(ids))), "numbers are dense, no two processes used one twice"
        assert len(ids) == 2 * 150 + 1


async def test_counter_of_many_processes_counts_each_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lineage.db?index=off&timeout=60"
    async with (
        open_backend(url) as backend,
        process("count_up", url, "", 40) as one,
        process("count_up", url, "", 40) as two,
    ):
        assert [await line(one), await line(two)] == ["done", "done"]
        node = await node_of(backend, COUNTER)
        assert (node.attributes["n"], node.version) == (80, 80)


async def test_other_process_answers_from_what_was_just_committed(tmp_path: Path) -> None:
    """Read by its index: each question follows a write that was acknowledged here."""
    url = f"sqlite:///{tmp_path}/lineage.db"
    async with open_backend(url) as backend, process("answer", url, "") as other:
        assert other.stdin is not None
        assert await line(other) == "ready"
        for number in range(60):
            epoch = await backend.apply(event("w", number))
            if number % 3 == 2:
                drop = pair("w", number - 1)[1]
                epoch = await backend.apply(Changes(1, edges=(EdgeChange(drop, drop=frozenset({"told"})),)))
            other.stdin.write(f"{SOURCE}\n".encode())
            withdrawn = sum(row.op is LogOp.EDGE_WENT for row in (await backend.changes_since(GENESIS)).rows)
            assert await line(other) == f"{2 * number + 2 - withdrawn} {epoch}"


async def test_processes_that_start_together_make_one_store(tmp_path: Path) -> None:
    """All find no file, and each would make the tables."""
    url = f"sqlite:///{tmp_path}/lineage.db?timeout=60"
    async with (
        process("write", url, "ax", 5) as a,
        process("write", url, "bx", 5) as b,
        process("write", url, "cx", 5) as c,
    ):
        for made in (a, b, c):
            assert sorted(await numbers(made)) == list(range(5))
    async with open_backend(url) as backend:
        assert len((await ask(backend, SOURCE, Direction.DOWNSTREAM)).edges) == 30


if __name__ == "__main__":
    asyncio.run(main())
