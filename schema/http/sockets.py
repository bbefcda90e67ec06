"""GraphQL over WebSockets: the protocol graphql-transport-ws, and no other. The older one, which calls itself `graphql-ws`,
is refused."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import orjson
from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType

from schema.errors import ApiError, Code, present
from schema.http.documents import Texts
from schema.http.requests import Malformed, Posed, headers_of, read_posed, to_json
from schema.http.streams import ContextOf, Streams, is_refusal, told
from schema.service import LineageSchema

PROTOCOL: Final = "graphql-transport-ws"
LONGEST_ID: Final = 200
_ANY = frozenset(OperationType)

Admit: TypeAlias = Callable[[Scope, Mapping[str, Any]], None]
"""Given a connection and the payload of its `connection_init`; raises `ApiError` where it is not let in."""


class Sockets:
    """An ASGI application for the WebSockets of one address."""

    def __init__(
        self, schema: LineageSchema, context_of: ContextOf, admit: Admit, streams: Streams, texts: Texts | None = None
    ) -> None:
        self.schema, self.context_of, self.admit, self.streams = schema, context_of, admit, streams
        self.texts = texts or Texts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        headers = headers_of(scope)
        if not self._is_ours(headers):
            await _refuse(scope, send, 403, "pages of this origin may not connect: see HEADWATER_ORIGINS")
            return
        try:
            self.streams.check()
        except ApiError as refused:
            await _refuse(scope, send, 503, refused.message)
            return
        with self.streams.entered("websocket"), suppress(OSError):  # the client is gone
            await _Socket(self, scope, headers, receive, send).serve()

    def _is_ours(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether it is no page of another site that a browser has open."""
        origin = headers.get(b"origin", b"").decode("latin-1")
        allowed = self.streams.bounds.origins
        if not origin or origin in allowed or "*" in allowed:
            return True
        return urlsplit(origin).netloc == headers.get(b"host", b"").decode("latin-1")


async def _refuse(scope: Scope, send: Send, status: int, words: str) -> None:
    """Answers the request for a socket with a status, where the server can."""
    if "websocket.http.response" in scope.get("extensions", {}):
        given = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "websocket.http.response.start", "status": status, "headers": given})
        await send({"type": "websocket.http.response.body", "body": words.encode()})
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": words})


