"""Which answers have a place of their own: those that are hot and large, and those that are pinned."""

import numpy as np
import pytest

from backends.base import LineageBackend
from backends.commands import CommandError
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import Direction, EdgeKey, EdgeKind, Epoch, Subgraph, Traversal
from backends.testing.graphs import stated
from cache import pins
from cache.answers import HOT, LARGE, Answers
from cache.backend import CachedBackend, Limits
from cache.closure import Closure
from cache.memory import MemoryStore
from cache.shelf import key_of
from cache.views import Views


def answer(root: int, size: int) -> Closure:
    """An answer with so many nodes, and nothing in it that matters here."""
    empty = Subgraph.build(Epoch(0, 0), [], [])
    graph = Subgraph(
        epoch=empty.epoch,
        numbers=np.arange(size),
        kinds=np.zeros(size, np.uint8),
        depths=np.zeros(size, np.int32),
        reached=np.zeros(size, np.uint8),
        namespaces=np.zeros(size, np.int32),
        namespace_names=("ns",),
        ids=(),
        sources=empty.sources,
        targets=empty.targets,
        edge_kinds=empty.edge_kinds,
    )
    return Closure(Traversal({table(root): 0}, Direction.DOWNSTREAM), Epoch(0, 0), graph, {})


def table(number: int) -> str:
    return make_id(Kind.DATASET, "ns", f"t{number}")


def test_what_is_hot_and_large_has_a_place_of_its_own() -> None:
    left: list[Closure] = []
    answers = Answers(400_000, 400_000, left.append)
    large, small = answer(0, LARGE), answer(1, LARGE - 1)
    for each in (large, small):
        answers.put(key_of(each.question), each)
        for _ in range(HOT):
            assert answers.get(key_of(each.question)) is each
            answers.hit(key_of(each.question), each)
    assert [closure for _, closure in answers.views] == [large]
    for number in range(2, 200):
        other = answer(number, LARGE)
        answers.put(key_of(other.question), other)
    assert answers.get(key_of(large.question)) is large, "others do not drive it out"
    assert answers.get(key_of(small.question)) is None
    assert left
    assert answers.others.nbytes <= 400_000


def test_what_is_pinned_is_a_view_until_it_is_not() -> None:
    answers = Answers(10**6, 10**6, lambda _: None)
    one, other = answer(0, 3), answer(1, 3)
    for each in (one, other):
        answers.put(key_of(each.question), each)
    for pinned in ([one], [one, other], [other], []):
        answers.pin(key_of(each.question) for each in pinned)
        assert {id(closure) for _, closure in answers.views} == {id(each) for each in pinned}
        assert len(answers.views) + len(answers.others) == 2


def test_views_are_bounded_too() -> None:
    answers = Answers(10**6, 300_000, lambda _: None)
    many = [answer(number, LARGE) for number in range(12)]
    answers.pin(key_of(each.question) for each in many)
    for each in many:
        answers.put(key_of(each.question), each)
    assert answers.views.nbytes <= 300_000
    assert len(answers.views) + len(answers.others) == 12, "what falls off joins the others"


@pytest.fixture
async def store() -> LineageBackend:
    backend = MemoryBackend()
    keys = [EdgeKey(table(0), EdgeKind.INPUT_TO, make_id(Kind.OPERATION, "ns", "j", f"{0:016x}"))]
    await backend.apply(stated(keys))
    return backend


class Replica:
    """A replica over a store, with views that are refreshed when told; `asked` are the roots asked for."""

    def __init__(self, store: LineageBackend) -> None:
        self.cached = CachedBackend(store, MemoryStore(2**20), limits=Limits())
        self.asked: list[str] = []
        self.views = Views(self.cached, self._ask)

    async def _ask(self, root: str) -> None:
        self.asked.append(root)
        await self.cached.traverse(Traversal({root: 0}, Direction.DOWNSTREAM))


async def test_what_one_replica_pins_all_keep(store: LineageBackend) -> None:
    one, other = Replica(store), Replica(store)
    async with one.cached, other.cached:
        await one.views.pin(table(0))
        assert [view.pinned for view in one.views.listed()] == [True]
        assert other.views.listed() == []
        await other.views.refresh()
        assert [view.roots for view in other.views.listed()] == [(table(0),)]
        assert await other.views.unpin(table(0))
        assert other.views.listed() == []
        await one.views.refresh()
        assert (one.views.listed(), one.asked) == ([], [table(0)])


async def test_pins_are_bounded(store: LineageBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "MOST", 2)
    one = Replica(store)
    async with one.cached:
        for number in (0, 1, 1, 0):
            await one.views.pin(table(number))
        with pytest.raises(CommandError, match="at most 2"):
            await one.views.pin(table(2))
        await one.views.unpin(table(1))
        await one.views.pin(table(2))
        assert one.views.roots == (table(0), table(2))


async def test_what_is_noted_of_an_answer_stays_while_it_is_the_answer(store: LineageBackend) -> None:
    one = Replica(store)
    question = Traversal({table(0): 0}, Direction.DOWNSTREAM)

    def write(source: int, target: int) -> EdgeKey:
        return EdgeKey(table(source), EdgeKind.INPUT_TO, make_id(Kind.OPERATION, "ns", "j", f"{target:016x}"))

    async with one.cached:
        first = await one.cached.traverse(question)
        first.notes["how"] = "so"
        await store.apply(stated([write(5, 7)]))
        again = await one.cached.traverse(question)
        assert (again.cache, again.epoch > first.epoch, again.notes) == ("HIT", True, {"how": "so"})
        await store.apply(stated([write(0, 8)]))
        assert [(found.cache, found.notes) for found in [await one.cached.traverse(question)]] == [("REPAIRED", {})]
