"""A Gremlin store as the parts of the adapter use it: reads that say where the store was, and waiting for who writes."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from random import random
from typing import Final, Generic, NamedTuple, TypeVar

from backends.errors import TimedOut, Unavailable
from backends.gremlin_schema import COLD, prepared
from backends.gremlin_script_export import exporting
from backends.gremlin_script_walk import walking
from backends.gremlin_script_write import writing
from backends.gremlin_scripts import reading
from backends.gremlin_settings import Settings
from backends.gremlin_state import Head
from backends.gremlin_wire import Answer, Hook, Statement, Wire
from backends.model import Json

T = TypeVar("T")
log = logging.getLogger(__name__)
GONE, DONE, MOVED, CONTENDED = "gone", "done", "moved", "contended"
READS: Final = ("look", "near", "ranges", "find", "log")
WRITES: Final = ("stash", "write", "step", "recover", "drop")


class Reply(NamedTuple):
    """An answer to a read: where the store was before and after it, and what was read."""

    before: Head
    after: Head
    parts: Answer


class Seen(NamedTuple, Generic[T]):
    """What some reads came to: the heads they saw, the value, and what it hangs on (ids, shelves; None: everything)."""

    heads: list[Head]
    value: T
    hangs_on: Collection[str] | None

    @property
    def is_whole(self) -> bool:
        """Whether all of it is of one moment."""
        return self.is_still and not any(head.touches(self.hangs_on) for head in self.heads)

    @property
    def is_still(self) -> bool:
        """Whether no turn began meanwhile."""
        return all(head.state == self.heads[0].state for head in self.heads)


class Store:
    """Use between `open` and `close`."""

    def __init__(self, settings: Settings, hook: Hook | None = None) -> None:
        self.settings = settings
        self.wire = Wire(settings, hook)
        self._scripts = {name: reading(settings.dialect, name) for name in READS}
        self._scripts |= {name: writing(settings.dialect, name) for name in WRITES}
        self._scripts |= {"walk": walking(settings.dialect), "topology": exporting(settings.dialect)}
        self._head = ""
        self._store = ""
        self._shelves: dict[str, str] = {}
        self._opening = asyncio.Lock()
        self._watched: tuple[Head, float] | None = None

    async def open(self) -> None:
        await self.wire.open()
        await self._prepare()
        # A server that never saw the script of a write compiles it, for seconds where it is cold or busy: not in a turn.
        await self.write("write", {"expect": ""}, within=max(COLD, self.settings.timeout))

    async def close(self) -> None:
        await self.wire.close()

    async def _prepare(self) -> None:
        self._head, state = await prepared(self.wire)
        self._store = state.store
        self._shelves.clear()

    # Statements

    def statement(self, name: str, data: Mapping[str, Json], shelves: Iterable[str], *, change: str = "") -> Statement:
        """A script and all it is told: the head, and the vertices of the shelves as far as they are known."""
        known = {shelf: self._shelves.get(shelf) for shelf in shelves}
        told = {"head": self._head, "store": self._store, "shelves": known, **data}
        return Statement(name, self._scripts[name], told, change, writes=name in WRITES)

    async def read(self, name: str, data: Mapping[str, Json], shelves: Iterable[str]) -> Reply:
        """What a script reads. Raises `Unavailable`, `TimedOut`."""
        names = list(shelves)
        for attempt in range(2):
            answer = await self._run(self.statement(name, data, names))
            if answer[0] != GONE:
                self.learn(answer[4])
                return Reply(Head.parse(answer[0], answer[1]), Head.parse(answer[2], answer[3]), answer[5:])
            if attempt == 0:
                await self._begin_anew()
        raise Unavailable("the store is being made anew")

    async def write(
        self, name: str, data: Mapping[str, Json], shelves: Iterable[str] = (), *, change: str = "", within: float
    ) -> str:
        """How a script ended: DONE, MOVED, CONTENDED."""
        answer = await self._run(self.statement(name, data, shelves, change=change), within=within)
        if answer[0] == GONE:
            await self._begin_anew()
            return MOVED
        if answer[0] == DONE and len(answer) > 1 and isinstance(answer[1], str):
            self.learn(answer[1])
        return str(answer[0])

    async def _run(self, statement: Statement, *, within: float | None = None) -> Answer:
        return await self.wire.run(statement, lambda answer: answer, within=within)

    def learn(self, found: str) -> None:
        """Remembers the vertices of shelves."""
        parts = found.split("\0")
        self._shelves.update(zip(parts[:-1:2], parts[1::2], strict=True))

    async def _begin_anew(self) -> None:
        """The server came back with another store: one that is kept in memory is empty then."""
        was = self._store
        async with self._opening:
            if self._store == was:
                await self._prepare()

    # Waiting

    async def whole(self, read: Callable[[], Awaitable[Seen[T]]]) -> T:
        """What `read` gives, of one moment: it is read again while a write touches what it hangs on."""
        until = time.monotonic() + self.settings.timeout
        attempt = 0
        while True:
            seen = await read()
            if seen.is_whole:
                return seen.value
            await self.wait(seen.heads[-1], attempt, until)
            attempt += 1

    async def wait(self, head: Head, attempt: int, until: float) -> None:
        """A moment, longer each time, in which what is announced may be done; or it is done here (see `notice`)."""
        if time.monotonic() > until:
            raise TimedOut("writes went on all the time")
        if not await self.notice(head):
            await asyncio.sleep(min(0.1, 0.002 * 2**attempt) * (0.5 + random()))

    async def notice(self, head: Head) -> bool:
        """Whether what is announced was taken over and done: who announced it is taken for dead once the lease has passed
        since we saw it first, by our own clock, and nothing has moved since."""
        if head.announced is None:
            self._watched = None
        elif self._watched is None or self._watched[0] != head:
            self._watched = (head, time.monotonic())
        elif time.monotonic() - self._watched[1] >= self.settings.lease:
            self._watched = None
            try:
                await self.recover(head)
            except (TimedOut, Unavailable) as error:  # perhaps part of it is done; the rest after another lease
                log.warning("backend.not_recovered", extra={"error": type(error).__name__})
            else:
                return True
        return False

    async def recover(self, head: Head) -> None:
        """Does what an announcement says, in place of who made it."""
        state = head.state
        data = {
            "expect": str(state),
            "state": str(state.taken_over()),
            "token": state.token,
            "limit": int(self.patience * 1000),
        }
        await self.write("recover", data, within=self.patience)

    @property
    def patience(self) -> float:
        """Seconds a write may take on the server: half of the lease, so that none is under way when it has passed."""
        return min(self.settings.timeout, self.settings.lease / 2)