class _Closed(Exception):
    """The socket is to be closed, with a code and words of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class _Left(Exception):
    """The client closed the socket."""


class _Socket:
    """One socket from its beginning to its end."""

    def __init__(self, app: Sockets, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> None:
        self._app, self._scope, self._headers, self._receive, self._send = app, scope, headers, receive, send
        self._bounds = app.streams.bounds
        self._is_acknowledged = False
        self._running: dict[str, asyncio.Task[None]] = {}
        self._main = asyncio.current_task()
        self._is_stuck = False

    async def serve(self) -> None:
        """Returns once the socket is closed."""
        closed: _Closed | None = None
        try:
            await self._talk()
        except _Closed as closing:
            closed = closing
        except _Left:
            pass
        except asyncio.CancelledError:
            if self._is_stuck and self._main is not None:
                self._main.uncancel()  # nothing can be sent any more: whoever serves us drops the connection
            elif self._app.streams.is_goodbye():
                closed = _Closed(1001, "the service ends")
            else:
                raise
        finally:
            await self._stop()
        if closed is not None:
            await self._close(closed.code, closed.reason)

    async def _talk(self) -> None:
        """Takes what comes. Raises `_Closed`, `_Left`."""
        if PROTOCOL not in self._scope["subprotocols"]:
            await self._send({"type": "websocket.accept"})
            raise _Closed(4406, "Subprotocol not acceptable")
        await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        try:
            async with asyncio.timeout(self._bounds.init):
                while not self._is_acknowledged:
                    await self._take(await self._next())
        except TimeoutError:
            raise _Closed(4408, "Connection initialisation timeout") from None
        while True:
            await self._take(await self._next())

    async def _stop(self) -> None:
        running = list(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _close(self, code: int, reason: str) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._bounds.send):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def _next(self) -> Mapping[str, Any]:
        """The next message. Raises `_Closed` for what is none, `_Left`."""
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            raise _Left
        text = event.get("text")
        if text is None:
            raise _Closed(4400, "Invalid message: text is expected")
        if len(text) > self._bounds.message:
            raise _Closed(4400, f"Invalid message: more than {self._bounds.message:,} bytes")
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise _Closed(4400, "Invalid message: it is not JSON") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise _Closed(4400, "Invalid message: an object with a type is expected")
        return message

    async def _take(self, message: Mapping[str, Any]) -> None:
        payload = message.get("payload")
        match message["type"]:
            case "connection_init":
                await self._init(payload)
            case "ping":
                await self._say({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})
            case "pong":
                pass
            case "subscribe":
                self._subscribe(message.get("id"), payload)
            case "complete":
                task = self._running.pop(str(message.get("id")), None)
                if task is not None:
                    task.cancel()
            case other:
                raise _Closed(4400, f"Invalid message: there is no type {other[:30]!r}")

    async def _init(self, payload: Any) -> None:
        if self._is_acknowledged:
            raise _Closed(4429, "Too many initialisation requests")
        if payload is not None and not isinstance(payload, dict):
            raise _Closed(4400, "Invalid message: the payload is an object")
        try:
            self._app.admit(self._scope, payload or {})
        except ApiError:
            raise _Closed(4403, "Forbidden") from None
        self._is_acknowledged = True
        await self._say({"type": "connection_ack"})

    def _subscribe(self, name: Any, payload: Any) -> None:
        if not self._is_acknowledged:
            raise _Closed(4401, "Unauthorized")
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_ID or not isinstance(payload, dict):
            raise _Closed(4400, "Invalid message: subscribe has an id and a payload")
        if name in self._running:
            raise _Closed(4409, f"Subscriber for {name[:60]} already exists")
        posed: Posed | ApiError
        try:
            posed = read_posed(payload, self._app.texts, _ANY)
        except Malformed as wrong:
            raise _Closed(4400, f"Invalid message: {wrong.error.message}"[:100]) from None
        except ApiError as refused:
            posed = refused
        if len(self._running) >= self._bounds.operations:
            words = f"{self._bounds.operations:,} operations are under way on this socket, and no more are taken"
            posed = ApiError(Code.UNAVAILABLE, words)
        # A refusal is told by a task too, so that a client that reads nothing cannot make this wait.
        task = self._running[name] = asyncio.create_task(self._operate(name, posed))
        if len(self._running) > 2 * self._bounds.operations:
            raise _Closed(4400, "Invalid message: too many operations")
        task.add_done_callback(_look)

    async def _operate(self, name: str, posed: Posed | ApiError) -> None:
        """Runs one operation and tells what comes of it."""
        last: dict[str, Any] = {"id": name, "type": "complete"}
        try:
            if isinstance(posed, ApiError):
                raise posed
            context = await self._app.context_of(self._scope, self._headers)
            answers = self._app.schema.answers(posed.query, posed.variables, context, posed.operation)
            async with aclosing(answers):
                async for answer in answers:
                    if is_refusal(answer):
                        last = {"id": name, "type": "error", "payload": [each.formatted for each in answer.errors or ()]}
                        break
                    await self._say({"id": name, "type": "next", "payload": told(answer)})
        except OSError:
            return  # the client is gone, and the main task learns it too
        except Exception as error:
            shown = present(GraphQLError(str(error), original_error=error))
            last = {"id": name, "type": "error", "payload": [shown.formatted]}
        finally:
            if self._running.get(name) is asyncio.current_task():
                del self._running[name]
        with suppress(OSError):
            await self._say(last)

    async def _say(self, message: Mapping[str, Any]) -> None:
        """Sends a message. A client that does not take it in time is cut."""
        try:
            async with asyncio.timeout(self._bounds.send):
                await self._send({"type": "websocket.send", "text": to_json(message).decode()})
        except TimeoutError:
            if asyncio.current_task() is self._main:
                raise _Left from None
            self._is_stuck = True
            assert self._main is not None
            self._main.cancel()
            raise OSError("the client does not read") from None


def _look(task: asyncio.Task[None]) -> None:
    """What ends the task otherwise than foreseen is the socket's end, which is told where it is seen."""
    if not task.cancelled():
        task.exception()
