"""Every statement that goes to Neo4j, with its parameters, as it is kept in golden/neo4j: a change of one is a visible
diff. No server is needed. `python -m tests.backends.test_neo4j_statements` writes the files anew."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from backends import neo4j_traverse
from backends.changes import Adjacent, Changes, EdgeChange, NodeChange, NodeFilter, Order, Page, RecordChange
from backends.decide import StoredEdge
from backends.errors import Rejected
from backends.ids import Kind
from backends.model import CONTEXT, FLOW, Direction, EdgeKey, EdgeKind, Epoch, Stamped, Traversal
from backends.neo4j_effect import compile_write
from backends.neo4j_find import compile_find
from backends.neo4j_group import NEVER, Group, Incident, MoreNeeded
from backends.neo4j_read import EPOCH, LOCK, compile_get, compile_log, compile_trim, decode_log
from backends.neo4j_scan import BOUND, compile_scan, compile_topology
from backends.neo4j_schema import GENESIS, await_rules, begin, list_rules, missing
from backends.neo4j_statement import Statement
from backends.neo4j_traverse import compile_traversal, compile_wide, decode, subgraph
from backends.neo4j_walk import compile_among, compile_level, compile_names, compile_roots
from backends.neo4j_write import Found, FoundEdge, FoundNode, FoundRecord, compile_incident, compile_reading
from backends.rows import NodeRow
from backends.testing.graphs import AT, ORDERS, RUN, TALLY, dataset, operation, reads, writes

GOLDEN = Path(__file__).parent / "golden" / "neo4j"
DOWN, UP, BOTH = Direction.DOWNSTREAM, Direction.UPSTREAM, Direction.BOTH
LOAD = operation("load")
MART = dataset("mart")


def traversals() -> Mapping[str, Statement]:
    several = Traversal({ORDERS: 0, LOAD: 2, "nothing": 0}, DOWN, 6)
    wide = Traversal({ORDERS: 0}, DOWN, 1)
    nodes = {"elements": [40, 41], "numbers": [7, 8], "ids": [ORDERS, LOAD], "depths": [0, 1]}
    side = {**nodes, "near": [40], "far": [41], "wide": [41]}
    found = decode({"at": [3, 4], "down": side}, wide)
    return {
        "traverse-down": compile_traversal(Traversal({ORDERS: 0}, DOWN)),
        "traverse-up-3": compile_traversal(Traversal({ORDERS: 0}, UP, 3)),
        "traverse-both-3": compile_traversal(Traversal({ORDERS: 0}, BOTH, 3, FLOW | CONTEXT)),
        "traverse-several": compile_traversal(several),
        "traverse-nothing": compile_traversal(Traversal({ORDERS: 0}, DOWN, edge_kinds=frozenset())),
        "traverse-far": compile_traversal(Traversal({ORDERS: 0}, UP, 2**40, frozenset({EdgeKind.INPUT_TO}), 10)),
        "traverse-wide": compile_wide(wide, found),
        "walk-roots": compile_roots(several),
        "walk-level": compile_level(several, DOWN, [41, 42]),
        "walk-names": compile_names([41, 42]),
        "walk-among-down": compile_among(several, [41, 42]),
        "walk-among-both": compile_among(Traversal({ORDERS: 0}, BOTH), [41, 42]),
    }


def readings() -> Mapping[str, Statement]:
    asked = [ORDERS, "orders", RUN, "dataset:a#\ud83e", ORDERS]
    return {
        "epoch": EPOCH,
        "lock": LOCK,
        "get": compile_get(asked, [reads(ORDERS, LOAD), EdgeKey("\0", EdgeKind.INPUT_TO, LOAD)], facets=False),
        "get-facets": compile_get([ORDERS], (), facets=True),
        "log": compile_log(41),
        "trim": compile_trim(1_000),
        "scan": BOUND,
        "scan-nodes": compile_scan(("nodes", 2_000, 5_000)),
        "scan-edges": compile_scan(("edges", 0, 5_000)),
        "scan-hub": compile_scan(("hubs", 0, 5_000, 17, 20_000, 18)),
        "scan-kept": compile_scan(("kept", 5_000, ORDERS, "PAIR", MART)),
        "scan-records": compile_scan(("records", RUN)),
        "topology-nodes": compile_topology(("nodes", 20_000, 50_000)),
        "topology-edges": compile_topology(("edges", 0, 50_000)),
        "schema": Statement(";\n".join(rule.text for rule in missing(()))),
        "schema-present": list_rules(),
        "schema-await": await_rules(),
        "schema-begin": begin(),
    }


def lists() -> Mapping[str, Statement]:
    into = Adjacent(LOAD, EdgeKind.INPUT_TO, UP)
    out = Adjacent(ORDERS, EdgeKind.MENTIONS, DOWN)
    shop = NodeFilter(kinds=frozenset({Kind.DATASET, Kind.ASSET}), namespace="shop")
    tagged = NodeFilter(kinds=frozenset({Kind.DATASET}), tags=frozenset({"pii", "a b"}))
    text = NodeFilter(text="Order cust", kinds=frozenset({Kind.DATASET}), namespace="shop", tags=frozenset({"pii"}))
    return {
        "list": compile_find(NodeFilter(), Order.ID, Page(20)),
        "list-shop": compile_find(shop, Order.ID, Page(20, (ORDERS,), total=True)),
        "list-tagged": compile_find(tagged, Order.ID, Page(20, (ORDERS,), total=True)),
        "list-near": compile_find(NodeFilter(adjacent=into), Order.ID, Page(20)),
        "list-near-hidden": compile_find(NodeFilter(adjacent=out, namespace="shop"), Order.ID, Page(20, total=True)),
        "text": compile_find(NodeFilter(text="orders"), Order.RELEVANCE, Page(20)),
        "text-filtered": compile_find(text, Order.RELEVANCE, Page(20, (2, 6, ORDERS), total=True)),
        "text-by-id": compile_find(text, Order.ID, Page(20, (ORDERS,))),
        "text-near": compile_find(NodeFilter(text="orders", adjacent=into), Order.RELEVANCE, Page(20)),
        "text-symbols": compile_find(NodeFilter(text="%#"), Order.RELEVANCE, Page(20)),
        "text-long": compile_find(NodeFilter(text="x" * 300), Order.RELEVANCE, Page(20)),
        "group": compile_find(NodeFilter(group="job:a#b"), Order.NEWEST, Page(20, (-7, RUN), total=True)),
        "group-by-id": compile_find(NodeFilter(group="g", kinds=frozenset({Kind.RUN})), Order.ID, Page(20, (RUN,))),
    }


def row(node_id: str, number: int, **more: object) -> NodeRow:
    return NodeRow(node_id, number, 1, {"type": Stamped(1, "table"), "tags": Stamped(1, ["pii"])}, **more)  # type: ignore[arg-type]


PAST = Found(
    epoch=Epoch(9, 77),
    next_number=3,
    writes=12,
    watermark=5,
    nodes={
        ORDERS: FoundNode("e:orders", row(ORDERS, 0), (), facets=True),
        LOAD: FoundNode("e:load", row(LOAD, 1), (), facets=False),
        dataset("old"): FoundNode("e:old", row(dataset("old"), 2, withdrawn=True), (), facets=False),
    },
    edges={reads(ORDERS, LOAD): FoundEdge(StoredEdge({"told": {"runs": 1}}))},
    records={TALLY: FoundRecord(3, 5, ("g", "h"))},
)
CHANGES = Changes(
    AT,
    nodes=(
        NodeChange(ORDERS, {"type": Stamped(2, "view"), "tags": Stamped(2, None), "facet:x": Stamped(2, {})}, (1, 2)),
        NodeChange(MART, {"owners": Stamped(1, ["ana"]), "sizes": Stamped(1, [1, 2]), "rows": Stamped(1, 9)}),
        NodeChange(dataset("old"), withdrawn=False),
        NodeChange(dataset("gone"), deleted_at=3),
    ),
    edges=(
        EdgeChange(reads(ORDERS, LOAD), drop=frozenset({"told"})),
        EdgeChange(writes(LOAD, MART), {"told": {"origin": "client"}}),
        EdgeChange(EdgeKey(ORDERS, EdgeKind.PAIR, MART), {TALLY: {}}),
        EdgeChange(writes(LOAD, dataset("gone")), {"told": {}}),
    ),
    records=(RecordChange(TALLY, {"runs": 4}, ("h", "i"), 6), RecordChange(RUN, {"state": "COMPLETE"}, ("job:a",), 1)),
    watermark=8,
)


def written() -> Mapping[str, Statement]:
    group = Group([CHANGES])
    with pytest.raises(MoreNeeded):
        group.decide(PAST, Incident({}, {}, {}))
    kept = {writes(LOAD, dataset("old")): "h:writes"}
    decided = group.decide(PAST, Incident({}, kept, {}))
    return {
        "write-read": compile_reading(group.reading(), locked=False),
        "write-read-locked": compile_reading(group.reading(), locked=True),
        "write-incident": compile_incident(sorted(group.flipped), NEVER),
        "write": compile_write(decided, 7),
    }


STATEMENTS = {**traversals(), **readings(), **lists(), **written()}


def printed(statement: Statement) -> str:
    """As it is kept: the text, then a line a parameter."""
    access = "writes" if statement.writes else "reads"
    lines = [f"// {access}", statement.text.strip()]
    lines += [f"// $p.{name} = {json.dumps(value)}" for name, value in sorted(statement.parameters.items())]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_is_the_one_that_was_agreed(name: str) -> None:
    assert printed(STATEMENTS[name]) == (GOLDEN / f"{name}.cypher").read_text()


def test_every_golden_file_has_its_statement() -> None:
    assert {path.stem for path in GOLDEN.glob("*.cypher")} == {*STATEMENTS}


def test_rows_are_found_whatever_ids_the_server_gives_its_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a table, or by a search where the ids lie too far apart for one."""
    ids = [ORDERS, LOAD, MART, "dataset:bare"]
    for far_apart in (0, 10**12):
        for span in (0, neo4j_traverse.SPAN):
            monkeypatch.setattr(neo4j_traverse, "SPAN", span)
            elements = [7, 3, 5 + far_apart, 1]
            nodes = {"elements": elements, "numbers": [0, 1, 2, 3], "ids": ids, "depths": [0, 1, 2, 2], "wide": []}
            side = {**nodes, "near": [7, 3, 3, 5 + far_apart], "far": [3, 5 + far_apart, 4, 10**15]}
            found = decode({"at": [3, 4], "down": side}, Traversal({ORDERS: 0}, DOWN))
            answer = subgraph(found, DOWN, found.at)
            assert set(answer.edge_keys()) == {reads(ORDERS, LOAD), writes(LOAD, MART)}, "others have no other end here"
            assert [answer.namespace_names[place] for place in answer.namespaces] == ["shop", "shop", "shop", ""]


