"""The real servers that adapters are tested on."""

from tests.servers.fixtures import janusgraph_server, neo4j_server, tinkerpop_server

__all__ = ["janusgraph_server", "neo4j_server", "tinkerpop_server"]
