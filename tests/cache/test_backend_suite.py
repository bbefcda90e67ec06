"""The cache around a store obeys the whole contract of a store: cold, warm, and where everything it keeps is asked for again
around every write."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.base import LineageBackend
from backends.changes import Changes
from backends.indexed import IndexedBackend
from backends.memory import MemoryBackend
from backends.model import Epoch, Subgraph, Traversal
from backends.registry import open_backend
from backends.testing import BackendContract
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


class TestCachedMemory(BackendContract):
    @pytest.fixture
    async def backend(self) -> AsyncIterator[LineageBackend]:
        async with CachedBackend(MemoryBackend(), MemoryStore(2**20)) as backend:
            yield backend


class TestWarmMemory(BackendContract):
    @pytest.fixture
    async def backend(self) -> AsyncIterator[LineageBackend]:
        async with Warm(MemoryBackend()) as backend:
            yield backend


class TestWarmIndexedMemory(BackendContract):
    @pytest.fixture
    async def backend(self) -> AsyncIterator[LineageBackend]:
        async with Warm(IndexedBackend(MemoryBackend())) as backend:
            yield backend


class TestWarmSqlite(BackendContract):
    @pytest.fixture
    async def backend(self, tmp_path: Path) -> AsyncIterator[LineageBackend]:
        async with Warm(open_backend(f"sqlite:///{tmp_path}/lineage.db")) as backend:
            yield backend
