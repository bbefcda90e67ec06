"""Spans of OpenTelemetry: one for each request, named by what it asks, and below it one for each call of the store.

Imported only where spans are sent: `api.tracing` decides. A span holds no text of a client's but the name of its operation:
no document, no variables, no ids.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import log
from api.metrics import MeteredBackend, Metrics
from api.middleware import METHODS, QUIET
from api.version import VERSION
from backends.base import LineageBackend
from backends.errors import BackendError
from schema.observed import UNREAD, Observed

LONGEST_NAME: Final = 100
"""Characters of the name of an operation; the rest is cut off."""
LAST_SECONDS: Final = 5.0
"""How long the end of the service may wait for a collector."""
_CARRIED: Final = {b"traceparent": "traceparent", b"tracestate": "tracestate"}
_OVER_SOCKET: Final = "headwater.over_socket"
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_BY_HAND: Final[dict[str, Any]] = {"record_exception": False, "set_status_on_exception": False}
"""What went wrong is noted by its class: the text of an error may hold that of a client, or of a store."""
T = TypeVar("T")


class Tracing:
    """Makes spans; `provider` says where they go."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("headwater", VERSION)

    @classmethod
    def over_otlp(cls, url: str) -> "Tracing":
        """Sends spans to a collector by OTLP over HTTP, in batches from a thread of its own; what it cannot send in time is
        dropped. The standard OTEL_ variables say the rest: service name, sampler, headers, sizes of batch and queue."""
        ours = Resource({"service.name": "headwater", "service.version": VERSION})
        provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider)

    def requests(self, app: ASGIApp, routes: frozenset[str]) -> ASGIApp:
        """The application with a span around each request, a child of what `traceparent` names. A request without one gets
        one, so that its log line has the id of the trace."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope["path"].rstrip("/") or "/" if scope["type"] == "http" else ""
            if not path or path in QUIET:
                await app(scope, receive, send)
                return
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = path if path in routes else "other"
            parent = _parent(scope)
            with self._tracer.start_as_current_span(
                f"{method} {route}",
                parent,
                SpanKind.SERVER,
                {"http.request.method": method, "http.route": route},
                **_BY_HAND,
            ) as span:
                if not trace.get_current_span(parent).get_span_context().is_valid:
                    made: dict[str, str] = {}
                    _PROPAGATOR.inject(made)
                    others = (header for header in scope["headers"] if header[0] != b"traceparent")
                    scope = {**scope, "headers": [*others, (b"traceparent", made["traceparent"].encode())]}

                async def answer(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        span.set_attribute("http.response.status_code", message["status"])
                        if message["status"] >= 500:
                            span.set_status(Status(StatusCode.ERROR))
                    await send(message)

                await app(scope, receive, answer)
                said = scope.get("state", {}).get("request_id")
                if said is not None and said != f"{span.get_span_context().trace_id:032x}":
                    span.set_attribute("headwater.request_id", said)

        return traced

    def over_socket(self, scope: Scope) -> None:
        """Begins the span of an operation that came over a socket, which is no request: of all that the task which runs it
        does from now on. `operated` ends it."""
        span = self._tracer.start_span("GraphQL Operation", _parent(scope), SpanKind.SERVER)
        context.attach(context.set_value(_OVER_SOCKET, True, trace.set_span_in_context(span)))

    def operated(self, operation: Observed) -> None:
        """Names the span of the request by the GraphQL operation that it asked for."""
        span = trace.get_current_span()
        if span.is_recording():
            _describe(span, operation)
        if context.get_value(_OVER_SOCKET):
            span.end()

    def store(self, backend: LineageBackend, metrics: Metrics) -> "TracedBackend":
        """The backend, with a span for each call that a request makes of it."""
        return TracedBackend(backend, metrics, self._tracer)

    async def close(self) -> None:
        """Sends what is left, as far as the collector takes it in time."""
        # a thread that nobody waits for: the exporter's own time-outs are longer than a service may take to end
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        await asyncio.to_thread(last.join, LAST_SECONDS)
        if last.is_alive():
            log(logging.WARNING, "traces.unsent")


class TracedBackend(MeteredBackend):
    """A metered backend with spans. What no request waits for, as the cache's look at the log, has none."""

    def __init__(self, inner: LineageBackend, metrics: Metrics, tracer: trace.Tracer) -> None:
        super().__init__(inner, metrics)
        self._tracer = tracer

    async def _timed(self, call: str, method: Callable[..., Awaitable[T]], *args: Any, **options: Any) -> T:
        if not trace.get_current_span().is_recording():
            return await super()._timed(call, method, *args, **options)
        said = {"db.system.name": self.capabilities.name, "db.operation.name": call}
        with self._tracer.start_as_current_span(call, kind=SpanKind.CLIENT, attributes=said, **_BY_HAND) as span:
            try:
                return await super()._timed(call, method, *args, **options)
            except BackendError as failure:
                span.set_attribute("error.type", type(failure).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise


def _parent(scope: Scope) -> context.Context:
    """What the caller names as the span that asks, if it does."""
    return _PROPAGATOR.extract(
        {_CARRIED[name]: value.decode("latin-1") for name, value in scope["headers"] if name in _CARRIED}
    )


def _describe(span: trace.Span, operation: Observed) -> None:
    if operation.kind == UNREAD:
        span.update_name("GraphQL Operation")
    else:
        span.update_name(operation.kind)
        span.set_attribute("graphql.operation.type", operation.kind)
    if operation.name:
        span.set_attribute("graphql.operation.name", operation.name[:LONGEST_NAME])
    if operation.codes:
        span.set_attribute("headwater.error.codes", sorted(set(operation.codes)))
        span.set_status(Status(StatusCode.ERROR))
