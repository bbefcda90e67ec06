"""One URL opens a cache. Stores are named here as text and imported on first use."""

from importlib import import_module
from typing import Final

from backends.errors import Misconfigured
from cache.base import ByteStore
from cache.memory import MemoryStore

SCHEMES: Final = ("redis", "rediss", "unix")


def open_store(url: str, limit: int) -> ByteStore | None:
    """The byte store behind a URL, not yet entered; `off` is none at all. `limit` are the bytes that `memory://` may take.
    Raises `Misconfigured`."""
    scheme = url.partition(":")[0].partition("+")[0].lower()
    if url == "off":
        return None
    if url == "memory://":
        return MemoryStore(limit)
    if scheme not in SCHEMES:
        raise Misconfigured(f"no cache for {scheme!r}; known are: memory://, redis://, rediss://, unix://, off")
    try:
        made: ByteStore = import_module("cache.redis").open_redis(url)
    except ImportError as error:
        raise Misconfigured("a Redis cache needs a driver: pip install redis hiredis") from error
    return made
