"""GraphQL over HTTP: which requests are taken, and with which status each is answered."""

import asyncio
import gzip
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope

from backends.errors import Unavailable
from backends.memory import MemoryBackend
from backends.model import Subgraph, Traversal
from schema.context import Context
from schema.http.app import GraphQLApp
from schema.http.leaving import PATIENCE, Leaving, Left
from schema.http.requests import GRAPHQL_JSON
from schema.service import schema
from tests.schema.world import World

QUERY = "query Q($id: ID!) { node(id: $id) { id } }"
ASKED = {"query": QUERY, "variables": {"id": "dataset:n#a"}}


async def client(world: World | None = None, **options: Any) -> httpx.AsyncClient:
    world = world or await World().lines("a *1 b")

    async def context_of(scope: Scope, headers: Mapping[bytes, bytes]) -> Context:
        return world.context()

    app = GraphQLApp(schema(), context_of, **options)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_post_and_get_give_data() -> None:
    async with await client() as http:
        given = await http.post("/graphql", json=ASKED)
        assert (given.status_code, given.headers["content-type"]) == (200, "application/json")
        assert given.json() == {"data": {"node": {"id": "dataset:n#a"}}}
        given = await http.get("/graphql", params={"query": QUERY, "variables": json.dumps({"id": "dataset:n#b"})})
        assert given.json() == {"data": {"node": {"id": "dataset:n#b"}}}


async def test_the_answer_comes_as_the_client_takes_it() -> None:
    async with await client() as http:
        for accept, media in (
            (GRAPHQL_JSON, f"{GRAPHQL_JSON}; charset=utf-8"),
            (f"{GRAPHQL_JSON}, application/json;q=0.9", f"{GRAPHQL_JSON}; charset=utf-8"),
            ("application/json", "application/json"),
            ("*/*", "application/json"),
            ("application/*", "application/json"),
            ("", "application/json"),
            (f"application/json;q=0.5, {GRAPHQL_JSON};q=0.4", "application/json"),
            (f"{GRAPHQL_JSON};q=0, */*", "application/json"),
            ("text/html, application/json;q=0.1", "application/json"),
        ):
            given = await http.post("/graphql", json=ASKED, headers={"accept": accept})
            assert (given.status_code, given.headers["content-type"]) == (200, media)
        for accept in ("text/csv", "application/json;q=0", "application/json;q=x"):
            assert (await http.post("/graphql", json=ASKED, headers={"accept": accept})).status_code == 406


async def test_the_operation_is_picked_by_name() -> None:
    async with await client() as http:
        text = "query A { __typename } query B { nope: __typename }"
        given = await http.post("/graphql", json={"query": text, "operationName": "B"})
        assert given.json() == {"data": {"nope": "Query"}}
        given = await http.post("/graphql", json={"query": text, "operationName": "C"})
        assert (given.status_code, given.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_INPUT")


async def test_errors_beside_data_are_200() -> None:
    async with await client() as http:
        text = '{ lineage(of: ["no"]) { answer { total } } __typename }'
        for accept in ("application/json", GRAPHQL_JSON):
            given = await http.post("/graphql", json={"query": text}, headers={"accept": accept})
            assert given.status_code == 200
            body = given.json()
            assert body["data"] == {"lineage": None, "__typename": "Query"}
            assert body["errors"][0]["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("text", ["{", "{ nope }", "query ($id: ID!) { node(id: $id) { id } }", "{ " + "id " * 3000 + "}"])
async def test_a_document_that_is_refused(text: str) -> None:
    async with await client() as http:
        modern = await http.post("/graphql", json={"query": text}, headers={"accept": GRAPHQL_JSON})
        plain = await http.post("/graphql", json={"query": text})
        assert modern.json() == plain.json()
        assert "data" not in modern.json()
        code = modern.json()["errors"][0]["extensions"]["code"]
        wanted = {"BAD_INPUT": (400, 200), "TOO_LARGE": (413, 413)}[code]
        assert (modern.status_code, plain.status_code) == wanted


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b'"x"', b"{}", b"\xff\xfe", b"[" * 100_000, gzip.compress(b"{}")),
        *(b'{"query": 1}', b'{"query": ""}', b'{"query": NaN}', b'{"query": "{a}", "variables": []}'),
        *(b'{"query": "{a}", "operationName": 1}', b'{"query": "{a}", "extensions": 1}'),
        b'{"query": "{ __typename }", "variables": {"x": Infinity}}',
    ],
)
async def test_a_body_that_is_no_request_is_400_with_a_code(body: bytes) -> None:
    async with await client() as http:
        given = await http.post("/graphql", content=body, headers={"content-type": "application/json"})
        assert given.status_code == 400
        assert given.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"


