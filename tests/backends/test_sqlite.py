"""The SQLite store alone: the contract, and what only a file has."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import apsw
import pytest

from backends import sqlite_commit, sqlite_rows
from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, NodeFilter, Order, RecordChange
from backends.errors import BackendError, Misconfigured, TimedOut, Unavailable
from backends.ids import Kind, make_id
from backends.model import Direction, EdgeKey, EdgeKind, Json
from backends.registry import open_backend
from backends.sqlite import SqliteBackend
from backends.sqlite_settings import Settings
from backends.testing import BackendContract
from backends.testing.graphs import CHAIN, arrows, change, dataset, described, stated
from backends.testing.reading import ask, epoch_of, listed, node_of


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


# Reading


async def test_get_takes_a_statement_and_a_row_a_table_whatever_the_number(path: Path) -> None:
    """The driver lets other threads run at each row: thousands of rows beside a busy one took seconds."""
    names = [dataset(f"t{n}") for n in range(1_000)]
    run: list[str] = []
    stepped: list[object] = []
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

        def step(cursor: apsw.Cursor, row: tuple[object, ...]) -> tuple[object, ...]:
            stepped.append(row)
            return row

        connection.exec_trace, connection.row_trace = note, step
        found = await backend.get(names, keys, facets=True)
        assert all(node and node.attributes["facet:x"] == {"y": 1} for node in found.nodes)
        assert [edge and edge.evidence.runs for edge in found.edges] == list(range(500))
        assert {sql.split()[0] for sql in run} == {"BEGIN", "SELECT", "ROLLBACK"}
        assert len(run) <= 9
        assert len(stepped) <= 7


async def test_many_ids_are_looked_up_in_several_statements(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_rows, "KEYS", 3)
    keys = arrows(CHAIN)
    async with store(path) as backend:
        await backend.apply(stated(keys))
        names = [keys[0].source, *(key.target for key in keys)]
        found = await backend.get([*names, dataset("none")], [*keys, EdgeKey(names[0], EdgeKind.PAIR, names[2])])
    assert [node and node.id for node in found.nodes] == [*names, None]
    assert [edge and edge.key for edge in found.edges] == [*keys, None]


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"


async def test_read_that_takes_too_long_is_stopped(path: Path) -> None:
    async with store(path) as backend:
        await backend.apply(stated(arrows(CHAIN)))
        assert isinstance(backend, SqliteBackend)
        said = backend._settings
        backend._settings = replace(said, timeout=0.05)
        with pytest.raises(TimedOut):
            await backend._read(lambda connection: connection.execute(ENDLESS).fetchall())
        backend._settings = said  # or what follows would have to be quick
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
        known = [True] * 41
        while known.count(True) > 15:  # trimming runs behind the writes
            known = [(await backend.changes_since(epoch)).known for epoch in epochs]
            await backend.apply(stated([], also=[dataset("t0")]))
            assert known.count(True) >= 11, "so many are promised"
        # Read again: the first of them may have been trimmed after they were read above.
        known = [(await backend.changes_since(epoch)).known for epoch in epochs]
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
