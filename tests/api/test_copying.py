"""`headwater copy`: all of it arrives, a copy that was stopped goes on, and one that is not equal is never called done."""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path

import pytest

from api.copying import Bookmark, Differs, Digest, copy, digest, is_empty, moved, pages
from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, NodeChange, RecordChange
from backends.errors import Misconfigured, Unavailable
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import Epoch, Stamped
from backends.registry import open_backend
from backends.testing.graphs import AT, arrows, dataset, run, stated
from tests.api.events import GOOD
from tests.api.process import headwater

SIZE = 3_000


def nothing(_: object) -> None:
    return None


def url_of(path: Path) -> str:
    return f"sqlite:///{path}?timeout=60"


@asynccontextmanager
async def filled(path: Path) -> AsyncIterator[LineageBackend]:
    """A store of several pages: nodes, one of them hidden, one deleted, one another's name; edges; records."""
    async with open_backend(url_of(path)) as backend:
        await backend.apply(stated(arrows("a-b b-c c-d a-d d-a"), tally=make_id(Kind.TALLY, "t"), origin="run event"))
        odd = (
            NodeChange(dataset("hidden"), {"description": Stamped(3, "ä\u2028\U0001f600")}, withdrawn=True),
            NodeChange(dataset("deleted"), {"facet:x": Stamped(4, {"a": [1.0, 1, True, None]})}, (1, 5), deleted_at=7),
            NodeChange(dataset("other name"), alias_of=dataset("0")),
        )
        many = tuple(NodeChange(dataset(str(n)), {"type": Stamped(n, "TABLE")}, (n, n + 1)) for n in range(SIZE))
        records = tuple(RecordChange(run(str(n)), {"n": n}, ("job:a", f"group {n % 7}"), n) for n in range(SIZE))
        await backend.apply(Changes(AT, odd + many, (), records, watermark=99))
        yield backend


