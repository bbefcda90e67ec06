"""GraphQL through the whole service: its own tests are in tests/schema, these hold what the shell adds."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from backends.errors import Unavailable
from backends.memory import MemoryBackend
from tests.api.events import GOOD
from tests.api.service import service

UPSTREAM = '{ dataset(namespace: "warehouse", name: "raw.orders") { upstream { nodes { name } answer { epoch } } } }'


async def ask(client: httpx.AsyncClient, query: str) -> httpx.Response:
    return await client.post("/graphql", json={"query": query})


@pytest.mark.parametrize("path", ["/graphql", "/graphql/"])
async def test_an_event_posted_is_lineage_at_once(client: httpx.AsyncClient, path: str) -> None:
    epoch = (await client.post("/api/v1/lineage", json=GOOD)).json()["epoch"]
    upstream = (await client.post(path, json={"query": UPSTREAM})).json()["data"]["dataset"]["upstream"]
    assert upstream == {"nodes": [{"name": "/raw/orders.csv"}], "answer": {"epoch": epoch}}


async def test_a_query_may_be_a_get(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "{ __typename }"})
    assert response.json() == {"data": {"__typename": "Query"}}


async def test_a_mutation_is_written_by_the_same_writer(client: httpx.AsyncClient) -> None:
    mutation = """mutation {
      captureOperation(input: {name: "copy", inputs: ["dataset:a#b"], outputs: ["dataset:c#d"]}) { errors { message } } }"""
    assert (await ask(client, mutation)).json() == {"data": {"captureOperation": {"errors": []}}}
    answer = (await ask(client, '{ dataset(namespace: "c", name: "d") { upstream { nodes { id } } } }')).json()
    assert answer["data"]["dataset"]["upstream"]["nodes"] == [{"id": "dataset:a#b"}]


async def test_operations_and_errors_are_counted_by_type_and_code(client: httpx.AsyncClient) -> None:
    for query in ("{ __typename }", '{ lineage(of: ["dataset:no#such"]) { answer { complete } } }', "{ nonsense }", "{", ""):
        await ask(client, query)
    text = (await client.get("/metrics")).text
    assert 'headwater_graphql_operations_total{name="unnamed",type="query"} 3.0' in text
    assert 'headwater_graphql_operations_total{name="unnamed",type="unread"} 1.0' in text
    assert 'headwater_graphql_errors_total{code="NOT_FOUND"} 1.0' in text
    assert 'headwater_graphql_errors_total{code="BAD_INPUT"} 2.0' in text


def counted(metrics: str) -> dict[str, int]:
    """How many operations were counted by name, but for those without."""
    found = re.findall(r'graphql_operations_total{name="(\w+)",type="\w+"} (\S+)', metrics)
    return {name: int(float(count)) for name, count in found if name != "unnamed"}


async def test_operations_are_counted_by_the_first_so_many_names() -> None:
    async with service(operation_names=2) as client:
        for name in ("One", "Two", "Three", "One", "x" * 200, "_0", "Two"):
            await ask(client, f"query {name} {{ __typename }}")
        several = {"query": "query Two { a: __typename } query One { b: __typename }", "operationName": "One"}
        await client.post("/graphql", json=several)
        await client.post("/api/v1/lineage", json=GOOD)
        for _ in range(3):  # an answer given again in the end
            await ask(client, UPSTREAM.replace("{ dataset", "query Two { dataset", 1))
        await client.post("/graphql", json={"query": "query Lost { __typename }", "operationName": "Found"})
        assert counted((await client.get("/metrics")).text) == {"One": 3, "Two": 5, "other": 3}
    async with service(operation_names=0) as client:
        await ask(client, "query One { __typename }")
        assert counted((await client.get("/metrics")).text) == {"other": 1}


async def test_with_a_manifest_only_names_in_it_are_told_apart(tmp_path: Path) -> None:
    manifest = tmp_path / "documents.json"
    manifest.write_text(json.dumps({"known": "query Known { __typename }"}))
    async with service(documents="observe", documents_file=str(manifest)) as client:
        for query in ("query Junk { __typename }", "query Known { __typename }", "query Junk { __typename }"):
            await ask(client, query)
        assert counted((await client.get("/metrics")).text) == {"Known": 1, "other": 2}


async def test_what_the_compiled_executor_leaves_to_the_general_one_is_counted_by_reason(client: httpx.AsyncClient) -> None:
    for query in ("{ __typename }", "{ __schema { queryType { name } } }", '{ impact(of: ["x"]) { answer { complete } } }'):
        await ask(client, query)
    text = (await client.get("/metrics")).text
    assert 'headwater_graphql_fallbacks_total{reason="introspection"} 1.0' in text
    assert 'headwater_graphql_fallbacks_total{reason="error"} 1.0' in text
    assert 'headwater_graphql_fallbacks_total{reason="resolver"} 0.0' in text


async def test_a_store_that_does_not_answer_is_a_coded_error_without_its_words(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise Unavailable("could not connect to 10.1.2.3:7687")

    monkeypatch.setattr(MemoryBackend, "get", fails)
    response = await ask(client, UPSTREAM)
    assert "10.1.2.3" not in response.text
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_limits_are_settings() -> None:
    async with service(max_query_bytes=1024, body_seconds=0.05) as client:
        large = await ask(client, "{ __typename }" + " " * 2000)
        assert large.status_code == 413
        assert large.json()["errors"][0]["extensions"]["code"] == "TOO_LARGE"

        async def stalled() -> AsyncIterator[bytes]:
            yield json.dumps({"query": "{ __typename }"})[:9].encode()
            await asyncio.sleep(60)

        response = await client.post("/graphql", content=stalled(), headers={"Content-Type": "application/json"})
        assert response.status_code == 408
        assert response.json()["errors"][0]["extensions"]["code"] == "TIMEOUT"


async def test_a_form_of_another_site_cannot_ask(client: httpx.AsyncClient) -> None:
    """What a browser sends across origins without asking first: text, forms."""
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        body = json.dumps({"query": "{ __typename }"})
        response = await client.post("/graphql", content=body, headers={"Content-Type": content_type})
        assert response.status_code == 415
