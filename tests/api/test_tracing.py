"""Spans: one for each request, named by the operation, one for each call of the store below it; else nothing."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.types import Receive, Scope, Send

from api.app import create_app
from api.settings import BadSetting, Settings
from api.spans import Tracing
from backends.errors import Unavailable
from backends.memory import MemoryBackend
from schema.http.sockets import PROTOCOL
from tests.api.events import GOOD
from tests.api.process import PATIENCE, ROOT, environment, post, started
from tests.api.service import serving
from tests.schema.live.channel import Channel

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
UPSTREAM = 'query Sources { dataset(namespace: "warehouse", name: "raw.orders") { upstream { nodes { name } } } }'


@asynccontextmanager
async def traced() -> AsyncIterator[tuple[httpx.AsyncClient, InMemorySpanExporter]]:
    """A service over a store in memory, and the spans that it made."""
    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    app = create_app(Settings(backend="memory://"), tracing=Tracing(provider))
    async with serving(app) as client:
        yield client, kept


def taken(kept: InMemorySpanExporter) -> tuple[ReadableSpan, list[ReadableSpan]]:
    """The span of the one request since the last asking, and those of the calls of the store below it."""
    spans = kept.get_finished_spans()
    kept.clear()
    servers = [span for span in spans if span.kind is SpanKind.SERVER]
    assert len(servers) == 1
    calls = [span for span in spans if span.kind is SpanKind.CLIENT]
    assert len(calls) == len(spans) - 1
    server = servers[0]
    assert all(span.context.trace_id == server.context.trace_id for span in calls)
    assert all(span.parent is not None and span.parent.span_id == server.context.span_id for span in calls)
    return server, calls


async def test_an_operation_is_a_span_and_so_is_each_call_of_the_store_below_it() -> None:
    async with traced() as (client, kept):
        await client.post("/api/v1/lineage", json=GOOD)
        server, calls = taken(kept)
        assert server.name == "POST /api/v1/lineage"
        assert "apply" in {span.name for span in calls}
        await client.post("/graphql", json={"query": UPSTREAM})
        server, calls = taken(kept)
        assert server.name == "query"
        assert dict(server.attributes or {}) == {
            "http.request.method": "POST",
            "http.route": "/graphql",
            "http.response.status_code": 200,
            "graphql.operation.type": "query",
            "graphql.operation.name": "Sources",
        }
        assert server.parent is None
        assert {span.name for span in calls} >= {"get", "traverse"}
        assert {(span.attributes or {})["db.system.name"] for span in calls} == {"memory"}
        assert all(span.status.status_code is StatusCode.UNSET for span in (server, *calls))


async def test_the_caller_s_trace_is_gone_on_with_and_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "headwater")
    async with traced() as (client, kept):
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
        answer = await client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
        server, _ = taken(kept)
        assert server.parent is not None
        assert f"{server.context.trace_id:032x}" == TRACE
        assert f"{server.parent.span_id:016x}" == PARENT
        assert server.context.trace_state["vendor"] == "1"
        assert answer.headers["x-request-id"] == TRACE
        for given in ({}, {"traceparent": "nonsense"}, {"traceparent": f"00-{'0' * 32}-{PARENT}-01"}):
            answer = await client.post("/graphql", json={"query": "{ __typename }"}, headers=given)
            server, _ = taken(kept)
            assert server.parent is None
            assert answer.headers["x-request-id"] == f"{server.context.trace_id:032x}"
            assert vars(caplog.records[-1])["fields"]["request_id"] == answer.headers["x-request-id"]
        answer = await client.post("/graphql", json={"query": "{ __typename }"}, headers={"x-request-id": "mine"})
        assert (taken(kept)[0].attributes or {})["headwater.request_id"] == "mine", "the log line is found by it"
        named = {"x-request-id": "mine", "traceparent": f"00-{TRACE}-{PARENT}-00"}
        answer = await client.post("/graphql", json={"query": "{ __typename }"}, headers=named)
        assert answer.headers["x-request-id"] == "mine"
        assert not kept.get_finished_spans(), "the caller does not sample this one"


async def test_what_went_wrong_is_told_by_code_and_class_and_not_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise Unavailable("could not connect to 10.1.2.3:7687")

    async with traced() as (client, kept):
        monkeypatch.setattr(MemoryBackend, "get", fails)
        await client.post("/graphql", json={"query": UPSTREAM})
        server, calls = taken(kept)
        failed = next(span for span in calls if span.name == "get")
        assert (failed.attributes or {})["error.type"] == "Unavailable"
        assert failed.status.status_code is server.status.status_code is StatusCode.ERROR
        assert (server.attributes or {})["headwater.error.codes"] == ("UNAVAILABLE",)
        assert "10.1.2.3" not in failed.to_json() + server.to_json()
        for query in ("{", "query A { nonsense }", "query A { __typename } query B { __typename }"):
            await client.post("/graphql", json={"query": query, "variables": {"secret": "word"}})
            server, _ = taken(kept)
            assert server.name in ("GraphQL Operation", "query", "POST /graphql")
            assert "secret" not in server.to_json()


async def test_names_are_cut_and_health_is_no_span() -> None:
    async with traced() as (client, kept):
        await client.post("/graphql", json={"query": f"query {'x' * 500} {{ __typename }}"})
        server, calls = taken(kept)
        assert (server.attributes or {})["graphql.operation.name"] == "x" * 100
        assert not calls
        for path in ("/readyz", "/livez", "/metrics"):
            await client.get(path)
        assert not kept.get_finished_spans(), "nor are the calls of the store that they make"
        await client.get(f"/nowhere/{'x' * 50}")
        assert taken(kept)[0].name == "GET other"


async def test_what_is_no_request_passes() -> None:
    kept, provider, passed = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False), []
    provider.add_span_processor(SimpleSpanProcessor(kept))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(scope["type"])

    async def nothing(*_: object) -> Any:
        raise AssertionError

    around = Tracing(provider).requests(app, frozenset())
    for scope in ({"type": "lifespan"}, {"type": "websocket", "path": "/graphql", "headers": []}):
        await around(scope, nothing, nothing)
    assert passed == ["lifespan", "websocket"]
    assert not kept.get_finished_spans()


async def test_what_is_asked_over_a_socket_is_a_span_each_with_the_calls_it_waited_for_below_it() -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    app = create_app(Settings(backend="memory://"), tracing=Tracing(provider))
    headers = [(b"host", b"localhost"), (b"traceparent", f"00-{TRACE}-{PARENT}-01".encode())]
    scope = {"type": "websocket", "path": "/graphql", "headers": headers, "subprotocols": [PROTOCOL]}
    async with app.router.lifespan_context(app) as state:
        channel = Channel()
        channel.task = asyncio.create_task(app(scope | {"state": dict(state or {})}, channel.inward.get, channel.send))
        channel.inward.put_nowait({"type": "websocket.connect"})
        assert (await channel.next())["type"] == "websocket.accept"
        channel.say(type="connection_init")
        assert await channel.hear() == {"type": "connection_ack"}

        async def answered(name: str, query: str) -> str:
            channel.say(type="subscribe", id=name, payload={"query": query})
            first = (await channel.hear())["type"]
            if first == "next" and not query.startswith("subscription"):
                assert await channel.hear() == {"id": name, "type": "complete"}
            return str(first)

        capture = 'captureOperation(input: { name: "j", inputs: ["a"], outputs: ["b"] }) { errors { code } }'
        assert await answered("1", f"mutation Said {{ {capture} }}") == "next"
        assert {span.name for span in taken(kept)[1]} >= {"apply"}
        assert await answered("2", 'subscription No { lineageChanged(of: ["no"]) { epoch } }') == "error"
        refused, calls = taken(kept)
        assert {span.name for span in calls} >= {"find_nodes"}
        assert (refused.name, refused.status.status_code) == ("subscription", StatusCode.ERROR)
        assert await answered("3", 'subscription Changes { lineageChanged(of: ["a"]) { epoch } }') == "next"
        assert await answered("4", "{ __typename }") == "next"
        channel.leave()
        await channel.ended()
        spans = {span.name: span for span in kept.get_finished_spans() if span.kind is SpanKind.SERVER}
        assert set(spans) == {"subscription", "query"}
        followed = spans["subscription"]
        assert dict(followed.attributes or {}) == {
            "graphql.operation.type": "subscription",
            "graphql.operation.name": "Changes",
        }
        assert followed.parent is not None
        assert (f"{followed.context.trace_id:032x}", f"{followed.parent.span_id:016x}") == (TRACE, PARENT)
        below = [span for span in kept.get_finished_spans() if span.kind is SpanKind.CLIENT]
        assert {span.name for span in below} >= {"get"}
        assert all(span.parent is not None and span.parent.span_id == followed.context.span_id for span in below)


async def test_an_answer_given_again_is_a_span_too() -> None:
    async with traced() as (client, kept):
        await client.post("/api/v1/lineage", json=GOOD)
        for _ in range(4):
            kept.clear()
            await client.post("/graphql", json={"query": UPSTREAM})
        server, calls = taken(kept)
        assert (server.name, (server.attributes or {})["graphql.operation.name"]) == ("query", "Sources")
        assert {span.name for span in calls} <= {"changes_since"}


@pytest.fixture
def collector() -> Iterator[tuple[str, "Queue[ExportTraceServiceRequest]"]]:
    """What takes spans by OTLP over HTTP: its address, and what it was sent."""
    sent: Queue[ExportTraceServiceRequest] = Queue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                sent.put(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", sent
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_service_sends_its_spans_and_the_last_ones_before_it_ends(
    tmp_path: Path, collector: tuple[str, "Queue[ExportTraceServiceRequest]"]
) -> None:
    url, sent = collector
    said = {"HEADWATER_TRACES": f"{url}/", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test"}
    with started(tmp_path, "--backend", "memory://", **said) as service:
        post(f"{service.url}/graphql", json={"query": "query Sent { nodes(ids: []) { id } }"})
        service.process.terminate()
        assert service.code() == 0
    said_of: dict[str, str] = {}
    names: list[str] = []
    while not sent.empty():
        for resource in sent.get().resource_spans:
            said_of |= {each.key: each.value.string_value for each in resource.resource.attributes}
            names += [span.name for scope in resource.scope_spans for span in scope.spans]
    assert "query" in names
    assert (said_of["service.name"], said_of["deployment.environment"]) == ("headwater", "test")


def test_a_collector_that_is_not_there_keeps_nobody_waiting(tmp_path: Path) -> None:
    with started(tmp_path, "--backend", "memory://", HEADWATER_TRACES="http://127.0.0.1:9") as service:
        for _ in range(3):
            assert post(f"{service.url}/graphql", json={"query": "{ __typename }"}).status_code == 200
        service.process.terminate()
        assert service.code() == 0


def test_a_collector_that_never_answers_does_not_keep_the_service_from_ending(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        said = {"HEADWATER_TRACES": url, "OTEL_EXPORTER_OTLP_TIMEOUT": "600"}
        with started(tmp_path, "--backend", "memory://", **said) as service:
            post(f"{service.url}/graphql", json={"query": "{ __typename }"})
            service.process.terminate()
            assert service.code() == 0
    assert "traces.unsent" in service.log


def test_nothing_of_it_is_imported_where_no_spans_are_sent() -> None:
    code = """if True:
        import sys
        from api.app import create_app
        from api.settings import Settings
        from api.tracing import tracing_of
        create_app(Settings(backend="memory://"), tracing=tracing_of(Settings()))
        print([name for name in sys.modules if name.startswith(("opentelemetry", "google", "requests"))])"""
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["serve", "check"])
def test_what_is_not_installed_is_said_before_anything_is_opened(tmp_path: Path, command: str) -> None:
    absent = tmp_path / "absent" / "opentelemetry"
    absent.mkdir(parents=True)
    (absent / "__init__.py").write_text("raise ModuleNotFoundError('No module', name='opentelemetry')")
    variables = environment(HEADWATER_TRACES="http://127.0.0.1:4318", PYTHONPATH=f"{absent.parent}:{ROOT}")
    ran = subprocess.run(
        [sys.executable, "-m", "api", command, "--backend", "sqlite:///s.db"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "opentelemetry is not there" in ran.stderr
    assert "requirements-otel.txt" in ran.stderr
    assert not (tmp_path / "s.db").exists()


def test_where_spans_go_is_checked() -> None:
    with pytest.raises(BadSetting, match="HEADWATER_TRACES"):
        Settings.from_environment({"HEADWATER_TRACES": "127.0.0.1:4318"})
