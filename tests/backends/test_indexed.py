"""The index around a store: the contract, and that it is exact at an epoch whatever happens beside it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.base import LineageBackend
from backends.indexed import IndexedBackend
from backends.memory import MemoryBackend
from backends.registry import open_backend
from backends.testing import BackendContract


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
