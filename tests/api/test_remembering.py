"""The cache in the service: an answer says truly how it was had, a request may pass it by, one setting turns it off."""

import re
from typing import Any

import httpx
import pytest

from tests.api.service import service

QUERY = '{ impact(of: ["dataset:shop#raw"]) { summary { total } answer { cache epoch complete } } }'


async def capture(client: httpx.AsyncClient, job: str, source: str, target: str) -> None:
    names = f'inputs: ["dataset:shop#{source}"], outputs: ["dataset:shop#{target}"]'
    text = f'mutation {{ captureOperation(input: {{ name: "{job}", {names} }}) {{ epoch errors {{ message }} }} }}'
    said = (await client.post("/graphql", json={"query": text})).json()
    assert said["data"]["captureOperation"]["errors"] == []


async def impact(client: httpx.AsyncClient, **headers: str) -> tuple[int, str]:
    """How much depends on it, and how that was had."""
    found: Any = (await client.post("/graphql", json={"query": QUERY}, headers=headers)).json()["data"]["impact"]
    assert found["answer"]["complete"]
    return found["summary"]["total"], found["answer"]["cache"]


async def numbers(client: httpx.AsyncClient) -> dict[str, float]:
    text = (await client.get("/metrics")).text
    return {name: float(value) for name, value in re.findall(r"^(headwater_cache_\S+) (\S+)$", text, re.M)}


async def test_an_answer_says_how_it_was_had() -> None:
    async with service() as client:
        await capture(client, "one", "raw", "clean")
        assert await impact(client) == (1, "MISS")
        assert await impact(client) == (1, "HIT")
        await capture(client, "elsewhere", "other", "thing")
        assert await impact(client) == (1, "HIT"), "what changed does not touch it"
        await capture(client, "two", "clean", "gold")
        assert await impact(client) == (2, "REPAIRED")
        assert await impact(client) == (2, "HIT")
        told = await numbers(client)
        assert told['headwater_cache_misses_total{reason="absent"}'] == 1
        assert (told["headwater_cache_hits_total"], told["headwater_cache_repairs_total"]) == (3, 1)
        assert told["headwater_cache_entries"] == 1
        assert told["headwater_cache_bytes"] > 0
        assert told["headwater_cache_store_out"] == 0


async def test_a_request_may_pass_the_cache_by() -> None:
    async with service() as client:
        await capture(client, "one", "raw", "clean")
        for header in ("no-cache", "max-age=0, no-cache", "No-Cache"):
            assert await impact(client, **{"Cache-Control": header}) == (1, "BYPASS")
        assert await impact(client) == (1, "MISS"), "nothing of those was kept"
        assert await impact(client, **{"Cache-Control": "no-cache"}) == (1, "BYPASS")
        assert await impact(client) == (1, "HIT")
        assert (await numbers(client))["headwater_cache_bypasses_total"] == 4


async def test_one_setting_turns_it_off() -> None:
    async with service(cache="off") as client:
        await capture(client, "one", "raw", "clean")
        assert [await impact(client) for _ in range(2)] == [(1, "BYPASS")] * 2
        assert await numbers(client) == {}


@pytest.mark.parametrize("gone", ["redis://127.0.0.1:1/0", "unix:///nowhere/redis.sock", "redis+cluster://127.0.0.1:1"])
async def test_a_redis_that_is_not_there_costs_no_answer(gone: str) -> None:
    async with service(cache=gone) as client:
        await capture(client, "one", "raw", "clean")
        assert [await impact(client) for _ in range(2)] == [(1, "MISS"), (1, "HIT")]
        assert (await numbers(client))["headwater_cache_store_out"] == 1
