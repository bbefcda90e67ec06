"""`headwater copy` between the real stores: what comes home is what left."""

from contextlib import aclosing
from pathlib import Path
from typing import Any

from api import demo
from api.copying import digest, moved, pages
from api.writer import Writer
from backends.base import LineageBackend
from backends.registry import open_backend
from tests.backends import gremlin_support, neo4j_store
from tests.servers.gremlin import JanusGraphServer
from tests.servers.neo4j import Neo4jServer

NOW = 1_800_000_000_000_000
"""The same moment for both, in microseconds: when things arrived is kept as well."""


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


async def test_events_that_meet_on_a_slow_store_all_get_in(neo4j_server: Neo4jServer) -> None:
    """Sixty-four at a time, many about the same few tables; what they come to is what they come to one by one."""
    await neo4j_store.wipe(neo4j_server.url)
    found = []
    for url, concurrency in ((neo4j_server.url, 64), ("memory://", 1)):
        async with open_backend(url) as backend:
            await demo.load(backend, Writer(backend, clock=lambda: NOW), concurrency, say=nothing)
            found.append(await all_said(backend))
    assert found[0] == found[1]


async def all_said(backend: LineageBackend) -> dict[Any, Any]:
    """What is said of everything; of attributes not when: that one was said again may be known by another's time."""
    said: dict[Any, Any] = {}
    async with aclosing(pages(backend, None)) as found:
        async for page in found:
            for node in page.changes.nodes:
                values = {key: stamped.value for key, stamped in node.attributes.items()}
                said[node.id] = (values, node.seen, node.deleted_at, bool(node.withdrawn), node.alias_of or "")
            said |= {edge.key: dict(edge.put) for edge in page.changes.edges}
            said |= {one.id: (one.value, sorted(one.groups), one.rank) for one in page.changes.records}
    return said
