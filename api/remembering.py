"""The cache around the store: opened as the settings say, watched by the metrics, passed by for who asks for that."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.settings import Settings
from backends.base import LineageBackend
from cache.backend import CachedBackend, Limits, bypass
from cache.memory import MemoryStore
from cache.registry import open_store
from cache.stats import REASONS
from cache.views import Views
from schema.context import Context, Costs
from schema.finished import Finished
from schema.service import schema

SHARES: Final = 4
"""The memory is parted: for finished answers, for views, for other answers, and for packed ones. A Redis keeps these; then
their part goes to the others."""

ASKED: Final = "query ($of: [ID!]!) { impact(of: $of) { summary { total } } }"
"""What is asked on behalf of a pinned root: what everyone asks first."""


def remembered(
    inner: LineageBackend, settings: Settings, registry: CollectorRegistry, finished: Finished | None
) -> AbstractAsyncContextManager[LineageBackend]:
    """The backend with a cache around it, not yet entered; itself where the cache is off. Raises `Misconfigured`."""
    share = settings.cache_bytes // SHARES
    store = open_store(settings.cache, share)
    if store is None:
        return inner
    ready = share if isinstance(store, MemoryStore) else 2 * share
    limits = Limits(ready=ready, views=share, names=settings.cache_bytes, wait=settings.cache_seconds)
    cached = CachedBackend(
        inner, store, graph=settings.cache_name, limits=limits, secret=(settings.cache_key or "").encode()
    )
    registry.register(Watched(cached, finished))
    if finished is not None:
        finished.used = cached.used_again
    return cached


@asynccontextmanager
async def views_over(backend: LineageBackend, costs: Costs) -> AsyncIterator[Views | None]:
    """Who keeps impact views; None where the cache is off."""
    if not isinstance(backend, CachedBackend):
        yield None
        return

    async def ask(root: str) -> None:
        # What is wrong with a root, as that it was deleted, is for those to see who ask about it.
        await schema().execute(ASKED, variable_values={"of": [root]}, context_value=Context(backend, costs=costs))

    async with Views(backend, ask) as views:
        yield views


def note_bypass(headers: Mapping[bytes, bytes]) -> bool:
    """Whether this request wants nothing remembered. Noted of every request: what one said must not outlive it."""
    passes = b"no-cache" in headers.get(b"cache-control", b"").lower()
    bypass.set(passes)
    return passes


def finished_of(settings: Settings) -> Finished | None:
    """Where answers are kept as bytes; None where the cache is off."""
    return None if settings.cache == "off" else Finished(settings.cache_bytes // SHARES)


class Watched(Collector):
    """What the cache tells of itself, read when Prometheus asks."""

    def __init__(self, cached: CachedBackend, finished: Finished | None) -> None:
        self._cached, self._finished = cached, finished

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are its own, and there is nothing to tell before the cache is open."""
        return ()

    def collect(self) -> Iterator[Metric]:
        stats, state = self._cached.stats, self._cached.state
        yield _counted("headwater_cache_hits", "Answers proved current as they were", stats.hits)
        yield _counted("headwater_cache_repairs", "Answers carried over changes of the graph", stats.repairs)
        misses = CounterMetricFamily("headwater_cache_misses", "Answers computed, by why", labels=["reason"])
        for reason in REASONS:
            misses.add_metric([reason], stats.misses[reason])
        yield misses
        if self._finished is not None:
            yield _counted("headwater_cache_finished", "Answers given again as bytes", self._finished.hits)
            yield GaugeMetricFamily("headwater_cache_finished_bytes", "Bytes of those kept", self._finished.nbytes)
        yield _counted("headwater_cache_bypasses", "Answers computed because the request asked for that", stats.bypasses)
        yield _counted("headwater_cache_stored_hits", "Hits and repairs of what the byte store had", stats.stored)
        yield _counted("headwater_cache_torn", "Computations repeated because the graph changed beneath them", stats.torn)
        yield _counted("headwater_cache_foreign", "Values of the byte store that were of no use", stats.foreign)
        yield _counted("headwater_cache_store_failures", "Calls of the byte store that failed", state.store_failures)
        yield _counted("headwater_cache_store_trips", "How often the byte store was taken out of use", state.store_trips)
        yield _counted("headwater_cache_histories", "How often the store turned out to be another", state.histories)
        yield GaugeMetricFamily("headwater_cache_entries", "Answers ready in memory", state.entries)
        yield GaugeMetricFamily(
            "headwater_cache_bytes", "Bytes of answers ready in memory, and of their names", state.nbytes
        )
        yield GaugeMetricFamily("headwater_cache_packed_bytes", "Bytes of packed answers in memory", state.packed_bytes)
        yield GaugeMetricFamily("headwater_cache_views", "Answers that are hot and large, or pinned", state.views)
        yield GaugeMetricFamily("headwater_cache_view_bytes", "Bytes of those", state.view_bytes)
        yield GaugeMetricFamily(
            "headwater_cache_store_out", "1 while the byte store is out of use, because it failed", int(state.store_is_out)
        )
        yield GaugeMetricFamily("headwater_cache_lag_rows", "Rows that the last read of the log brought", state.lag_rows)
        yield GaugeMetricFamily("headwater_cache_lag_seconds", "Seconds since the log was read last", state.lag_seconds)


def _counted(name: str, words: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, words, value)
