"""The same proof with processes of their own, a real Redis and everything that can happen to it: 0 wrong, 0 errors.

HYPOTHESIS_PROFILE=soak makes it minutes instead of seconds."""

from pathlib import Path

from tests.cache.harness.outside import run
from tests.cache.redis_server import RedisServer
from tests.conftest import PROFILE

SECONDS = 300 if PROFILE == "soak" else 9


async def test_no_answer_is_stale_whatever_happens_to_redis(own_redis: RedisServer, tmp_path: Path) -> None:
    for attempt in range(4):  # how much a machine gets done that is busy with other things nobody can promise
        own_redis.do(lambda client: client.flushall())
        found = await run(store_in(tmp_path / str(attempt)), own_redis, tmp_path / str(attempt), SECONDS * 2**attempt)
        assert not found.wrong
        assert not found.errors
        often = min(found.had["HIT"], found.had["REPAIRED"], found.had["MISS"], found.writes)
        if often > 20 and min(found.stored, found.foreign, found.trips) > 0:
            return
    raise AssertionError(f"too little was proved: {found}")


async def test_harness_of_processes_catches_a_weakened_rule(own_redis: RedisServer, tmp_path: Path) -> None:
    for attempt in range(8):  # what is caught depends on who comes between whom
        folder = tmp_path / str(attempt)
        if (await run(store_in(folder), own_redis, folder, 3 + attempt, weakened="endpoints_only")).wrong:
            return
    raise AssertionError("nothing wrong was found under the weakened rule")


def store_in(folder: Path) -> str:
    """The URL of a store in a new folder."""
    folder.mkdir()
    return f"sqlite:///{folder}/lineage.db?timeout=60"
