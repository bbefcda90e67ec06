"""What GraphQL costs, over HTTP: it is told, it is refused, and it is paid for by whoever asks."""

import json
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.settings import BadSetting, Settings
from schema.cost.admission import READING
from schema.cost.directives import FLAT, WALK
from schema.cost.prices import REQUEST
from tests.api.service import BASE, service

CAPTURE = 'mutation { captureOperation(input: { name: "j", inputs: ["a"], outputs: ["b"] }) { epoch } }'
IMPACT = '{ impact(of: ["a"]) { summary { total } } }'
HOPS = 'query ($n: Int!) { dataset(name: "a") { downstream(first: $n) { nodes { id } } } }'
TOLD = {"GraphQL-Cost": "report"}


async def ask(client: httpx.AsyncClient, query: str, /, **headers: str) -> httpx.Response:
    return await client.post("/graphql", json={"query": query}, headers=headers)


async def test_what_an_answer_cost_is_told_to_who_asks_for_it() -> None:
    async with service() as client:
        await ask(client, CAPTURE)
        plain = (await ask(client, IMPACT)).json()
        assert set(plain) == {"data"}
        said = (await ask(client, IMPACT, **TOLD)).json()
        assert said["data"] == plain["data"]
        cost = said["extensions"]["cost"]
        status = cost.pop("throttleStatus")
        assert cost == {"requestedQueryCost": REQUEST + FLAT + 1, "actualQueryCost": REQUEST + FLAT + 1}
        assert status["maximumAvailable"] == 1_000_000
        assert status["restoreRate"] == 50_000
        assert 0 < status["currentlyAvailable"] <= 1_000_000


async def test_reading_a_new_document_is_paid_for_once() -> None:
    async with service() as client:
        first = (await ask(client, IMPACT, **TOLD)).json()["extensions"]["cost"]
        again = (await ask(client, IMPACT, **TOLD)).json()["extensions"]["cost"]
        assert first["requestedQueryCost"] == again["requestedQueryCost"]
        assert first["actualQueryCost"] == again["actualQueryCost"] + READING + len(IMPACT)


async def test_other_choices_of_what_is_left_in_are_paid_for_once_each() -> None:
    text = 'query ($with: Boolean!) { dataset(name: "a") { id tags @include(if: $with) } }'
    async with service() as client:
        paid = []
        for chosen in (True, True, False, False, True):
            given = await client.post("/graphql", json={"query": text, "variables": {"with": chosen}}, headers=TOLD)
            paid.append(given.json()["extensions"]["cost"]["actualQueryCost"])
        new = READING + len(text)
        assert paid == [REQUEST + 1 + new, REQUEST + 1, REQUEST + 1 + new, REQUEST + 1, REQUEST + 1]


async def test_an_answer_that_was_ready_costs_next_to_nothing() -> None:
    async with service() as client:
        await ask(client, CAPTURE)
        paid = [(await ask(client, IMPACT, **TOLD)).json() for _ in range(6)]
        assert paid[-1]["extensions"]["cost"]["requestedQueryCost"] == REQUEST + FLAT + 1
        assert paid[-1]["extensions"]["cost"]["actualQueryCost"] == REQUEST
        assert [each["data"] for each in paid] == [paid[0]["data"]] * 6
        plain = await ask(client, IMPACT)
        assert plain.json() == {"data": paid[0]["data"]}


async def test_what_costs_too_much_is_refused_before_it_runs_and_says_where() -> None:
    async with service(max_cost=1_000) as client:
        await ask(client, CAPTURE)
        for accept, status in (("application/json", 200), ("application/graphql-response+json", 400)):
            body: Any = {"query": HOPS, "variables": {"n": 1_000}}
            given = await client.post("/graphql", json=body, headers={"Accept": accept, **TOLD})
            assert given.status_code == status
            said = given.json()
            (error,) = said["errors"]
            whole = REQUEST + 1 + WALK + 1_000
            more = {"code": "TOO_COSTLY", "cost": whole, "maxCost": 1_000, "field": "dataset.downstream.nodes"}
            assert error["extensions"] == more
            assert "dataset.downstream.nodes" in error["message"]
            assert "data" not in said
            assert said["extensions"]["cost"]["requestedQueryCost"] == whole
        body = {"query": HOPS, "variables": {"n": 900}}
        given = await client.post("/graphql", json=body)
        assert len(given.json()["data"]["dataset"]["downstream"]["nodes"]) == 1


