"""The real servers that adapters are tested on."""

from tests.servers.fixtures import (
    cassandra_server,
    janusgraph_on_cassandra,
    janusgraph_server,
    neo4j_server,
    tinkerpop_server,
)

__all__ = ["cassandra_server", "janusgraph_on_cassandra", "janusgraph_server", "neo4j_server", "tinkerpop_server"]
