"""A store that does not wait long, for tests of calls that take longer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backends.base import LineageBackend
from backends.errors import TimedOut
from backends.registry import open_backend


@asynccontextmanager
async def hasty(url: str) -> AsyncIterator[LineageBackend]:
    """The store of a URL with a short `timeout`: opening it is tried until a busy machine is quick enough for that. All that
    is to succeed is done by another store that has time."""
    while True:
        backend = open_backend(url)
        try:
            await backend.__aenter__()
        except TimedOut:
            continue
        try:
            yield backend
        finally:
            await backend.__aexit__(None, None, None)
        return
