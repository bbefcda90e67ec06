"""The same proof with processes of their own, a real Redis and everything that can happen to it: 0 wrong, 0 errors.

HYPOTHESIS_PROFILE=soak makes it minutes instead of seconds."""

from pathlib import Path

from tests.cache.harness.outside import run
from tests.cache.redis_server import RedisServer
from tests.conftest import PROFILE

SECONDS = 300 if PROFILE == "soak" else 9


async def test_no_answer_is_stale_whatever_happens_to_redis(own_redis: RedisServer, tmp_path: Path) -> None:
    found = await run(f"sqlite:///{tmp_path}/lineage.db", own_redis, tmp_path, SECONDS)
    assert not found.wrong
    assert not found.errors
    # What was proved at all; how much a machine gets done that is busy with other tests nobody can promise.
    assert min(found.had["HIT"], found.had["REPAIRED"], found.had["MISS"], found.writes) > 20, found
    assert min(found.stored, found.foreign, found.trips) > 0, found


async def test_harness_of_processes_catches_a_weakened_rule(own_redis: RedisServer, tmp_path: Path) -> None:
    for attempt in range(5):  # what is caught depends on who comes between whom
        folder = tmp_path / str(attempt)
        folder.mkdir()
        if (await run(f"sqlite:///{folder}/lineage.db", own_redis, folder, 3, weakened="endpoints_only")).wrong:
            return
    raise AssertionError("nothing wrong was found under the weakened rule")
