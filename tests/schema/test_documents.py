"""Documents that are named instead of sent, and those that alone are run."""

import json
from collections.abc import Mapping
from hashlib import md5, sha256
from typing import Any

import httpx
import pytest
from starlette.types import Scope

from schema.context import Context
from schema.errors import ApiError
from schema.http.app import GraphQLApp
from schema.http.documents import APOLLO, LONGEST, OVERHEAD, Mode, Texts, id_of, manifest_of
from schema.http.requests import GRAPHQL_JSON
from schema.service import schema
from tests.schema.world import World

QUERY = "query Q($id: ID!) { node(id: $id) { id } }"
OTHER = "{ __typename }"
HASH = sha256(QUERY.encode()).hexdigest()
VARIABLES = {"id": "dataset:n#a"}
DATA = {"data": {"node": {"id": "dataset:n#a"}}}
MANIFEST = {"orders": QUERY, md5(QUERY.encode()).hexdigest(): QUERY, "x-ours:1.2": QUERY}


def apq(name: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": name}}}


def code(answer: httpx.Response) -> str:
    (error,) = answer.json()["errors"]
    assert "data" not in answer.json()
    found: str = error["extensions"]["code"]
    return found


async def client(texts: Texts, **options: Any) -> httpx.AsyncClient:
    world = await World().lines("a *1 b")

    async def context_of(scope: Scope, headers: Mapping[bytes, bytes]) -> Context:
        return world.context()

    app = GraphQLApp(schema(), context_of, texts=texts, **options)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def ask(http: httpx.AsyncClient, **said: Any) -> httpx.Response:
    return await http.post("/graphql", json={"variables": VARIABLES, **said})


@pytest.mark.parametrize("mode", Mode)
async def test_a_document_of_the_manifest_runs_by_each_of_its_ids_and_by_its_text(mode: Mode) -> None:
    async with await client(Texts(MANIFEST, mode)) as http:
        for name in (*MANIFEST, f"sha256:{HASH}"):
            assert (await ask(http, documentId=name)).json() == DATA
            assert (await ask(http, documentId=name, query=QUERY)).json() == DATA
        for name in ("orders", HASH):
            assert (await ask(http, **apq(name))).json() == DATA
            assert (await ask(http, query=QUERY, **apq(name))).json() == DATA
        assert (await ask(http, query=QUERY)).json() == DATA


async def test_an_id_may_be_asked_by_get_and_has_a_tag() -> None:
    async with await client(Texts(MANIFEST)) as http:
        asked = {"documentId": f"sha256:{HASH}", "variables": json.dumps(VARIABLES)}
        given = await http.get("/graphql", params=asked)
        assert given.json() == DATA
        again = await http.get("/graphql", params=asked, headers={"if-none-match": given.headers["etag"]})
        assert again.status_code == 304
        asked = {"variables": json.dumps(VARIABLES), "extensions": json.dumps(apq(HASH)["extensions"])}
        assert (await http.get("/graphql", params=asked)).json() == DATA


async def test_a_mutation_by_its_id_is_not_run_by_get() -> None:
    text = 'mutation { deleteEntity(input: { id: "x" }) { id } }'
    async with await client(Texts({"m": text})) as http:
        given = await http.get("/graphql", params={"documentId": "m"})
        assert (given.status_code, given.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.OBSERVE])
async def test_an_unknown_id_is_one_error_that_apollo_clients_know(mode: Mode) -> None:
    async with await client(Texts(MANIFEST, mode)) as http:
        for said in (
            {"documentId": "nope"},
            {"documentId": id_of("nope")},
            apq(HASH[::-1]),
        ):
            for accept, status in ((GRAPHQL_JSON, 400), ("application/json", 200)):
                given = await http.post("/graphql", json=said, headers={"accept": accept})
                assert (given.status_code, code(given)) == (status, "PERSISTED_QUERY_NOT_FOUND")
        assert (await ask(http, **apq(HASH[::-1]))).json()["errors"][0]["message"] == "PersistedQueryNotFound"
        unknown = await ask(http, documentId="n", query=OTHER)
        assert code(unknown) == "BAD_INPUT", "to send the text again would not help"


async def test_a_text_sent_once_with_its_hash_is_known_afterwards() -> None:
    async with await client(Texts()) as http:
        assert code(await ask(http, **apq(HASH))) == "PERSISTED_QUERY_NOT_FOUND"
        assert (await ask(http, query=QUERY, **apq(HASH))).json() == DATA
        assert (await ask(http, **apq(HASH))).json() == DATA
        assert (await ask(http, documentId=f"sha256:{HASH}")).json() == DATA
        assert (await ask(http, query=None, documentId=f"sha256:{HASH}")).json() == DATA


@pytest.mark.parametrize("text", [OTHER, QUERY + " ", "\ud800"])
async def test_a_text_that_is_not_the_one_of_its_hash_is_refused_and_not_remembered(text: str) -> None:
    names: list[dict[str, Any]] = [apq(HASH), {"documentId": f"sha256:{HASH}"}]
    for texts in (Texts(), Texts(MANIFEST)):
        for name in names:
            with pytest.raises(ApiError, match="not the one"):
                texts.text_of({"query": text, **name})
    with pytest.raises(ApiError, match="PersistedQueryNotFound"):
        Texts().text_of(apq(HASH))


async def test_half_a_character_takes_nobody_elses_place() -> None:
    texts = Texts()
    with pytest.raises(ApiError, match="not the one"):
        texts.text_of({"query": "{ a } # \ud800", **apq(id_of("{ a } # ?").removeprefix("sha256:"))})


