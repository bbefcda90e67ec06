"""The proof of a byte store, shipped for stores of others too.

    class TestMine(CacheContract):
        @pytest.fixture
        async def store(self) -> AsyncIterator[ByteStore]:
            async with MyStore("mine://...") as store:
                yield store

Each test gets a store, empty or not, in which no test before it used the same keys. What an answer is worth that comes from
a store is no business of the store: `cache.validity` decides that.
"""

import pytest

# Without this a failing assert says nothing of what it compared: pytest rewrites only files that look like tests.
pytest.register_assert_rewrite(f"{__name__}.contract")

from cache.testing.contract import CacheContract, key, value  # noqa: E402  (after the rewriting is asked for)

__all__ = ["CacheContract", "key", "value"]
