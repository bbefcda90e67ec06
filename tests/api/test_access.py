"""Access, health and what every request gets: the key, an id, a line in the log, and no word of our insides."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from api.middleware import correlation_id
from backends.changes import Changes
from backends.errors import Unavailable
from backends.memory import MemoryBackend
from backends.model import Epoch
from tests.api.events import GOOD
from tests.api.service import service

KEY = "a-key-of-this-test"
OPEN = ("/livez", "/readyz", "/healthz", "/readyz/")
CLOSED = (
    "/",
    "/metrics",
    "/graphql",
    "/api/v1/lineage",
    "/api/v1/lineage/",
    "/api/v1/lineage/batch",
    "/nowhere",
    "//readyz",
)


@pytest.mark.parametrize("path", OPEN)
async def test_health_asks_for_no_key(path: str) -> None:
    async with service(token=KEY) as client:
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("path", CLOSED)
async def test_everything_else_does(path: str) -> None:
    async with service(token=KEY) as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}):
            response = await client.post(path, json=GOOD, headers=headers)
            assert response.status_code == 401
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert "UNAUTHENTICATED" in response.text
        response = await client.post(path, json=GOOD, headers={"Authorization": f"Bearer {KEY}"})
        assert response.status_code not in (401, 403)


async def test_a_graphql_client_finds_the_refusal_among_its_errors() -> None:
    async with service(token=KEY) as client:
        answer = (await client.post("/graphql", json={"query": "{ __typename }"})).json()
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_page_of_another_site_is_refused_while_no_key_is_set(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/lineage", json=GOOD, headers={"Origin": "https://evil.example.org"})
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "FORBIDDEN"


async def test_readyz_says_no_while_the_store_does_not_answer(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: MemoryBackend) -> None:
        raise Unavailable("connection to 10.1.2.3 refused")

    monkeypatch.setattr(MemoryBackend, "ping", fails)
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert "10.1.2.3" not in response.text
    assert (await client.get("/livez")).status_code == 200
    monkeypatch.undo()
    assert (await client.get("/readyz")).status_code == 200


async def test_an_event_the_store_cannot_take_now_is_503_and_may_be_sent_again(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise Unavailable("database disk image is at /secret/place")

    monkeypatch.setattr(MemoryBackend, "apply", fails)
    for path, body in (("/api/v1/lineage", GOOD), ("/api/v1/lineage/batch", [GOOD] * 3)):
        response = await client.post(path, json=body)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) >= 1
        assert response.json()["error"]["code"] == "UNAVAILABLE"
        assert "secret" not in response.text
    monkeypatch.undo()
    assert (await client.post("/api/v1/lineage", json=GOOD)).status_code == 201


async def test_too_many_waiting_events_are_503(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = MemoryBackend.apply

    async def slow(backend: MemoryBackend, changes: Changes) -> Epoch:
        await asyncio.sleep(0)
        return await apply(backend, changes)

    monkeypatch.setattr(MemoryBackend, "apply", slow)
    async with service(max_pending_events=1, ingest_concurrency=4) as client:
        response = await client.post("/api/v1/lineage/batch", json=[GOOD | {"run": {"runId": f"r{n}"}} for n in range(8)])
        assert response.status_code == 503
        assert response.headers["retry-after"]
        assert (await client.post("/api/v1/lineage", json=GOOD)).status_code == 201


async def test_too_many_requests_are_503_but_health_is_told() -> None:
    bodies: asyncio.Queue[bytes] = asyncio.Queue()

    begun = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        begun.set()
        while part := await bodies.get():
            yield part

    async with service(max_requests=1) as client:
        first = asyncio.create_task(client.post("/api/v1/lineage", content=slowly()))
        await begun.wait()
        turned_away = await client.post("/api/v1/lineage", json=GOOD)
        assert turned_away.status_code == 503
        assert turned_away.headers["retry-after"]
        assert (await client.get("/readyz")).status_code == 200
        for part in (json.dumps(GOOD).encode(), b""):
            bodies.put_nowait(part)
        assert (await first).status_code == 201
        assert (await client.post("/api/v1/lineage", json=GOOD)).status_code == 201


async def test_a_fault_of_ours_is_masked_logged_once_and_ends_nothing(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: bytes) -> None:
        raise RuntimeError("the inside of something")

    monkeypatch.setattr("api.openlineage.decode", fails)
    response = await client.post("/api/v1/lineage", json=GOOD, headers={"X-Request-Id": "abc-1"})
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "INTERNAL"
    assert "inside" not in response.text
    faults = [record for record in caplog.records if record.getMessage() == "http.fault"]
    assert [record.__dict__["fields"]["request_id"] for record in faults] == ["abc-1"]
    monkeypatch.undo()
    assert (await client.post("/api/v1/lineage", json=GOOD)).status_code == 201


async def test_each_request_is_one_log_line_without_query_strings_or_keys(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "headwater")
    async with service(token=KEY) as client:
        await client.get("/graphql?query=secret-words", headers={"Authorization": f"Bearer {KEY}"})
    lines = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == "http.request"]
    assert [(line["method"], line["path"]) for line in lines] == [("GET", "/graphql")]
    everything = json.dumps([record.__dict__.get("fields") for record in caplog.records])
    assert "secret-words" not in everything
    assert KEY not in everything


async def test_an_answer_carries_the_id_of_its_request(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez", headers={"X-Request-Id": "mine-1"})).headers["x-request-id"] == "mine-1"
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    traced = await client.get("/livez", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert traced.headers["x-request-id"] == trace
    first, second = [(await client.get("/livez")).headers["x-request-id"] for _ in range(2)]
    assert first != second


@pytest.mark.parametrize("given", ["two words", "x" * 129, "a\tb", "é", '"'])
def test_an_id_that_could_spoil_a_log_is_replaced(given: str) -> None:
    assert correlation_id({b"x-request-id": given.encode("latin-1")}) != given


async def test_metrics_count_requests_by_route_and_never_by_what_a_client_writes(client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/lineage", json=GOOD)
    await client.post("/api/v1/lineage/", json=GOOD)
    await client.request("BREW", "/a/path/of/the/client")
    text = (await client.get("/metrics")).text
    assert 'headwater_http_requests_total{method="POST",route="/api/v1/lineage",status="201"} 2.0' in text
    assert 'headwater_http_requests_total{method="other",route="other",status="404"} 1.0' in text
    assert 'headwater_events_accepted_total{kind="run"} 2.0' in text
    assert 'headwater_backend_call_seconds_count{call="apply"}' in text
    assert "process_resident_memory_bytes" in text
    assert "/a/path" not in text
    assert "BREW" not in text


async def test_two_services_in_one_process_share_no_numbers(client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/lineage", json=GOOD)
    async with service() as other:
        assert "headwater_events_accepted_total{" not in (await other.get("/metrics")).text


async def test_old_runs_are_looked_for_from_the_start() -> None:
    async with service() as client:
        await asyncio.sleep(0)
        text = (await client.get("/metrics")).text
        assert re.search(r'headwater_backend_call_seconds_count\{call="find_nodes"\} [1-9]', text)


async def test_the_first_page_names_the_addresses(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    assert response.headers["content-type"].startswith("text/html")
    for address in ("/graphql", "/api/v1/lineage", "/readyz", "/metrics"):
        assert address in response.text
