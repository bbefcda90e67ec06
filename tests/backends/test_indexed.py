"""The index around a store: the contract, also where every walk is in a thread and every row starts a compaction; and that
a snapshot is believed only if the log proves it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event

import pytest

from backends import index_file, index_walk, indexed
from backends.base import LineageBackend
from backends.changes import Changes, Cursor, LogPage, NodeChange, TopologyPage
from backends.errors import Unavailable
from backends.index import Base, Index
from backends.index_build import compacted
from backends.index_walk import Walk
from backends.indexed import IndexedBackend
from backends.memory import MemoryBackend
from backends.model import Direction, Epoch, Subgraph, Traversal
from backends.registry import open_backend
from backends.testing import BackendContract
from backends.testing.graphs import CHAIN, FAN_OUT, arrows, column, dataset, operation, reads, stated, withdrawn
from backends.testing.reading import DOWNSTREAM, UPSTREAM, ask, epoch_of

DOWN = Direction.DOWNSTREAM


class TestIndexedSqlite(BackendContract):
    @pytest.fixture
    async def backend(self, tmp_path: Path) -> AsyncIterator[LineageBackend]:
        async with open_backend(f"sqlite:///{tmp_path}/lineage.db") as backend:
            yield backend


class TestIndexedMemory(BackendContract):
    @pytest.fixture
    async def backend(self) -> AsyncIterator[LineageBackend]:
        async with IndexedBackend(MemoryBackend()) as backend:
            yield backend


class TestIndexedUnderStress(BackendContract):
    """All that happens only in large graphs, at once: walks in threads with vectors, rows taken in threads, a compaction
    with a new snapshot after every few rows."""

    case_factor = 0.5

    @pytest.fixture
    async def backend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LineageBackend]:
        for module, name, value in (
            (indexed, "INLINE", -1),
            (indexed, "ROWS", 2),
            (indexed, "STALE", 3),
            (index_walk, "SMALL", 1),
            (index_walk, "WIDE", 1),
        ):
            monkeypatch.setattr(module, name, value)
        async with open_backend(f"sqlite:///{tmp_path}/lineage.db") as backend:
            yield backend


async def until(true: Callable[[], bool]) -> None:
    """Returns once something in the background has happened."""
    async with asyncio.timeout(120):
        while not true():  # noqa: ASYNC110 (what is waited for tells nobody)
            await asyncio.sleep(0.001)


class Watched(MemoryBackend):
    """A store that counts its scans and can lose its log."""

    def __init__(self) -> None:
        super().__init__()
        self.scans = 0
        self.forgetful = False
        self.failing = False

    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        self.scans += 1
        return await super().scan_topology(after)

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        if self.failing:
            raise Unavailable("stopped")
        if self.forgetful and epoch not in (None, self.epochs[-1]):
            return LogPage(self.epochs[-1], known=False)
        return await super().changes_since(epoch)


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture
def saves_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexed, "UNSAVED", 1)


async def test_write_of_another_is_seen_by_the_next_read(store: Watched) -> None:
    async with IndexedBackend(store) as backend:
        await store.apply(stated(arrows(CHAIN)))
        assert (await ask(backend, "a", DOWNSTREAM)).arrows == "a-b b-c c-d"
        await store.apply(withdrawn(arrows("b-c")))
        assert (await ask(backend, "a", DOWNSTREAM)).arrows == "a-b"
    assert store.scans == 1, "a scan at the start, the log from there"


async def test_log_that_forgot_is_read_anew_from_a_scan(store: Watched) -> None:
    async with IndexedBackend(store) as backend:
        store.forgetful = True
        await store.apply(stated(arrows(CHAIN)))
        assert (await ask(backend, "d", UPSTREAM)).arrows == "a-b b-c c-d"
        assert store.scans == 2


async def test_store_that_stops_is_an_error_now_and_none_later(store: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexed, "TICK", 0.001)
    async with IndexedBackend(store) as backend:
        await backend.apply(stated(arrows(CHAIN)))
        store.failing = True
        await asyncio.sleep(0.02)
        with pytest.raises(Unavailable):
            await ask(backend, "a", DOWNSTREAM)
        store.failing = False
        assert (await ask(backend, "a", DOWNSTREAM)).arrows == "a-b b-c c-d"


async def test_log_is_followed_while_nobody_asks(store: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexed, "TICK", 0.001)
    async with IndexedBackend(store) as backend:
        await store.apply(stated(arrows(CHAIN)))
        await until(lambda: backend._index is not None and backend._index.epoch == store.epochs[-1])


@pytest.mark.usefixtures("saves_all")
async def test_snapshot_spares_the_scan(store: Watched, tmp_path: Path) -> None:
    async with IndexedBackend(store, tmp_path / "index") as backend:
        await backend.apply(stated(arrows(CHAIN)))
        await ask(backend, "a", DOWNSTREAM)
    await store.apply(stated(arrows("d-e")))
    async with IndexedBackend(store, tmp_path / "index") as backend:
        assert (await ask(backend, "a", DOWNSTREAM)).arrows == "a-b b-c c-d d-e"
    assert store.scans == 1


@pytest.mark.usefixtures("saves_all")
async def test_snapshot_of_a_store_that_is_gone_is_not_believed(store: Watched, tmp_path: Path) -> None:
    """The new store has a log of the same shape, and other names under the same numbers."""
    async with IndexedBackend(store, tmp_path / "index") as backend:
        await backend.apply(stated(arrows("a-b b-c")))
    other = Watched()
    await other.apply(stated(arrows("x-y y-z")))
    async with IndexedBackend(other, tmp_path / "index") as backend:
        assert (await ask(backend, "x", DOWNSTREAM)).arrows == "x-y y-z"
        assert (await ask(backend, "a", DOWNSTREAM)).nodes == {}


@pytest.mark.usefixtures("saves_all")
async def test_snapshot_of_a_history_that_a_backup_undid_is_not_believed(tmp_path: Path) -> None:
    path, backup, url = tmp_path / "lineage.db", tmp_path / "backup.db", f"sqlite:///{tmp_path}/lineage.db"
    async with open_backend(url) as backend:
        await backend.apply(stated(arrows(CHAIN)))
    shutil.copy(path, backup)
    async with open_backend(url) as backend:
        await backend.apply(stated(arrows("d-lost")))
    shutil.copy(backup, path)
    async with open_backend(url + "?index=off") as backend:
        await backend.apply(stated(arrows("d-kept")))
    async with open_backend(url) as backend:
        assert (await ask(backend, "c", DOWNSTREAM)).arrows == "c-d d-kept"
        assert (await ask(backend, "lost", UPSTREAM)).nodes == {}


async def test_backup_restored_under_a_running_index_is_recognised(store: Watched) -> None:
    async with IndexedBackend(store) as backend:
        await backend.apply(stated(arrows(CHAIN)))
        kept = MemoryBackend()
        await kept.apply((await store.scan()).changes)
        await backend.apply(stated(arrows("d-lost")))
        assert "d-lost" in (await ask(backend, "a", DOWNSTREAM)).arrows
        store.__dict__.update(kept.__dict__)
        await store.apply(stated(arrows("d-kept")))
        assert (await ask(backend, "c", DOWNSTREAM)).arrows == "c-d d-kept"


async def test_damaged_snapshot_is_made_anew(store: Watched, tmp_path: Path, saves_all: None) -> None:
    path = tmp_path / "index"
    for damage in (b"", b"no snapshot at all", b"HWINDEX\n" + b"\0" * 100):
        path.write_bytes(damage)
        async with IndexedBackend(store, path) as backend:
            await backend.apply(stated(arrows(CHAIN)))
            assert (await ask(backend, "a", DOWNSTREAM)).arrows == "a-b b-c c-d"
        base = index_file.load(path)
        assert base is not None
        assert base.epoch == store.epochs[-1]


async def test_snapshot_that_cannot_be_written_harms_no_answer(
    store: Watched, tmp_path: Path, saves_all: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexed, "STALE", 1)
    async with IndexedBackend(store, tmp_path / "missing" / "index") as backend:
        for n in range(5):
            await backend.apply(stated(arrows(f"a-n{n}")))
            assert len((await ask(backend, "a", DOWNSTREAM)).nodes) == n + 2
            await asyncio.sleep(0.01)


async def test_compaction_keeps_what_came_meanwhile(store: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread waits, inside the compaction, until more has been written and read."""
    monkeypatch.setattr(indexed, "STALE", 1)
    begun, goes_on = Event(), Event()

    def slow(index: Index) -> Base:
        begun.set()
        assert goes_on.wait(120)
        return compacted(index)

    monkeypatch.setattr(indexed, "compacted", slow)
    async with IndexedBackend(store) as backend:
        await backend.apply(stated(arrows(CHAIN)))
        await ask(backend, "a", DOWNSTREAM)
        await asyncio.to_thread(begun.wait, 120)
        await backend.apply(Changes(1, (*stated(arrows("d-e")).nodes,), (*stated(arrows("d-e")).edges,)))
        await backend.apply(withdrawn(arrows("a-b")))
        assert (await ask(backend, "b", DOWNSTREAM)).arrows == "b-c c-d d-e", "answered while the compaction goes on"
        before = backend._index
        goes_on.set()
        await until(lambda: backend._index is not before)
        assert (await ask(backend, "a", DOWNSTREAM)).arrows == ""
        assert (await ask(backend, "b", DOWNSTREAM)).arrows == "b-c c-d d-e"
        assert store.scans == 1


