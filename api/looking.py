"""Whether what the settings name is there and answers."""

import asyncio
from typing import Final

from backends.registry import open_backend
from cache.base import StoreError
from cache.registry import open_store

PATIENCE: Final = 5.0
"""Seconds."""


async def look_at_store(url: str) -> str:
    """The epoch of the store. Raises `BackendError`."""
    async with open_backend(url) as backend:
        await backend.ping()
        return str((await backend.changes_since(None)).epoch)


async def cache_answers(url: str) -> bool:
    """Whether the byte store behind a URL can be asked. Raises `Misconfigured`."""
    store = open_store(url, 0)
    if store is None:
        return True
    try:
        async with asyncio.timeout(PATIENCE), store:
            await store.ping()
    except (StoreError, TimeoutError):
        return False
    return True
