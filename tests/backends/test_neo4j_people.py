"""What people ask Neo4j by hand, on what Headwater wrote, is what GraphQL answers."""

import re
from typing import Any

from backends.base import LineageBackend
from backends.changes import Changes, NodeChange, RecordChange
from backends.testing.graphs import AT, withdrawn
from backends.testing.reading import epoch_of
from tests.backends.neo4j_store import ROOT, by_hand, empty
from tests.schema.graphs import chains, node
from tests.schema.world import World
from tests.servers.neo4j import Neo4jServer

DOCUMENT = ROOT / "docs" / "neo4j.md"
TRAINED_FROM = "MATCH (d:Dataset)-[*]->(m:Model {id: $m}) RETURN DISTINCT d.id"
IMPACT = (
    "MATCH (d:Dataset {id: $d})-[*]->(a:Dataset) WHERE a.id <> $d "
    "RETURN a.id, count(*) AS impact_level ORDER BY impact_level DESC"
)
PREDICTED_FROM = "MATCH (p:Prediction {id: $p})<-[:GENERATED]-(m:Model)<-[:USED_IN_TRAINING]-(d:Dataset) RETURN d.id"

UPSTREAM = """query ($of: [ID!]!, $depth: Int, $kinds: [Kind!]) {
  lineage(of: $of, direction: UPSTREAM, depth: $depth, kinds: $kinds) { nodes { depth entity { id kind } } } }"""
LEVELS = """query ($of: [ID!]!) {
  impact(of: $of, kinds: [DATASET]) { affected(first: 1000) { edges { impactLevel node { id } } } } }"""


async def filled(store: LineageBackend) -> World:
    """Two ways from a to d, models and predictions, and all that is not to get in the way: context, columns, records,
    edges that no longer stand, a dataset that was deleted."""
    world = await World(store).lines(
        "a *etl.1 b *etl.2 d", "a *etl.3 c *etl.4 d", "b *etl.5 c", "e *etl.4", "d M1 P1", "c M1", "e M2 P2", "d *etl.6 f",
        "U1 *etl.1", "a/x d/x", "a *old.1 e", "gone *old.2 d",
    )  # fmt: skip
    await store.apply(withdrawn(chains("a *old.1 e"), tally="t"))
    await store.apply(Changes(AT, (NodeChange(node("gone"), deleted_at=AT),)))
    await world.run("r1", node("J:etl"), 1)
    await store.apply(Changes(AT, records=(RecordChange("tally:t", {"runs": 2}),)))
    return world


async def test_statements_by_hand_give_what_graphql_gives(neo4j_server: Neo4jServer) -> None:
    url = neo4j_server.url
    async with empty(url) as store:
        world = await filled(store)
        for model, wanted in (("M1", "a b c d e"), ("M2", "e")):
            rows = await by_hand(url, TRAINED_FROM, m=node(model))
            said = (await world.ask(UPSTREAM, of=[node(model)], kinds=["DATASET"]))["lineage"]["nodes"]
            shown = {found["entity"]["id"] for found in said} - {node(model)}
            assert {row["d.id"] for row in rows} == shown == set(map(node, wanted.split()))
        for root, most in (("a", 3), ("b", 2), ("f", 0)):
            rows = await by_hand(url, IMPACT, d=node(root))
            levels = (await world.ask(LEVELS, of=[node(root)]))["impact"]["affected"]["edges"]
            counted = {row["a.id"]: row["impact_level"] for row in rows}
            assert counted == {found["node"]["id"]: found["impactLevel"] for found in levels}
            assert max(counted.values(), default=0) == most, "there is more than one way"
        for prediction, wanted in (("P1", "c d"), ("P2", "e")):
            rows = await by_hand(url, PREDICTED_FROM, p=node(prediction))
            question: dict[str, Any] = {"of": [node(prediction)], "depth": 2, "kinds": ["MODEL", "DATASET"]}
            said = (await world.ask(UPSTREAM, **question))["lineage"]["nodes"]
            shown = {found["entity"]["id"] for found in said if found["entity"]["kind"] == "DATASET"}
            assert {row["d.id"] for row in rows} == shown == set(map(node, wanted.split()))


def shown_statements() -> list[str]:
    return re.findall(r"^```cypher\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)


async def test_every_statement_of_the_document_runs_and_finds_something(neo4j_server: Neo4jServer) -> None:
    url = neo4j_server.url
    known = {"m": node("M1"), "d": node("a"), "p": node("P1"), "job": node("J:etl")}
    statements = shown_statements()
    plain = [" ".join(statement.split()) for statement in statements]
    assert {TRAINED_FROM, IMPACT, PREDICTED_FROM} <= set(plain)
    async with empty(url) as store:
        await filled(store)
        before = await epoch_of(store)
        for statement in statements:
            wanted = {name: value for name, value in known.items() if f"${name}" in statement}
            assert await by_hand(url, statement, **wanted), statement
        assert await epoch_of(store) == before, "what is shown only reads"
