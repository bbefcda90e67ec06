"""The SQLite store alone: the contract, and what only a file has."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.base import LineageBackend
from backends.registry import open_backend
from backends.testing import BackendContract


class TestSqlite(BackendContract):
    @pytest.fixture
    async def backend(self, tmp_path: Path) -> AsyncIterator[LineageBackend]:
        async with open_backend(f"sqlite:///{tmp_path}/lineage.db?index=off") as backend:
            yield backend
