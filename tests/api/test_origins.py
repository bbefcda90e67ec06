"""Pages of other origins: those that HEADWATER_ORIGINS names may ask and read the answers, others not."""

from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from starlette.middleware.cors import CORSMiddleware
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from api.app import create_app
from api.settings import BadSetting, Settings
from tests.api.events import GOOD
from tests.api.followers import TRANSPORT
from tests.api.process import PATIENCE, started
from tests.api.service import service

FRIEND: Final = "https://catalog.example.org"
STRANGER: Final = "https://evil.example.org"
KEY: Final = "a-key-of-this-test"
NAME: Final = {"query": "{ __typename }"}
ALLOWED: Final = "access-control-allow-origin"


async def preflight(client: httpx.AsyncClient, origin: str, method: str = "POST", **headers: str) -> httpx.Response:
    """What a browser asks before it sends what a page wants to send."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return await client.options("/graphql", headers=asked | {name.replace("_", "-"): text for name, text in headers.items()})


async def test_a_browser_is_told_before_it_sends_anything_and_without_the_key() -> None:
    async with service(origins=FRIEND, token=KEY) as client:
        wanted = "authorization,content-type,if-none-match,traceparent,graphql-cost,apollo-require-preflight"
        told = await preflight(client, FRIEND, Access_Control_Request_Headers=wanted)
        assert (told.status_code, told.headers[ALLOWED]) == (200, FRIEND)
        assert set(wanted.split(",")) <= set(told.headers["access-control-allow-headers"].split(","))
        assert "Origin" in told.headers["vary"]
        assert (await preflight(client, FRIEND, "GET")).status_code == 200
        assert (await preflight(client, FRIEND, Access_Control_Request_Private_Network="true")).status_code == 200
        for refused in (await preflight(client, STRANGER), await preflight(client, "null")):
            assert refused.status_code == 400
            assert ALLOWED not in refused.headers
        assert (await preflight(client, FRIEND, "DELETE")).status_code == 400


async def test_a_page_that_is_named_reads_answers_with_and_without_a_key() -> None:
    for settings, headers in (({}, {}), ({"token": KEY}, {"Authorization": f"Bearer {KEY}"})):
        async with service(origins=f"{FRIEND}, http://localhost:5173", **settings) as client:
            for origin in (FRIEND, "http://localhost:5173"):
                given = await client.post("/graphql", json=NAME, headers=headers | {"Origin": origin})
                assert given.json() == {"data": {"__typename": "Query"}}
                assert given.headers[ALLOWED] == origin
                assert given.headers["access-control-allow-credentials"] == "true"


async def test_a_page_asks_again_by_the_tag_of_an_answer() -> None:
    async with service(origins=FRIEND) as client:
        first = await client.get("/graphql", params=NAME, headers={"Origin": FRIEND})
        assert "ETag" in first.headers["access-control-expose-headers"]
        assert {"Accept", "Accept-Encoding", "Origin"} <= set(first.headers["vary"].split(", "))
        known = {"Origin": FRIEND, "If-None-Match": first.headers["etag"]}
        again = await client.get("/graphql", params=NAME, headers=known)
        assert (again.status_code, again.headers[ALLOWED]) == (304, FRIEND)


async def test_a_stream_of_events_is_for_the_page_too() -> None:
    async with service(origins=FRIEND) as client:
        told = await client.post("/graphql", json=NAME, headers={"Origin": FRIEND, "Accept": "text/event-stream"})
        assert told.headers["content-type"].startswith("text/event-stream")
        assert told.headers[ALLOWED] == FRIEND


async def test_errors_and_refusals_are_for_the_page_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would learn of each of them that something failed, and no more."""

    def fails(_: bytes) -> None:
        raise RuntimeError("the inside of something")

    monkeypatch.setattr("api.openlineage.decode", fails)
    page, named = {"Origin": FRIEND}, {"Origin": FRIEND, "Authorization": f"Bearer {KEY}"}
    async with service(origins=FRIEND, token=KEY, max_query_bytes=1024) as client:
        given = [
            (401, await client.post("/graphql", json=NAME, headers=page)),
            (401, await client.post("/api/v1/lineage", json=GOOD, headers=page)),
            (404, await client.get("/nowhere", headers=named)),
            (415, await client.post("/graphql", content="x", headers=named)),
            (400, await client.post("/graphql", json={"query": 1}, headers=named)),
            (413, await client.post("/graphql", json=NAME | {"x": "x" * 2_000}, headers=named)),
            (500, await client.post("/api/v1/lineage", json=GOOD, headers=named)),
        ]
        for status, answer in given:
            assert (answer.status_code, answer.headers.get(ALLOWED)) == (status, FRIEND)
        assert "X-Request-Id" in given[0][1].headers["access-control-expose-headers"]


