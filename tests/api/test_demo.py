"""The demo: loaded into an empty store and no other, whole, and its question has its answer."""

import json
import shlex
from collections.abc import AsyncIterator

import httpx
import pytest

from api.demo import EVENTS, QUESTION
from api.greeting import curl, greeting
from api.settings import Settings
from tests.api.events import GOOD
from tests.api.service import service


@pytest.fixture
async def demo() -> AsyncIterator[httpx.AsyncClient]:
    async with service(demo=True) as client:
        yield client


async def ask(client: httpx.AsyncClient, query: str) -> dict[str, object]:
    answer = (await client.post("/graphql", json={"query": query})).json()
    assert "errors" not in answer
    data: dict[str, object] = answer["data"]
    return data


async def test_its_question_leads_from_a_prediction_to_the_files_the_shop_started_with(demo: httpx.AsyncClient) -> None:
    answer = (await demo.post("/graphql", json={"query": QUESTION})).json()
    assert "errors" not in answer
    prediction = answer["data"]["prediction"]
    assert prediction["model"] == {"name": "return_risk", "version": "2"}
    names = {node["name"] for node in prediction["upstream"]["nodes"]}
    assert prediction["upstream"]["answer"] == {"complete": True}
    assert prediction["upstream"]["totalCount"] == len(names)
    assert {"/srv/shop/raw/orders.csv", "/srv/shop/raw/web_events", "shop.marts.fct_orders"} <= names


async def test_what_the_greeting_prints_asks_that_question() -> None:
    text = greeting(Settings(demo=True), 8123)
    (line,) = (line for line in text.splitlines() if line.lstrip().startswith("curl"))
    words = shlex.split(line)
    assert "http://127.0.0.1:8123/graphql" in words
    assert "Content-Type: application/json" in words
    assert json.loads(words[words.index("-d") + 1]) == {"query": QUESTION}


async def test_with_a_key_the_printed_line_sends_it_without_showing_it() -> None:
    text = greeting(Settings(token="s3cret", host="0.0.0.0"), 80)
    assert "s3cret" not in text
    assert "Bearer $HEADWATER_TOKEN" in text
    assert "http://127.0.0.1:80/graphql" in text


async def test_the_question_for_any_store_is_answered(client: httpx.AsyncClient) -> None:
    text = greeting(Settings(), 80)
    words = shlex.split(next(line for line in text.splitlines() if "curl" in line))
    await client.post("/api/v1/lineage", json=GOOD)
    answer = (await client.post("/graphql", json=json.loads(words[words.index("-d") + 1]))).json()
    assert "errors" not in answer
    assert answer["data"]["search"]["totalCount"] > 0


async def test_a_query_may_hold_what_a_shell_would_read() -> None:
    query = """{ search(text: "it's $HOME `x`") { totalCount } }"""
    words = shlex.split(curl("http://x", query, keyed=False))
    assert json.loads(words[-1]) == {"query": query}


async def test_a_store_that_is_not_empty_is_left_as_it_is(tmp_path: object) -> None:
    url = f"sqlite:////{tmp_path}/headwater.db"
    async with service(backend=url) as client:
        await client.post("/api/v1/lineage", json=GOOD)
    async with service(backend=url, demo=True) as client:
        answer = (await client.post("/graphql", json={"query": QUESTION})).json()
        assert answer["data"]["prediction"] is None


async def test_every_event_of_the_demo_is_taken(client: httpx.AsyncClient) -> None:
    files = sorted(EVENTS.glob("2*.ndjson"))
    assert files
    for file in files:
        headers = {"Content-Type": "application/x-ndjson"}
        answer = (await client.post("/api/v1/lineage/batch", content=file.read_bytes(), headers=headers)).json()
        assert answer["refused"] == []
