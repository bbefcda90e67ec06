"""The same proof with processes of their own, a real Redis and everything that can happen to it: 0 wrong, 0 errors. Over
servers: tests/backends/test_cached_processes.py.

HYPOTHESIS_PROFILE=soak makes it minutes instead of seconds."""

from pathlib import Path

from tests.cache.harness.outside import run
from tests.cache.harness.proof import assert_never_stale
from tests.cache.redis_server import RedisServer


async def test_no_answer_is_stale_whatever_happens_to_redis(own_redis: RedisServer, tmp_path: Path) -> None:
    async def empty(folder: Path) -> str:
        return store_in(folder)

    await assert_never_stale(empty, own_redis, tmp_path)


async def test_harness_of_processes_catches_a_weakened_rule(own_redis: RedisServer, tmp_path: Path) -> None:
    for attempt in range(8):  # what is caught depends on who comes between whom
        folder = tmp_path / str(attempt)
        folder.mkdir()
        if (await run(store_in(folder), own_redis, folder, 3 + attempt, weakened="endpoints_only")).wrong:
            return
    raise AssertionError("nothing wrong was found under the weakened rule")


def store_in(folder: Path) -> str:
    """The URL of a store in a folder."""
    return f"sqlite:///{folder}/lineage.db?timeout=60"
