"""Scripts to a Gremlin server and back, over a few WebSockets.

A script is constant text; what varies is one binding, `data`: a JSON document, compressed where it is large. So no input
ever becomes Gremlin, and the server compiles each script once. Answers are a few long texts and byte buffers, since it is
their number that costs the driver, not their size. Of gremlinpython the messages are used and not the client, which runs
an event loop of its own and two threads for each connection; what takes long to pack or decode is done in threads of ours.
"""

import asyncio
import logging
import ssl
import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar
from uuid import uuid4

import aiohttp
import orjson
from gremlin_python.driver.request import RequestMessage  # type: ignore[import-untyped]
from gremlin_python.driver.serializer import GraphBinarySerializersV1  # type: ignore[import-untyped]

from backends.errors import Misconfigured, Rejected, TimedOut, Unavailable
from backends.gremlin_errors import error_of, translated
from backends.gremlin_settings import Settings
from backends.model import Json

T = TypeVar("T")
Answer: TypeAlias = list[Any]
Hook: TypeAlias = Callable[[str, float], None]
Socket: TypeAlias = aiohttp.ClientWebSocketResponse

COMPRESSED: Final = 16_384
"""Bytes of `data` from which on it is sent compressed."""
FEW: Final = 20_000
"""Values and characters, about, that are packed on the event loop; more take a thread."""
LARGE: Final = 65_536
"""Characters of an answer from which on it is decoded in a thread."""
FRAME: Final = 2**31 - 1
"""Bytes of an answer's frame at most; an answer is few texts, and the server cuts no text."""
GRACE: Final = 1.0
"""Seconds the server has to say that the time is up, before we hang up."""
WORKERS: Final = 2
DONE, MORE, NOTHING, WHO = 200, 206, 204, 407
"""Status codes of answers: whole, in part, empty, and asked who we are."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Statement:
    """A script by its name, and what is asked of it: its bindings are `data`, as JSON, and `change`, a text that is packed
    already. `writes`: it is not sent again when the connection breaks."""

    name: str
    script: str
    data: Mapping[str, Json] = field(default_factory=dict)
    change: str = ""
    writes: bool = False


class HungUp(aiohttp.ClientError):
    """The server closed the connection."""


def packed(data: Mapping[str, Json]) -> str:
    """The text that scripts read with `opened`: JSON, or its zlib form in base64 (which begins with `e`, not with `{`)."""
    text = orjson.dumps(data)
    return text.decode() if len(text) < COMPRESSED else b64encode(zlib.compress(text, 1)).decode()


def _size(value: Json) -> int:
    """About how many values there are in a JSON value, two levels down."""
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    return len(value) if isinstance(value, list | tuple | str) else 1


class Wire:
    """Runs statements. Use between `open` and `close`. `hook` is called with each statement's name and seconds."""

    def __init__(self, settings: Settings, hook: Hook | None = None) -> None:
        self.settings = settings
        self.hook = hook
        self._tls: ssl.SSLContext | None = None
        self._session: aiohttp.ClientSession | None = None
        self._room = asyncio.Semaphore(settings.pool)
        self._idle: list[Socket] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self._workers: ThreadPoolExecutor | None = None
        self._serializer = GraphBinarySerializersV1()

    async def open(self) -> None:
        """Connections are made when needed. Raises `Misconfigured`."""
        if self.settings.tls:
            self._tls = await asyncio.to_thread(_tls, self.settings)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        self._workers = ThreadPoolExecutor(WORKERS, "gremlin")

    async def close(self) -> None:
        session, self._session = self._session, None
        idle, self._idle = self._idle, []
        for socket in idle:
            self._leave(socket)
        await asyncio.gather(*self._leaving)
        if session is not None:
            await session.close()
        workers, self._workers = self._workers, None
        if workers is not None:
            await asyncio.to_thread(workers.shutdown)

    async def run(self, statement: Statement, decode: Callable[[Answer], T], *, within: float | None = None) -> T:
        """The answer, decoded. `within` seconds from now, `Settings.timeout` unless said.

        A read whose connection turns out to be broken is sent once more over a new one. Raises `Unavailable`, `TimedOut`,
        `Rejected` (larger than a frame), `Misconfigured` (refused credentials), `ScriptFailed`."""
        began = time.monotonic()
        until = began + (self.settings.timeout if within is None else within)
        try:
            async with asyncio.timeout(until - began):
                await self._room.acquire()
        except TimeoutError:
            raise TimedOut("all connections to the store are in use") from None
        try:
            answer = await self._ask(statement, until)
        finally:
            self._room.release()
            took = time.monotonic() - began
            log.debug("backend.query", extra={"statement": statement.name, "duration_ms": round(took * 1000, 2)})
            if self.hook is not None:
                self.hook(statement.name, took)
        if sum(len(part) for part in answer if isinstance(part, str | bytes)) < LARGE:
            return decode(answer)
        return await self.apart(lambda: decode(answer))

    async def apart(self, work: Callable[[], T]) -> T:
        """What takes long, in a thread."""
        if self._workers is None:
            raise Unavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    async def _ask(self, statement: Statement, until: float) -> Answer:
        small = _size(statement.data) < FEW
        data = packed(statement.data) if small else await self.apart(lambda: packed(statement.data))
        size = len(data) + len(statement.change) + len(statement.script) + 1_000
        if size > self.settings.frame:
            raise Rejected(f"a request of {size} bytes is more than `frame` allows ({self.settings.frame})")
        try:
            async with asyncio.timeout(until - time.monotonic() + GRACE):
                while self._idle:
                    socket = self._idle.pop()
                    if socket.closed:
                        continue
                    try:
                        return await self._exchange(socket, statement, data, until)
                    except (aiohttp.ClientError, OSError):
                        # It may have been hung up long ago; a new one tells whether the server is there.
                        if statement.writes:
                            raise
                return await self._exchange(await self._connect(), statement, data, until)
        except TimeoutError as error:
            raise TimedOut("the store did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from error

    async def _connect(self) -> Socket:
        if self._session is None:
            raise Unavailable("the store is closed")
        timeout = aiohttp.ClientWSTimeout(ws_close=GRACE)
        address, tls = self.settings.address, self._tls if self._tls is not None else True
        return await self._session.ws_connect(address, max_msg_size=FRAME, timeout=timeout, ssl=tls)

    async def _exchange(self, socket: Socket, statement: Statement, data: str, until: float) -> Answer:
        """One request and its answer. The connection is kept for the next, unless this one was given up on its way."""
        request = str(uuid4())
        arguments = {
            "gremlin": statement.script,
            "aliases": {"g": self.settings.source},
            "bindings": {"data": data, "change": statement.change},
            "evaluationTimeout": max(1, int((until - time.monotonic()) * 1000)),
        }
        whole = False
        try:
            await socket.send_bytes(self._serializer.serialize_message(request, RequestMessage("", "eval", arguments)))
            code, status, answer = await self._receive(socket, request)
            whole = True
        finally:
            if whole and self._session is not None:
                self._idle.append(socket)
            else:
                self._leave(socket)
        if code not in (DONE, NOTHING):
            raise error_of(code, status)
        return answer

    async def _receive(self, socket: Socket, request: str) -> tuple[int, Mapping[str, Json], Answer]:
        answer: Answer = []
        while True:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.CLOSE and message.data == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                raise Misconfigured("the server takes no such request: raise its maxContentLength, or lower `frame`")
            if message.type is not aiohttp.WSMsgType.BINARY:
                raise HungUp("the server closed the connection")
            said = self._serializer.deserialize_message(message.data)
            if said["requestId"] not in (request, None) and str(said["requestId"]) != request:
                continue
            code = int(said["status"]["code"])
            if code == WHO and self.settings.user:
                await socket.send_bytes(self._serializer.serialize_message(request, self._credentials()))
                continue
            answer += said["result"]["data"] or ()
            if code != MORE:
                return code, said["status"]["attributes"] or {}, answer

    def _credentials(self) -> RequestMessage:
        plain = b"\0".join((b"", self.settings.user.encode(), self.settings.password.encode()))
        return RequestMessage("traversal", "authentication", {"sasl": b64encode(plain).decode()})

    def _leave(self, socket: Socket) -> None:
        """Hangs up without waiting for it."""

        async def leave() -> None:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await socket.close()

        task = asyncio.ensure_future(leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


def _tls(settings: Settings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if settings.ca is None else str(settings.ca))
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"the certificates in {settings.ca} cannot be read") from error
