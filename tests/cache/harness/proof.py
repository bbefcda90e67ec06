"""What the processes must have shown before a run of them proves anything."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.cache.harness.outside import run
from tests.cache.redis_server import RedisServer
from tests.conftest import PROFILE

SECONDS = 300 if PROFILE == "soak" else 9


async def assert_never_stale(
    empty: Callable[[Path], Awaitable[str]], server: RedisServer, folder: Path, least: int = 20
) -> None:
    """No answer over the store at the URL that `empty` gives is wrong and no client gets an error, whatever happens to the
    Redis, and each kind of answer was had more than `least` times. How much a machine gets done that is busy with other
    things nobody can promise: where it was too little there is another run, which takes twice as long."""
    for attempt in range(4):
        mine = folder / str(attempt)
        mine.mkdir()
        server.do(lambda client: client.flushall())
        found = await run(await empty(mine), server, mine, SECONDS * 2**attempt)
        assert not found.wrong
        assert not found.errors
        often = min(found.had["HIT"], found.had["REPAIRED"], found.had["MISS"], found.writes)
        if often > least and min(found.stored, found.foreign, found.trips) > 0:
            return
    raise AssertionError(f"too little was proved: {found}")
