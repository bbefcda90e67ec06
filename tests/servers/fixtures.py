"""The servers as fixtures; import them into a conftest. A test that asks for one is skipped where this machine cannot run
it, and fails there where HEADWATER_REQUIRE names it."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest

from tests.conftest import require
from tests.servers.cassandra import CassandraServer, JanusGraphOnCassandra
from tests.servers.gremlin import JanusGraphServer, TinkerPopServer
from tests.servers.neo4j import Neo4jServer
from tests.servers.process import NotHere, Server

S = TypeVar("S", bound=Server)


def running(kind: type[S]) -> Iterator[S]:
    """A server of a kind, ready; stopped and its folder removed at the end. For fixtures with scope "session"."""
    with TemporaryDirectory(prefix=f"headwater-{kind.name}-", ignore_cleanup_errors=True) as folder:
        server = kind(Path(folder, "home"))
        try:
            server.start()
        except NotHere as missing:
            require(kind.name, None, f"no {kind.name} here: {missing}")
        try:
            yield server
        finally:
            server.kill()  # at once: what it kept goes with the folder


@pytest.fixture(scope="session")
def neo4j_server() -> Iterator[Neo4jServer]:
    """A real Neo4j, one a test run. Tests share it: each wipes what it finds."""
    yield from running(Neo4jServer)


@pytest.fixture(scope="session")
def janusgraph_server() -> Iterator[JanusGraphServer]:
    """A real JanusGraph in memory, one a test run. Tests share it: each wipes what it finds."""
    yield from running(JanusGraphServer)


@pytest.fixture(scope="session")
def tinkerpop_server() -> Iterator[TinkerPopServer]:
    """TinkerPop's own server, one a test run. Tests share it: each wipes what it finds."""
    yield from running(TinkerPopServer)


@pytest.fixture(scope="session")
def cassandra_server() -> Iterator[CassandraServer]:
    """A real Cassandra, one a test run, for JanusGraph to keep things in."""
    yield from running(CassandraServer)


@pytest.fixture(scope="session")
def janusgraph_on_cassandra(cassandra_server: CassandraServer) -> Iterator[JanusGraphOnCassandra]:
    """JanusGraph over it. Tests may kill and start either; each wipes what it finds."""
    with TemporaryDirectory(prefix="headwater-janusgraph-", ignore_cleanup_errors=True) as folder:
        server = JanusGraphOnCassandra(Path(folder, "home"), cassandra_server)
        server.start()
        try:
            yield server
        finally:
            server.kill()
