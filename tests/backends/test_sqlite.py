"""The SQLite store alone: the contract, and what only a file has."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event

import apsw
import pytest

from backends import sqlite_commit, sqlite_find
from backends.base import LineageBackend
from backends.changes import Adjacent, Changes, EdgeChange, NodeChange, NodeFilter, Order, Page, RecordChange
from backends.errors import BackendError, Conflict, Misconfigured, Rejected, TimedOut, Unavailable
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import Direction, EdgeKey, EdgeKind, Json, Stamped
from backends.registry import open_backend
from backends.sqlite import SqliteBackend
from backends.sqlite_settings import Settings
from backends.testing import BackendContract
from backends.testing.graphs import CHAIN, ODD_NAMES, ORDERS, arrows, change, column, dataset, described, stated
from backends.testing.reading import ask, epoch_of, listed, node_of, through_json


class TestSqlite(BackendContract):
    @pytest.fixture
    async def backend(self, tmp_path: Path) -> AsyncIterator[LineageBackend]:
        async with open_backend(f"sqlite:///{tmp_path}/lineage.db?index=off") as backend:
            yield backend


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lineage.db"


def store(path: Path, **settings: Json) -> LineageBackend:
    said = "&".join(f"{name}={value}" for name, value in settings.items())
    return open_backend(f"sqlite:///{path}?index=off&{said}")


# Where it is kept


@pytest.mark.parametrize(
    ("url", "path", "index"),
    [
        ("sqlite:///headwater.db", "headwater.db", True),
        ("sqlite:////var/lib/headwater.db?index=off", "/var/lib/headwater.db", False),
        ("sqlite:///a%20b/c%3F.db?index=on&timeout=0.5", "a b/c?.db", True),
    ],
)
def test_url_names_the_file(url: str, path: str, index: bool) -> None:
    settings = Settings.parse(url)
    assert (str(settings.path), settings.index) == (path, index)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite://host/x.db",
        "sqlite:///:memory:",
        "sqlite:///x/",
        "sqlite:///%00",
        "sqlite:///x.db?index=maybe",
        "sqlite:///x.db?timeout=soon",
        "sqlite:///x.db?timeout=0",
        "sqlite:///x.db?timeout=nan",
        "sqlite:///x.db?queue=0",
        "sqlite:///x.db?keep=-1",
        "sqlite:///x.db?cache=on",
    ],
)
def test_url_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured):
        open_backend(url)


async def refused(backend: LineageBackend) -> BackendError:
    """The error with which a store does not open. It can be opened later, so nothing of it stays behind."""
    with pytest.raises(BackendError) as raised:
        async with backend:
            pass
    return raised.value


async def test_directory_that_is_missing_is_named(path: Path) -> None:
    error = await refused(store(path.parent / "missing" / "lineage.db"))
    assert isinstance(error, Misconfigured)
    assert "directory" in str(error)


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 100, b"short"])
async def test_file_that_is_no_database_is_left_alone(path: Path, content: bytes) -> None:
    write(path, content)
    assert isinstance(await refused(store(path)), Misconfigured)
    assert path.read_bytes() == content  # noqa: ASYNC240 (nothing else runs)


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


async def test_directory_in_place_of_the_file_is_refused(path: Path) -> None:
    assert isinstance(await refused(store(path.parent)), Misconfigured)


async def test_database_of_another_program_is_left_alone(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
    error = await refused(store(path))
    assert isinstance(error, Misconfigured)
    assert "another program" in str(error)
    assert connection.execute("SELECT * FROM theirs").get == 1
    assert connection.pragma("journal_mode") == "delete"


async def test_format_of_a_later_version_is_refused(path: Path) -> None:
    async with store(path):
        pass
    apsw.Connection(str(path)).pragma("user_version", 99)
    error = await refused(store(path))
    assert isinstance(error, Misconfigured)
    assert "format" in str(error)


NOT_ALLOWED = """
import asyncio, concurrent.futures.thread, os, sys
import backends.indexed, backends.sqlite  # before the change of user, who may not read them
from backends.registry import open_backend

