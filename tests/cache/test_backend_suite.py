"""The cache around a store obeys the whole contract of a store: cold, warm, and where everything it keeps is asked for again
around every write. Around servers: tests/backends/test_neo4j.py and test_gremlin.py."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.base import LineageBackend
from backends.indexed import IndexedBackend
from backends.memory import MemoryBackend
from backends.registry import open_backend
from backends.testing import BackendContract
from cache.backend import CachedBackend
from cache.memory import MemoryStore
from tests.cache.warm import Warm


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


class TestWarmSqliteWithoutIndex(BackendContract):
    """A store that has no ids in memory: the cache keeps those that its answers need."""

    case_factor = 0.3

    @pytest.fixture
    async def backend(self, tmp_path: Path) -> AsyncIterator[LineageBackend]:
        async with Warm(open_backend(f"sqlite:///{tmp_path}/lineage.db?index=off")) as backend:
            yield backend
