"""The proof of the contract, shipped for adapters of others too.

    class TestMine(BackendContract):
        @pytest.fixture
        async def backend(self) -> AsyncIterator[LineageBackend]:
            async with open_backend("mine://...") as backend:
                yield backend

Each test gets an empty store; whether that is a new one or a server wiped between tests is the fixture's business.
`case_factor` scales the number of random cases, which HEADWATER_CASES sets. Needs pytest with pytest-asyncio in auto mode.
"""

import pytest

PARTS = (
    "reading",
    "following",
    "traversals",
    "writing",
    "atomicity",
    "edges",
    "names",
    "listing",
    "searching",
    "scanning",
    "logs",
    "concurrency",
    "random_cases",
)
# Without this a failing assert says nothing of what it compared: pytest rewrites only files that look like tests.
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in PARTS))

from backends.testing.contract import BackendContract  # noqa: E402  (after the rewriting is asked for)

__all__ = ["BackendContract"]