async def test_a_page_that_is_not_named_reads_nothing_and_without_a_key_does_nothing() -> None:
    async with service(origins=FRIEND) as client:
        refused = await client.post("/graphql", json=NAME, headers={"Origin": STRANGER})
        assert refused.status_code == 403
        assert "HEADWATER_ORIGINS" in refused.json()["errors"][0]["message"]
        assert ALLOWED not in refused.headers
        # a name that somebody owns, pointed at this machine
        bound = await client.post("/graphql", json=NAME, headers={"Origin": FRIEND, "Host": "evil.example.org"})
        assert bound.status_code == 403
    async with service(origins=FRIEND, token=KEY) as client:
        unread = await client.post("/graphql", json=NAME, headers={"Origin": STRANGER, "Authorization": f"Bearer {KEY}"})
        assert unread.status_code == 200
        assert ALLOWED not in unread.headers


async def test_any_page_may_ask_with_a_key_and_without_cookies() -> None:
    async with service(origins="*", token=KEY) as client:
        headers = {"Origin": STRANGER, "Authorization": f"Bearer {KEY}", "Cookie": "a=b"}
        given = [await client.post("/graphql", json=NAME, headers=headers), await preflight(client, STRANGER)]
        for each in given:
            assert each.headers[ALLOWED] == "*"
            assert "access-control-allow-credentials" not in each.headers


async def test_unset_nothing_is_said_and_nothing_is_in_the_way(client: httpx.AsyncClient) -> None:
    app: Any = create_app(Settings(backend="memory://"))
    assert not isinstance(app.around, CORSMiddleware)
    told = await preflight(client, FRIEND)
    own = await client.post("/graphql", json=NAME, headers={"Origin": "http://127.0.0.1:8000"})
    assert own.status_code == 200
    for each in (told, own):
        assert not any(name.startswith("access-control") for name in each.headers)
    assert "vary" not in own.headers


def test_origins_are_compared_as_browsers_write_them() -> None:
    said = "https://Catalog.example.org:443/, http://here:80,http://localhost:8080 ,"
    assert Settings(origins=said).allowed_origins == {FRIEND, "http://here", "http://localhost:8080"}
    assert Settings().allowed_origins == frozenset()


def test_any_page_needs_a_key() -> None:
    with pytest.raises(BadSetting, match="HEADWATER_TOKEN"):
        Settings.from_environment({"HEADWATER_ORIGINS": "*"})
    Settings.from_environment({"HEADWATER_ORIGINS": "*", "HEADWATER_TOKEN": KEY})


@pytest.mark.parametrize("variables", [{}, {"HEADWATER_TOKEN": KEY}])
def test_sockets_are_held_to_the_same_list(tmp_path: Path, variables: dict[str, str]) -> None:
    with started(tmp_path, "--backend", "memory://", HEADWATER_ORIGINS=FRIEND, **variables) as running:
        url = f"{running.url.replace('http', 'ws')}/graphql"
        for origin in (None, Origin(running.url), Origin(FRIEND)):
            with connect(url, origin=origin, subprotocols=[TRANSPORT], proxy=None, open_timeout=PATIENCE) as socket:
                assert socket.subprotocol == TRANSPORT
        for foreign in (Origin(STRANGER), Origin("null"), Origin(f"{FRIEND}.evil.example")):
            with pytest.raises(InvalidStatus) as refused:
                connect(url, origin=foreign, subprotocols=[TRANSPORT], proxy=None, open_timeout=PATIENCE)
            assert refused.value.response.status_code == 403
            assert b"HEADWATER_ORIGINS" in (refused.value.response.body or b"")