async def test_other_bodies_and_methods() -> None:
    async with await client() as http:
        assert (await http.post("/graphql", content=b"query=x", headers={"content-type": "text/plain"})).status_code == 415
        assert (await http.post("/graphql", content=b"{}")).status_code == 415
        packed = {"content-type": "application/json", "content-encoding": "gzip"}
        assert (await http.post("/graphql", content=b"{}", headers=packed)).status_code == 415
        utf16 = {"content-type": "application/json; charset=utf-16"}
        assert (await http.post("/graphql", content=b"{}", headers=utf16)).status_code == 415
        utf8 = {"content-type": "application/json; charset=UTF-8"}
        assert (await http.post("/graphql", content=json.dumps(ASKED).encode(), headers=utf8)).status_code == 200
        given = await http.put("/graphql", json=ASKED)
        assert (given.status_code, given.headers["allow"]) == (405, "GET, POST")
        given = await http.get("/graphql", params={"query": 'mutation { deleteEntity(input: { id: "x" }) { id } }'})
        assert (given.status_code, given.headers["allow"]) == (405, "POST")
        assert (await http.get("/graphql")).status_code == 400
        assert (await http.get("/graphql", params={"query": QUERY, "variables": "{"})).status_code == 400


async def test_a_body_that_is_too_large_is_413_and_not_read_on() -> None:
    async with await client(max_body=1000) as http:
        given = await http.post("/graphql", json={"query": "{ __typename } #" + "x" * 1000})
        assert (given.status_code, given.json()["errors"][0]["extensions"]["code"]) == (413, "TOO_LARGE")

        async def chunks() -> Any:
            for _ in range(1000):
                yield b"x" * 500

        given = await http.post("/graphql", content=chunks(), headers={"content-type": "application/json"})
        assert given.status_code == 413


async def test_a_store_that_does_not_answer_is_200_for_a_nullable_field_and_503_for_a_mutation() -> None:
    class Down(MemoryBackend):
        async def traverse(self, traversal: Traversal) -> Subgraph:
            raise Unavailable("10.0.0.5 refused")

    world = World(Down())
    async with await client(world) as http:
        await world.say("dataset:n#a")
        given = await http.post("/graphql", json={"query": '{ lineage(of: ["dataset:n#a"]) { answer { total } } }'})
        assert (given.status_code, given.json()["errors"][0]["extensions"]["code"]) == (200, "UNAVAILABLE")
        text = (
            """mutation { upsertEntities(input: { entities: [{ id: "b" }] }) { entities { upstream { nodes { id } } } } }"""
        )
        given = await http.post("/graphql", json={"query": text})
        assert (given.status_code, given.json()["errors"][0]["extensions"]["code"]) == (503, "UNAVAILABLE")
        assert given.json()["data"] is None
        assert "10.0.0.5" not in given.text


async def test_what_no_encoding_holds_is_answered_all_the_same() -> None:
    async with await client() as http:
        body = b'{"query": "query ($id: ID!) { lineage(of: [$id]) { answer { total } } }", "variables": {"id": "\\ud800"}}'
        given = await http.post("/graphql", content=body, headers={"content-type": "application/json"})
        assert given.status_code == 200
        assert given.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"
        body = b'{"query": "mutation ($v: JSON) { recordPrediction(input: {model: \\"m\\", name: \\"p\\", value: $v}) '
        body += b'{ prediction { value } } }", "variables": {"v": 123456789012345678901234567890}}'
        given = await http.post("/graphql", content=body, headers={"content-type": "application/json"})
        assert given.json()["data"]["recordPrediction"]["prediction"] == {"value": 123456789012345678901234567890.0}


@pytest.mark.parametrize("name", [{}, {"operationName": None}, {"operationName": ""}])
async def test_of_several_operations_one_must_be_named(name: dict[str, Any]) -> None:
    async with await client() as http:
        both = {"query": "query A { a: __typename } query B { b: __typename }"}
        refused = (await http.post("/graphql", json={**both, **name})).json()
        assert refused["errors"][0]["extensions"]["code"] == "BAD_INPUT"
        assert (await http.post("/graphql", json={**both, "operationName": "B"})).json() == {"data": {"b": "Query"}}


async def test_subscriptions_are_said_to_go_another_way() -> None:
    async with await client() as http:
        given = await http.post("/graphql", json={"query": 'subscription { lineageChanged(of: ["a"]) { epoch } }'})
        assert given.status_code == 400
        assert given.json()["errors"][0]["extensions"]["code"] == "UNSUPPORTED"


async def test_extensions_are_an_object_and_where_json_ends_is_said() -> None:
    async with await client() as http:
        for given in (
            await http.post("/graphql", json={**ASKED, "extensions": "text"}),
            await http.get("/graphql", params={"query": "{ __typename }", "extensions": "[]"}),
        ):
            assert given.status_code == 400
        given = await http.post("/graphql", content=b'{\n "query": }', headers={"content-type": "application/json"})
        assert "line 2, column 11" in given.json()["errors"][0]["message"]


