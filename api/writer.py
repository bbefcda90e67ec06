"""Runs the programs of `ingest` over a backend: reads what they ask for, applies what they decide, retries on conflict."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from random import random

from backends.base import LineageBackend
from backends.changes import Changes, NodeFilter, Order, Page
from backends.commands import CaptureOperation, Command, CommandError, Done
from backends.errors import Conflict, Rejected
from backends.ids import BadId
from backends.model import Epoch, Json, Node
from ingest import sealing
from ingest.commands import perform
from ingest.event import Event
from ingest.interpret import interpret
from ingest.parse import parse_event
from ingest.program import Fetch, Program, Result

SECONDS = 10.0
"""How long a write that lost again and again is decided anew, alone in this process, before the conflict is the caller's."""
PAUSE = 0.004
"""Seconds at most between two tries. It does not grow: who waits longer than others loses to them again."""
PATIENT = 4
"""So often it is decided anew beside all others; then the others of this process let it go first."""


def now() -> int:
    """The wall clock in microseconds."""
    return time.time_ns() // 1000


class Writer:
    """The one way into a backend for events and commands. Those about one job wait for each other here, so that conflicts
    are left to writers in other processes."""

    def __init__(
        self,
        backend: LineageBackend,
        clock: Callable[[], int] = now,
        *,
        sealed_after: int = sealing.WEEK,
        written: Callable[[], None] = lambda: None,
    ) -> None:
        """`sealed_after`: microseconds after its last arrival until a run is sealed (`ingest.sealing`). `written` is called
        after each write, before whoever asked for it knows of it."""
        self.backend, self.clock, self.sealed_after, self.written = backend, clock, sealed_after, written
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        self._first = asyncio.Lock()
        self._losers = 0
        """Writes that lost again and again: one after the other goes first, and no other begins until they are in."""
        self._calm = asyncio.Event()
        self._calm.set()

    async def ingest(self, event: Json) -> Epoch:
        """Takes one OpenLineage event, durably. Raises `BadEvent`, `BackendError`."""
        return await self.take(parse_event(event))

    async def take(self, event: Event) -> Epoch:
        """Takes an event that was read already."""
        keys = {key for key in (event.job, event.run, event.dataset and event.dataset.id) if key}
        async with self._alone(keys):
            _, epoch = await self._run(lambda: interpret(event, self.clock(), self.sealed_after), lambda changes: changes)
        return epoch

    async def execute(self, command: Command) -> Done:
        """Does what a client says. Raises `CommandError`, `BackendError`."""
        try:
            async with self._alone({command.job} if isinstance(command, CaptureOperation) else set()):
                outcome, epoch = await self._run(lambda: perform(command, self.clock()), lambda done: done.changes)
        except BadId as error:
            raise CommandError("BAD_INPUT", str(error)) from None
        except Rejected as error:
            raise CommandError("BAD_INPUT", str(error)) from None
        return Done(epoch, outcome.ids, outcome.operations, outcome.retracted)

    async def _run(
        self, program: Callable[[], Program[Result]], changes_of: Callable[[Result], Changes]
    ) -> tuple[Result, Epoch]:
        for _ in range(PATIENT):
            await self._calm.wait()
            with suppress(Conflict):
                return await self._once(program, changes_of)
            await asyncio.sleep(PAUSE * random())
        async with self._going_first():
            until = time.monotonic() + SECONDS
            while True:
                try:
                    return await self._once(program, changes_of)
                except Conflict:
                    if time.monotonic() > until:
                        raise
                await asyncio.sleep(PAUSE * random())

    async def _once(
        self, program: Callable[[], Program[Result]], changes_of: Callable[[Result], Changes]
    ) -> tuple[Result, Epoch]:
        result = await read_through(self.backend, program())
        epoch = await self.backend.apply(changes_of(result))
        self.written()
        return result, epoch

    @asynccontextmanager
    async def _going_first(self) -> AsyncIterator[None]:
        self._losers += 1
        self._calm.clear()
        try:
            async with self._first:
                yield
        finally:
            self._losers -= 1
            if not self._losers:
                self._calm.set()

    @asynccontextmanager
    async def _alone(self, keys: set[str]) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for key in sorted(keys):
                await stack.enter_async_context(self._lock(key))
            yield

    @asynccontextmanager
    async def _lock(self, key: str) -> AsyncIterator[None]:
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            users = self._locks[key][1] - 1
            if users:
                self._locks[key] = (lock, users)
            else:
                del self._locks[key]


async def read_through(backend: LineageBackend, program: Program[Result]) -> Result:
    """Runs a program to its end, answering what it reads from the backend."""
    answer: object = None
    while True:
        try:
            wanted = program.send(answer)
        except StopIteration as done:
            result: Result = done.value
            return result
        if isinstance(wanted, Fetch):
            answer = await backend.get(wanted.ids, wanted.edges, facets=wanted.facets)
        else:
            answer = await _list_all(backend, wanted.where)


async def _list_all(backend: LineageBackend, where: NodeFilter) -> tuple[Node, ...]:
    found: list[Node] = []
    page = await backend.find_nodes(where, Order.ID, Page(1000))
    found.extend(page.nodes)
    while page.more:
        page = await backend.find_nodes(where, Order.ID, Page(1000, page.cursors[-1]))
        found.extend(page.nodes)
    return tuple(found)
