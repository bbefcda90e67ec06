"""The OpenLineage routes: what is taken, what is refused and how that is said."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.api.events import GOOD, event
from tests.api.service import service

ONE, MANY = "/api/v1/lineage", "/api/v1/lineage/batch"


async def count(client: httpx.AsyncClient, metric: str) -> float:
    """The value of a metric, all labels summed."""
    lines = (await client.get("/metrics")).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(metric) and not line.startswith("#"))


async def epoch(client: httpx.AsyncClient) -> float:
    return await count(client, "headwater_epoch ")


async def test_an_event_is_201_and_the_same_again_changes_nothing(client: httpx.AsyncClient) -> None:
    first = await client.post(ONE, json=GOOD)
    assert first.status_code == 201
    again = await client.post(ONE, json=GOOD)
    assert again.status_code == 201
    assert again.json() == first.json()
    assert await epoch(client) > 0


@pytest.mark.parametrize("path", [f"{ONE}/", f"{MANY}/"])
async def test_a_slash_at_the_end_is_no_other_address(client: httpx.AsyncClient, path: str) -> None:
    response = await client.post(path, json=GOOD)
    assert response.status_code in (200, 201)


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", "", "x"])
async def test_any_content_type_is_taken(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post(ONE, content=json.dumps(GOOD), headers={"Content-Type": content_type})
    assert response.status_code == 201


async def chunks(body: bytes, size: int = 100) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def test_gzip_is_taken_with_and_without_a_length(client: httpx.AsyncClient) -> None:
    packed = gzip.compress(json.dumps(GOOD).encode())
    headers = {"Content-Encoding": "gzip"}
    with_length = await client.post(ONE, content=packed, headers=headers)
    without = await client.post(ONE, content=chunks(packed), headers=headers)
    assert with_length.status_code == without.status_code == 201
    assert with_length.request.headers["content-length"]
    assert without.request.headers["transfer-encoding"] == "chunked"


DEEP = "[" * 100_000 + "]" * 100_000

BROKEN = {
    "nothing": b"",
    "cut short": b'{"eventTime": "2026-',
    "no JSON": b"eventTime=now",
    "not UTF-8": b'{"a": "\xff"}',
    "two values": b"{}{}",
    "nested deep": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "nested very deep": DEEP.encode(),
    "another encoding": json.dumps(GOOD).encode("utf-16"),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
async def test_what_is_no_json_is_400(client: httpx.AsyncClient, body: bytes) -> None:
    await refused(client, body, 400)


async def refused(client: httpx.AsyncClient, body: bytes, status: int) -> dict[str, Any]:
    """Posts it and checks the refusal: its status and shape, no word of our insides, nothing written, the next served."""
    response = await client.post(ONE, content=body)
    assert response.status_code == status
    error: dict[str, Any] = response.json()["error"]
    assert set(error) <= {"code", "message", "pointer"}
    assert error["code"] == "BAD_INPUT"
    assert error["message"]
    for ours in ("Traceback", "Error(", ".py", "orjson", "sqlite", "NoneType", "object has no attribute"):
        assert ours not in response.text
    assert await epoch(client) == 0
    assert (await client.post(ONE, json=GOOD)).status_code == 201
    return error


async def test_an_array_is_400_and_says_where_to_post_it(client: httpx.AsyncClient) -> None:
    error = await refused(client, json.dumps([GOOD]).encode(), 400)
    assert MANY in error["message"]


LONG = "x" * 3_000
WRONG: dict[str, tuple[Any, str]] = {
    "null": (None, ""),
    "a number": (7, ""),
    "a text": ("event", ""),
    "nothing said": ({}, "/eventTime"),
    "no time": (event(eventTime=None), "/eventTime"),
    "a time that is none": (event(eventTime="yesterday"), "/eventTime"),
    "a time that is a number": (event(eventTime=1), "/eventTime"),
    "no job": (event(job=None), "/job"),
    "a job that is a text": (event(job="load_orders"), "/job"),
    "a job without a name": (event(job={"namespace": "shop"}), "/job/name"),
    "a job whose name is a number": (event(job={"namespace": "shop", "name": 7}), "/job/name"),
    "a job with a long name": (event(job={"namespace": "shop", "name": LONG}), "/job"),
    "a run that is a list": (event(run=[]), "/run"),
    "a run without an id": (event(run={}), "/run/runId"),
    "inputs that are an object": (event(inputs={"namespace": "a", "name": "b"}), "/inputs"),
    "an output without a name": (event(outputs=[{"namespace": "a"}]), "/outputs/0"),
    "NUL in a name": (event(job={"namespace": "shop", "name": "a\0b"}), "/job"),
    "half a surrogate pair": (event(job={"namespace": "shop", "name": "a\ud800"}), "/job/name"),
}


@pytest.mark.parametrize(("value", "pointer"), WRONG.values(), ids=WRONG)
async def test_what_is_no_event_is_422_with_the_place(client: httpx.AsyncClient, value: Any, pointer: str) -> None:
    error = await refused(client, json.dumps(value).encode(), 422)
    assert error["pointer"].startswith(pointer)


TAKEN = {
    "BOM": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "bare NaN": json.dumps(event(run=GOOD["run"] | {"facets": {"x": {"a": float("nan"), "b": float("-inf")}}})).encode(),
    "huge number": json.dumps(event(run=GOOD["run"] | {"facets": {"x": {"a": 10**400}}})).encode(),
    "unknown facets and keys": json.dumps(event(what="ever", job=GOOD["job"] | {"facets": {"x": {}}})).encode(),
    "no schemaURL": json.dumps(event(schemaURL=None, producer=None)).encode(),
    "ids in every script": json.dumps(
        event(
            outputs=[
                {"namespace": "s3://a%b/c#d", "name": name} for name in ("%", "#", "/:", "é", "e\u0301", "𝄞", "\U0010fffd")
            ]
        )
    ).encode(),
    "an unknown kind of event": json.dumps(event(eventType="SOMETHING")).encode(),
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN)
async def test_odd_but_meaningful_is_taken(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await client.post(ONE, content=body)).status_code == 201


async def test_what_was_set_aside_is_said_and_counted(client: httpx.AsyncClient) -> None:
    odd = event(outputs=[GOOD["outputs"][0] | {"facets": {"columnLineage": {"fields": 7}}}])
    response = await client.post(ONE, json=odd)
    assert response.status_code == 201
    assert response.json()["setAside"][0]["pointer"].startswith("/outputs/0/facets/columnLineage")
    assert await count(client, "headwater_facets_set_aside_total") == 1


async def test_too_large_is_413() -> None:
    async with service(max_event_bytes=10_000, max_batch_bytes=20_000) as client:
        large = json.dumps(event(what="x" * 10_000)).encode()
        for body, headers in ((large, {}), (gzip.compress(large), {"Content-Encoding": "gzip"})):
            for content in (body, chunks(body)):
                response = await client.post(ONE, content=content, headers=headers)
                assert response.status_code == 413
                assert response.json()["error"]["code"] == "TOO_LARGE"
        assert (await client.post(MANY, content=large)).status_code == 200


async def test_a_body_that_does_not_come_is_408() -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b'{"eventTime": '
        await asyncio.sleep(60)

    async with service(body_seconds=0.05) as client:
        response = await client.post(ONE, content=stalled())
        assert response.status_code == 408
        assert response.json()["error"]["code"] == "TIMEOUT"


async def test_an_unknown_packing_is_415(client: httpx.AsyncClient) -> None:
    response = await client.post(ONE, content=b"x", headers={"Content-Encoding": "br"})
    assert response.status_code == 415
    assert "gzip" in response.headers["accept-encoding"]


async def test_other_methods_are_405_and_other_addresses_404(client: httpx.AsyncClient) -> None:
    response = await client.get(ONE)
    assert response.status_code == 405
    assert "POST" in response.headers["allow"]
    assert response.json()["error"]["code"] == "BAD_INPUT"
    assert (await client.post("/api/v1/lineages", json=GOOD)).status_code == 404


async def test_a_batch_takes_what_it_can_and_names_the_rest(client: httpx.AsyncClient) -> None:
    items: list[Any] = [GOOD, event(eventTime="soon"), [], event(eventType="START"), None, "x"]
    response = await client.post(MANY, json=items)
    assert response.status_code == 200
    answer = response.json()
    assert answer["summary"] == {"accepted": 2, "refused": 4}
    assert [refusal["index"] for refusal in answer["refused"]] == [1, 2, 4, 5]
    assert answer["refused"][0]["error"]["pointer"] == "/eventTime"
    assert await count(client, "headwater_events_accepted_total") == 2
    assert await count(client, "headwater_events_refused_total") == 4


async def test_a_batch_equals_its_events_one_by_one(client: httpx.AsyncClient) -> None:
    events = [event(run={"runId": f"run-{n}"}, outputs=[{"namespace": "w", "name": f"t{n % 3}"}]) for n in range(20)]
    await client.post(MANY, json=events)
    at = await epoch(client)
    for one in events:
        await client.post(ONE, json=one)
    assert await epoch(client) == at
    async with service() as other:
        for one in events:
            await other.post(ONE, json=one)
        assert await epoch(other) == at


@pytest.mark.parametrize(
    "content_type", ["application/x-ndjson", "application/x-ndjson; charset=utf-8", "application/jsonl"]
)
async def test_a_batch_may_be_an_event_a_line(client: httpx.AsyncClient, content_type: str) -> None:
    body = b"\n".join([json.dumps(GOOD).encode(), b"", b'{"broken', json.dumps(event(eventType="FAIL")).encode()])
    answer = (await client.post(MANY, content=body, headers={"Content-Type": content_type})).json()
    assert answer["summary"] == {"accepted": 2, "refused": 1}
    assert answer["refused"][0]["index"] == 2


async def test_an_item_that_cannot_be_kept_leaves_its_neighbours(client: httpx.AsyncClient) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    spoiled = event(job={"namespace": "shop", "name": "\udfff"})
    nested = event(run=GOOD["run"] | {"facets": {"x": {"a": deep}}})
    answer = (await client.post(MANY, content=json.dumps([GOOD, spoiled, nested]))).json()
    assert answer["summary"] == {"accepted": 1, "refused": 2}
    assert [refusal["index"] for refusal in answer["refused"]] == [1, 2]


@pytest.mark.parametrize("body", [b"", b"7", b'"x"', b"null", b"[", DEEP.encode()])
async def test_a_batch_that_is_no_array_is_400(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post(MANY, content=body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "BAD_INPUT"


async def test_an_empty_batch_is_a_batch(client: httpx.AsyncClient) -> None:
    assert (await client.post(MANY, json=[])).json() == {"summary": {"accepted": 0, "refused": 0}, "refused": []}


async def test_a_batch_has_a_greatest_number_of_events() -> None:
    async with service(max_batch_events=2) as client:
        assert (await client.post(MANY, json=[GOOD] * 3)).status_code == 413
        assert await epoch(client) == 0
        assert (await client.post(MANY, json=[GOOD] * 2)).status_code == 200
