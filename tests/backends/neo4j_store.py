"""What tests of the Neo4j store share."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import neo4j

from backends.base import LineageBackend
from backends.neo4j import Neo4jBackend
from backends.neo4j_driver import Bolt
from backends.neo4j_settings import Settings
from backends.neo4j_statement import Statement
from backends.registry import open_backend

ROOT = Path(__file__).parents[2]
WIPE = Statement("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS", writes=True)


async def wipe(url: str) -> None:
    """Takes all nodes and edges out of the database; constraints and indexes stay."""
    bolt = Bolt(Settings.parse(url))
    bolt.open()
    await bolt.run(WIPE)
    await bolt.close()


class Counted:
    """A store whose statements are noted, in the order they were run."""

    def __init__(self, store: Neo4jBackend) -> None:
        self.store = store
        self.statements: list[Statement] = []
        store.bolt.seen = self.statements.append

    def count(self) -> int:
        """How many statements were run since the last asking."""
        number = len(self.statements)
        self.statements.clear()
        return number


@asynccontextmanager
async def counted(url: str) -> AsyncIterator[Counted]:
    async with open_backend(url) as store:
        assert isinstance(store, Neo4jBackend)
        yield Counted(store)


@asynccontextmanager
async def empty(url: str) -> AsyncIterator[LineageBackend]:
    """A store with nothing in it."""
    await wipe(url)
    async with open_backend(url) as store:
        yield store


async def by_hand(url: str, statement: str, **parameters: Any) -> list[Mapping[str, Any]]:
    """The rows of a statement as a person runs it, with the bare driver."""
    said = Settings.parse(url)
    async with neo4j.AsyncGraphDatabase.driver(
        said.url, auth=(said.user or "", said.password or ""), notifications_min_severity="OFF"
    ) as driver:
        records, _, _ = await driver.execute_query(neo4j.Query(statement), parameters)
        return [record.data() for record in records]
