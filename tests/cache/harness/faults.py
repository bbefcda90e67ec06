"""What happens to a Redis: slow networks, lost machines, dumps of yesterday, other people's values."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

from tests.cache.redis_server import RedisServer
from tests.servers.process import HOST


class Proxy:
    """Between clients and a port; adds `delay` seconds to whatever comes back."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = 0
        self.delay = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            there, back = await asyncio.open_connection(HOST, self._to)
            pumps = [
                asyncio.ensure_future(self._pump(reader, back, slow=False)),
                asyncio.ensure_future(self._pump(there, writer, slow=True)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
                back.close()
        except OSError:
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if slow and self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()


def spoil(server: RedisServer, rng: Random) -> int:
    """Puts garbage in the place of every value: noise, halves, damaged copies, and the values of other keys. Says of how
    many."""
    client = server.client()
    try:
        keys = list(client.scan_iter(count=1000))
        values = [client.get(each) or b"" for each in keys]
        for each, value in zip(keys, values, strict=True):
            match rng.randrange(5):
                case 0:
                    client.set(each, rng.randbytes(rng.randint(0, 300)))
                case 1:
                    client.set(each, value[: rng.randint(0, len(value))])
                case 2:
                    damaged = bytearray(value or b"x")
                    damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
                    client.set(each, bytes(damaged))
                case 3:
                    client.set(each, rng.choice(values))
                case _:
                    both = client.pipeline(transaction=True)  # or a writer comes between them, and the push is refused
                    both.delete(each)
                    both.rpush(each, "no", "string")
                    both.execute()
        return len(keys)
    finally:
        client.close()


def values_of(server: RedisServer) -> dict[bytes, bytes]:
    """All there is, to be put back later: what a replica wrote that was cut off for a while."""
    client = server.client()
    try:
        return {each: value for each in client.scan_iter(count=1000) if isinstance(value := client.get(each), bytes)}
    finally:
        client.close()


def put_back(server: RedisServer, values: dict[bytes, bytes]) -> None:
    client = server.client()
    try:
        for each, value in values.items():
            client.set(each, value)
    finally:
        client.close()


def save(server: RedisServer) -> None:
    """Keeps what there is now for `restore`."""
    server.do(lambda client: client.save())
    shutil.copy(server.dump, server.home / "kept.rdb")


def restore(server: RedisServer) -> None:
    """Killed, and started from what was kept."""
    server.kill()
    shutil.copy(server.home / "kept.rdb", server.dump)
    server.start()


def flush(client: Any) -> None:
    client.flushall()
