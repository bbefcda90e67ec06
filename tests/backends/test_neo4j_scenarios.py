"""What others wrote (../shared/data), on a real Neo4j: the same graph as on every other backend."""

from tests.backends.neo4j_store import empty
from tests.backends.scenarios import assert_same_as_the_reference, each_scenario, here
from tests.servers.neo4j import Neo4jServer

pytestmark = here


@each_scenario
async def test_scenario_is_the_same_on_neo4j(neo4j_server: Neo4jServer, scenario: str) -> None:
    async with empty(neo4j_server.url) as backend:
        await assert_same_as_the_reference(backend, scenario)
