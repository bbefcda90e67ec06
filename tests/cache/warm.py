"""A cache where everything it keeps is asked for again around every write."""

from backends.base import LineageBackend
from backends.changes import Changes
from backends.model import Epoch, Subgraph, Traversal
from backends.testing.reading import answer
from cache.backend import CachedBackend
from cache.memory import MemoryStore


class Warm(CachedBackend):
    """Asks each question twice, and before and after each write the last questions again: so most answers are old ones that
    were proved or repaired."""

    def __init__(self, inner: LineageBackend) -> None:
        super().__init__(inner, MemoryStore(2**20))
        self._asked: dict[object, Traversal] = {}

    async def traverse(self, traversal: Traversal) -> Subgraph:
        first = await super().traverse(traversal)
        again = await super().traverse(traversal)
        if first.epoch == again.epoch:
            assert answer(first) == answer(again)
        if len(traversal.roots) < 100 and traversal.as_of is None:
            self._asked[repr(traversal)] = traversal
            if len(self._asked) > 12:
                self._asked.pop(next(iter(self._asked)))
        return again

    async def apply(self, changes: Changes) -> Epoch:
        for question in list(self._asked.values()):
            await super().traverse(question)
        return await super().apply(changes)
