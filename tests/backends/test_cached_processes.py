"""Over servers, too, no answer of the cache is stale: processes of their own read and write, with a real Redis between
them and everything that can happen to it. Stores without an index: what is computed is computed by the server."""

from pathlib import Path

from tests.backends.gremlin_support import PATIENT, WIPE, run
from tests.backends.neo4j_store import wipe
from tests.cache.conftest import own_redis
from tests.cache.harness.proof import assert_never_stale
from tests.cache.redis_server import RedisServer
from tests.servers.gremlin import JanusGraphServer
from tests.servers.neo4j import Neo4jServer

__all__ = ["own_redis"]
OFTEN = 5
"""Answers of each kind that must have been had: a server takes its time, and much of it on a slow machine."""


async def test_no_answer_over_neo4j_is_stale(neo4j_server: Neo4jServer, own_redis: RedisServer, tmp_path: Path) -> None:
    async def empty(folder: Path) -> str:
        await wipe(neo4j_server.url)
        return neo4j_server.url

    await assert_never_stale(empty, own_redis, tmp_path, OFTEN)


async def test_no_answer_over_janusgraph_is_stale(
    janusgraph_server: JanusGraphServer, own_redis: RedisServer, tmp_path: Path
) -> None:
    async def empty(folder: Path) -> str:
        await run(janusgraph_server.url, WIPE)
        return f"{janusgraph_server.url}{PATIENT}"

    await assert_never_stale(empty, own_redis, tmp_path, OFTEN)