def test_log_is_read_from_within_what_was_written_together() -> None:
    """And read again where a commit is seen by halves; what was trimmed is not known."""
    rows = [[1, 0, number, -1, dataset(str(number)), 100 + number] for number in range(6)]
    parts = [[3, json.dumps(rows[:3])], [6, json.dumps(rows[3:])]]
    record = {"at": [6, 105], "watermark": None, "revision": 1, "parts": parts}
    for seq in range(1, 7):
        after = Epoch(seq, 99 + seq)
        page = decode_log(record | {"parts": parts[seq > 3 :]}, after)
        assert page
        assert page.known
        assert [row.id for row in page.rows] == [dataset(str(number)) for number in range(seq, 6)]
        assert (page.epoch, page.more) == (Epoch(6, 105), False)
    (whole,) = [decode_log(record, GENESIS)]
    assert whole
    assert len(whole.rows) == 6
    for half in (parts[:1], [parts[0], [6, None]]):
        assert decode_log(record | {"parts": half}, Epoch(2, 101)) is None
    for lost in (parts[1:], []):
        gone = decode_log(record | {"parts": lost}, Epoch(2, 101))
        assert gone
        assert not gone.known
    for other in (Epoch(2, 1), Epoch(6, 1), Epoch(7, 106)):
        page = decode_log(record, other)
        assert page
        assert not page.known