@pytest.fixture
def begun() -> Event:
    """Set once a walk is in its thread."""
    return Event()


@pytest.fixture
def held(begun: Event, monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Walks go to a thread, and wait there until the event is set."""
    goes_on = Event()

    def finish(walk: Walk) -> Subgraph:
        begun.set()
        assert goes_on.wait(120)
        walk.run()
        return walk.subgraph()

    monkeypatch.setattr(indexed, "INLINE", -1)
    monkeypatch.setattr(indexed, "_finish", finish)
    yield goes_on
    goes_on.set()


async def test_long_walk_holds_up_nobody_and_is_of_its_epoch(
    store: Watched, held: Event, begun: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with IndexedBackend(store) as backend:
        await backend.apply(stated(arrows(FAN_OUT)))
        began = await epoch_of(backend)
        walk = asyncio.ensure_future(backend.traverse(Traversal({column("a"): 0}, DOWN)))
        assert await asyncio.to_thread(begun.wait, 120)
        monkeypatch.setattr(indexed, "INLINE", 1000)
        await backend.apply(Changes(1, (NodeChange(column("f07"), withdrawn=True),)))
        await backend.apply(stated(arrows("a-new new-newer")))
        assert len((await ask(backend, "a", DOWNSTREAM)).nodes) == 42, "another is answered meanwhile, at a later epoch"
        held.set()
        found = await walk
        assert found.epoch == began
        assert len(found) == 41
        assert column("f07") in list(found.ids)


async def test_walk_that_is_given_up_keeps_its_index_until_the_thread_is_done(
    store: Watched, held: Event, begun: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with IndexedBackend(store) as backend:
        await backend.apply(stated(arrows(FAN_OUT)))
        walk = asyncio.ensure_future(backend.traverse(Traversal({column("a"): 0}, DOWN)))
        assert await asyncio.to_thread(begun.wait, 120)
        index = backend._index
        walk.cancel()
        await asyncio.gather(walk, return_exceptions=True)
        assert index is not None
        assert index.pins == 1
        monkeypatch.setattr(indexed, "INLINE", 1000)
        await backend.apply(stated(arrows("a-new")))
        assert len((await ask(backend, "a", DOWNSTREAM)).nodes) == 42
        assert backend._index is not index
        held.set()
        await until(lambda: index.pins == 0)


async def test_answers_are_exact_while_many_write_and_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pair of edges comes and goes in one write: no answer may hold half of a pair. Walks are in threads, compactions
    run all the time."""
    monkeypatch.setattr(indexed, "INLINE", 20)
    monkeypatch.setattr(indexed, "STALE", 30)
    pairs = [[reads(dataset("root"), operation(f"o{n}")), reads(dataset("root"), operation(f"p{n}"))] for n in range(40)]
    async with open_backend(f"sqlite:///{tmp_path}/lineage.db") as backend:
        await backend.apply(stated([key for pair in pairs for key in pair]))

        async def write(turn: int) -> None:
            for n in range(turn, 40, 4):
                await backend.apply(withdrawn(pairs[n]))
                await backend.apply(stated(pairs[n]))

        async def read() -> None:
            for _ in range(25):
                targets = {key.target for key in (await ask(backend, dataset("root"), DOWNSTREAM, 1)).edges}
                for one, other in pairs:
                    assert (one.target in targets) is (other.target in targets)

        await asyncio.gather(*(write(turn) for turn in range(4)), *(read() for _ in range(4)))
        assert len((await ask(backend, dataset("root"), DOWNSTREAM)).edges) == 80


@asynccontextmanager
async def closed(backend: LineageBackend) -> AsyncIterator[LineageBackend]:
    async with backend:
        pass
    yield backend


async def test_closed_backend_says_so(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/lineage.db", f"sqlite:///{tmp_path}/lineage.db?index=off"):
        async with closed(open_backend(url)) as backend:
            for call in (
                backend.traverse(Traversal({}, DOWN)),
                backend.get([dataset("a")]),
                backend.apply(stated([], also=[dataset("a")])),
                backend.changes_since(None),
                backend.scan(),
                backend.ping(),
            ):
                with pytest.raises(Unavailable):
                    await call


async def test_store_can_be_opened_again_after_it_was_closed(tmp_path: Path) -> None:
    backend = open_backend(f"sqlite:///{tmp_path}/lineage.db")
    for n in range(3):
        async with backend:
            await backend.apply(stated(arrows(f"a-n{n}")))
            assert len((await ask(backend, "a", DOWNSTREAM)).nodes) == n + 2
