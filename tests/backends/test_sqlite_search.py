"""What a search finds is, page for page and cursor for cursor, what the reference finds."""

from pathlib import Path
from random import Random

import pytest

from backends import sqlite_find
from backends.base import LineageBackend
from backends.changes import Adjacent, Changes, EdgeChange, NodeChange, NodeFilter, Order, Page
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import Direction, EdgeKey, EdgeKind, Json, Stamped
from backends.registry import open_backend
from backends.testing.graphs import ODD_NAMES, ORDERS, change, dataset, described
from backends.testing.reading import listed, through_json


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lineage.db"


def store(path: Path, **settings: Json) -> LineageBackend:
    said = "&".join(f"{name}={value}" for name, value in settings.items())
    return open_backend(f"sqlite:///{path}?index=off&{said}")


PARTS = (
    "ord",
    "orders",
    "Orders_v2",
    "o",
    "a",
    "AND",
    "or",
    "not",
    "near",
    "x*",
    '"x"',
    "'",
    "-",
    "--",
    "stg",
    "7",
    "\u00e9t\u00e9",
    "STRASSE",
    "stra\u00dfe",
    "\u0130",
    "\u6570\u636e",
    "\u6570",
    "\u0430\u0431\u0432",
    "\u05d0\u05d1",
    "\U0001f986",
    "e\u0301",
    "\u0661\u0662",
    "\u2167",
    "_",
    "",
    " ",
    "\ud800",
    "\U0010ffff",
    "^",
    "{a}",
    "name:",
    "(",
    ")",
    "%",
    "#",
)
GLUE = (".", "_", "/", " ", "-", "", "..")


def random_text(random: Random, parts: int) -> str:
    return "".join(random.choice(PARTS) + random.choice(GLUE) for _ in range(random.randint(1, parts)))


def searchable(random: Random, n: int) -> NodeChange:
    name = random.choice([*ODD_NAMES, *(random_text(random, 3) for _ in range(80))]).replace("\ud800", "")
    namespace = random.choice(["db", "Orders", "\u6570\u636e", "a b"])
    node_id = random.choice(
        [
            make_id(Kind.DATASET, namespace, name),
            make_id(Kind.COLUMN, namespace, random.choice(["t", "u"]), name),
            make_id(Kind.MODEL, namespace, name, str(n % 3)),
            make_id(Kind.OPERATION, namespace, random.choice([name, ""]), f"{n % 5}"),
        ]
    )
    said: dict[str, Json] = {}
    for key in ("tags", "owners", "columns", "description"):
        if random.random() < 0.4:
            said[key] = random.choice([[random_text(random, 1) for _ in range(2)], random_text(random, 4), None, 7])
    if not isinstance(said.get("tags", []), (list, str)):
        said["tags"] = ["Orders"]
    return NodeChange(node_id, {key: Stamped(random.randint(0, 5), value) for key, value in said.items()}, (1, 1))


@pytest.mark.parametrize("seed", range(6))
async def test_search_is_page_for_page_that_of_the_reference(path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of every script, and all that means something to FTS5; nodes that come, go, change their words and names."""
    monkeypatch.setattr(sqlite_find, "FEW", 1)
    random, reference = Random(seed), MemoryBackend()
    nodes = [searchable(random, n) for n in range(180)]
    ids = [node.id for node in nodes]
    table = dataset("hub")
    async with store(path) as backend:
        for begin in range(0, 180, 30):
            some = nodes[begin : begin + 30]
            joined = [node.id for node in some if node.id.startswith("dataset:")][:3]
            other = [NodeChange(node_id, alias_of=min(joined)) for node_id in joined if node_id != min(joined)]
            hidden = [NodeChange(random.choice(ids[: begin + 30]), withdrawn=random.random() < 0.7) for _ in range(4)]
            near = tuple(
                EdgeChange(EdgeKey(table, EdgeKind.MENTIONS, node.id), {"t": {}}) for node in some if random.random() < 0.5
            )
            again = [NodeChange(random.choice(ids[: begin + 30]), searchable(random, 0).attributes) for _ in range(12)]
            changes = Changes(1, (NodeChange(table), *some, *other, *hidden, *again), near)
            for each in (backend, reference):
                await each.apply(changes)
        for _ in range(90):
            text = random.choice([random_text(random, 2), random.choice(PARTS), random.choice(ids)[: random.randint(1, 40)]])
            where = NodeFilter(
                text=text,
                kinds=random.choice([None, None, frozenset({Kind.DATASET, Kind.MODEL})]),
                namespace=random.choice([None, None, "db", "Orders"]),
                tags=random.choice([frozenset(), frozenset(), frozenset({"Orders"})]),
                adjacent=random.choice([None, None, Adjacent(table, EdgeKind.MENTIONS, Direction.DOWNSTREAM)]),
            )
            order = random.choice([Order.RELEVANCE, Order.RELEVANCE, Order.NEWEST, Order.ID])
            page = Page(random.choice([1, 2, 7, 1000]), total=True)
            while True:
                mine, theirs = [await each.find_nodes(where, order, page) for each in (backend, reference)]
                shown = [[node.id for node in found.nodes] for found in (mine, theirs)]
                assert shown[0] == shown[1], (text, where)
                assert (mine.cursors, mine.more, mine.total) == (theirs.cursors, theirs.more, theirs.total), text
                if not mine.more:
                    break
                page = Page(page.first, through_json(mine.cursors[-1]), total=True)


async def test_search_of_many_words_is_no_error(path: Path) -> None:
    async with store(path) as backend:
        await backend.apply(change(described(ORDERS, description=" ".join(f"w{n}" for n in range(3_000)))))
        for many in (300, 3_000):
            assert await listed(backend, NodeFilter(text=" ".join(f"w{n}" for n in range(many))), Order.RELEVANCE) == [
                ORDERS
            ]
        assert await listed(backend, NodeFilter(text=" ".join(f"w{n}" for n in range(3_001))), Order.RELEVANCE) == []