NASTY = "'); MATCH (n) DETACH DELETE n //"


def test_nothing_of_what_is_asked_is_in_a_text() -> None:
    """Input goes in parameters alone."""
    node_id = dataset(NASTY, NASTY)
    key = EdgeKey(node_id, EdgeKind.INPUT_TO, LOAD)
    where = NodeFilter(NASTY, None, NASTY, frozenset({NASTY}))
    for statement in (
        compile_traversal(Traversal({node_id: 0}, DOWN)),
        compile_get([node_id], [key], facets=True),
        compile_find(where, Order.RELEVANCE, Page(1, (0, 1, node_id))),
        compile_find(NodeFilter(namespace=NASTY), Order.ID, Page(1, (node_id,))),
        compile_find(NodeFilter(adjacent=Adjacent(node_id, EdgeKind.INPUT_TO, DOWN)), Order.ID, Page(1)),
        compile_find(NodeFilter(group=NASTY), Order.NEWEST, Page(1, (0, NASTY))),
        compile_scan(("records", NASTY)),
        compile_write(
            Group([Changes(AT, (NodeChange(node_id),))]).decide(Found(GENESIS, 0, 0, None), Incident({}, {}, {})), 7
        ),
    ):
        assert "DETACH" not in statement.text
        assert statement.parameters


def test_words_are_nothing_to_the_query_language() -> None:
    """What is typed goes into the full-text index as tokens of letters and digits, with nothing that Lucene reads."""
    typed = 'a* OR "b c"~2 AND NOT +x:[1 TO 2] \\ / {d} (e) ^3 -f && g || h ?'
    query = str(compile_find(NodeFilter(text=typed), Order.RELEVANCE, Page(1)).parameters["query"])
    terms = query.replace("+", " ").replace("(", " ").replace(")", " ").split()
    assert all(term.removeprefix("_terms:").rstrip("*").isalnum() for term in terms)


@pytest.mark.parametrize("cursor", [("nodes",), ("nodes", "0", 5), ("edges", 1), ("else", 1, 2), ("records", 1), (1,)])
def test_cursor_of_no_scan_is_refused(cursor: tuple[int | str, ...]) -> None:
    with pytest.raises(Rejected):
        compile_scan(cursor)
    with pytest.raises(Rejected):
        compile_topology(cursor)


if __name__ == "__main__":
    for old in GOLDEN.glob("*.cypher"):
        old.unlink()
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, statement in STATEMENTS.items():
        (GOLDEN / f"{name}.cypher").write_text(printed(statement))
