"""Ids of nodes where the backend has them not in memory."""

import numpy as np

from backends.memory import MemoryBackend
from backends.model import Direction, Subgraph, Traversal
from backends.testing.graphs import arrows, column, stated
from cache.backend import CachedBackend
from cache.memory import MemoryStore

QUESTION = Traversal({column("a"): 0}, Direction.DOWNSTREAM)


async def restored(backend: MemoryBackend, graph: str) -> None:
    """Another history takes the place of what the backend holds, as when it is restored: numbers are other nodes."""
    other = MemoryBackend()
    await other.apply(stated(arrows(graph)))
    backend.__dict__.update(other.__dict__)


def ids(subgraph: Subgraph) -> list[str]:
    return sorted(subgraph.ids)


async def test_an_answer_of_a_restored_store_names_its_own_nodes_whenever_it_is_given() -> None:
    backend = MemoryBackend()
    async with CachedBackend(backend, MemoryStore(2**20)) as cached:
        await cached.apply(stated(arrows("a-b")))
        assert ids(await cached.traverse(QUESTION)) == [column("a"), column("b")]
        await restored(backend, "a-x")
        expected = [column("a"), column("x")]
        assert ids(await cached.traverse(QUESTION)) == expected
        await cached.apply(stated(arrows("y-z")))
        await cached._log.now()
        cached._tidy()  # an answer that is not asked for a while is put together again
        again = await cached.traverse(QUESTION)
        assert (again.cache, ids(again)) == ("HIT", expected)


async def test_names_that_answers_have_told_are_known_until_the_store_is_another() -> None:
    backend = MemoryBackend()
    async with CachedBackend(backend, MemoryStore(2**20)) as cached:
        await cached.apply(stated(arrows("a-b c-d")))
        numbers = (await cached.traverse(QUESTION)).numbers
        told = cached.names(numbers)
        assert told is not None
        assert sorted(told) == [column("a"), column("b")]
        other = backend.rows[column("c")].number
        assert cached.names(np.array([*numbers, other])) is None
        assert cached.names(np.empty(0, np.int64)) is None, "not all of them are in memory"
        await restored(backend, "x-y")
        await cached._log.now()
        assert cached.names(numbers) is None
