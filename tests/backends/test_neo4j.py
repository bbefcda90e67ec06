"""The Neo4j store on a real server: the contract, plain and with an index in memory."""

from collections.abc import AsyncIterator

import pytest

from backends.base import LineageBackend
from backends.registry import open_backend
from backends.testing import BackendContract
from tests.backends.neo4j_store import wipe
from tests.servers.neo4j import Neo4jServer


class TestNeo4j(BackendContract):
    case_factor = 1.0

    @pytest.fixture
    async def backend(self, neo4j_server: Neo4jServer) -> AsyncIterator[LineageBackend]:
        await wipe(neo4j_server.url)
        async with open_backend(neo4j_server.url) as backend:
            yield backend
