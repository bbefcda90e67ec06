"""Around every request: an id, a log line, the metrics, and an answer without a stack trace whatever happens."""

import logging
import re
import time
from collections.abc import Mapping
from random import getrandbits

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import LOGGER, log
from api.metrics import Metrics
from api.problems import RETRY_AFTER, Problem, internal
from schema.http.requests import headers_of

QUIET = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})
"""Asked every few seconds by machines: logged only where they fail, or at level debug."""
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
BUSY = Problem(503, "UNAVAILABLE", "too many requests at a time; try again", headers=RETRY_AFTER)
GONE = 499
"""What is noted where the client left before its answer; nobody receives it."""
_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")


class Observe:
    """Middleware: gives each request an id (`request.state.request_id`, header X-Request-Id), logs and measures it, and
    turns away those past `max_requests` at a time, health and metrics excepted. A stream of events is none of these once
    it has begun: then its state says `lasting`."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: frozenset[str], max_requests: int) -> None:
        self._app, self._metrics, self._routes, self._max_requests = app, metrics, routes, max_requests
        self._in_flight = 0
        metrics.in_flight.set_function(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = correlation_id(headers_of(scope))
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        status, counted = 0, 1
        start = time.perf_counter()

        async def answer(message: Message) -> None:
            nonlocal status, counted
            if message["type"] == "http.response.start":
                status = message["status"]
                if "lasting" in state:  # it may be open for days, and none of those that are to be answered
                    self._in_flight -= counted
                    counted = 0
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        self._in_flight += 1
        try:
            if self._in_flight > self._max_requests and scope["path"].rstrip("/") not in QUIET:
                await BUSY.response()(scope, receive, answer)
            else:
                await self._app(scope, receive, answer)
        except ClientDisconnect:
            status = status or GONE
        except Exception as failure:
            log(logging.ERROR, "http.fault", failure=failure, request_id=request_id)
            if not status:
                await internal().response()(scope, receive, answer)
        finally:
            self._in_flight -= counted
            self._note(scope, request_id, status or GONE, time.perf_counter() - start)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A line when it ends: the status that refused it, else the code that it was closed with by whoever did."""
        request_id = correlation_id(headers_of(scope))
        scope.setdefault("state", {})["request_id"] = request_id
        status, code = 0, None
        start = time.perf_counter()

        async def hear() -> Message:
            nonlocal code
            message = await receive()
            if message["type"] == "websocket.disconnect" and code is None:
                code = message.get("code")
            return message

        async def answer(message: Message) -> None:
            nonlocal status, code
            match message["type"]:
                case "websocket.accept":
                    status = 101
                case "websocket.http.response.start":
                    status = message["status"]
                case "websocket.close":
                    code = message.get("code")
            await send(message)

        try:
            await self._app(scope, hear, answer)
        finally:
            ended = {"path": scope["path"][:200], "status": status or 403, "code": code}
            seconds = time.perf_counter() - start
            log(logging.INFO, "http.socket", request_id=request_id, **ended, duration_ms=round(seconds * 1000, 2))

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        path = scope["path"].rstrip("/") or "/"
        route = path if path in self._routes else "other"
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.answered(route, method, status, seconds)
        level = logging.DEBUG if route in QUIET and status < 400 else logging.INFO
        if not LOGGER.isEnabledFor(level):
            return
        # The path without its query string: a GraphQL GET has its variables there.
        fields = {"method": scope["method"][:16], "path": scope["path"][:200], "status": status}
        log(level, "http.request", request_id=request_id, **fields, duration_ms=round(seconds * 1000, 2))


def correlation_id(headers: Mapping[bytes, bytes]) -> str:
    """The id a caller gave its request (X-Request-Id, else the trace of traceparent), or a new one."""
    if (given := headers.get(b"x-request-id")) is not None and _ID.fullmatch(given):
        return given.decode()
    if (given := headers.get(b"traceparent")) is not None and (trace := _TRACEPARENT.fullmatch(given)):
        return trace[1].decode()
    return f"{getrandbits(128):032x}"
