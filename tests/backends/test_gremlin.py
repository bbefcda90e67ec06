"""The contract on real Gremlin servers: JanusGraph in memory, and TinkerPop's own."""

from collections.abc import AsyncIterator

import pytest

from backends.base import LineageBackend
from backends.testing import BackendContract
from tests.backends.gremlin_support import empty
from tests.servers.gremlin import JanusGraphServer, TinkerPopServer


class TestJanusGraph(BackendContract):
    case_factor = 0.1

    @pytest.fixture
    async def backend(self, janusgraph_server: JanusGraphServer) -> AsyncIterator[LineageBackend]:
        async with empty(janusgraph_server) as backend:
            yield backend


class TestTinkerPop(BackendContract):
    case_factor = 0.1

    @pytest.fixture
    async def backend(self, tinkerpop_server: TinkerPopServer) -> AsyncIterator[LineageBackend]:
        async with empty(tinkerpop_server) as backend:
            yield backend
