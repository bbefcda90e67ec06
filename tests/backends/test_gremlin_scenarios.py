"""What others wrote, on real Gremlin servers: the same graph as on every other backend."""

from tests.backends.gremlin_support import empty
from tests.backends.scenarios import assert_same_as_the_reference, each_scenario, here
from tests.servers.gremlin import JanusGraphServer, TinkerPopServer

pytestmark = here


@each_scenario
async def test_scenario_is_the_same_on_janusgraph(janusgraph_server: JanusGraphServer, scenario: str) -> None:
    async with empty(janusgraph_server) as backend:
        await assert_same_as_the_reference(backend, scenario)


@each_scenario
async def test_scenario_is_the_same_on_tinkerpop(tinkerpop_server: TinkerPopServer, scenario: str) -> None:
    async with empty(tinkerpop_server) as backend:
        await assert_same_as_the_reference(backend, scenario)
