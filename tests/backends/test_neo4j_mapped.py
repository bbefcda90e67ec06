"""A graph that somebody else keeps in Neo4j, read through the mapping file that docs/neo4j.md shows."""

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backends.changes import Adjacent, NodeFilter, Order
from backends.errors import BackendError, Misconfigured, Rejected, Unavailable
from backends.ids import Kind, column_id, make_id
from backends.model import Direction, EdgeKey, EdgeKind
from backends.neo4j_mapped import MappedBackend
from backends.neo4j_mapping import GraphMapping
from backends.registry import open_backend
from backends.sqlite_rows import GENESIS
from backends.testing.following import Follower
from backends.testing.reading import ask, epoch_of, listed, node_of, topology
from tests.backends.neo4j_store import ROOT, by_hand, wipe
from tests.schema.world import World
from tests.servers.neo4j import Neo4jServer
from tests.servers.process import free_port

EXAMPLE = re.findall(r"^```toml\n(.*?)^```$", (ROOT / "docs" / "neo4j.md").read_text(), re.M | re.S)[0]
AT_ONCE = EXAMPLE.replace("refresh = 60", "refresh = 0")
THEIRS = """
CREATE (raw:Table {qualifiedName: 'raw.orders', database: 'shop', comment: 'as it came',
      labels: ['pii', 'eu'], since: date()}),
  (mart:Table {qualifiedName: 'mart.orders', database: 'shop'}), (report:Table {qualifiedName: 'weekly `report`#1'}),
  (field:Column {name: 'id', table: 'raw.orders', database: 'shop'}),
  (nightly:Pipeline {key: 'nightly', engine: 'spark'}), (:Pipeline {key: 'idle'}), (ana:Person {login: 'ana'}),
  (nightly)-[:READS]->(raw), (nightly)-[:READS {again: true}]->(raw), (nightly)-[:WRITES]->(mart),
  (report)-[:DERIVED_FROM]->(mart), (raw)-[:HAS_FIELD]->(field), (ana)-[:OWNS]->(nightly),
  (:Table:Draft {qualifiedName: 'draft', database: 'shop'})-[:SIMILAR_TO]->(raw), (:Stranger {x: 1})-[:READS]->(raw)
"""
RAW, MART, DRAFT = (make_id(Kind.DATASET, "shop", name) for name in ("raw.orders", "mart.orders", "draft"))
REPORT = make_id(Kind.DATASET, "warehouse", "weekly `report`#1")
FIELD = column_id(RAW, "id")
JOB, IDLE = (make_id(Kind.JOB, "warehouse", name) for name in ("nightly", "idle"))
ANA = make_id(Kind.USER, "warehouse", "ana")


@pytest.fixture
async def url(neo4j_server: Neo4jServer) -> AsyncIterator[str]:
    await wipe(neo4j_server.url)
    await by_hand(neo4j_server.url, THEIRS)
    yield neo4j_server.url
    await wipe(neo4j_server.url)


@asynccontextmanager
async def mapped(url: str, folder: Path, mapping: str) -> AsyncIterator[MappedBackend]:
    file = folder / "lineage.toml"
    file.write_text(mapping)
    async with open_backend(f"{url}?mapping={file}") as backend:
        assert isinstance(backend, MappedBackend)
        yield backend


async def operation_of(backend: MappedBackend, output: str) -> str:
    (found,) = await listed(backend, NodeFilter(adjacent=Adjacent(output, EdgeKind.PRODUCES, Direction.UPSTREAM)))
    return found


