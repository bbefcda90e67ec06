"""The index in memory: it says what the log says, whichever way it walks, and its snapshot is all or nothing."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from backends import index, index_file, index_walk
from backends.changes import Changes
from backends.errors import Conflict, Rejected
from backends.index import Index
from backends.index_build import compacted, from_scan
from backends.index_walk import Walk
from backends.memory import MemoryBackend
from backends.model import FLOW, Direction, EdgeKey, EdgeKind, Epoch, Subgraph, Traversal
from backends.testing.graphs import column, dataset, operation, reads, stated, withdrawn, writes
from backends.testing.histories import History
from backends.testing.reading import answer

WAYS = ("sets", "vectors")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Small graphs are walked with sets; here with vectors, too."""
    if request.param == "vectors":
        monkeypatch.setattr(index_walk, "SMALL", 0)
        monkeypatch.setattr(index_walk, "WIDE", 0)
    return str(request.param)


async def scanned(store: MemoryBackend) -> Index:
    epoch = (await store.changes_since(None)).epoch
    return Index(from_scan([(await store.scan_topology()).topology], epoch))


async def follow(made: Index, store: MemoryBackend) -> None:
    page = await store.changes_since(made.epoch)
    assert page.known
    made.apply(page.rows, page.epoch)


def walked(made: Index, traversal: Traversal) -> Subgraph:
    walk = Walk(made, traversal)
    assert walk.run()
    return walk.subgraph()


async def assert_same(made: Index, store: MemoryBackend, traversal: Traversal) -> None:
    assert answer(walked(made, traversal)) == answer(await store.traverse(traversal))


def clean(made: Index) -> bool:
    """Whether all scratch was given back as it was."""
    return all(not scratch.seen.any() and (scratch.row == -1).all() for scratch in made._scratch)


