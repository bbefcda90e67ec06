"""The Neo4j store on a real server: the contract, plain, and with an index in memory and a cache around that."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.base import LineageBackend
from backends.indexed import IndexedBackend
from backends.registry import open_backend
from backends.testing import BackendContract
from tests.backends.neo4j_store import wipe
from tests.cache.warm import Warm
from tests.servers.neo4j import Neo4jServer


class TestNeo4j(BackendContract):
    case_factor = 0.1

    @pytest.fixture
    async def backend(self, neo4j_server: Neo4jServer) -> AsyncIterator[LineageBackend]:
        await wipe(neo4j_server.url)
        async with open_backend(neo4j_server.url) as backend:
            yield backend


class TestNeo4jIndexedAndCached(BackendContract):
    case_factor = 0.05

    @pytest.fixture
    async def backend(self, neo4j_server: Neo4jServer, tmp_path: Path) -> AsyncIterator[LineageBackend]:
        await wipe(neo4j_server.url)
        indexed = open_backend(f"{neo4j_server.url}?index=on&snapshots={tmp_path}")
        assert isinstance(indexed, IndexedBackend)
        async with Warm(indexed) as backend:
            yield backend
