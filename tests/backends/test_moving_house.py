"""`headwater copy` between the real stores: what comes home is what left."""

from pathlib import Path

from api import demo
from api.copying import digest, moved
from api.writer import Writer
from backends.registry import open_backend
from tests.backends import gremlin_support, neo4j_store
from tests.servers.gremlin import JanusGraphServer
from tests.servers.neo4j import Neo4jServer


def nothing(_: object) -> None:
    return None


async def test_a_store_comes_home_from_a_journey_as_it_left(
    tmp_path: Path, neo4j_server: Neo4jServer, janusgraph_server: JanusGraphServer
) -> None:
    start, end = (f"sqlite:///{tmp_path / name}" for name in ("start.db", "end.db"))
    janusgraph = f"{janusgraph_server.url}{gremlin_support.PATIENT}"
    await neo4j_store.wipe(neo4j_server.url)
    await gremlin_support.run(janusgraph, gremlin_support.WIPE)
    async with open_backend(start) as backend:
        await demo.load(backend, Writer(backend), 1, say=nothing)
        left = await digest(backend, nothing)
    assert left.counts.total() > 1_000
    for source, target in ((start, neo4j_server.url), (neo4j_server.url, janusgraph), (janusgraph, end)):
        assert await moved(source, target, say=nothing, folder=tmp_path) == left.counts
    async with open_backend(end) as backend:
        assert not left.differences(await digest(backend, nothing))