class Waiting(MemoryBackend):
    """Traversals begin, and end when they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.may_end, self.was_stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def traverse(self, traversal: Traversal) -> Subgraph:
        self.began.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.was_stopped.set()
            raise
        return await super().traverse(traversal)


async def asked_and_left(backend: Waiting, text: str) -> tuple[list[Message], asyncio.Task[None]]:
    """A request whose client leaves once a traversal has begun: what was sent to it, and the answering of it."""
    world = World(backend)
    await world.say("dataset:n#a")

    async def context_of(scope: Scope, headers: Mapping[bytes, bytes]) -> Context:
        return world.context()

    body: list[Message] = [{"type": "http.request", "body": json.dumps({"query": text}).encode(), "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if body:
            return body.pop()
        await backend.began.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")], "query_string": b""}
    return sent, asyncio.create_task(GraphQLApp(schema(), context_of)(scope, receive, send))


async def test_a_query_whose_client_has_left_is_given_up() -> None:
    backend = Waiting()
    sent, answering = await asked_and_left(backend, '{ lineage(of: ["dataset:n#a"]) { answer { total } } }')
    async with asyncio.timeout(60):
        await backend.was_stopped.wait()
        await answering
    assert sent == []


async def test_what_is_written_is_written_whoever_leaves() -> None:
    backend = Waiting()
    text = 'mutation { upsertEntities(input: { entities: [{ id: "b" }] }) { entities { upstream { nodes { id } } } } }'
    sent, answering = await asked_and_left(backend, text)
    async with asyncio.timeout(60):
        await backend.began.wait()
        await asyncio.sleep(3 * PATIENCE)
        assert not backend.was_stopped.is_set()
        backend.may_end.set()
        await answering
    assert sent[0]["status"] == 200


async def test_of_those_who_wait_only_who_left_is_given_up_and_the_clock_stops_with_the_last() -> None:
    leaving, may_end = Leaving(), asyncio.Event()

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def stays() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def answered(receive: Receive, *, may_stop: bool = True) -> str:
        with leaving.unless_left(receive, lambda: may_stop):
            await may_end.wait()
        return "answered"

    for _ in range(2):
        may_end.clear()
        left, written, waited = (
            asyncio.create_task(each) for each in (answered(gone), answered(gone, may_stop=False), answered(stays))
        )
        async with asyncio.timeout(60):
            with pytest.raises(Left):
                await left
            may_end.set()
            assert {await written, await waited} == {"answered"}
            for _ in range(1_000):  # a look may still be to come, and is the last
                if leaving._is_timed:
                    await asyncio.sleep(PATIENCE / 5)
            assert not leaving._is_timed


LONG = {"query": "{ __schema { types { name } } }"}


@pytest.mark.parametrize(
    ("accept", "packing"),
    [
        *(("gzip", "gzip"), ("zstd", "zstd"), ("gzip, zstd", "zstd"), ("zstd;q=0.5, gzip", "gzip"), ("*", "zstd")),
        *(("br", None), ("", None), ("gzip;q=0, zstd;q=0", None), ("gzip;q=0.5, identity", None), ("gzip;q=x", None)),
    ],
)
async def test_long_answers_are_packed_as_the_client_takes_them(accept: str, packing: str | None) -> None:
    async with await client() as http:
        plain = await http.post("/graphql", json=LONG, headers={"accept-encoding": ""})
        given = await http.send(http.build_request("POST", "/graphql", json=LONG, headers={"accept-encoding": accept}))
        assert given.headers.get("content-encoding") == packing
        assert given.json() == plain.json()
        assert "content-encoding" not in plain.headers
        small = await http.post("/graphql", json=ASKED, headers={"accept-encoding": accept})
        assert "content-encoding" not in small.headers


async def test_what_is_very_long_is_packed_too() -> None:
    async with await client() as http:
        text = "{ " + " ".join(f"a{n}: __schema {{ types {{ fields {{ description }} }} }}" for n in range(20)) + " }"
        given = await http.post("/graphql", json={"query": text}, headers={"accept-encoding": "gzip"})
        assert given.headers["content-encoding"] == "gzip"
        assert len(given.content) > 128 * 1024 > int(given.headers["content-length"])


async def test_get_has_a_tag_that_spares_the_answer() -> None:
    async with await client() as http:
        asked = {"query": QUERY, "variables": json.dumps({"id": "dataset:n#a"})}
        given = await http.get("/graphql", params=asked)
        tag = given.headers["etag"]
        assert given.headers["cache-control"] == "private, no-cache"
        for known in (tag, f'W/"other", {tag}', "*"):
            again = await http.get("/graphql", params=asked, headers={"if-none-match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        again = await http.get("/graphql", params=asked, headers={"if-none-match": 'W/"other"'})
        assert (again.status_code, again.json()) == (200, given.json())
        other = {**asked, "variables": json.dumps({"id": "dataset:n#b"})}
        assert (await http.get("/graphql", params=other)).headers["etag"] != tag
        assert "etag" not in (await http.post("/graphql", json=ASKED)).headers
        assert (
            "etag"
            not in (await http.get("/graphql", params={"query": "{ nope }"}, headers={"accept": GRAPHQL_JSON})).headers
        )
