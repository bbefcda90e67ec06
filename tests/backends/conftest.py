"""The real servers that adapters are tested on."""

from tests.servers.fixtures import neo4j_server

__all__ = ["neo4j_server"]