class Stops(MemoryBackend):
    """A target that is gone after so many writes, and knows what it was sent."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left, self.taken = after, 0

    async def apply(self, changes: Changes) -> Epoch:
        if self.left == 0:
            raise Unavailable("stopped")
        self.left -= 1
        self.taken += 1
        return await super().apply(changes)


async def pages_of(backend: LineageBackend) -> int:
    async with aclosing(pages(backend, None)) as found:
        return len([page async for page in found])


async def test_everything_arrives(tmp_path: Path) -> None:
    async with filled(tmp_path / "from.db") as source:
        counts = await moved(url_of(tmp_path / "from.db"), url_of(tmp_path / "to.db"), say=nothing, folder=tmp_path)
        async with open_backend(url_of(tmp_path / "to.db")) as target:
            assert not (await digest(source, nothing)).differences(await digest(target, nothing))
            assert (await target.changes_since(None)).watermark == 99
            assert (await target.get([dataset("other name")])).nodes[0].id == dataset("0")  # type: ignore[union-attr]
    assert counts["record RUN"] == SIZE
    assert counts["edge DERIVES"] == 5
    assert Bookmark(url_of(tmp_path / "from.db"), url_of(tmp_path / "to.db"), tmp_path).read() is None


async def test_a_copy_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    bookmark = Bookmark("a", "b", tmp_path)
    async with filled(tmp_path / "from.db") as source:
        pages, target = await pages_of(source), Stops(2)
        assert pages > 4
        with pytest.raises(Unavailable):
            await copy(source, target, bookmark, nothing)
        target.left = -1
        done: list[int] = []
        await copy(source, target, bookmark, done.append)
        assert target.taken == pages, "no page was sent twice"
        told = await digest(source, nothing)
        assert sum(done) == told.counts.total(), "what was done before is told as done"
        assert not told.differences(await digest(target, nothing))


async def test_only_an_empty_store_is_filled(tmp_path: Path) -> None:
    target = MemoryBackend()
    assert await is_empty(target)
    await target.apply(Changes(AT, (NodeChange(dataset("mine")),)))
    async with filled(tmp_path / "from.db") as source:
        with pytest.raises(Misconfigured, match="not empty"):
            await copy(source, target, Bookmark("a", "b", tmp_path), nothing)
    assert set(target.rows) == {dataset("mine")}


CHANGED: dict[str, Callable[[Changes], Changes]] = {
    "a node is lost": lambda page: Changes(page.at, page.nodes[1:], page.edges, page.records),
    "an attribute is lost": lambda page: Changes(
        page.at, tuple(NodeChange(n.id, {}, n.seen, n.deleted_at, n.withdrawn, n.alias_of) for n in page.nodes)
    ),
    "a time is another": lambda page: Changes(
        page.at,
        tuple(NodeChange(n.id, {k: Stamped(v.time + 1, v.value) for k, v in n.attributes.items()}) for n in page.nodes),
    ),
    "an edge is lost": lambda page: Changes(page.at, page.nodes, page.edges[1:], page.records),
    "a statement is another's": lambda page: Changes(
        page.at, page.nodes, tuple(EdgeChange(e.key, {"x": {}}) for e in page.edges)
    ),
    "a group is lost": lambda page: Changes(
        page.at, page.nodes, page.edges, tuple(RecordChange(r.id, r.value, r.groups[1:], r.rank) for r in page.records)
    ),
}


@pytest.mark.parametrize("how", CHANGED)
async def test_whatever_is_lost_is_told(tmp_path: Path, how: str) -> None:
    async with filled(tmp_path / "from.db") as source:
        whole = await digest(source, nothing)
        lossy = Digest()
        async with aclosing(pages(source, None)) as found:
            async for page in found:
                lossy.add(CHANGED[how](page.changes))
    assert whole.differences(lossy), "the checksum must see it"


async def test_a_copy_that_is_not_equal_is_not_called_done(tmp_path: Path) -> None:
    source_url, target_url = url_of(tmp_path / "from.db"), url_of(tmp_path / "to.db")
    async with filled(tmp_path / "from.db"), open_backend(target_url) as target:
        bookmark = Bookmark(source_url, target_url, tmp_path)
        async with open_backend(source_url) as source:
            await copy(source, target, bookmark, nothing)
        await target.apply(Changes(AT, (NodeChange(dataset("not of the source")),)))
        with pytest.raises(Differs, match=r"node DATASET: 3,00\d against 3,00\d.*something else writes to TO"):
            await moved(source_url, target_url, say=nothing, folder=tmp_path)


def test_the_command_says_what_it_did_and_what_cannot_be(tmp_path: Path) -> None:
    made = headwater("ingest", "-", "--backend", "sqlite:///from.db", cwd=tmp_path, stdin=json.dumps(GOOD))
    assert made.returncode == 0
    done = headwater("copy", "sqlite:///from.db", "sqlite:///to.db", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "both stores hold the same" in done.stdout
    with closing(sqlite3.connect(tmp_path / "to.db")) as file:
        assert file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    for source, target, why in (
        ("sqlite:///from.db", "sqlite:///to.db", "is not empty"),
        ("sqlite:///from.db", "sqlite:///from.db", "into itself"),
        ("sqlite:///none.db", "sqlite:///other.db", "there is no store at"),
        ("sqlite:///from.db", "memory://", "keeps nothing"),
    ):
        refused = headwater("copy", source, target, cwd=tmp_path)
        assert refused.returncode == 2
        assert why in refused.stderr


def test_a_bookmark_tells_no_password(tmp_path: Path) -> None:
    bookmark = Bookmark("neo4j://me:hush@a/b", "gremlin://me:hush@b/g", tmp_path)
    bookmark.write(("nodes", 3), 17)
    assert "hush" not in f"{bookmark.path}{bookmark.path.read_text()}"
    assert bookmark.read() == (("nodes", 3), 17)
    bookmark.path.write_text("[]")
    with pytest.raises(Misconfigured, match="no bookmark"):
        bookmark.read()
