"""What is set beside the questions: whatever a store does meanwhile, the cache is closed in the end."""

import asyncio

from backends.memory import MemoryBackend
from backends.model import Direction, Traversal
from backends.testing.graphs import CHAIN, arrows, column, stated
from cache.backend import CachedBackend, Limits
from cache.memory import MemoryStore


class Deaf(MemoryStore):
    """Shared, slow to set, and swallows that it is cancelled, as drivers do now and then."""

    def __init__(self) -> None:
        super().__init__(2**20)
        self.setting, self.may_go_on = asyncio.Event(), asyncio.Event()

    @property
    def is_shared(self) -> bool:
        return True

    async def set(self, key: str, value: bytes, instead_of: bytes = b"") -> None:
        self.setting.set()
        try:
            await self.may_go_on.wait()
        except asyncio.CancelledError:
            return


async def test_store_that_swallows_being_cancelled_does_not_keep_the_cache_from_closing() -> None:
    backend, store = MemoryBackend(), Deaf()
    await backend.apply(stated(arrows(CHAIN)))
    async with asyncio.timeout(30) as within:
        async with CachedBackend(backend, store, limits=Limits(least=0)) as cached:
            await cached.traverse(Traversal({column("a"): 0}, Direction.DOWNSTREAM))
            await store.setting.wait()
    assert not within.expired()
