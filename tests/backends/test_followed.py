"""Subscriptions over real servers that know no names by number: random histories, live and gone on with."""

from backends.registry import open_backend
from cache.backend import CachedBackend
from cache.memory import MemoryStore
from tests.backends.gremlin_support import PATIENT, WIPE, run
from tests.backends.neo4j_store import wipe
from tests.schema.live.test_random import led
from tests.servers.gremlin import JanusGraphServer
from tests.servers.neo4j import Neo4jServer

STEPS = 12


async def test_deltas_of_neo4j_lead_from_each_lineage_to_each_later_one(neo4j_server: Neo4jServer) -> None:
    await wipe(neo4j_server.url)
    assert await led(CachedBackend(open_backend(neo4j_server.url), MemoryStore(1 << 20)), 1, STEPS) > 5


async def test_deltas_of_janusgraph_lead_from_each_lineage_to_each_later_one(janusgraph_server: JanusGraphServer) -> None:
    """Its writes are seen in parts."""
    await run(janusgraph_server.url, WIPE)
    backend = CachedBackend(open_backend(f"{janusgraph_server.url}{PATIENT}"), MemoryStore(1 << 20))
    assert await led(backend, 1, STEPS) > 5
