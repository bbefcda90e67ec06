"""Request bodies: unpacked, bounded in size and in time."""

import asyncio
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem

PIECE = 1 << 18
"""Unpack so much at a time: a bomb is noticed early and other requests get their turn."""
MAX_MEMBERS = 10_000
"""A gzip body may be several files joined; each costs an allocation, so their number is bounded."""
WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


async def read_body(request: Request, *, limit: int, seconds: float) -> bytes:
    """The body of a request, unpacked. Raises `Problem`: 413 past `limit` bytes (packed or not), 408 where it takes
    longer than `seconds`, 415 for an unknown Content-Encoding, 400 where the packing is broken.

    A client need not say a length: chunked gzip is read as it comes."""
    encoding = request.headers.get("content-encoding", "").strip().lower() or "identity"
    if encoding != "identity" and encoding not in WINDOW_BITS:
        message = "Content-Encoding may be gzip, deflate or identity"
        raise Problem(415, "UNSUPPORTED", message, headers={"Accept-Encoding": "gzip, deflate"})
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            if encoding == "identity":
                return await _plain(request, limit)
            return await _unpacked(request, WINDOW_BITS[encoding], limit)
    except TimeoutError:
        raise too_slow() from None


class BodyInTime:
    """Around an application that reads bodies itself: one that takes longer than `seconds` to arrive is answered 408."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        deadline = time.monotonic() + self._seconds  # the clock of the event loop
        complete = False

        async def receive_in_time() -> Message:
            nonlocal complete
            if complete:
                return await receive()  # only whether the client is still there
            arriving = receive().__await__()
            try:
                # Most bodies are there with the headers. A timer costs several calls of the system, so it is begun only
                # where there is something to wait for.
                waits_for = next(arriving)
            except StopIteration as there:
                message: Message = there.value
            else:
                try:
                    async with asyncio.timeout_at(deadline):
                        message = await _Begun(arriving, waits_for)
                except TimeoutError:
                    raise too_slow() from None
            complete = not message.get("more_body", False)
            return message

        await self._app(scope, receive_in_time, send)


class _Begun:
    """Something awaited that has run until it first waited, for `waits_for`; awaiting this goes on from there."""

    def __init__(self, begun: Generator[Any, Any, Any], waits_for: Any) -> None:
        self._begun, self._waits_for = begun, waits_for

    def __await__(self) -> Generator[Any, Any, Message]:
        waits_for = self._waits_for
        while True:
            go_on: Callable[[], Any]
            try:
                sent = yield waits_for
            except BaseException as error:
                go_on = partial(self._begun.throw, error)
            else:
                go_on = partial(self._begun.send, sent)
            try:
                waits_for = go_on()
            except StopIteration as end:
                message: Message = end.value
                return message


def too_slow() -> Problem:
    """408; the connection is no use for another request, half of this one may still come."""
    return Problem(408, "TIMEOUT", "the body took too long to arrive", headers={"Connection": "close"})


def too_large(limit: int) -> Problem:
    """413, with what is allowed."""
    return Problem(413, "TOO_LARGE", f"the body may have {limit:,} bytes, unpacked")


async def _plain(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large(limit)
    return bytes(body)


async def _unpacked(request: Request, window_bits: int, limit: int) -> bytes:
    unpacker, body, packed_bytes = Unpacker(window_bits), bytearray(), 0
    async for chunk in request.stream():
        packed_bytes += len(chunk)
        for piece in unpacker.feed(chunk):
            body += piece
            if len(body) > limit or packed_bytes > limit:
                raise too_large(limit)
            await asyncio.sleep(0)
    unpacker.finish()
    return bytes(body)


class Unpacker:
    """Unpacks a stream of gzip (several members joined are one stream) or of zlib. Raises `Problem` where it is broken."""

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._member = zlib.decompressobj(window_bits)
        self._members = 1
        self._begun = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """The unpacked pieces of the next part of the stream, each at most PIECE bytes."""
        self._begun = self._begun or bool(packed)
        while packed:
            if self._member.eof:
                packed = packed.lstrip(b"\0")  # zeros may pad what follows a member
                if not packed:
                    return
                self._member, self._members = zlib.decompressobj(self._window_bits), self._members + 1
            if self._members > MAX_MEMBERS:
                raise broken()
            try:
                piece = self._member.decompress(packed, PIECE)
            except zlib.error:
                raise broken() from None
            yield piece
            packed = self._member.unconsumed_tail or self._member.unused_data

    def finish(self) -> None:
        """Raises where the stream ends before its end is said. Nothing at all is an empty body."""
        if self._begun and not self._member.eof:
            raise broken()


def broken() -> Problem:
    """400: what arrived is no such packing."""
    return Problem(400, "BAD_INPUT", "the body is not what its Content-Encoding says, or it is cut short")