async def main():
    async with open_backend(f"sqlite:///{sys.argv[1]}"):
        pass

if os.getuid() == 0:  # the superuser may write everything
    os.setuid(65534)
try:
    asyncio.run(main())
except Exception as error:
    print(type(error).__name__, error)
"""


async def test_file_that_may_not_be_written_is_named() -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "lineage.db"
        async with store(path):
            pass
        path.chmod(0o444)
        path.parent.chmod(0o555)
        command = [sys.executable, "-c", NOT_ALLOWED, str(path)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
        path.parent.chmod(0o755)
        assert done.stdout.startswith("Misconfigured lineage.db may not be written"), done.stdout + done.stderr


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Connections opened meanwhile may let the file grow to 120 pages."""

    def limit(connection: apsw.Connection) -> None:
        connection.pragma("max_page_count", 120)

    apsw.connection_hooks.append(limit)
    yield
    apsw.connection_hooks.remove(limit)


async def test_disk_that_is_full_takes_back_the_write_and_goes_on(path: Path, small_disk: None) -> None:
    async with store(path) as backend:
        await backend.apply(stated(arrows(CHAIN)))
        before = await epoch_of(backend)
        large = Changes(1, tuple(described(dataset(f"t{n}"), description="x" * 900) for n in range(900)))
        with pytest.raises(Unavailable, match="space"):
            await backend.apply(large)
        assert await epoch_of(backend) == before
        assert (await backend.get([dataset("t0")])).nodes == (None,)
        await backend.apply(stated(arrows("d-e")))
        assert (await ask(backend, "a", Direction.DOWNSTREAM)).arrows == "a-b b-c c-d d-e"


# Writing together


