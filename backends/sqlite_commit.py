"""The one writer of a process: a thread that commits what has gathered since its last commit as one transaction.

The disk is waited for once a transaction, not once a write, so many writers together are as fast as the disk allows and a
single one waits for nobody. Each write has its own savepoint: one that is refused leaves its neighbours untouched.
A write is answered after the COMMIT, when it is on disk.
"""

import asyncio
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, NamedTuple, TypeAlias

import apsw

from backends.changes import Changes
from backends.errors import BackendError, TimedOut, Unavailable
from backends.model import Epoch
from backends.rows import new_revision
from backends.sqlite_rows import epoch_now
from backends.sqlite_schema import connect, translated
from backends.sqlite_settings import Settings
from backends.sqlite_write import Head, write

GROUP: Final = 500
"""Nodes, edges and records after which a transaction is committed though more writes wait, so that the first among them
is not answered late."""
TRIM: Final = 20_000
"""Log rows deleted at a time, a few milliseconds of work; as many may lie past `Settings.keep` untrimmed."""
CACHE_MIB: Final = 48
LEFT: Final = 64 * 2**20
"""Bytes of the write-ahead log that are kept for the next writes when it begins anew after a large one."""


class Waiting(NamedTuple):
    """A write and who waits for it."""

    changes: Changes
    future: asyncio.Future[Epoch]


Outcome: TypeAlias = Epoch | Exception
_FATAL: Final = (apsw.FullError, apsw.IOError, apsw.NoMemError)
"""After these SQLite has rolled back, or may have: nothing of the transaction is counted on."""


class Committer:
    """Use between `start` and `stop`; `apply` from the event loop that started it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._room = asyncio.Semaphore(settings.queue)
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def apply(self, changes: Changes) -> Epoch:
        """Resolves once the changes are on disk. Raises what `write` raises, `TimedOut` where the queue stays full or the
        file locked, `Unavailable` where the disk is full or the store closed."""
        try:
            async with asyncio.timeout(self._settings.timeout):
                await self._room.acquire()
        except TimeoutError:
            raise TimedOut("too many writes are waiting") from None
        if self._loop is None:
            self._room.release()
            raise Unavailable("the store is closed")
        future: asyncio.Future[Epoch] = self._loop.create_future()
        future.add_done_callback(self._done)
        self._queue.put(Waiting(changes, future))
        return await asyncio.shield(future)  # who stops waiting does not stop the write

    def _done(self, future: asyncio.Future[Epoch]) -> None:
        self._room.release()
        future.exception()  # looked at, so that a refusal nobody waits for is not reported as forgotten

    async def start(self) -> None:
        """Opens the connection; the file and its tables exist. Raises what `translated` gives."""
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        thread = Thread(target=self._run, args=(loop, opened), name="sqlite-writer", daemon=True)
        thread.start()
        await opened
        self._loop, self._thread = loop, thread

    async def stop(self) -> None:
        """Commits what waits, then closes."""
        thread, self._loop, self._thread = self._thread, None, None
        if thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(thread.join)

    def _run(self, loop: asyncio.AbstractEventLoop, opened: asyncio.Future[None]) -> None:
        """The thread. It answers through the loop and ends when told to."""
        path, timeout = self._settings.path, self._settings.timeout
        try:
            with translated(path):
                connection = connect(path, timeout=timeout, cache_mib=CACHE_MIB)
                connection.pragma("journal_size_limit", LEFT)
        except BackendError as error:
            loop.call_soon_threadsafe(opened.set_exception, error)
            return
        loop.call_soon_threadsafe(opened.set_result, None)
        group = Group(connection, path)
        going = True
        while going:
            batch, going = self._gather()
            if batch:
                outcomes = group.commit([waiting.changes for waiting in batch])
                loop.call_soon_threadsafe(_answer, batch, outcomes)
            while self._queue.empty() and group.trim(self._settings.keep):
                pass
        connection.close()

    def _gather(self) -> tuple[list[Waiting], bool]:
        """Waits for one write, then takes what else is there. The second value is False once nothing will follow."""
        batch: list[Waiting] = []
        size = 0
        waiting = self._queue.get()
        while waiting is not None:
            batch.append(waiting)
            changes = waiting.changes
            size += len(changes.nodes) + len(changes.edges) + len(changes.records)
            if size >= GROUP:
                return batch, True
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                return batch, True
        return batch, False


def _answer(batch: list[Waiting], outcomes: list[Outcome]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if waiting.future.done():
            continue
        if isinstance(outcome, Exception):
            waiting.future.set_exception(outcome)
        else:
            waiting.future.set_result(outcome)


class Group:
    """Transactions of several writes over one connection, on the writer's thread."""

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._trimmed = 0

    def commit(self, writes: list[Changes]) -> list[Outcome]:
        """One outcome a write, in order. Where the transaction as a whole fails, each write failed by that."""
        run = self._connection.execute
        try:
            with translated(self._path):
                run("BEGIN IMMEDIATE")
                outcomes = self._write_all(writes)
                run("COMMIT")
                return outcomes
        except Exception as error:
            return [error] * len(writes)
        finally:
            if self._connection.in_transaction:
                run("ROLLBACK")

    def _write_all(self, writes: list[Changes]) -> list[Outcome]:
        run = self._connection.execute
        # Read anew each time: another process may have written since.
        number = run("SELECT max(number) FROM nodes").get
        head = Head(epoch_now(self._connection), 0 if number is None else number + 1)
        outcomes: list[Outcome] = []
        watermark: int | None = None
        for changes in writes:
            run("SAVEPOINT one")
            try:
                with translated(self._path):
                    head = write(self._connection, head, changes)
            except Exception as error:
                if isinstance(error.__cause__, _FATAL) or not self._connection.in_transaction:
                    raise
                run("ROLLBACK TO one")
                outcomes.append(error)
            else:
                outcomes.append(head.epoch)
                if changes.watermark is not None:
                    watermark = max(changes.watermark, watermark or changes.watermark)
            run("RELEASE one")
        if any(isinstance(outcome, Epoch) for outcome in outcomes):
            run("INSERT OR REPLACE INTO meta VALUES ('revision', ?)", (new_revision(),))
        if watermark is not None:
            run(
                """INSERT INTO meta VALUES ('watermark', ?)
                ON CONFLICT DO UPDATE SET value = excluded.value WHERE excluded.value > value""",
                (watermark,),
            )
        return outcomes

    def trim(self, keep: int) -> bool:
        """Deletes some of the oldest log rows past `keep`; False where there were none. What fails here is tried again after
        the next write."""
        run = self._connection.execute
        try:
            oldest, newest = run("SELECT (SELECT min(seq) FROM topology_log), (SELECT max(seq) FROM topology_log)").get
            if oldest is None or newest - oldest < keep + TRIM:
                return False
            run("DELETE FROM topology_log WHERE seq < ?", (oldest + TRIM,))
            return True
        except apsw.Error:
            return False
