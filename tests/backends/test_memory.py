"""The reference obeys the contract that it spells out."""

from collections.abc import AsyncIterator

import pytest

from backends.base import LineageBackend
from backends.registry import open_backend
from backends.testing import BackendContract


class TestMemory(BackendContract):
    @pytest.fixture
    async def backend(self) -> AsyncIterator[LineageBackend]:
        async with open_backend("memory://") as backend:
            yield backend