async def test_example_of_the_document_is_lineage(url: str, tmp_path: Path) -> None:
    async with mapped(url, tmp_path, EXAMPLE) as backend:
        nightly, derived = await operation_of(backend, MART), await operation_of(backend, REPORT)
        (idle,) = await listed(backend, NodeFilter(adjacent=Adjacent(IDLE, EdgeKind.HAS_OPERATION, Direction.DOWNSTREAM)))
        found = await topology(backend)
        assert found.edges == {
            EdgeKey(RAW, EdgeKind.INPUT_TO, nightly),
            EdgeKey(nightly, EdgeKind.PRODUCES, MART),
            EdgeKey(MART, EdgeKind.INPUT_TO, derived),
            EdgeKey(derived, EdgeKind.PRODUCES, REPORT),
            EdgeKey(RAW, EdgeKind.HAS_COLUMN, FIELD),
            EdgeKey(ANA, EdgeKind.PERFORMED, nightly),
            EdgeKey(JOB, EdgeKind.HAS_OPERATION, nightly),
            EdgeKey(IDLE, EdgeKind.HAS_OPERATION, idle),
        }
        assert set(found.ids.values()) == {RAW, MART, DRAFT, REPORT, FIELD, JOB, IDLE, ANA, nightly, derived, idle}
        assert (await node_of(backend, RAW)).attributes == {"description": "as it came", "tags": ["pii", "eu"]}
        assert (await node_of(backend, JOB)).attributes == {"type": "spark"}
        assert await listed(backend, NodeFilter(text="mart"), Order.RELEVANCE) == [MART]


async def test_graphql_answers_from_it(url: str, tmp_path: Path) -> None:
    async with mapped(url, tmp_path, EXAMPLE) as backend:
        began = time.time()
        found = await World(backend).ask(
            """query ($of: [ID!]!) { lineage(of: $of, direction: UPSTREAM, kinds: [DATASET]) {
              nodes { depth entity { id description } } edges { source target } answer { complete sources watermark } } }""",
            of=[REPORT],
        )
        lineage = found["lineage"]
        assert {node["entity"]["id"]: node["depth"] for node in lineage["nodes"]} == {REPORT: 0, MART: 1, RAW: 2}
        assert {(edge["source"], edge["target"]) for edge in lineage["edges"]} == {(RAW, MART), (MART, REPORT)}
        assert (lineage["answer"]["complete"], lineage["answer"]["sources"]) == (True, ["neo4j (mapped)"])
        watermark = (await backend.changes_since(None)).watermark
        assert watermark is not None
        assert watermark / 1e6 <= began, "the answer says when the graph was read"
        assert lineage["answer"]["watermark"] is not None


async def test_what_changes_there_is_in_the_next_reading(url: str, tmp_path: Path) -> None:
    async with mapped(url, tmp_path, AT_ONCE) as backend:
        before = await epoch_of(backend)
        assert (await ask(backend, RAW, Direction.DOWNSTREAM)).nodes.keys() >= {MART, REPORT}
        assert await epoch_of(backend) == before, "read again, and nothing new"
        await by_hand(url, "MATCH (t:Table {qualifiedName: 'mart.orders'}) SET t.comment = 'new', t.labels = 'one'")
        await by_hand(url, "MATCH (:Table)-[r:DERIVED_FROM]->() DELETE r")
        await by_hand(url, "MATCH (t:Draft) DETACH DELETE t")
        await by_hand(url, "MATCH (p:Pipeline {key: 'idle'}) CREATE (p)-[:READS]->(:Table {qualifiedName: 'new'})")
        assert (await ask(backend, RAW, Direction.DOWNSTREAM)).nodes.keys() == {RAW, MART, await operation_of(backend, MART)}
        assert (await node_of(backend, MART)).attributes == {"description": "new", "tags": ["one"]}
        new = make_id(Kind.DATASET, "warehouse", "new")
        assert len((await ask(backend, new, Direction.DOWNSTREAM)).nodes) == 2
        assert not (await node_of(backend, DRAFT)).standing
        follower = Follower(GENESIS)
        await follower.follow(backend)
        assert follower.topology == await topology(backend)
        assert await epoch_of(backend) > before


async def test_reading_is_good_for_as_long_as_said(url: str, tmp_path: Path) -> None:
    async with mapped(url, tmp_path, EXAMPLE.replace("refresh = 60", "refresh = 3600")) as backend:
        await by_hand(url, "MATCH (:Table)-[r:DERIVED_FROM]->() DELETE r")
        for _ in range(3):
            assert REPORT in (await ask(backend, RAW, Direction.DOWNSTREAM)).nodes
        assert backend.reads == 1


