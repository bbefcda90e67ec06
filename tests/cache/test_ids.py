"""What an answer that is given again and again holds on to."""

import pytest

from backends.index import Ids
from backends.indexed import IndexedBackend
from backends.memory import MemoryBackend
from backends.model import Direction, Traversal
from backends.testing.graphs import CHAIN, arrows, column, stated
from cache import backend as cache_backend
from cache.backend import CachedBackend
from cache.memory import MemoryStore


async def test_hot_answer_lets_go_of_an_index_that_was_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    indexed = IndexedBackend(MemoryBackend())
    question = Traversal({column("a"): 0}, Direction.DOWNSTREAM)
    async with CachedBackend(indexed, MemoryStore(2**20)) as cached:

        async def base_of_answer(change: str) -> object:
            await cached.apply(stated(arrows(change)))
            ids = (await cached.traverse(question)).ids
            assert isinstance(ids, Ids)
            return ids._base

        await base_of_answer(CHAIN)
        before = await base_of_answer("x-y")
        await indexed._compact()
        assert await base_of_answer("y-z") is before, "its ids were not looked up again"
        monkeypatch.setattr(cache_backend, "ANEW", 0.0)
        cached._tidy()
        after = await base_of_answer("z-w")
        assert indexed._index is not None
        assert after is indexed._index.base is not before
