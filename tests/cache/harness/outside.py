"""Readers and writers in processes of their own over one store and one real Redis, which lives through everything."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from backends.changes import LogRow
from backends.memory import MemoryBackend
from backends.model import Epoch
from backends.registry import open_backend
from cache.backend import CachedBackend
from cache.redis import open_redis
from tests.cache.harness import faults
from tests.cache.harness.faults import Proxy
from tests.cache.harness.history import Read, Wrong, judge
from tests.cache.harness.inside import SMALL
from tests.cache.harness.worker import GRAPH, Acknowledged
from tests.cache.harness.world import Writing, first_graph, questions
from tests.cache.redis_server import RedisServer

ROOT = Path(__file__).parents[3]


@dataclass(slots=True)
class Verdict:
    """What came of a run: the wrong answers, the errors that clients got, how many answers were had in which way."""

    wrong: list[Wrong] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    had: Counter[str] = field(default_factory=Counter)
    stored: int = 0
    foreign: int = 0
    trips: int = 0
    writes: int = 0


@asynccontextmanager
async def worker(*arguments: str) -> AsyncIterator[None]:
    """A process while the block lasts; it ends when its input does."""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "tests.cache.harness.worker", *arguments]
    made = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    assert made.stdin is not None
    assert made.stdout is not None
    try:
        assert (await made.stdout.readline()).strip() == b"ready", "the worker did not start"
        yield
        made.stdin.close()
        async with asyncio.timeout(300):
            await made.communicate()
        assert made.returncode == 0
    finally:
        if made.returncode is None:
            made.kill()
            await made.wait()


async def run(
    url: str, server: RedisServer, folder: Path, seconds: float, *, readers: int = 2, writers: int = 2, weakened: str = ""
) -> Verdict:
    """Reads and writes the empty store at `url` for a while, with Redis in all kinds of trouble meanwhile; then judges."""
    Acknowledged.begin(folder)
    async with open_backend(url) as backend, AsyncExitStack() as stack:
        start = (await backend.changes_since(None)).epoch
        acknowledged = Acknowledged(folder, 0)
        acknowledged.put((await backend.apply(first_graph())).seq)
        proxy = await stack.enter_async_context(Proxy(server.port).running())
        cache = f"redis://127.0.0.1:{proxy.port}/0"
        names = [f"reader{n}" for n in range(readers)]
        async with AsyncExitStack() as workers:
            for place in range(writers):
                await workers.enter_async_context(worker("write", url, cache, str(folder), f"writer{place}", str(place + 1)))
            for name in names:
                extra = [weakened] if weakened else []
                await workers.enter_async_context(worker("read", url, cache, str(folder), name, "0", *extra))
            await trouble(server, proxy, seconds)
        verdict = Verdict(writes=(await backend.changes_since(None)).epoch.seq - start.seq)
        reads: list[Read] = []
        for name in names:
            said = json.loads((folder / f"{name}.json").read_text())
            reads += [
                Read(q, known, after, Epoch(*epoch), word, digest) for q, known, after, epoch, word, digest in said["reads"]
            ]
            verdict.errors += said["errors"]
            verdict.stored += said["counts"]["stored"]
            verdict.foreign += said["counts"]["foreign"]
            verdict.trips += said["counts"]["trips"]
        verdict.had = Counter(read.word for read in reads)
        verdict.wrong = await asyncio.to_thread(judge, await log_of(backend.changes_since, start), start, questions(), reads)
    return verdict


async def log_of(changes_since: Callable[..., Awaitable[object]], start: Epoch) -> Sequence[LogRow]:
    rows: list[LogRow] = []
    epoch = start
    while True:
        page = await changes_since(epoch)
        assert page.known  # type: ignore[attr-defined]
        rows += page.rows  # type: ignore[attr-defined]
        if not page.more:  # type: ignore[attr-defined]
            return rows
        epoch = page.epoch  # type: ignore[attr-defined]


async def trouble(server: RedisServer, proxy: Proxy, seconds: float) -> None:
    """Everything that can happen to a Redis, one after the other."""
    rng = Random(11)
    part = seconds / 12

    def wait(parts: float) -> Awaitable[None]:
        return asyncio.sleep(parts * part)

    await wait(1.5)
    await asyncio.to_thread(faults.save, server)
    old = await asyncio.to_thread(faults.values_of, server)
    await wait(1)
    await asyncio.to_thread(faults.spoil, server, rng)
    await wait(1)
    await asyncio.to_thread(faults.put_back, server, old)
    await wait(1)
    proxy.delay = 0.5
    await wait(1)
    proxy.delay = 0
    await wait(1.5)
    await asyncio.to_thread(server.do, faults.flush)
    await wait(1)
    await stranger(server, rng)
    await wait(1)
    await asyncio.to_thread(faults.restore, server)
    await wait(1.5)
    await asyncio.to_thread(server.kill)
    await wait(1)
    await asyncio.to_thread(server.start)
    await wait(0.5)


async def stranger(server: RedisServer, rng: Random) -> None:
    """A service over another graph, with the same names and a longer log, uses the same Redis under the same name."""
    store = MemoryBackend()
    await store.apply(first_graph())
    theirs = Writing(rng, "elsewhere")
    for _ in range(300):
        await store.apply(theirs.next())
    store.epochs += [Epoch(len(store.epochs) + n, rng.getrandbits(62)) for n in range(100_000)]
    async with CachedBackend(store, open_redis(server.url), graph=GRAPH, limits=SMALL) as other:
        for question in questions():
            await other.traverse(question)
            await asyncio.sleep(0.001)
