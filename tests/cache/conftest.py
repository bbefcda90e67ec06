"""The real Redis that the cache is tested on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cache.redis_server import RedisServer
from tests.conftest import require
from tests.servers.fixtures import running
from tests.servers.process import NotHere


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One a test run, never killed. A test skips where this machine has none, and fails where HEADWATER_REQUIRE names it."""
    yield from running(RedisServer)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """One to be killed."""
    server = RedisServer(tmp_path / "redis")
    try:
        server.start()
    except NotHere as missing:
        require("redis", None, f"no redis here: {missing}")
    yield server
    server.kill()
