"""Byte stores obey their contract, on a real Redis too, however it is reached; and what a store has is bounded."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import RedisCluster, Sentinel

from backends.errors import Misconfigured
from cache.base import ByteStore, StoreError
from cache.memory import OVERHEAD, MemoryStore
from cache.redis import RedisStore, open_redis
from cache.registry import open_store
from cache.testing import CacheContract, key, value
from tests.cache.redis_server import PATIENT, RedisServer, SentinelServer
from tests.conftest import require
from tests.servers.process import HOST, free_port


class TestMemoryStore(CacheContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[ByteStore]:
        async with MemoryStore(2**23) as store:
            yield store


class TestRedis(CacheContract):
    @pytest.fixture
    async def store(self, redis_server: RedisServer) -> AsyncIterator[ByteStore]:
        async with open_redis(redis_server.url) as store:
            yield store


class TestRedisBySocket(CacheContract):
    @pytest.fixture
    async def store(self, redis_server: RedisServer) -> AsyncIterator[ByteStore]:
        async with open_redis(f"unix://{redis_server.home}/redis.sock?db=1&{PATIENT}") as store:
            yield store


@pytest.fixture(scope="module")
def with_tls(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one that speaks TLS."""
    openssl = shutil.which("openssl")
    require("redis", openssl, "no openssl to make a certificate with")
    folder, port = tmp_path_factory.mktemp("tls"), free_port()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:{HOST}"
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    said = {"tls-port": port, "tls-cert-file": certificate, "tls-key-file": key, "tls-ca-cert-file": certificate}
    options = [str(part) for name, value in said.items() for part in (f"--{name}", value)]
    server = RedisServer(folder / "home", "--tls-auth-clients", "no", *options)
    server.start()
    yield f"rediss://{HOST}:{port}?ssl_ca_certs={certificate}&{PATIENT}"
    server.kill()


class TestRedisByTls(CacheContract):
    @pytest.fixture
    async def store(self, with_tls: str) -> AsyncIterator[ByteStore]:
        async with open_redis(with_tls) as store:
            yield store


