"""What Prometheus reads. One `Metrics` per application, with a registry of its own."""

import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from backends.base import LineageBackend
from backends.changes import Changes, Cursor, LogPage, NodeFilter, NodePage, Order, Page, ScanPage, TopologyPage
from backends.errors import BackendError
from backends.model import Capabilities, EdgeKey, Epoch, Json, Records, Subgraph, Traversal

T = TypeVar("T")
UNNAMED, OTHER = "unnamed", "other"
LONGEST_NAME = 100
"""Characters of the name of an operation that metrics take."""
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """All instruments. Labels take few values each: routes, statuses, codes; never ids or text of a client, and of the names
    of operations, which are theirs, only so many as `Names` lets through."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry(auto_describe=True)
        self.requests = Counter(
            "headwater_http_requests", "Requests answered", ["route", "method", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "headwater_http_request_seconds", "How long requests took", ["route"], buckets=BUCKETS, registry=registry
        )
        self.in_flight = Gauge("headwater_http_requests_in_flight", "Requests being answered", registry=registry)
        self.events_accepted = Counter("headwater_events_accepted", "Events stored", ["kind"], registry=registry)
        self.events_refused = Counter("headwater_events_refused", "Events refused", ["kind", "code"], registry=registry)
        self.events_pending = Gauge("headwater_events_pending", "Posted events not yet stored or refused", registry=registry)
        self.set_aside = Counter(
            "headwater_facets_set_aside", "Facets and names left out of accepted events", ["part"], registry=registry
        )
        self.operations = Counter(
            "headwater_graphql_operations", "GraphQL operations answered", ["type", "name"], registry=registry
        )
        self.operation_seconds = Histogram(
            "headwater_graphql_seconds",
            "How long GraphQL operations took",
            ["type", "name"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.operation_errors = Counter("headwater_graphql_errors", "GraphQL errors answered", ["code"], registry=registry)
        self.fallbacks = Counter(
            "headwater_graphql_fallbacks",
            "GraphQL operations that the compiled executor left to the general one",
            ["reason"],
            registry=registry,
        )
        self.untrusted = Counter(
            "headwater_graphql_untrusted_documents",
            "GraphQL requests with a document that is none of the manifest",
            registry=registry,
        )
        self.backend_seconds = Histogram(
            "headwater_backend_call_seconds",
            "How long calls of the store took",
            ["call"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.backend_errors = Counter(
            "headwater_backend_errors", "Calls of the store that failed", ["call", "error"], registry=registry
        )
        self.epoch = Gauge("headwater_epoch", "Position in the topology log", registry=registry)
        self.watermark = Gauge(
            "headwater_watermark_seconds", "Time of the newest event included, Unix time", registry=registry
        )
        self._answered: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        self._calls: dict[str, Any] = {}
        self._operations: dict[tuple[str, str], tuple[Any, Any]] = {}
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts a request. To look an instrument up by its labels takes longer than to use it, so what was met is kept."""
        labels = (route, method, status)
        if labels not in self._answered:
            self._answered[labels] = (self.requests.labels(*labels), self.request_seconds.labels(route))
        count, histogram = self._answered[labels]
        count.inc()
        histogram.observe(seconds)

    def operated(self, kind: str, name: str, seconds: float) -> None:
        """Counts a GraphQL operation. `name` is one of few: see `Names`."""
        labels = (kind, name)
        if labels not in self._operations:
            self._operations[labels] = (self.operations.labels(*labels), self.operation_seconds.labels(*labels))
        count, histogram = self._operations[labels]
        count.inc()
        histogram.observe(seconds)

    def called(self, call: str, seconds: float) -> None:
        """Counts a call of the store."""
        if call not in self._calls:
            self._calls[call] = self.backend_seconds.labels(call)
        self._calls[call].observe(seconds)


class Names:
    """The names of operations that metrics tell apart: the first `limit` that come. Clients choose them, so without a bound
    they could fill the memory of whoever keeps the metrics."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._told: set[str] = set()

    def label(self, name: str, *, trusted: bool = True) -> str:
        """The name as metrics have it. `trusted`: whether it may be a new one."""
        if name in self._told:
            return name
        if not name:
            return UNNAMED
        if not trusted or len(self._told) >= self._limit or len(name) > LONGEST_NAME:
            return OTHER
        self._told.add(name)
        return name


def event_kind(event: Json) -> str:
    """run, job or dataset as OpenLineage tells them apart, else unknown."""
    if isinstance(event, dict):
        return next((kind for kind in ("run", "dataset", "job") if kind in event), "unknown")
    return "unknown"


class MeteredBackend(LineageBackend):
    """A backend around a backend that times each call of it and counts failures."""

    def __init__(self, inner: LineageBackend, metrics: Metrics) -> None:
        self._inner, self._metrics = inner, metrics

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        return await self._timed("get", self._inner.get, ids, edges, facets=facets)

    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        return await self._timed("find_nodes", self._inner.find_nodes, where, order, page)

    async def traverse(self, traversal: Traversal) -> Subgraph:
        return await self._timed("traverse", self._inner.traverse, traversal)

    async def apply(self, changes: Changes) -> Epoch:
        return await self._timed("apply", self._inner.apply, changes)

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        return await self._timed("changes_since", self._inner.changes_since, epoch)

    async def scan(self, after: Cursor | None = None) -> ScanPage:
        return await self._timed("scan", self._inner.scan, after)

    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        return await self._timed("scan_topology", self._inner.scan_topology, after)

    def names(self, numbers: NDArray[np.int64]) -> Sequence[str] | None:
        return self._inner.names(numbers)

    async def ping(self) -> None:
        await self._timed("ping", self._inner.ping)

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)

    async def _timed(self, call: str, method: Callable[..., Awaitable[T]], *args: Any, **options: Any) -> T:
        start = time.perf_counter()
        try:
            return await method(*args, **options)
        except BackendError as failure:
            self._metrics.backend_errors.labels(call, type(failure).__name__).inc()
            raise
        finally:
            self._metrics.called(call, time.perf_counter() - start)
