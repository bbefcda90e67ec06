"""Writes that share a transaction, wait for a lock, fill the disk or the queue."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from backends import sqlite_commit
from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, NodeChange, NodeFilter, RecordChange
from backends.errors import Conflict, Rejected, TimedOut, Unavailable
from backends.ids import Kind, make_id
from backends.model import Direction, Json
from backends.registry import open_backend
from backends.sqlite import SqliteBackend
from backends.testing.graphs import CHAIN, ORDERS, arrows, column, dataset, described, stated
from backends.testing.reading import ask, listed, node_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lineage.db"


def store(path: Path, **settings: Json) -> LineageBackend:
    said = "&".join(f"{name}={value}" for name, value in settings.items())
    return open_backend(f"sqlite:///{path}?index=off&{said}")


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Connections opened meanwhile may let the file grow to 120 pages."""

    def limit(connection: apsw.Connection) -> None:
        connection.pragma("max_page_count", 120)

    apsw.connection_hooks.append(limit)
    yield
    apsw.connection_hooks.remove(limit)


class Lock:
    """The write lock, held by someone else."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        self._connection.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        self._connection.execute("COMMIT")
        self._connection.close()


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many writes each transaction that was begun has; the thread that writes adds to it."""
    sizes: list[int] = []
    commit = sqlite_commit.Group.commit

    def counted(self: sqlite_commit.Group, writes: list[Changes]) -> list[sqlite_commit.Outcome]:
        sizes.append(len(writes))
        return commit(self, writes)

    monkeypatch.setattr(sqlite_commit.Group, "commit", counted)
    return sizes


async def gathered(backend: LineageBackend, path: Path, writes: list[Changes], groups: list[int]) -> list[object]:
    """The outcomes of writes that wait for the same transaction: the file is locked until all are in the queue."""
    lock, begun = Lock(path), len(groups)
    first = asyncio.ensure_future(backend.apply(Changes(1, records=(RecordChange(make_id(Kind.STATE, "first"), {}),))))
    async with asyncio.timeout(60):
        while len(groups) == begun:  # noqa: ASYNC110 (a thread, that tells nobody)
            await asyncio.sleep(0.001)
    rest = [asyncio.ensure_future(backend.apply(changes)) for changes in writes]
    for _ in range(3):  # a write is in the queue in the first turn of its task
        await asyncio.sleep(0)
    lock.release()
    await first
    return list(await asyncio.gather(*rest, return_exceptions=True))


async def test_refused_write_leaves_its_neighbours_in_the_transaction_alone(path: Path, groups: list[int]) -> None:
    async with store(path) as backend:
        outcomes = await gathered(
            backend,
            path,
            [
                stated(arrows("a-b")),
                Changes(1, (NodeChange(ORDERS),), expect={column("a"): 0}),
                stated(arrows("b-c")),
                Changes(1, (NodeChange(ORDERS),), (EdgeChange(arrows("c-nowhere")[0], {"t": {}}),), watermark=99),
                Changes(1, (NodeChange(column("d"), seen=(0, 2**63)),)),
                Changes(1, (NodeChange(column("c")),), expect={column("c"): 1}, watermark=7),
                Changes(1, watermark=3),
            ],
            groups,
        )
        assert groups[-1] == 7, "one transaction"
        kinds = [outcome if isinstance(outcome, Exception) else None for outcome in outcomes]
        assert [type(kind) for kind in kinds] == [
            type(None),
            Conflict,
            type(None),
            Rejected,
            Rejected,
            type(None),
            type(None),
        ]
        assert (await ask(backend, "a", Direction.DOWNSTREAM)).arrows == "a-b b-c"
        assert (await backend.get([ORDERS, column("nowhere"), column("d")])).nodes == (None, None, None)
        page = await backend.changes_since(None)
        assert (page.epoch, page.watermark) == (outcomes[-1], 7)


async def test_every_commit_waits_for_the_disk(path: Path) -> None:
    opened: list[apsw.Connection] = []
    apsw.connection_hooks.append(opened.append)
    async with store(path) as backend:
        apsw.connection_hooks.remove(opened.append)
        await backend.apply(stated(arrows("a-b")))
        modes = {(connection.pragma("journal_mode"), connection.pragma("synchronous")) for connection in opened[1:]}
        assert modes == {("wal", 2)}, "2 is FULL"


async def test_numbers_of_a_refused_write_are_used_by_the_next(path: Path, groups: list[int]) -> None:
    async with store(path) as backend:
        refused = Changes(1, (NodeChange(dataset("x")), NodeChange(dataset("y"), seen=(0, 2**64))))
        writes = [stated([], also=[dataset("a")]), refused, stated([], also=[dataset("b")])]
        outcomes = await gathered(backend, path, writes, groups)
        assert isinstance(outcomes[1], Rejected)
        assert [(await node_of(backend, dataset(name))).number for name in "ab"] == [0, 1]


async def test_disk_that_fills_up_fails_all_of_the_transaction(path: Path, small_disk: None, groups: list[int]) -> None:
    async with store(path) as backend:
        large = Changes(1, tuple(described(dataset(f"t{n}"), description="x" * 900) for n in range(400)))
        outcomes = await gathered(backend, path, [stated(arrows("a-b")), large], groups)
        assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
        assert (await backend.get([column("a"), dataset("t0")])).nodes == (None, None)
        await backend.apply(stated(arrows("a-b")))


async def test_lock_that_is_not_given_up_times_out_and_reads_go_on(path: Path) -> None:
    async with store(path) as backend, store(path, timeout=0.05) as hasty:
        await backend.apply(stated(arrows(CHAIN)))
        lock = Lock(path)
        with pytest.raises(TimedOut, match="locked"):
            await hasty.apply(stated(arrows("d-e")))
        assert (await ask(backend, "a", Direction.DOWNSTREAM)).arrows == "a-b b-c c-d"
        lock.release()
        await hasty.apply(stated(arrows("d-e")))


async def test_queue_that_stays_full_times_out(path: Path) -> None:
    async with store(path, timeout=0.2, queue=2) as backend:
        lock = Lock(path)
        waiting = [asyncio.ensure_future(backend.apply(stated(arrows(f"a-n{n}")))) for n in range(5)]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(outcome, TimedOut) for outcome in outcomes)
        assert any("waiting" in str(outcome) for outcome in outcomes)
        lock.release()
        assert isinstance(backend, SqliteBackend)
        for part in (backend, backend._committer):  # or what follows would have to be quick
            part._settings = replace(part._settings, timeout=60)
        await asyncio.gather(*(backend.apply(stated(arrows(f"a-n{n}"))) for n in range(5)))
        assert len((await ask(backend, "a", Direction.DOWNSTREAM)).nodes) == 6


async def test_what_waits_when_the_store_closes_is_written(path: Path) -> None:
    backend = store(path)
    async with backend:
        waiting = [asyncio.ensure_future(backend.apply(stated(arrows(f"a-n{n}")))) for n in range(20)]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    async with store(path) as again:
        assert len((await ask(again, "a", Direction.DOWNSTREAM)).nodes) == 21


async def test_closing_leaves_one_file(path: Path) -> None:
    async with store(path) as backend:
        await backend.apply(stated(arrows(CHAIN)))
        await listed(backend, NodeFilter())
    assert [found.name for found in path.parent.iterdir()] == [path.name]
