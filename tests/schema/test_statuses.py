"""The statuses of the 2026 draft of GraphQL over HTTP; those of the audit are in test_http, and in tests/outside."""

import json
from typing import Any

import pytest

from backends.errors import Unavailable
from backends.memory import MemoryBackend
from backends.model import Subgraph, Traversal
from schema.http.documents import Mode, Texts
from schema.http.requests import GRAPHQL_JSON
from schema.http.statuses import Statuses
from tests.schema.test_http import ASKED, QUERY, client
from tests.schema.world import World

FAILING = '{ lineage(of: ["no"]) { answer { total } } __typename }'


@pytest.mark.parametrize("accept", ["application/json", GRAPHQL_JSON])
@pytest.mark.parametrize(
    ("said", "status"),
    [
        (ASKED, 200),
        ({"query": FAILING}, 294),
        ({"query": "{"}, 400),
        ({"query": "{ nope }"}, 422),
        ({"query": QUERY}, 422),  # a variable is missing
        ({"query": QUERY, "variables": {"id": []}}, 422),
        ({"query": "query A { __typename } query B { __typename }"}, 422),
        ({"query": "query A { __typename }", "operationName": "B"}, 422),
        ({"qeury": QUERY}, 422),
        ({"query": QUERY, "variables": [7]}, 422),
        ({"query": QUERY, "extensions": 1}, 422),
        ({"query": QUERY, "operationName": 1}, 422),
        ({"documentId": "md5:x"}, 422),
        ({"documentId": "x"}, 422),
        ([], 422),
        ({"query": "{ " + "id " * 3000 + "}"}, 413),
    ],
)
async def test_each_case_of_the_draft(accept: str, said: Any, status: int) -> None:
    async with await client(statuses=Statuses.DRAFT_2026) as http:
        given = await http.post("/graphql", json=said, headers={"accept": accept})
        assert given.status_code == status
        media = f"{GRAPHQL_JSON}; charset=utf-8" if status >= 300 or accept == GRAPHQL_JSON else accept
        assert given.headers["content-type"] == media
        assert ("data" in given.json()) == (status < 300)
        assert ("errors" in given.json()) == (status != 200)


async def test_what_does_not_reach_graphql_has_the_statuses_of_http() -> None:
    async with await client(statuses=Statuses.DRAFT_2026, max_body=10_000) as http:
        sent = {"content-type": "application/json"}
        assert (await http.post("/graphql", content=b"NONSENSE", headers=sent)).status_code == 400
        assert (await http.post("/graphql", content=b"{}")).status_code == 415
        assert (await http.post("/graphql", content=b" " * 10_001, headers=sent)).status_code == 413
        assert (await http.post("/graphql", json=ASKED, headers={"accept": "text/csv"})).status_code == 406
        assert (await http.put("/graphql", json=ASKED)).status_code == 405
        assert (await http.get("/graphql", params={"query": QUERY, "variables": "{"})).status_code == 400
        given = await http.get("/graphql", params={"query": 'mutation { deleteEntity(input: { id: "x" }) { id } }'})
        assert (given.status_code, given.headers["allow"]) == (405, "POST")


async def test_a_get_has_a_tag_only_where_nothing_went_wrong() -> None:
    async with await client(statuses=Statuses.DRAFT_2026) as http:
        given = await http.get("/graphql", params={"query": FAILING})
        assert (given.status_code, "etag" in given.headers) == (294, False)
        asked = {"query": QUERY, "variables": json.dumps(ASKED["variables"])}
        assert "etag" in (await http.get("/graphql", params=asked)).headers


async def test_what_ran_and_came_to_nothing_is_partial_and_what_may_not_run_is_forbidden() -> None:
    class Down(MemoryBackend):
        async def traverse(self, traversal: Traversal) -> Subgraph:
            raise Unavailable("no")

    text = 'mutation { upsertEntities(input: { entities: [{ id: "b" }] }) { entities { upstream { nodes { id } } } } }'
    async with await client(World(Down()), statuses=Statuses.DRAFT_2026) as http:
        given = await http.post("/graphql", json={"query": text})
        assert (given.status_code, given.json()["data"]) == (294, None)
        assert given.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    async with await client(statuses=Statuses.DRAFT_2026, texts=Texts({}, Mode.ENFORCE)) as http:
        assert (await http.post("/graphql", json=ASKED)).status_code == 403
