"""The contract on real Gremlin servers: JanusGraph in memory, plain and with an index and a cache around it, and
TinkerPop's own."""

from collections.abc import AsyncIterator

import pytest

from backends.base import LineageBackend
from backends.indexed import IndexedBackend
from backends.registry import open_backend
from backends.testing import BackendContract
from tests.backends.gremlin_support import PATIENT, WIPE, empty, run
from tests.cache.warm import Warm
from tests.servers.gremlin import JanusGraphServer, TinkerPopServer


class TestJanusGraph(BackendContract):
    case_factor = 0.1

    @pytest.fixture
    async def backend(self, janusgraph_server: JanusGraphServer) -> AsyncIterator[LineageBackend]:
        async with empty(janusgraph_server) as backend:
            yield backend


class TestJanusGraphIndexedAndCached(BackendContract):
    case_factor = 0.05

    @pytest.fixture
    async def backend(self, janusgraph_server: JanusGraphServer) -> AsyncIterator[LineageBackend]:
        await run(janusgraph_server.url, WIPE)
        indexed = open_backend(f"{janusgraph_server.url}{PATIENT}&index=on")
        assert isinstance(indexed, IndexedBackend)
        async with Warm(indexed) as backend:
            yield backend


class TestTinkerPop(BackendContract):
    case_factor = 0.1

    @pytest.fixture
    async def backend(self, tinkerpop_server: TinkerPopServer) -> AsyncIterator[LineageBackend]:
        async with empty(tinkerpop_server) as backend:
            yield backend
