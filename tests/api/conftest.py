"""What most tests of the shell start from."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.service import service


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with the default settings, over an empty store in memory."""
    async with service() as opened:
        yield opened