@pytest.mark.parametrize("seed", range(12))
async def test_follows_a_history_through_compactions_snapshots_and_forks(way: str, seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    store = MemoryBackend()
    history = History(random, store)
    made = await scanned(store)
    for _ in range(25):
        with suppress(Rejected, Conflict):
            await store.apply(history.step().changes)
        await follow(made, store)
        match random.randrange(6):
            case 0:
                made = Index(compacted(made))
            case 1:
                index_file.save(tmp_path / "index", compacted(made))
                base = index_file.load(tmp_path / "index")
                assert base is not None
                made = Index(base)
            case 2:
                made = made.fork()
            case 3:
                made = await scanned(store)
        for _ in range(4):
            await assert_same(made, store, history.question(None))
        assert clean(made)


def random_graph(random: Random, nodes: int, edges: int) -> list[EdgeKey]:
    """Tables and operations, a few of them hubs, with cycles."""
    tables, tasks = [dataset(f"t{n}") for n in range(nodes // 2)], [operation(f"o{n}") for n in range(nodes // 2)]
    keys: set[EdgeKey] = set()
    while len(keys) < edges:
        table, task = (some[int(len(some) * random.random() ** 2)] for some in (tables, tasks))
        keys.add(reads(table, task) if random.random() < 0.6 else writes(task, table))
    return sorted(keys)


@pytest.mark.parametrize("seed", range(3))
async def test_walks_of_hundreds_with_a_delta_equal_the_reference(seed: int) -> None:
    """Large enough that one walk goes through both of its ways."""
    random = Random(seed)
    store = MemoryBackend()
    keys = random_graph(random, 900, 1_500)
    await store.apply(stated(keys[:1_200]))
    made = await scanned(store)
    await store.apply(withdrawn(random.sample(keys[:1_200], 150)))
    await store.apply(stated(keys[1_200:]))
    await follow(made, store)
    assert made.out.extra
    assert made.out.dead is not None
    ids = sorted(store.rows)
    for direction in Direction:
        for depth, most in ((None, 10**6), (3, 10**6), (None, 400), (None, 37)):
            roots = {random.choice(ids): random.randrange(3) for _ in range(3)} | {dataset("t0"): 0, "nothing": 0}
            kinds = FLOW if depth else FLOW - {EdgeKind.DERIVES}
            await assert_same(made, store, Traversal(roots, direction, depth, kinds, most))
    assert clean(made)


async def test_run_stops_at_its_budget_and_goes_on_from_there() -> None:
    store = MemoryBackend()
    await store.apply(stated(random_graph(Random(1), 900, 1_500)))
    made = await scanned(store)
    traversal = Traversal({dataset("t0"): 0}, Direction.BOTH)
    walk = Walk(made, traversal)
    budgets = 0
    while not walk.run(100 + 100 * budgets):
        budgets += 1
    assert budgets > 5
    assert answer(walk.subgraph()) == answer(await store.traverse(traversal))


async def test_edges_count_against_the_budget_too() -> None:
    """One step away, but both are hubs: to find the edges among few nodes, many have to be looked at."""
    store = MemoryBackend()
    hubs = [dataset("a"), dataset("b")]
    keys = [reads(hub, operation(f"o{n}")) for hub in hubs for n in range(300)]
    keys += [writes(operation(f"w{n}"), hub) for hub in hubs for n in range(300)]
    await store.apply(stated(keys))
    walk = Walk(await scanned(store), Traversal(dict.fromkeys(hubs, 0), Direction.DOWNSTREAM, 0))
    assert not walk.run(500)
    assert walk.run()
    assert answer(walk.subgraph()).edges == frozenset()


async def test_fork_leaves_the_pinned_index_as_it_was() -> None:
    store = MemoryBackend()
    keys = random_graph(Random(2), 60, 120)
    await store.apply(stated(keys[:100]))
    made = await scanned(store)
    await store.apply(stated(keys[100:110]))
    await store.apply(withdrawn(keys[50:60]))
    await follow(made, store)
    traversal = Traversal(dict.fromkeys(store.rows, 0), Direction.BOTH)
    before = answer(walked(made, traversal))
    forked = made.fork()
    await store.apply(stated(keys[110:]))
    await store.apply(withdrawn(keys[:50] + keys[100:105]))
    await store.apply(Changes(1, nodes=stated([], also=[dataset("new")]).nodes))
    await follow(forked, store)
    assert answer(walked(made, traversal)) == before
    await assert_same(forked, store, traversal)


async def test_rows_told_twice_change_nothing() -> None:
    """A scan may have seen what the log tells after it."""
    store = MemoryBackend()
    keys = random_graph(Random(3), 60, 120)
    await store.apply(stated(keys[:80]))
    early = await store.changes_since(None)
    await store.apply(withdrawn(keys[:40]))
    await store.apply(stated(keys[60:]))
    made = Index(from_scan([(await store.scan_topology()).topology], early.epoch))
    await follow(made, store)
    await assert_same(made, store, Traversal(dict.fromkeys(store.rows, 0), Direction.BOTH))


async def test_ids_with_equal_hashes_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "hash_of", lambda text: len(text) % 2)
    monkeypatch.setattr("backends.index_build.hash_of", lambda text: len(text) % 2)
    store = MemoryBackend()
    await store.apply(stated([], also=[column(name) for name in ("a", "b", "cc", "dd", "e")]))
    made = await scanned(store)
    for name in ("a", "b", "cc", "dd", "e", "f", "gg", "\ud800"):
        known = store.rows.get(f"column:shop#t#{name}")
        assert made.numbers_of([f"column:shop#t#{name}"]) == [known.number if known else -1]


async def test_ids_are_decoded_one_by_one_in_slices_and_all_at_once() -> None:
    store = MemoryBackend()
    names = ["a", "\u00e9", "\U0001f986", "b", "x" * 300]
    await store.apply(stated([], also=[column(name) for name in names]))
    made = await scanned(store)
    roots = dict.fromkeys(map(column, names), 0)
    for more in ("", "new"):
        if more:
            await store.apply(stated([], also=[column(more)]))
            await follow(made, store)
            roots[column(more)] = 0
        ids = walked(made, Traversal(roots, Direction.BOTH)).ids
        every = list(ids)
        assert set(every) == set(roots)
        assert [ids[at] for at in range(len(ids))] == every
        assert [ids[-1], *ids[1:3]] == [every[-1], *every[1:3]]
        assert column("\u00e9") in ids
        with pytest.raises(IndexError):
            ids[len(every)]


@pytest.fixture
async def snapshot(tmp_path: Path) -> Path:
    store = MemoryBackend()
    await store.apply(stated(random_graph(Random(4), 60, 120)))
    path = tmp_path / "index"
    index_file.save(path, (await scanned(store)).base)
    assert index_file.load(path) is not None
    return path


def damaged(data: bytes) -> Iterator[bytes]:
    """What may have become of a file."""
    yield b""
    yield data[:20]
    yield data[:-1]
    yield data + b"\0"
    yield b"\0" * len(data)
    for at in (0, 9, 15, 40, 60):
        yield data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_damaged_snapshot_is_none(snapshot: Path) -> None:
    for data in list(damaged(snapshot.read_bytes())):
        snapshot.write_bytes(data)
        assert index_file.load(snapshot) is None
    snapshot.unlink()
    assert index_file.load(snapshot) is None
    snapshot.mkdir()
    assert index_file.load(snapshot) is None


def test_snapshot_of_another_format_is_none(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_file, "FORMAT", index_file.FORMAT + 1)
    assert index_file.load(snapshot) is None


def test_snapshot_that_cannot_be_written_leaves_the_old_one(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot.read_bytes()
    base = index_file.load(snapshot)
    assert base is not None

    def full(file: int) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        index_file.save(snapshot, replace(base, epoch=Epoch(99, 99)))
    assert snapshot.read_bytes() == before
    assert [path.name for path in snapshot.parent.iterdir()] == ["index"], "nothing is left lying about"


def test_what_a_killed_process_left_is_removed_by_the_next(snapshot: Path) -> None:
    old, young, other = (snapshot.with_name(name) for name in ("index.a.new", "index.b.new", "other.a.new"))
    for left in (old, young, other):
        left.write_bytes(b"half")
    for left in (old, other):
        os.utime(left, (0, 0))
    index_file.save(snapshot, from_scan([], Epoch(0, 5)))
    assert [left.exists() for left in (old, young, other)] == [False, True, True]


def test_empty_graph_has_an_index_too(tmp_path: Path) -> None:
    base = from_scan([], Epoch(0, 5))
    index_file.save(tmp_path / "index", base)
    loaded = index_file.load(tmp_path / "index")
    assert loaded is not None
    for some in (base, loaded, compacted(Index(base))):
        found = walked(Index(some), Traversal({dataset("a"): 0}, Direction.BOTH))
        assert (len(found), found.epoch, list(found.ids)) == (0, Epoch(0, 5), [])


async def test_columns_have_the_types_that_a_subgraph_promises(way: str) -> None:
    store = MemoryBackend()
    await store.apply(stated(random_graph(Random(5), 60, 120)))
    traversal = Traversal({dataset("t0"): 0}, Direction.BOTH)
    mine, theirs = walked(await scanned(store), traversal), await store.traverse(traversal)
    for name in ("numbers", "kinds", "depths", "reached", "namespaces", "sources", "targets", "edge_kinds"):
        column_of_mine = getattr(mine, name)
        assert column_of_mine.dtype == getattr(theirs, name).dtype, name
        assert isinstance(column_of_mine, np.ndarray)