@pytest.fixture(scope="module")
def cluster(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One node with all slots."""
    # Nodes talk on a port of their own, unless said ten thousand above the other, where there may be none.
    options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
    server = RedisServer(tmp_path_factory.mktemp("cluster") / "home", *options)
    server.start()
    server.do(lambda client: client.execute_command("CLUSTER ADDSLOTSRANGE 0 16383"))
    states: list[str] = []
    while states[-1:] != ["ok"]:
        server.do(lambda client: states.append(client.execute_command("CLUSTER INFO")["cluster_state"]))
    yield server
    server.kill()


class TestRedisCluster(CacheContract):
    @pytest.fixture
    async def store(self, cluster: RedisServer) -> AsyncIterator[ByteStore]:
        async with open_redis(f"redis+cluster://{HOST}:{cluster.port}?{PATIENT}") as store:
            yield store


@pytest.fixture(scope="module")
def sentinel(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelServer]:
    server = SentinelServer(tmp_path_factory.mktemp("sentinel") / "home", redis_server)
    server.start()
    yield server
    server.kill()


class TestRedisBehindSentinels(CacheContract):
    @pytest.fixture
    async def store(self, sentinel: SentinelServer) -> AsyncIterator[ByteStore]:
        hosts = f"{HOST}:{free_port()},{HOST}:{sentinel.port}"
        async with open_redis(f"redis+sentinel://{hosts}/lineage/2?{PATIENT}") as store:
            yield store


async def test_what_is_no_value_of_ours_is_replaced(redis_server: RedisServer) -> None:
    async with open_redis(redis_server.url) as store:
        for garbage in (b"", b"x", b"HWC1", b"HWC1" + b"z" * 40, value(9)[:20], b"\xff" * 100):
            here = key()
            redis_server.do(lambda client, garbage=garbage, here=here: client.set(here, garbage))  # type: ignore[misc]
            assert await store.get(here) == garbage, "whatever it is, to tell is not the store's business"
            await store.set(here, value(1))
            assert await store.get(here) == value(1)


async def test_what_is_no_string_is_absent_and_replaced(redis_server: RedisServer) -> None:
    async with open_redis(redis_server.url) as store:
        here = key()
        redis_server.do(lambda client: client.rpush(here, "a", "list"))
        assert await store.get(here) is None
        await store.set(here, value(1))
        assert await store.get(here) == value(1)


async def test_value_goes_after_the_days_that_are_said(redis_server: RedisServer) -> None:
    async with open_redis(f"{redis_server.url}&keep=2") as store:
        here = key()
        await store.set(here, value(1))
        left: list[int] = []
        redis_server.do(lambda client: left.append(client.pttl(here)))
        assert 0 < left[0] <= 2 * 86_400_000


async def test_full_redis_that_must_not_forget_can_still_be_read(redis_server: RedisServer) -> None:
    async with open_redis(redis_server.url) as store:
        here = key()
        await store.set(here, value(1))
        redis_server.do(lambda client: client.config_set("maxmemory", 1))
        try:
            await store.set(here, value(2))
            assert await store.get(here) == value(1)
        finally:
            redis_server.do(lambda client: client.config_set("maxmemory", 0))


async def test_server_that_is_gone_is_an_error_of_the_store() -> None:
    async with open_redis(f"redis://{HOST}:{free_port()}") as store:
        for call in (store.get("a"), store.set("a", value(1)), store.ping()):
            with pytest.raises(StoreError):
                await call


async def test_server_that_comes_back_is_used_again(own_redis: RedisServer) -> None:
    async with open_redis(own_redis.url) as store:
        here = key()
        await store.set(here, value(1))
        own_redis.kill()
        with pytest.raises(StoreError):
            await store.get(here)
        own_redis.start()
        assert await store.get(here) is None
        await store.set(here, value(2))
        assert await store.get(here) == value(2)


async def test_call_that_is_given_up_ends_so_though_its_connection_breaks_as_it_is_closed() -> None:
    class Breaking:
        """As the client does where it is cancelled and the server is gone."""

        async def ping(self) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ConnectionResetError from None

    store = RedisStore([Breaking()], 1)
    call = asyncio.ensure_future(store.ping())
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await store.ping()


async def test_more_calls_than_connections_wait_for_each_other(redis_server: RedisServer) -> None:
    async with open_redis(redis_server.url) as store:
        here = key()
        await store.set(here, value(1))
        assert set(await asyncio.gather(*(store.get(here) for _ in range(300)))) == {value(1)}


async def test_memory_is_bounded_and_what_was_used_longest_ago_goes_first() -> None:
    store = MemoryStore(10 * (1000 + OVERHEAD))
    body = b"x" * (1000 - len(value(1, body=b"")))
    for number in range(10):
        await store.set(str(number), value(1, body=body))
    await store.get("0")
    await store.set("new", value(1, body=body))
    assert (len(store), await store.get("1")) == (10, None)
    assert await store.get("0") is not None
    for number in range(10):
        await store.set("0", value(2 + number, body=body))
    assert (len(store), store.nbytes) == (10, 10 * (1000 + OVERHEAD))
    await store.set("too large", value(1, body=b"x" * 20_000))
    assert store.nbytes <= 10 * (1000 + OVERHEAD)


def test_one_url_opens_a_store() -> None:
    assert open_store("off", 10) is None
    assert isinstance(open_store("memory://", 10), MemoryStore)
    for url in (
        "redis://h/1",
        "rediss://u:p%40@h:1?keep=1.5",
        "unix:///a/b.sock",
        "redis+sentinel://a,b:2/s",
        "redis+cluster://h",
    ):
        assert isinstance(open_store(url, 10), RedisStore), url


@pytest.mark.parametrize(
    "url", ["redis://h/1", "rediss://h", "unix:///a/b.sock", "redis+sentinel://a,b:2/s", "redis+cluster://h"]
)
def test_what_a_url_says_is_taken_before_what_is_usual(url: str) -> None:
    said: dict[str, Any] = {}
    for client in open_redis(f"{url}?socket_timeout=7&socket_connect_timeout=8")._clients:
        if isinstance(client, Sentinel):
            for sentinel in client.sentinels:
                said |= sentinel.connection_pool.connection_kwargs
        else:
            said |= (
                client.get_connection_kwargs()
                if isinstance(client, RedisCluster)
                else client.connection_pool.connection_kwargs
            )
        assert (said["socket_timeout"], said["socket_connect_timeout"]) == (7, 8)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memcached://h",
        "redis",
        "redis+x://h",
        "redis+sentinel://h",
        "redis://h?keep=soon",
        "memory://x",
        "redis://h:port",
    ],
)
def test_what_opens_nothing_is_said(url: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="redis"):
        open_store(url, 10)


async def test_connection_that_was_closed_beneath_is_a_failure_of_the_store(redis_server: RedisServer) -> None:
    """uvloop says so with a RuntimeError, which must not reach who asks about lineage."""
    async with open_redis(redis_server.url) as store:
        assert isinstance(store, RedisStore)
        here = key()
        await store.set(here, value(1))
        (connection,) = store._client.connection_pool._available_connections
        connection._writer.transport.abort()
        with pytest.raises(StoreError):
            await store.get(here)
        assert await store.get(here) == value(1), "the next one has a connection of its own"


async def test_options_behind_a_url_hold_behind_sentinels_too() -> None:
    store = open_redis(f"redis+sentinel://one:26379/lineage?{PATIENT}")
    assert isinstance(store, RedisStore)
    assert store._client.connection_pool.connection_kwargs["socket_timeout"] == 60
