"""The writer of a process: what has gathered since its last commit is decided and committed as one transaction.

As a rule that is two round trips: one statement reads what the writes must know, another takes the lock and writes, unless
somebody else wrote in between. Where another process does, both run in one transaction, which
holds the lock from the first to the last; so every writer gets on.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from backends.changes import Changes
from backends.errors import BackendError, TimedOut, Unavailable
from backends.model import EdgeKey, EdgeKind, Epoch
from backends.neo4j_driver import Bolt, Record, Refused, Watch
from backends.neo4j_effect import compile_write
from backends.neo4j_group import NEVER, Decided, Group, Incident, MoreNeeded
from backends.neo4j_read import TRIMMED, compile_trim
from backends.neo4j_statement import Statement
from backends.neo4j_write import compile_incident, compile_reading, decode_reading
from backends.rows import new_revision

GROUP: Final = 2_000
"""Nodes, edges and records after which a group is full, so that the first in it is not answered late."""
WARY: Final = 16
"""Groups written with the lock held throughout, after one was not written because of another process."""

log = logging.getLogger(__name__)
Run = Callable[[Statement], Awaitable[Record | None]]


class Waiting(NamedTuple):
    """A write and who waits for it."""

    changes: Changes
    future: asyncio.Future[Epoch]


class Committer:
    """`apply` may be called by many tasks at once. `settled` is told of each epoch that is surely applied."""

    def __init__(self, bolt: Bolt, settled: Callable[[Epoch], None], *, queue: int, timeout: float, keep: int) -> None:
        self._bolt, self._settled, self._timeout, self._keep = bolt, settled, timeout, keep
        self._queue: deque[Waiting] = deque()
        self._room = asyncio.Semaphore(queue)
        self._task: asyncio.Task[None] | None = None
        self._wary = 0
        self._closed = False
        self._trimmed: int | None = None
        """The place in the log up to which nothing is left to trim; unknown before the first write."""

    async def apply(self, changes: Changes) -> Epoch:
        """Resolves once the changes are committed. Raises `TimedOut` where that takes too long: then they may be written
        all the same, unless they were still waiting."""
        try:
            async with asyncio.timeout(self._timeout), self._room:
                if self._closed:
                    raise Unavailable("the store is closed")
                waiting = Waiting(changes, asyncio.get_running_loop().create_future())
                self._queue.append(waiting)
                if self._task is None or self._task.done():
                    self._task = asyncio.create_task(self._drain())
                return await waiting.future
        except TimeoutError:
            raise TimedOut("Neo4j did not take a write in time") from None

    async def close(self) -> None:
        """What waits is written first."""
        self._closed = True
        if self._task is not None:
            await self._task

    async def _drain(self) -> None:
        while self._queue:
            group = self._next()
            if not group:
                continue
            try:
                results = await self._commit([waiting.changes for waiting in group])
            except BaseException as error:
                for waiting in group:
                    if not waiting.future.done():
                        # Each gets an error of its own: one raised in many tasks would gather their tracebacks.
                        waiting.future.set_exception(_copy(error))
                if not isinstance(error, Exception):
                    raise
                continue
            for waiting, result in zip(group, results, strict=True):
                if waiting.future.done():
                    continue
                if isinstance(result, BackendError):
                    waiting.future.set_exception(result)
                else:
                    waiting.future.set_result(result)
            await self._trim(results)

    async def _trim(self, results: list[Epoch | BackendError]) -> None:
        """Now and then the oldest rows of the log, after those who wait were answered. What fails is tried again later."""
        seq = max((result.seq for result in results if isinstance(result, Epoch)), default=0)
        if self._trimmed is None:
            self._trimmed = max(0, seq - self._keep - TRIMMED)  # what an earlier service left is trimmed first
        floor = seq - self._keep
        if floor - self._trimmed < TRIMMED:
            return
        try:
            record = await self._bolt.run(compile_trim(floor))
        except BackendError as error:
            log.warning("log.not_trimmed", extra={"error": type(error).__name__})
            return
        if record is not None and record["trimmed"] < TRIMMED:
            self._trimmed = floor

    def _next(self) -> list[Waiting]:
        """The writes of the next group; those that nobody waits for any more are left out."""
        group: list[Waiting] = []
        size = 0
        while self._queue and size < GROUP:
            waiting = self._queue.popleft()
            if not waiting.future.done():
                group.append(waiting)
                size += len(waiting.changes.nodes) + len(waiting.changes.edges) + len(waiting.changes.records) + 1
        return group

    async def _commit(self, writes: list[Changes]) -> list[Epoch | BackendError]:
        """One transaction; where Neo4j refuses something in it, one for each write, so that the others are written."""
        try:
            return await self._together(writes)
        except Refused as refused:
            if len(writes) == 1:
                return [refused]
        results: list[Epoch | BackendError] = []
        for changes in writes:
            results += await self._commit([changes])
        return results

    async def _together(self, writes: list[Changes]) -> list[Epoch | BackendError]:
        if self._wary == 0:
            watch = Watch(self._bolt)
            decided = await self._decided(writes, watch.run, locked=False)
            if decided:
                if await self._bolt.run(compile_write(decided, new_revision()), again=False) is not None:
                    return self._done(decided)
                self._wary = WARY
            elif watch.is_one_moment:  # else nothing tells that what was read belongs together
                return self._done(decided)
        self._wary = max(0, self._wary - 1)
        async with self._bolt.transaction() as run:
            decided = await self._decided(writes, run, locked=True)
            if decided and await run(compile_write(decided, new_revision())) is None:
                raise Unavailable("the lock of the Neo4j store did not hold")
        return self._done(decided)

    def _done(self, decided: Decided) -> list[Epoch | BackendError]:
        self._settled(decided.state.epoch)
        return list(decided.results)

    async def _decided(self, writes: list[Changes], run: Run, *, locked: bool) -> Decided:
        """Reads until enough is known. Other names and nodes that come or go need more than the first reading."""
        group = Group(writes)
        while True:
            reading = group.reading()
            record = await run(compile_reading(reading, locked=locked))
            if record is None:
                raise Unavailable("the Neo4j store has lost its epoch: see docs/neo4j.md, `headwater resync`")
            incident = await self._incident(group, run)
            try:
                return group.decide(decode_reading(record, reading), incident)
            except MoreNeeded:
                continue

    async def _incident(self, group: Group, run: Run) -> Incident:
        if not group.flipped:
            return Incident({}, {}, {})
        record = await run(compile_incident(sorted(group.flipped), NEVER))
        assert record is not None
        shown = {EdgeKey(source, EdgeKind(kind), target) for source, kind, target, _, _ in record["shown"]}
        kept = {EdgeKey(source, EdgeKind(kind), target): element for source, kind, target, element in record["kept"]}
        return Incident(shown, kept, {node_id: number for *_, node_id, number in record["shown"]})


def _copy(error: BaseException) -> BaseException:
    if isinstance(error, BackendError):
        copy = type(error)(*error.args)
        copy.__cause__ = error
        return copy
    return error
