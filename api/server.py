"""Runs the application under uvicorn: the port first, then the store, then the doors open; and all of it back at the end."""

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import FrameType
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from api.heads import bounded
from api.health import Health
from api.settings import Settings

ABORTED: Final = 15.0
"""Seconds after its end until a socket is dropped; it has closed by itself before, unless its client does not read."""

ALLOCATIONS: Final = 10_000
"""Objects made and not yet freed, at which the collector looks for cycles. An answer makes thousands, and frees them."""


class PortInUse(Exception):
    """The address cannot be listened on, and why."""


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to that address, before anything slow or costly happens. Raises `PortInUse`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PortInUse(f"cannot listen on {host}: {error.strerror or error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Two servers may bind one address with SO_REUSEADDR as long as neither listens: so listen here.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        hint = "; HEADWATER_PORT or --port takes another" if error.errno == errno.EADDRINUSE else ""
        raise PortInUse(f"cannot listen on {host} port {port}: {error.strerror or error}{hint}") from None
    listener.set_inheritable(True)
    return listener


class Socket(WebSocketsSansIOProtocol):
    """Uvicorn's WebSocket, but once the application is done with it it is gone in time, whether the client reads or not."""

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.loop.call_later(ABORTED, self.transport.abort)


class Server(uvicorn.Server):
    """Uvicorn's server, but it drains before it closes, says when it listens, and ends with status 0 when told to stop."""

    def __init__(
        self,
        config: uvicorn.Config,
        health: Health,
        drain_seconds: float,
        announce: Callable[[], None],
        goodbye: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(config)
        self._health, self._drain_seconds, self._announce, self._goodbye = health, drain_seconds, announce, goodbye

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Says goodbye on the connections that stay open first: else they would be waited for."""
        for listener in self.servers:
            listener.close()
        await self._goodbye()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: not ready, and closed after the drain. Second: closed at once. Third, by Ctrl-C: without waiting.

        Unlike uvicorn's it does not raise the signal again afterwards, so a service stopped by its user exits with 0."""
        if self._health.draining:
            self.force_exit = self.should_exit and sig == signal.SIGINT
            self.should_exit = True
            return
        self._health.draining = True
        if self._drain_seconds and self.started:
            self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_seconds, self._close)
        else:
            self.should_exit = True

    def _close(self) -> None:
        self.should_exit = True


class _Opened:
    """In place of uvicorn's lifespan: what it would open is open already, so that its failures are ours to report."""

    should_exit = False

    def __init__(self, stack: AsyncExitStack, state: dict[str, Any]) -> None:
        self._stack, self.state = stack, state

    async def startup(self) -> None:
        return None

    async def shutdown(self) -> None:
        await self._stack.aclose()


def settle() -> None:
    """What this process has made by now stays as long as it does: the collector shall not look through it again and again.

    That was a third of the time of an answer with a thousand nodes (`python -m benchmarks.lists`)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, 10, 10)


async def serve(app: Starlette, settings: Settings, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Serves until told to stop. `announce` is called once connections are taken. Raises what opening the store raises."""
    config = uvicorn.Config(
        app,
        http=bounded(settings.body_seconds, settings.max_query_bytes),
        ws=Socket,
        ws_max_size=settings.max_query_bytes,
        ws_ping_timeout=settings.stream_seconds,
        ws_per_message_deflate=False,  # it would keep tens of thousands of bytes for each socket
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # X-Forwarded-For would say who asks, and anyone can send it
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    config.load()
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(app.router.lifespan_context(app))
        config.lifespan_class = lambda _: _Opened(stack, dict(state or {}))
        state_of = app.state
        settle()
        await Server(config, state_of.health, settings.drain_seconds, announce, state_of.streams.close).serve(
            sockets=[listener]
        )
