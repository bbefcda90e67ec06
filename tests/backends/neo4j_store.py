"""What tests of the Neo4j store share."""

from backends.neo4j_driver import Bolt
from backends.neo4j_settings import Settings
from backends.neo4j_statement import Statement

WIPE = Statement("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS", writes=True)


async def wipe(url: str) -> None:
    """Takes all nodes and edges out of the database; constraints and indexes stay."""
    bolt = Bolt(Settings.parse(url))
    bolt.open()
    await bolt.run(WIPE)
    await bolt.close()