@pytest.mark.parametrize(
    "said",
    [
        *({}, {"query": ""}, {"query": 1}, {"documentId": 1}, {"documentId": ""}, {"documentId": "md5:abc"}),
        *({"documentId": "sha256:ABC"}, {"documentId": f"sha256:{HASH.upper()}"}, {"documentId": "a b"}),
        *({"documentId": "x-a:b:c"}, {"documentId": "x-:b"}, {"documentId": "orders\n"}, {"documentId": []}),
        *({"query": OTHER, "extensions": {"persistedQuery": 1}}, {"extensions": {"persistedQuery": {"version": 1}}}),
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": HASH}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 7}}},
    ],
)
async def test_what_names_no_document_is_a_malformed_request(said: dict[str, Any]) -> None:
    async with await client(Texts(MANIFEST)) as http:
        given = await http.post("/graphql", json=said)
        assert (given.status_code, code(given)) == (400, "BAD_INPUT")


async def test_what_is_remembered_is_bounded_and_what_was_asked_longest_ago_goes() -> None:
    texts = Texts(most_bytes=10 * (OVERHEAD + 20))
    for number in range(100):
        text = f"{{ a{number}: __typename }}"
        assert texts.text_of({"query": text, "documentId": id_of(text)}) == text
        assert texts.text_of({"documentId": id_of("{ a0: __typename }")}) == "{ a0: __typename }"
    assert 5 <= len(texts._kept) <= 10
    assert texts._bytes <= 10 * (OVERHEAD + 20)
    with pytest.raises(ApiError):
        texts.text_of({"documentId": id_of("{ a1: __typename }")})
    large = Texts(most_bytes=1 << 30)
    text = OTHER + " " * LONGEST
    assert large.text_of({"query": text, "documentId": id_of(text)}) == text
    assert not large._kept


async def test_enforced_nothing_else_runs_and_nothing_is_remembered() -> None:
    met: list[str] = []
    texts = Texts(MANIFEST, Mode.ENFORCE, untrusted=met.append)
    async with await client(texts) as http:
        for said in ({"query": OTHER}, {"query": QUERY + " "}, {"query": OTHER, "documentId": id_of(OTHER)}, {"query": "{"}):
            given = await http.post("/graphql", json=said)
            assert (given.status_code, code(given)) == (403, "FORBIDDEN")
            assert given.json()["errors"][0]["extensions"]["documentId"] == id_of(said["query"])
        apollo = await http.post("/graphql", json={"query": OTHER, **apq(id_of(OTHER)[7:])})
        assert (apollo.status_code, code(apollo)) == (403, "FORBIDDEN")
        for unknown in (apq(id_of(OTHER)[7:]), {"documentId": "nope"}):  # nor would its text be run
            given = await http.post("/graphql", json=unknown)
            assert (given.status_code, code(given)) == (403, "FORBIDDEN")
        assert code(await http.post("/graphql", json={"query": OTHER, **apq("an-id-of-ours")})) == "FORBIDDEN"
        assert code(await http.post("/graphql", json={"query": OTHER, "documentId": "orders"})) == "BAD_INPUT"
        assert (await ask(http, query=QUERY, **apq("an-id-of-ours"))).json() == DATA
    assert met == [OTHER, QUERY + " ", OTHER, "{", OTHER, OTHER]


async def test_observed_all_runs_and_what_is_not_trusted_is_told() -> None:
    met: list[str] = []
    texts = Texts(MANIFEST, Mode.OBSERVE, untrusted=met.append)
    async with await client(texts) as http:
        assert (await http.post("/graphql", json={"query": OTHER})).json() == {"data": {"__typename": "Query"}}
        assert (await ask(http, documentId="orders")).json() == DATA
    assert met == [OTHER]
    assert (texts.is_trusted(QUERY), texts.is_trusted(OTHER)) == (True, False)


def test_manifests_are_taken_as_their_tools_write_them() -> None:
    operation = {"id": HASH, "name": "Q", "type": "query", "body": QUERY}
    apollo = {"format": APOLLO, "version": 1, "operations": [operation, {**operation, "id": "mine"}]}
    assert manifest_of(json.dumps(apollo).encode()) == {HASH: QUERY, "mine": QUERY}
    assert manifest_of(json.dumps(MANIFEST).encode()) == MANIFEST
    assert manifest_of(json.dumps({id_of(QUERY): QUERY}).encode()) == {id_of(QUERY): QUERY}
    assert manifest_of(b"{}") == {}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("nothing", "no JSON"),
        ("[]", "neither"),
        ('{"a": 1}', "document 'a' is not the text"),
        ('{"a": ""}', "document 'a' is not the text"),
        ('{"": "{ a }"}', "document ''"),
        ('{"md5:a": "{ a }"}', "document 'md5:a'"),
        (f'{{"sha256:{HASH}": "{{ a }}"}}', "not the SHA-256"),
        (json.dumps({"format": APOLLO}), "`operations`"),
        (json.dumps({"format": APOLLO, "operations": [{"body": OTHER}]}), "`operations`"),
        (json.dumps({"format": APOLLO, "operations": [{"id": "a", "name": "A"}]}), "document 'a' is not the text"),
        (json.dumps({"format": APOLLO, "operations": [{"id": "a", "body": OTHER}, {"id": "a", "body": QUERY}]}), "twice"),
    ],
)
def test_a_manifest_that_is_none_says_where(said: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        manifest_of(said.encode())
