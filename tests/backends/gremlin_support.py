"""What tests of the Gremlin adapter share: an empty store on a server that others use too, and scripts sent by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from backends.base import LineageBackend
from backends.gremlin_settings import Settings
from backends.gremlin_wire import Statement, Wire
from backends.registry import open_backend
from tests.servers.gremlin import GremlinServer

PATIENT = "&timeout=60&lease=30"
"""For a machine that does much else at the same time."""
WIPE = """
g.V().drop().iterate()
if (g.getGraph().features().graph().supportsTransactions()) g.getGraph().tx().commit()
"""


@asynccontextmanager
async def wire(url: str) -> AsyncIterator[Wire]:
    """A connection beside the adapter's."""
    made = Wire(Settings.parse(url))
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def run(url: str, script: str, **data: Any) -> list[Any]:
    """What a script answers."""
    async with wire(url) as made:
        return await made.run(Statement("by hand", script, data), list, within=60)


@asynccontextmanager
async def empty(server: GremlinServer, more: str = PATIENT) -> AsyncIterator[LineageBackend]:
    """An empty store, open. The schema stays from test to test, as in a graph that is wiped by hand."""
    url = f"{server.url}{more}"
    await run(url, WIPE)
    async with open_backend(url) as backend:
        yield backend
