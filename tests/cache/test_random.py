"""Random writes, and after each one every question again: what the cache says equals what the store says, however it was
had; and it is had in every way."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from backends.base import LineageBackend
from backends.changes import Changes, NodeChange
from backends.errors import Conflict, Rejected
from backends.indexed import IndexedBackend
from backends.memory import MemoryBackend
from backends.model import MAX_NODES, EdgeKey, EdgeKind, Subgraph, Traversal
from backends.testing.graphs import column, stated, withdrawn
from backends.testing.histories import History, random_traversal
from backends.testing.random_cases import cases
from backends.testing.reading import answer
from cache.backend import CachedBackend
from cache.memory import MemoryStore

ROUNDS = 30


class World:
    """A store that is written to, a cache around it, and the questions it is asked."""

    def __init__(self, rng: Random, store: MemoryBackend, cached: LineageBackend) -> None:
        self.rng, self.store, self.cached = rng, store, cached
        self.questions: list[Traversal] = []
        self.had: Counter[str] = Counter()

    async def ask_all(self) -> None:
        for question in self.questions:
            found = await self.cached.traverse(question)
            wanted = await self.store.traverse(question)
            assert answer(found) == answer(wanted), f"{found.cache} {question}"
            self.had[found.cache] += 1
            self.check_numbers(found)

    def check_numbers(self, found: Subgraph) -> None:
        for number, node_id in zip(found.numbers.tolist(), found.ids, strict=True):
            assert self.store.rows[node_id].number == number


def step(rng: Random, names: list[str], standing: set[EdgeKey]) -> Changes:
    """A write as lineage is written: a new node between two others, edges, edges withdrawn, a node hidden or back."""
    one, other = column(rng.choice(names)), column(rng.choice(names))
    match rng.choice(["between", "between", "edge", "edge", "less", "less", "less", "hide", "show", "much"]):
        case "between":
            names.append(f"new{len(names)}")
            new = column(names[-1])
            keys = [EdgeKey(one, EdgeKind.DERIVES, new), EdgeKey(new, EdgeKind.DERIVES, other)]
            return stated(keys[: rng.choice([1, 2, 2])])
        case "edge":
            return stated([EdgeKey(one, EdgeKind.DERIVES, other)])
        case "less":
            return withdrawn(rng.sample(sorted(standing), min(len(standing), rng.choice([1, 1, 2, 4]))))
        case "hide":
            return Changes(1, nodes=(NodeChange(one, withdrawn=True),))
        case "show":
            return Changes(1, nodes=tuple(NodeChange(column(name), withdrawn=False) for name in names))
        case _:
            return stated(
                [EdgeKey(column(a), EdgeKind.DERIVES, column(b)) for a, b in (rng.sample(names, 2) for _ in range(6))]
            )


@pytest.mark.parametrize("seed", cases(0.4))
@pytest.mark.parametrize("indexed", [False, True], ids=["plain", "indexed"])
async def test_lineage_that_changes_a_little(seed: int, *, indexed: bool) -> None:
    rng, store = Random(seed), MemoryBackend()
    inner = IndexedBackend(store) if indexed else store
    async with CachedBackend(inner, MemoryStore(2**20)) as cached:
        world = World(rng, store, cached)
        names = [f"n{n}" for n in range(rng.choice([6, 15, 40]))]
        graph = [
            EdgeKey(column(a), EdgeKind.DERIVES, column(b))
            for a, b in (rng.choices(names, k=2) for _ in range(2 * len(names)))
        ]
        await store.apply(stated(graph, also=[column(name) for name in names]))
        for _ in range(ROUNDS):
            if len(world.questions) < 25:
                world.questions += [random_traversal(rng, [column(name) for name in names]) for _ in range(4)]
            await world.ask_all()
            standing = {key for key, edge in store.edges.items() if edge.tallies}
            await store.apply(step(rng, names, standing))
    assert world.had["HIT"] > world.had["MISS"] / 4


@pytest.mark.parametrize("seed", cases(0.4))
async def test_whatever_can_be_written(seed: int) -> None:
    rng, store = Random(f"any {seed}"), MemoryBackend()
    async with CachedBackend(store, MemoryStore(2**20)) as cached:
        world = World(rng, store, cached)
        history = History(rng, store)
        for _ in range(ROUNDS):
            world.questions += [history.question(None) for _ in range(2)]
            world.questions = world.questions[-30:]
            await world.ask_all()
            with suppress(Rejected, Conflict):
                await store.apply(history.step().changes)


async def test_answers_are_had_in_every_way() -> None:
    """Else the tests above would prove nothing of repairs. What is cut is never repaired, so few of these are."""
    had: Counter[str] = Counter()
    for seed in range(6):
        rng, store = Random(seed), MemoryBackend()
        async with CachedBackend(store, MemoryStore(2**20)) as cached:
            world = World(rng, store, cached)
            names = [f"n{n}" for n in range(30)]
            graph = [
                EdgeKey(column(a), EdgeKind.DERIVES, column(b)) for a, b in (rng.choices(names, k=2) for _ in range(45))
            ]
            await store.apply(stated(graph, also=[column(name) for name in names]))
            asked = [random_traversal(rng, [column(name) for name in names]) for _ in range(40)]
            world.questions = [replace(each, max_nodes=MAX_NODES) if n % 8 else each for n, each in enumerate(asked)]
            for _ in range(ROUNDS):
                await world.ask_all()
                await store.apply(step(rng, names, {key for key, edge in store.edges.items() if edge.tallies}))
            had += world.had
    assert min(had["HIT"], had["REPAIRED"], had["MISS"]) > 500
