"""A byte store in Redis, or in whatever speaks its protocol: GET, EVALSHA, EVAL and PING are all that is used.

`redis://host:6379/0`, `rediss://…` and `unix://…` are as redis-py takes them, options behind a `?` included. A cluster is
`redis+cluster://host:6379` (one node is enough), a master behind sentinels `redis+sentinel://one:26379,two:26379/service`,
with `/2` after the service for another database; `rediss+…` with TLS. Our own option is `keep`: days after which a value
that nobody set again goes, 7 unless said; that is for the memory of the server, never for what is true.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.connection import parse_url
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, OutOfMemoryError, RedisClusterException, RedisError, ResponseError
from redis.retry import Retry

from backends.errors import Misconfigured
from cache.base import LABEL, MAGIC, ByteStore, Label, StoreError

DAY: Final = 86_400_000
KEEP: Final = 7
CONNECTIONS: Final = 16
OPTIONS: Final[dict[str, Any]] = {
    "decode_responses": False,
    "protocol": 2,  # nothing here needs the newer one, and every proxy speaks this one
    "socket_timeout": 1.0,
    "socket_connect_timeout": 0.5,
    "health_check_interval": 0,
}

# KEYS: the key. ARGV: the seq of the new value's epoch, the label it may replace all the same, the value, milliseconds.
# Numbers are compared, not texts: Lua compares those by the server's locale. What is no value of ours, or not even a
# string, is replaced.
REPLACE: Final = f"""
local old = redis.pcall('GETRANGE', KEYS[1], 0, {LABEL - 1})
local labelled = type(old) == 'string' and #old == {LABEL} and string.sub(old, 1, {len(MAGIC)}) == '{MAGIC.decode()}'
if labelled and old ~= ARGV[2] then
  local seq = tonumber(string.sub(old, {len(MAGIC) + 1}, {len(MAGIC) + 16}), 16)
  if seq and seq > tonumber(ARGV[1]) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
"""
REPLACE_SHA: Final = sha1(REPLACE.encode(), usedforsecurity=False).hexdigest()


def open_redis(url: str) -> "RedisStore":
    """The store behind a URL, not yet entered. Raises `Misconfigured`."""
    scheme, _, kind = urlsplit(url).scheme.partition("+")
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    try:
        keep = float(query.pop("keep", KEEP))
        plain = urlunsplit((scheme, parts.netloc, parts.path, urlencode(query), ""))
        clients = {"": _single, "cluster": _cluster, "sentinel": _sentinel}[kind](plain)
    except (ValueError, TypeError, KeyError, RedisError, RedisClusterException):
        raise Misconfigured(
            "a Redis cache is redis://host:6379/0, rediss://, unix:///path, redis+cluster://host:6379 or "
            "redis+sentinel://host:26379,host:26379/service"
        ) from None
    return RedisStore(clients, int(keep * DAY))


def _single(url: str) -> list[Any]:
    return [Redis.from_url(url, max_connections=CONNECTIONS, retry=_no_retry(), **OPTIONS)]


def _cluster(url: str) -> list[Any]:
    return [RedisCluster.from_url(url, max_connections=CONNECTIONS, retry=_no_retry(), **OPTIONS)]


def _sentinel(url: str) -> list[Any]:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("no service")
    at = f"{credentials}@" if credentials else ""
    kwargs: dict[str, Any] = dict(parse_url(urlunsplit((parts.scheme, f"{at}ignored", f"/{database}", parts.query, ""))))
    kwargs.pop("host", None)
    if kwargs.pop("connection_class", None) is not None:
        kwargs["ssl"] = True
    sentinels = [(host, int(port or 26379)) for host, _, port in (each.partition(":") for each in hosts.split(","))]
    shared = {**OPTIONS, "retry": _no_retry(), **{name: kwargs[name] for name in OPTIONS if name in kwargs}}
    manager = Sentinel(sentinels, sentinel_kwargs=shared, **kwargs)  # type: ignore[no-untyped-call]
    return [manager.master_for(service, max_connections=CONNECTIONS, **shared), manager]


def _no_retry() -> Retry:
    """Who tries again is the guard, later and in the background."""
    return Retry(NoBackoff(), 0)


class RedisStore(ByteStore):
    """Values in Redis, each under its key for `keep` milliseconds. The first of the clients is asked, all are closed."""

    def __init__(self, clients: Sequence[Any], keep: int) -> None:
        self._clients = clients
        self._client = clients[0]
        self._keep = keep
        self._room = asyncio.Semaphore(CONNECTIONS)  # a pool refuses what is beyond it; this lets it wait

    @property
    def is_shared(self) -> bool:
        return True

    @property
    def is_lasting(self) -> bool:
        return True

    async def get(self, key: str) -> bytes | None:
        async with self._asking():
            try:
                value = await self._client.get(key)
            except ResponseError as error:
                if not str(error).startswith("WRONGTYPE"):
                    raise
                return None  # someone else's list or hash
        return value if isinstance(value, bytes) else None

    async def set(self, key: str, value: bytes, instead_of: bytes = b"") -> None:
        label = Label.of(value)
        assert label is not None, "a value begins with its label"
        arguments = (1, key, label.seq, instead_of, value, self._keep)
        async with self._asking():
            try:
                await self._client.evalsha(REPLACE_SHA, *arguments)
            except NoScriptError:  # a server that has just started
                await self._client.eval(REPLACE, *arguments)
            except OutOfMemoryError:
                return  # full, and told not to forget: it can be read all the same

    async def ping(self) -> None:
        async with self._asking():
            await self._client.ping()

    async def __aexit__(self, *_: object) -> None:
        async with self._asking():
            for client in self._clients:
                await client.aclose()

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        async with self._room:
            task = asyncio.current_task()
            before = task.cancelling() if task is not None else 0
            try:
                yield
            except (RedisError, RedisClusterException, OSError, RuntimeError) as error:
                # RuntimeError: what uvloop says of a connection that was closed while it was written to
                if task is not None and task.cancelling() > before:
                    # The client closes a connection on which it is given up, and what goes wrong then must not take the
                    # place of that: whoever cancelled would wait for ever.
                    raise asyncio.CancelledError from error
                raise StoreError(type(error).__name__) from error