async def contents(url: str) -> list[Mapping[str, Any]]:
    rows = await by_hand(url, "MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN id(n) AS n, n AS said, labels(n), collect(id(r))")
    return sorted(rows, key=lambda row: int(row["n"]))


async def test_nothing_is_written_there(url: str, tmp_path: Path) -> None:
    held = await contents(url)
    async with mapped(url, tmp_path, AT_ONCE) as backend:
        with pytest.raises(Rejected, match="mapping file"):
            await backend.apply((await backend.scan()).changes)
        await backend.ping()
        await ask(backend, RAW, Direction.BOTH)
    assert await contents(url) == held


async def test_what_cannot_be_read_whole_is_refused(url: str, tmp_path: Path) -> None:
    named = EXAMPLE.replace('name = "qualifiedName"', 'name = "title"')
    for mapping, message in (
        ("max_nodes = 5\n" + EXAMPLE, "more than 5 nodes: raise max_nodes"),
        ("max_edges = 3\n" + EXAMPLE, "more than 3 edges: raise max_edges"),
        (named, "4 nodes with the label Table have no text or number in title"),
    ):
        with pytest.raises(Misconfigured, match=message):
            async with mapped(url, tmp_path, mapping):
                pass
    skipping = named.replace('name = "title"', 'name = "title"\nskip_unnamed = true')
    await by_hand(url, "MATCH (t:Table {qualifiedName: 'raw.orders'}) SET t.title = 7")
    async with mapped(url, tmp_path, skipping) as backend:
        datasets = await listed(backend, NodeFilter(kinds=frozenset({Kind.DATASET})))
        assert datasets == [make_id(Kind.DATASET, "shop", "7")]


async def test_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        async with mapped(f"bolt://127.0.0.1:{free_port()}", tmp_path, EXAMPLE):
            pass


TABLE = '[nodes.T]\nkind = "DATASET"\nname = "n"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no label"),
        ("[nodes.T", "end of document"),
        ('[nodes.T]\nkind = "DATASET"\n', "nodes.T: name is missing"),
        ('[nodes.T]\nkind = "Dataset"\nname = "n"\n', "kind Dataset is unknown"),
        ('[nodes.T]\nkind = "OPERATION"\nname = "n"\n', "map jobs"),
        ('[nodes.T]\nkind = "RUN"\nname = "n"\n', "runs are no part"),
        ('[nodes.T]\nkind = "STATE"\nname = "n"\n', "record of ours"),
        ('[nodes.T]\nkind = "COLUMN"\nname = "n"\n', "dataset names a property"),
        ('[nodes.T]\nkind = "MODEL"\nname = "n"\n', "version names a property"),
        (TABLE + 'version = "v"\n', "and of nothing else"),
        (TABLE + "attributes = { a = 1 }\n", "attributes maps"),
        (TABLE + 'kin = "x"\n', "nodes.T: unknown key kin"),
        (TABLE + "skip_unnamed = 1\n", "skip_unnamed is not"),
        ("refresh = -1\n" + TABLE, "refresh is a number"),
        ("nodes = 3\n", "nodes is not"),
        (TABLE + '[[edges]]\ntype = "R"\nfrom = "T"\nto = "U"\n', r"edges\[0\]: there is no \[nodes.U\]"),
        (TABLE + '[[edges]]\ntype = "R"\nfrom = "T"\nto = "T"\nflow = "up"\n', "along or against"),
        (TABLE + '[nodes.J]\nkind = "JOB"\nname = "n"\n[[edges]]\ntype = "R"\nfrom = "J"\nto = "J"\n', "a job to a job"),
    ],
)
def test_mapping_that_cannot_be_meant_is_refused(text: str, message: str) -> None:
    with pytest.raises(BackendError, match=message) as raised:
        GraphMapping.parse(text)
    assert isinstance(raised.value, Misconfigured)


def test_mapping_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no file"):
        open_backend(f"neo4j://h?mapping={tmp_path / 'none.toml'}")
    with pytest.raises(Misconfigured, match="leave out index"):
        open_backend("neo4j://h?mapping=x.toml&index=on")