class Lock:
    """The write lock, held by someone else."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        self._connection.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        self._connection.execute("COMMIT")
        self._connection.close()


async def gathered(backend: LineageBackend, path: Path, writes: list[Changes]) -> list[object]:
    """The outcomes of writes that wait for the same transaction: the file is locked until all are in the queue."""
    lock = Lock(path)
    first = asyncio.ensure_future(backend.apply(Changes(1, records=(RecordChange(make_id(Kind.STATE, "first"), {}),))))
    await asyncio.sleep(0.02)
    rest = [asyncio.ensure_future(backend.apply(changes)) for changes in writes]
    await asyncio.sleep(0.02)
    lock.release()
    await first
    return list(await asyncio.gather(*rest, return_exceptions=True))


async def test_refused_write_leaves_its_neighbours_in_the_transaction_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    commit = sqlite_commit.Group.commit

    def counted(self: sqlite_commit.Group, writes: list[Changes]) -> list[sqlite_commit.Outcome]:
        sizes.append(len(writes))
        return commit(self, writes)

    monkeypatch.setattr(sqlite_commit.Group, "commit", counted)
    async with store(path) as backend:
        outcomes = await gathered(
            backend,
            path,
            [
                stated(arrows("a-b")),
                Changes(1, (NodeChange(ORDERS),), expect={column("a"): 0}),
                stated(arrows("b-c")),
                Changes(1, (NodeChange(ORDERS),), (EdgeChange(arrows("c-nowhere")[0], {"t": {}}),), watermark=99),
                Changes(1, (NodeChange(column("d"), seen=(0, 2**63)),)),
                Changes(1, (NodeChange(column("c")),), expect={column("c"): 1}, watermark=7),
                Changes(1, watermark=3),
            ],
        )
        assert sizes[-1] == 7, "one transaction"
        kinds = [outcome if isinstance(outcome, Exception) else None for outcome in outcomes]
        assert [type(kind) for kind in kinds] == [
            type(None),
            Conflict,
            type(None),
            Rejected,
            Rejected,
            type(None),
            type(None),
        ]
        assert (await ask(backend, "a", Direction.DOWNSTREAM)).arrows == "a-b b-c"
        assert (await backend.get([ORDERS, column("nowhere"), column("d")])).nodes == (None, None, None)
        page = await backend.changes_since(None)
        assert (page.epoch, page.watermark) == (outcomes[-1], 7)


async def test_every_commit_waits_for_the_disk(path: Path) -> None:
    opened: list[apsw.Connection] = []
    apsw.connection_hooks.append(opened.append)
    async with store(path) as backend:
        apsw.connection_hooks.remove(opened.append)
        await backend.apply(stated(arrows("a-b")))
        modes = {(connection.pragma("journal_mode"), connection.pragma("synchronous")) for connection in opened[1:]}
        assert modes == {("wal", 2)}, "2 is FULL"


async def test_numbers_of_a_refused_write_are_used_by_the_next(path: Path) -> None:
    async with store(path) as backend:
        refused = Changes(1, (NodeChange(dataset("x")), NodeChange(dataset("y"), seen=(0, 2**64))))
        outcomes = await gathered(backend, path, [stated([], also=[dataset("a")]), refused, stated([], also=[dataset("b")])])
        assert isinstance(outcomes[1], Rejected)
        assert [(await node_of(backend, dataset(name))).number for name in "ab"] == [0, 1]


async def test_disk_that_fills_up_fails_all_of_the_transaction(path: Path, small_disk: None) -> None:
    async with store(path) as backend:
        large = Changes(1, tuple(described(dataset(f"t{n}"), description="x" * 900) for n in range(400)))
        outcomes = await gathered(backend, path, [stated(arrows("a-b")), large])
        assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
        assert (await backend.get([column("a"), dataset("t0")])).nodes == (None, None)
        await backend.apply(stated(arrows("a-b")))


async def test_lock_that_is_not_given_up_times_out_and_reads_go_on(path: Path) -> None:
    async with store(path, timeout=0.05) as backend:
        await backend.apply(stated(arrows(CHAIN)))
        lock = Lock(path)
        with pytest.raises(TimedOut, match="locked"):
            await backend.apply(stated(arrows("d-e")))
        assert (await ask(backend, "a", Direction.DOWNSTREAM)).arrows == "a-b b-c c-d"
        lock.release()
        await backend.apply(stated(arrows("d-e")))


async def test_queue_that_stays_full_times_out(path: Path) -> None:
    async with store(path, timeout=0.2, queue=2) as backend:
        lock = Lock(path)
        waiting = [asyncio.ensure_future(backend.apply(stated(arrows(f"a-n{n}")))) for n in range(5)]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(outcome, TimedOut) for outcome in outcomes)
        assert any("waiting" in str(outcome) for outcome in outcomes)
        lock.release()
        await asyncio.gather(*(backend.apply(stated(arrows(f"a-n{n}"))) for n in range(5)))
        assert len((await ask(backend, "a", Direction.DOWNSTREAM)).nodes) == 6


async def test_what_waits_when_the_store_closes_is_written(path: Path) -> None:
    backend = store(path)
    async with backend:
        waiting = [asyncio.ensure_future(backend.apply(stated(arrows(f"a-n{n}")))) for n in range(20)]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    async with store(path) as again:
        assert len((await ask(again, "a", Direction.DOWNSTREAM)).nodes) == 21


async def test_closing_leaves_one_file(path: Path) -> None:
    async with store(path) as backend:
        await backend.apply(stated(arrows(CHAIN)))
        await listed(backend, NodeFilter())
    assert [found.name for found in path.parent.iterdir()] == [path.name]


# Reading


async def test_get_takes_a_statement_a_table_whatever_the_number(path: Path) -> None:
    names = [dataset(f"t{n}") for n in range(1_000)]
    run: list[str] = []
    async with store(path) as backend:
        await backend.apply(
            Changes(
                1,
                tuple(described(name, type="table", **{"facet:x": {"y": 1}}) for name in names),
                records=tuple(RecordChange(make_id(Kind.TALLY, f"t{n}"), {"runs": n}) for n in range(500)),
            )
        )
        keys = [EdgeKey(names[n], EdgeKind.PAIR, names[n + 1]) for n in range(500)]
        await backend.apply(
            Changes(1, edges=tuple(EdgeChange(key, {make_id(Kind.TALLY, f"t{n}"): {}}) for n, key in enumerate(keys)))
        )
        assert isinstance(backend, SqliteBackend)
        connection = backend._connect(1)
        backend._own = lambda: connection  # type: ignore[method-assign]

        def note(cursor: apsw.Cursor, sql: str, bindings: object) -> bool:
            run.append(" ".join(sql.split()))
            return True

        connection.exec_trace = note
        found = await backend.get(names, keys, facets=True)
        assert all(node and node.attributes["facet:x"] == {"y": 1} for node in found.nodes)
        assert [edge and edge.evidence.runs for edge in found.edges] == list(range(500))
        assert {sql.split()[0] for sql in run} == {"BEGIN", "SELECT", "ROLLBACK"}
        assert len(set(run)) <= 9
        assert len(run) <= 8 + 500, "evidence of edges is looked up by key, one after the other, in one prepared statement"


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"


async def test_read_that_takes_too_long_is_stopped(path: Path) -> None:
    async with store(path, timeout=0.05) as backend:
        await backend.apply(stated(arrows(CHAIN)))
        assert isinstance(backend, SqliteBackend)
        with pytest.raises(TimedOut):
            await backend._read(lambda connection: connection.execute(ENDLESS).fetchall())
        for _ in range(8):
            assert (await ask(backend, "a", Direction.DOWNSTREAM)).arrows == "a-b b-c c-d", "its thread reads on"


async def test_read_that_nobody_waits_for_is_stopped(path: Path) -> None:
    async with store(path) as backend:
        assert isinstance(backend, SqliteBackend)
        stopped, begun = Event(), Event()

        def endless(connection: apsw.Connection) -> None:
            begun.set()
            try:
                connection.execute(ENDLESS).fetchall()
            except apsw.InterruptError:
                stopped.set()
                raise

        reading = asyncio.ensure_future(backend._read(endless))
        await asyncio.to_thread(begun.wait, 20)
        reading.cancel()
        assert await asyncio.to_thread(stopped.wait, 20)
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_log_is_trimmed_past_what_is_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_commit, "TRIM", 5)
    async with store(path, keep=10) as backend:
        epochs = [await epoch_of(backend)]
        for n in range(40):
            epochs.append(await backend.apply(stated([], also=[dataset(f"t{n}")])))
        known: list[bool] = []
        while known.count(True) != 11:  # trimming runs behind the writes
            known = [(await backend.changes_since(epoch)).known for epoch in epochs]
            await backend.apply(stated([], also=[dataset("t0")]))
            assert known.count(True) >= 11, "so many are promised"
            if known.count(True) <= 15:
                break
        assert known == sorted(known), "what is forgotten is the oldest"
        assert not known[0], "the beginning is no longer known"
        last = epochs[known.index(True)]
        assert [row.seq for row in (await backend.changes_since(last)).rows] == list(range(last.seq + 1, 41))


async def test_values_come_back_as_they_were(path: Path) -> None:
    values: list[Json] = [
        2**63,
        -(2**70),
        1e308,
        "\ud800",
        {"\udfff": ["\ud800"]},
        "\0",
        " 1",
        [None, True, 1, 1.0],
        "\u2028",
    ]
    async with store(path) as backend:
        await backend.apply(change(*(described(dataset(f"t{n}"), type=value) for n, value in enumerate(values))))
        await backend.apply(
            Changes(
                1,
                records=tuple(
                    RecordChange(make_id(Kind.STATE, f"{n}"), {"v": v}, ("\ud800", "g")) for n, v in enumerate(values)
                ),
            )
        )
        for n, value in enumerate(values):
            assert repr((await node_of(backend, dataset(f"t{n}"))).attributes["type"]) == repr(value)
            assert repr((await node_of(backend, make_id(Kind.STATE, f"{n}"))).attributes["v"]) == repr(value)
        for group in ("\ud800", "g"):
            assert len(await listed(backend, NodeFilter(group=group), Order.NEWEST)) == len(values)
        assert await listed(backend, NodeFilter(group="\ud801"), Order.NEWEST) == []


# Searching

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
