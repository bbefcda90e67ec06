"""Bodies: unpacked as they come, and bounded before they hurt."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Iterable

import pytest
from starlette.requests import Request
from starlette.types import Message

from api.body import MAX_MEMBERS, read_body
from api.problems import Problem

LIMIT = 100_000


async def read(chunks: Iterable[bytes], encoding: str | None = None, *, length: int | None = None) -> bytes:
    """What `read_body` makes of these chunks, told of a length or not."""
    headers = [(b"content-encoding", encoding.encode())] if encoding is not None else []
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    messages = _messages(list(chunks))

    async def receive() -> Message:
        return await anext(messages)

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)
    return await read_body(request, limit=LIMIT, seconds=30)


async def _messages(chunks: list[bytes]) -> AsyncIterator[Message]:
    for chunk in chunks:
        yield {"type": "http.request", "body": chunk, "more_body": True}
    yield {"type": "http.request", "body": b"", "more_body": False}


def bytewise(text: bytes) -> list[bytes]:
    return [text[at : at + 1] for at in range(len(text))]


TEXT = b'{"a": "' + bytes(range(32, 127)).replace(b'"', b"") * 40 + b'"}'


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZip", " gzip "])
async def test_gzip_is_unpacked_wherever_it_is_cut(encoding: str) -> None:
    packed = gzip.compress(TEXT)
    assert await read([packed], encoding) == TEXT
    assert await read(bytewise(packed), encoding) == TEXT
    assert await read([b"", packed[:7], b"", packed[7:], b""], encoding, length=len(packed)) == TEXT


async def test_deflate_and_identity_and_nothing_are_read() -> None:
    assert await read([zlib.compress(TEXT)], "deflate") == TEXT
    assert await read([TEXT], "identity") == TEXT
    assert await read([TEXT[:9], TEXT[9:]]) == TEXT
    assert await read([TEXT], "") == TEXT
    assert await read([], "gzip") == b""


async def test_gzip_members_joined_are_one_body() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 8
    assert await read([packed], "gzip") == b"one two"
    assert await read(bytewise(packed), "gzip") == b"one two"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "nonsense"])
async def test_an_unknown_encoding_is_415_and_says_which_are_known(encoding: str) -> None:
    with pytest.raises(Problem) as raised:
        await read([b"x"], encoding)
    assert raised.value.status == 415
    assert raised.value.headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(TEXT)[:-1],
        gzip.compress(TEXT)[:20],
        gzip.compress(TEXT) + b"tail",
        TEXT,
        b"\x1f",
        gzip.compress(TEXT)[:-8] + b"\0" * 8,
    ],
    ids=["no end", "cut early", "garbage after", "not packed", "one byte", "wrong checksum"],
)
async def test_a_broken_packing_is_400(packed: bytes) -> None:
    with pytest.raises(Problem) as raised:
        await read([packed], "gzip")
    assert raised.value.status == 400


@pytest.mark.parametrize(
    ("chunks", "encoding", "length"),
    [
        ([b"x" * (LIMIT + 1)], None, None),
        ([b"x" * 60_000] * 2, None, None),
        ([b"x"], None, LIMIT + 1),
        ([gzip.compress(b"x" * (LIMIT + 1))], "gzip", None),
        ([gzip.compress(b"x" * 50_000_000)], "gzip", None),
        ([gzip.compress(b"x" * 60_000)] * 2, "gzip", None),
        ([gzip.compress(b"") * 6_000], "gzip", None),
    ],
    ids=["too long", "too long in parts", "too long by its own word", "unpacked", "bomb", "bomb of two members", "padding"],
)
async def test_too_much_is_413(chunks: list[bytes], encoding: str | None, length: int | None) -> None:
    with pytest.raises(Problem) as raised:
        await read(chunks, encoding, length=length)
    assert raised.value.status == 413


async def test_what_just_fits_is_taken() -> None:
    assert len(await read([b"x" * LIMIT])) == LIMIT
    assert len(await read([gzip.compress(b"x" * LIMIT)], "gzip")) == LIMIT


async def test_very_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_MEMBERS > 100
    monkeypatch.setattr("api.body.MAX_MEMBERS", 100)
    with pytest.raises(Problem) as raised:
        await read([gzip.compress(b"") * 101], "gzip")
    assert raised.value.status == 400
    assert await read([gzip.compress(b"") * 100], "gzip") == b""


async def test_a_body_that_dribbles_is_408() -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, never)
    with pytest.raises(Problem) as raised:
        await read_body(request, limit=LIMIT, seconds=0.01)
    assert raised.value.status == 408
