"""Subscriptions over this service: what they may take, who is let in, and what Prometheus is told of them."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.settings import Settings
from backends.base import LineageBackend
from schema.context import Costs
from schema.http.streams import Bounds as StreamBounds
from schema.http.streams import Streams
from schema.live.hub import Bounds, Live


def streams_of(settings: Settings) -> Streams:
    """The connections that stay open."""
    return Streams(
        StreamBounds(
            connections=settings.max_streams,
            operations=settings.max_socket_operations,
            message=settings.max_query_bytes,
            send=settings.stream_seconds,
            origins=settings.allowed_origins,
        )
    )


def following(backend: LineageBackend, settings: Settings, costs: Costs) -> Live:
    """Who follows the log of the store, not yet entered."""
    return Live(
        backend,
        costs,
        Bounds(
            pause=settings.live_seconds,
            subscriptions=settings.max_subscriptions,
            followed=settings.max_followed,
            queued=settings.max_queued,
            rows=settings.max_resume_rows,
        ),
    )


class Watched(Collector):
    """What subscriptions tell of themselves, read when Prometheus asks."""

    def __init__(self, live: Live, streams: Streams) -> None:
        self._live, self._streams = live, streams

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are its own, and there is nothing to tell before the service is open."""
        return ()

    def collect(self) -> Iterator[Metric]:
        live = self._live
        opened = GaugeMetricFamily("headwater_streams", "Connections that stay open", labels=["kind"])
        for kind in ("websocket", "sse"):
            opened.add_metric([kind], self._streams.opened[kind])
        yield opened
        yield GaugeMetricFamily("headwater_subscriptions", "Subscriptions that are open", live.subscriptions)
        yield GaugeMetricFamily("headwater_questions_followed", "Different questions that they ask", live.questions)
        yield GaugeMetricFamily("headwater_followed", "Nodes and edges within their reach", live.followed)
        yield CounterMetricFamily("headwater_pictures_drawn", "How often what they follow was computed", live.drawn)
        yield CounterMetricFamily("headwater_deltas_told", "Deltas put before readers", live.told)
        yield CounterMetricFamily("headwater_readers_cut", "Readers that did not keep up", live.cut)
