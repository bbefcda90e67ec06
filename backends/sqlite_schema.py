"""The tables of a SQLite store, how a connection to it is opened, and whose error is whose."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from backends.errors import BackendError, Misconfigured, Rejected, TimedOut, Unavailable

APPLICATION: Final = 0x48574C47
"""`PRAGMA application_id` of our files ("HWLG"), so that another program's database is left alone."""
FORMAT: Final = 2
"""`PRAGMA user_version`. A file of another format is refused, not guessed at."""
FIXED: Final = (3, 51, 3)
"""SQLite before this may lose a committed write when two connections write and checkpoint at once in WAL mode."""

TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- A row a name. `number` is dense from 0 and never reused: rows are never deleted. `size`, `name`, `last` and `folded` serve
-- the search (see sqlite_search.py) and never change; `last` and `folded` are NULL where they equal `name` and `id`.
-- `attributes` is {key: [time, value]} without facets, which have their own table so that a listing does not read them.
CREATE TABLE nodes (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, kind INTEGER NOT NULL, version INTEGER NOT NULL,
    standing INTEGER NOT NULL, withdrawn INTEGER NOT NULL,
    first_seen INTEGER, last_seen INTEGER, deleted_at INTEGER, alias_of TEXT,
    size INTEGER, name TEXT, last TEXT, folded TEXT, attributes TEXT NOT NULL
);
-- `id` is unique by the writer's care; `standing` is in the index so that a listing steps over what is withdrawn without
-- touching its row.
CREATE INDEX nodes_id ON nodes (id, standing);
CREATE INDEX nodes_alias ON nodes (alias_of) WHERE alias_of IS NOT NULL;
CREATE INDEX nodes_name ON nodes (size, name, id) WHERE standing;
CREATE INDEX nodes_last ON nodes (size, last, id) WHERE standing AND last IS NOT NULL;
CREATE INDEX nodes_folded ON nodes (folded) WHERE standing AND folded IS NOT NULL;
CREATE TABLE facets (
    number INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (number, name)
) WITHOUT ROWID;

-- For standing nodes only, with what their other names say. The rowid is size << 40 | number: matches come out in the
-- order of the name's length, which is the order of the answer. `scope` has the kind and the namespace as words that
-- nobody can type, so that both narrow a search inside FTS5.
CREATE VIRTUAL TABLE search USING fts5 (
    name, other, scope, content='', contentless_delete=1, tokenize='ascii', detail=column
);
CREATE TABLE tags (tag NOT NULL, id TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (tag, id)) WITHOUT ROWID;
CREATE INDEX tags_number ON tags (number);

-- An edge is stated (by `tallies`) exactly while `retracted_at` is NULL; it is `standing`, part of the topology, while its
-- ends stand too and its kind is not hidden. `edges_out` is the topology alone, narrow enough to walk and to scan.
CREATE TABLE edges (
    source INTEGER NOT NULL, kind INTEGER NOT NULL, target INTEGER NOT NULL,
    standing INTEGER NOT NULL, retracted_at INTEGER, tallies TEXT NOT NULL, PRIMARY KEY (source, kind, target)
) WITHOUT ROWID;
CREATE INDEX edges_out ON edges (source, kind, target) WHERE standing;
CREATE INDEX edges_in ON edges (target, kind, source, standing);

CREATE TABLE records (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,
    rank INTEGER NOT NULL, groups TEXT NOT NULL, value TEXT NOT NULL
);
-- `place` is minus the rank: the listing order is the key order.
CREATE TABLE record_groups (
    name NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (name, place, id)
) WITHOUT ROWID;

CREATE TABLE topology_log (
    seq INTEGER PRIMARY KEY, op INTEGER NOT NULL, code INTEGER NOT NULL,
    source INTEGER NOT NULL, target INTEGER NOT NULL, chain INTEGER NOT NULL
);
"""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Driver errors become ours, by class, and so do values that cannot be bound. The text of the engine stays with the
    cause."""
    try:
        yield
    except apsw.Error as error:
        raise ours(path, error) from error
    except OverflowError as error:
        raise Rejected("a number does not fit into 64 bits") from error
    except UnicodeEncodeError as error:
        raise Rejected("half of a surrogate pair is no text") from error


def ours(path: Path, error: apsw.Error) -> BackendError:
    """Our error for one of the driver's."""
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return TimedOut(f"{path.name} is locked: another process has been writing to it for too long")
        case apsw.InterruptError():
            return TimedOut(f"a read of {path.name} took too long and was stopped")
        case apsw.FullError():
            return Unavailable(f"no space is left to write to {path.name}; nothing of this write was kept")
        case apsw.NotADBError() | apsw.CorruptError() | apsw.FormatError():
            return Misconfigured(f"{path.name} is not a SQLite database, or it is damaged")
        case apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.AuthError():
            return Misconfigured(f"{path.name} may not be written to; the store needs the file and its directory writable")
        case apsw.CantOpenError():
            return Misconfigured(f"{path.name} cannot be opened; the store needs the file and its directory writable")
        case apsw.ConnectionClosedError():
            return Unavailable("the store is closed")
        case _:
            return Unavailable(f"{path.name} could not be read or written")


def connect(path: Path, *, timeout: float, cache_mib: int) -> apsw.Connection:
    """A connection as every one of ours is set up; the file must exist. `timeout` is in seconds. Raises apsw's errors."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=200)
    connection.set_busy_timeout(int(timeout * 1000))
    connection.pragma("synchronous", "FULL")
    connection.pragma("temp_store", "MEMORY")
    connection.pragma("cache_size", -1024 * cache_mib)
    return connection


def prepare(path: Path, *, timeout: float) -> None:
    """Makes the file and its tables where they are missing. Raises `Misconfigured`, and what `translated` gives."""
    version = apsw.sqlite_lib_version()
    if tuple(map(int, version.split("."))) < FIXED:
        raise Misconfigured(f"SQLite {version} can lose committed writes; apsw brings a newer one: pip install -U apsw")
    if not path.absolute().parent.is_dir():
        raise Misconfigured(f"the directory of {path.name} does not exist")
    with translated(path):
        connection = apsw.Connection(str(path))
        try:
            connection.set_busy_timeout(int(timeout * 1000))
            if not _is_ours(connection, path):
                _use_wal(connection, timeout)
                _create(connection, path)
            elif connection.pragma("journal_mode") != "wal":
                _use_wal(connection, timeout)
        finally:
            connection.close()


def _is_ours(connection: apsw.Connection, path: Path) -> bool:
    """False where the file is empty. Raises `Misconfigured` where it is someone else's."""
    if connection.execute("SELECT count(*) FROM sqlite_schema").get == 0:
        return False
    if connection.pragma("application_id") != APPLICATION:
        raise Misconfigured(f"{path.name} is the database of another program")
    if connection.pragma("user_version") != FORMAT:
        raise Misconfigured(f"{path.name} has a format that this version cannot read")
    return True


def _use_wal(connection: apsw.Connection, timeout: float) -> None:
    """Waits by itself: SQLite gives up on this lock without asking the busy handler."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.pragma("journal_mode", "wal")
            return
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _create(connection: apsw.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _is_ours(connection, path):  # another process may have been first
            connection.execute(TABLES)
            connection.pragma("application_id", APPLICATION)
            connection.pragma("user_version", FORMAT)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
