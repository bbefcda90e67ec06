"""How an answer goes out: as it is, packed as the client takes it, or as a word that the client has it already."""

import asyncio
import zlib
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple, TypeAlias

import zstandard

from schema.http.requests import GRAPHQL_JSON, JSON, LONGEST, weights

Headers: TypeAlias = list[tuple[bytes, bytes]]

LEAST: Final = 1_000
"""Bytes from which on an answer is packed: a smaller one fits a packet as it is."""
LARGE: Final = 128 * 1024
"""Bytes from which on it is packed in a thread, so that nobody waits for that."""
LEVEL: Final = 1
"""Of both ways: a higher one takes several times as long for a few per cent."""
PACKINGS: Final = ("zstd", "gzip")
"""The quicker and smaller one first."""
_TYPES = {GRAPHQL_JSON: f"{GRAPHQL_JSON}; charset=utf-8".encode(), JSON: JSON.encode()}


class Answer(NamedTuple):
    """What is said to a request."""

    status: int
    media: str
    body: bytes
    headers: Mapping[str, str] = {}


async def sent(answer: Answer, method: str, asked: Mapping[bytes, bytes]) -> tuple[int, Headers, bytes]:
    """Status, headers and body as they go to a client that sent the headers `asked`."""
    status, media, body, more = answer
    headers: Headers = [(b"content-type", _TYPES[media])]
    headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
    if method == "GET" and status == 200:
        # Weak: the same answer, however it is packed. To be asked about at each use, since it may have changed.
        tag = b'W/"%s"' % blake2b(body, digest_size=16).hexdigest().encode()
        headers += [(b"etag", tag), (b"cache-control", b"private, no-cache"), (b"vary", b"Accept, Accept-Encoding")]
        if _has(asked.get(b"if-none-match", b""), tag):
            return 304, headers[1:], b""
    packing = _packing(asked.get(b"accept-encoding", b"")[:LONGEST]) if len(body) >= LEAST else None
    if packing is not None:
        body = await asyncio.to_thread(packed, body, packing) if len(body) >= LARGE else packed(body, packing)
        headers.append((b"content-encoding", packing.encode()))
        if method != "GET":
            headers.append((b"vary", b"Accept, Accept-Encoding"))
    headers.append((b"content-length", str(len(body)).encode()))
    return status, headers, body


def packed(body: bytes, packing: str) -> bytes:
    """The body, packed."""
    if packing == "zstd":
        return zstandard.compress(body, LEVEL)
    packer = zlib.compressobj(LEVEL, wbits=31)
    return packer.compress(body) + packer.flush()


@lru_cache(256)
def _packing(accept: bytes) -> str | None:
    """The packing that the client likes best, the first of ours where it likes several alike; None: as it is."""
    if not accept:
        return None
    taken = weights(accept)
    anything = taken.get("*", 0.0)
    best = max(PACKINGS, key=lambda each: taken.get(each, anything))
    weight = taken.get(best, anything)
    return best if weight > 0 and weight >= taken.get("identity", 0.0) else None


def _has(header: bytes, tag: bytes) -> bool:
    return header.strip() == b"*" or tag in (each.strip() for each in header.split(b","))