BOMBS = {
    "three hops of a hundred": (
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Entity { upstream(first: 10) { nodes { "
        "upstream(first: 10) { nodes { id } } } } } } }",
        {"ids": [f"dataset:n#{n}" for n in range(100)]},
    ),
    "a hop of a thousand": (
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Entity { upstream { nodes { id } } } } }",
        {"ids": [f"dataset:n#{n}" for n in range(1_000)]},
    ),
    "the same by aliases": (
        "{ "
        + " ".join(
            f'a{n}: dataset(name: "a") {{ upstream(first: 1000, depth: null) {{ nodes {{ id upstream '
            "{ totalCount } } } }"
            for n in range(20)
        )
        + " }",
        {},
    ),
    "mutations that show much": (
        "mutation { "
        + " ".join(
            f'a{n}: upsertEntities(input: {{entities: [{{id: "dataset:n#a"}}]}}) {{ entities {{ upstream(first: 1000) {{ '
            "nodes { upstream { nodes { id } } } } } }"
            for n in range(2)
        )
        + " }",
        {},
    ),
}
WIDE = {
    "a screen full": (
        """query ($of: [ID!]!) { lineage(of: $of, direction: BOTH, maxNodes: 1000) {
        nodes { depth direction entity { id kind name namespace tags owners description firstSeen lastSeen
            ... on Dataset { type location lifecycle } ... on Job { type sql } ... on Model { version status } } }
        edges { id kind source target via viaCount evidence { origin confidence firstSeen lastSeen runs
            lastRun { id state startedAt endedAt job { name } } } transformations { type subtype description masking } }
        summary { total byKind { kind count } byDepth { depth count } byNamespace { namespace count } }
        answer { complete incompleteBecause incompleteCode truncated total epoch watermark sources cache } } }""",
        {"of": ["a"]},
    ),
    "all that breaks": (
        """query ($of: [ID!]!) { impact(of: $of) { roots { id name } summary { total byKind { kind count } }
        affected(first: 1000, orderBy: IMPACT_LEVEL) { totalCount pageInfo { hasNextPage endCursor }
        edges { depth impactLevel cursor node { id kind name owners ... on Column { dataset { id name } } } } }
        answer { complete epoch } } }""",
        {"of": ["a"]},
    ),
    "a hundred found": (
        '{ search(text: "a", first: 100) { totalCount pageInfo { endCursor } edges { cursor node { id name tags } } } }',
        {},
    ),
    "a program's whole graph": (
        """query ($of: [ID!]!) { lineage(of: $of, maxNodes: 10000) { nodes { depth entity { id kind name namespace tags
        owners firstSeen lastSeen } } edges { source target via evidence { runs lastSeen confidence } } } }""",
        {"of": ["a"]},
    ),
}


async def test_bombs_are_refused_and_the_widest_that_people_ask_is_not() -> None:
    async with service() as client:
        await ask(client, CAPTURE)
        for name, (query, variables) in BOMBS.items():
            said = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
            assert [each["extensions"]["code"] for each in said["errors"]] == ["TOO_COSTLY"], (name, said)
        for name, (query, variables) in WIDE.items():
            said = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
            assert "errors" not in said, (name, said)


async def test_who_asks_for_too_much_at_once_is_told_to_wait() -> None:
    async with service(client_cost=100_000, client_cost_per_second=1, max_cost=50_000) as client:
        await ask(client, CAPTURE)
        for _ in range(3):
            body = {"query": HOPS, "variables": {"n": 40_000}}
            given = await client.post("/graphql", json=body, headers={"X-Forwarded-For": "203.0.113.9", **TOLD})
        assert given.status_code == 429
        (error,) = given.json()["errors"]
        assert error["extensions"]["code"] == "THROTTLED"
        assert error["extensions"]["cost"] == REQUEST + 1 + WALK + 40_000
        assert given.headers["retry-after"] == str(error["extensions"]["retryAfter"])
        assert 10_000 < error["extensions"]["retryAfter"] < 60_000
        assert given.json()["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] < 40_000
        given = await ask(client, "{ __typename }")
        assert given.status_code == 200


async def test_who_has_nothing_left_is_refused_before_anything_is_read() -> None:
    async with service(client_cost=100_000, client_cost_per_second=1, max_cost=100_000) as client:
        for _ in range(60):
            given = await client.post("/graphql", json={"query": "{ nope } # " + "x" * 60_000 + str(_)})
            if given.status_code == 429:
                break
            assert given.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"
        assert given.status_code == 429
        assert given.headers["retry-after"].isdigit()
        assert given.json()["errors"][0]["extensions"]["code"] == "THROTTLED"
        assert (await ask(client, "{ __typename }")).status_code in (200, 429)


async def test_clients_do_not_pay_for_each_other() -> None:
    app = create_app(Settings(backend="memory://", client_cost=100_000, client_cost_per_second=1))
    async with app.router.lifespan_context(app) as state:
        statuses: dict[str, int] = {}

        def at(address: str) -> httpx.AsyncClient:
            async def from_there(scope: Any, receive: Any, send: Any) -> None:
                await app(scope | {"state": dict(state or {}), "client": (address, 1)}, receive, send)

            return httpx.AsyncClient(transport=httpx.ASGITransport(from_there), base_url=BASE)

        for address in ("10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2"):
            async with at(address) as client:
                body = {"query": HOPS, "variables": {"n": 40_000}}
                statuses[address] = (await client.post("/graphql", json=body)).status_code
        assert statuses == {"10.0.0.1": 429, "10.0.0.2": 200}


async def test_nothing_is_counted_where_that_is_turned_off() -> None:
    async with service(client_cost=0, max_cost=0) as client:
        await ask(client, CAPTURE)
        for _ in range(5):
            given = await client.post("/graphql", json={"query": HOPS, "variables": {"n": 1_000}}, headers=TOLD)
            assert given.status_code == 200
        assert given.json()["extensions"]["cost"]["throttleStatus"] is None


@pytest.mark.parametrize("said", [{"client_cost": 10}, {"client_cost": 200_000, "max_cost": 300_000}])
def test_a_budget_that_some_requests_could_never_be_paid_from_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match="HEADWATER_CLIENT_COST"):
        Settings(**said).check()


async def test_answers_by_get_tell_it_too() -> None:
    async with service() as client:
        plain = await client.get("/graphql", params={"query": IMPACT})
        given = await client.get("/graphql", params={"query": IMPACT}, headers=TOLD)
        assert json.loads(given.content)["extensions"]["cost"]["requestedQueryCost"] == REQUEST + FLAT + 1
        assert given.headers["etag"] != plain.headers["etag"]


FOLLOWED = 'subscription { lineageChanged(of: ["dataset:default#a"]) { nodesAdded epoch } }'


async def test_what_is_followed_has_its_price_too() -> None:
    async with service(max_cost=100) as client:
        await ask(client, CAPTURE)
        given = await ask(client, FOLLOWED, Accept="text/event-stream")
        assert '"TOO_COSTLY"' in given.text
        assert f'"cost":{REQUEST + FLAT}' in given.text
    async with service(client_cost=100_000, client_cost_per_second=1) as client:
        for _ in range(3):
            await client.post("/graphql", json={"query": HOPS, "variables": {"n": 49_840}})
        given = await ask(client, FOLLOWED, Accept="text/event-stream")
        assert '"THROTTLED"' in given.text
