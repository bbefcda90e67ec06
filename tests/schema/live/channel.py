"""A connection to an application without a network: what the server would pass on, and what it would send."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Scope

from backends.base import LineageBackend
from schema.context import Context, Costs
from schema.errors import ApiError, Code
from schema.http.app import GraphQLApp
from schema.http.events import Events
from schema.http.sockets import PROTOCOL, Sockets
from schema.http.streams import Bounds, Streams
from schema.live.hub import Live
from tests.schema.live.client import PATIENCE
from tests.schema.live.test_random import Named
from tests.schema.world import World

KEY = "Bearer of this test"


class Channel:
    """What goes to the application and what comes back. `is_stuck`: nothing is taken any more."""

    def __init__(self) -> None:
        self.inward: asyncio.Queue[Message] = asyncio.Queue()
        self.outward: asyncio.Queue[Message] = asyncio.Queue()
        self.is_stuck = False
        self.task: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> None:
        if self.is_stuck:
            await asyncio.Event().wait()
        self.outward.put_nowait(message)

    def say(self, **message: Any) -> None:
        self.inward.put_nowait({"type": "websocket.receive", "text": orjson.dumps(message).decode()})

    def leave(self) -> None:
        self.inward.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def next(self) -> Message:
        """What the application sends next."""
        async with asyncio.timeout(PATIENCE):
            return await self.outward.get()

    async def hear(self) -> Any:
        """The next message: its content, or the code that the socket is closed with."""
        message = await self.next()
        if message["type"] == "websocket.close":
            return message["code"]
        assert message["type"] == "websocket.send", message
        return orjson.loads(message["text"])

    async def ended(self) -> None:
        """Waits until the application is done with it."""
        assert self.task is not None
        async with asyncio.timeout(PATIENCE):
            await self.task


class Service:
    """An application over a world of its own. Sockets are let in with KEY, or with no payload at all."""

    def __init__(self, world: World, live: Live, **bounds: Any) -> None:
        self.world, self.live = world, live
        self.streams = Streams(Bounds(**bounds))
        self.channels: list[Channel] = []

        async def context_of(scope: Scope, headers: Mapping[bytes, bytes]) -> Context:
            return Context(world.store, world.writer, world.costs, live=live)

        def admit(scope: Scope, payload: Mapping[str, Any]) -> None:
            if payload and payload.get("Authorization") != KEY:
                raise ApiError(Code.UNAUTHENTICATED, "no")

        self.sockets = Sockets(world.schema, context_of, admit, self.streams)
        events = Events(world.schema, context_of, self.streams)
        self.requests = GraphQLApp(world.schema, context_of, events=events)

    def _begin(self, app: ASGIApp, scope: Scope) -> Channel:
        channel = Channel()
        channel.task = asyncio.create_task(app({"state": {}, **scope}, channel.inward.get, channel.send))  # type: ignore[arg-type]
        self.channels.append(channel)
        return channel

    async def socket(self, *, subprotocols: tuple[str, ...] = (PROTOCOL,), **headers: str) -> Channel:
        """A socket as it is opened; see `opened` for one that is acknowledged."""
        given = [(b"host", b"here.example"), *((name.encode(), value.encode()) for name, value in headers.items())]
        scope = {"type": "websocket", "headers": given, "subprotocols": list(subprotocols)}
        channel = self._begin(self.sockets, scope | {"extensions": {"websocket.http.response": {}}})
        channel.inward.put_nowait({"type": "websocket.connect"})
        return channel

    async def opened(self) -> Channel:
        channel = await self.socket()
        assert (await channel.next())["type"] == "websocket.accept"
        channel.say(type="connection_init")
        assert await channel.hear() == {"type": "connection_ack"}
        return channel

    def request(self, body: Any = None, *, accept: str = "text/event-stream", query: bytes = b"") -> Channel:
        """A request over HTTP: POST with a body, else GET."""
        headers = [(b"accept", accept.encode()), (b"content-type", b"application/json")]
        method = "GET" if body is None else "POST"
        scope = {"type": "http", "method": method, "path": "/graphql", "headers": headers, "query_string": query}
        channel = self._begin(self.requests, scope)
        channel.inward.put_nowait({"type": "http.request", "body": orjson.dumps(body) if body is not None else b""})
        return channel


@asynccontextmanager
async def served(*lines: str, backend: LineageBackend | None = None, **bounds: Any) -> AsyncIterator[Service]:
    world = await World(backend or Named()).lines(*lines)
    async with Live(world.store, Costs()) as live:
        service = Service(world, live, **bounds)
        try:
            yield service
        finally:
            for channel in service.channels:
                if channel.task is not None and not channel.task.done():
                    channel.task.cancel()
                    await asyncio.wait({channel.task})
        assert live.subscriptions == 0
        assert service.streams.opened["websocket"] == service.streams.opened["sse"] == 0
