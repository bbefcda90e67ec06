"""Follows the topology log for all who subscribe in this process, and draws anew what may have changed.

One reader of the log, however many subscribe, and only while somebody does: woken at once by what this process writes, else
it looks every so often. A picture is drawn again only where a change touches what was visited to draw it; those who follow
the same question share one.
"""

import asyncio
import contextvars
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from backends.base import LineageBackend
from backends.errors import BackendError
from backends.model import Epoch
from schema.context import Costs
from schema.errors import ApiError, Code
from schema.live.picture import Changes, Delta, Question, Unsettled, delta_of, drawn
from schema.live.queue import Queue
from schema.live.rewound import Rewound, gone
from schema.live.watch import Watch

DRAWN_AT_ONCE: Final = 4
PAUSE: Final = 0.05
LONGEST: Final = 5.0
"""Seconds before a picture that could not be drawn is tried again: at first, and at most."""
TRIES: Final = 5
"""How often a first picture is tried; nobody waits for it longer."""

log = logging.getLogger("headwater.schema")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What subscriptions may take in one process."""

    pause: float = 0.05
    """Seconds between two looks at the log while nobody here writes."""
    subscriptions: int = 10_000
    followed: int = 1_000_000
    """Nodes and edges of all pictures; one picture has a tenth of it at most. Some 600 bytes each."""
    queued: int = 10_000
    """Nodes and edges that wait for one reader."""
    rows: int = 20_000
    """Rows of the log that are taken back for who goes on from an epoch."""


class Live:
    """Use as an async context manager around what serves. `wake` is to be called after each write of this process."""

    def __init__(self, backend: LineageBackend, costs: Costs, bounds: Bounds | None = None) -> None:
        self._backend, self._costs, self.bounds = backend, costs, bounds or Bounds()
        self._watches: dict[Question, Watch] = {}
        self._epoch: Epoch | None = None
        self._open = Changes(())
        self._looking = asyncio.Lock()
        self._woken = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._turns = asyncio.Semaphore(DRAWN_AT_ONCE)
        self._reminded = 0
        self.subscriptions = 0
        self.followed = 0
        """Nodes and edges of all pictures."""
        self.drawn = self.told = self.cut = 0
        """Pictures drawn, deltas put before readers, readers that did not keep up; since the beginning."""

    @property
    def questions(self) -> int:
        """How many different questions are followed."""
        return len(self._watches)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [watch.drawing for watch in self._watches.values() if watch.drawing is not None]
        tasks += [self._following] if self._following is not None else []
        self._stop(ApiError(Code.UNAVAILABLE, "the service ends; subscribe again with since: the epoch told last"))
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def wake(self) -> None:
        """Something was written here."""
        self._woken.set()

    async def follow(self, question: Question, since: Epoch | None) -> AsyncGenerator[Delta, None]:
        """What came and went, without end: first since `since`, or nothing and the epoch that it begins at. Each delta is
        the difference between what `lineage` answers at its epoch and at the one before.

        Raises GONE where it cannot be told from there, NOT_FOUND once what was asked about is gone, TOO_COSTLY, TOO_SLOW,
        UNAVAILABLE, `BackendError`."""
        async with self._joined(question) as watch:
            before = None
            if since is not None:
                then = Rewound(self._backend, since, self.bounds.rows)
                await then.check(question.of)
                before = await drawn(then, self._costs, question, self._most)
                self.wake()  # that epoch may be of another process, and newer than what was read here
            picture = await watch.reach(-1 if since is None else since.seq)
            # No await from here until the queue is there: what is told next begins where this ends.
            delta = Delta(watch.epoch) if before is None else delta_of(before, picture).at(watch.epoch)
            queue = Queue(self.bounds.queued, watch.epoch)
            watch.queues.add(queue)
            try:
                yield delta
                while True:
                    delta = await queue.get()
                    self.told += 1
                    yield delta
            finally:
                watch.queues.discard(queue)
                self.cut += queue.is_cut

    @property
    def _most(self) -> int:
        return max(1, self.bounds.followed // 10)

    @asynccontextmanager
    async def _joined(self, question: Question) -> AsyncIterator[Watch]:
        """The watch of a question, begun by the first who asks and gone with the last."""
        if self.subscriptions >= self.bounds.subscriptions:
            words = f"{self.bounds.subscriptions:,} subscriptions are open, and no more are taken; try later"
            raise ApiError(Code.UNAVAILABLE, words)
        self.subscriptions += 1
        try:
            if self._following is None:
                self._following = _apart(self._follow())
            if self._epoch is None:
                await self._look()  # the log is followed from before the picture is drawn
            watch = self._watches.get(question)
            if watch is None:
                watch = self._watches[question] = Watch(question)
                self._draw(watch)
            watch.users += 1
            try:
                yield watch
            finally:
                watch.users -= 1
                if not watch.users:
                    self._drop(watch)
                    if watch.drawing is not None:
                        watch.drawing.cancel()
        finally:
            self.subscriptions -= 1
            if not self.subscriptions and self._following is not None:
                self._following.cancel()
                self._following = self._epoch = None

    def _drop(self, watch: Watch) -> None:
        """Who asks the same next begins anew."""
        if self._watches.get(watch.question) is watch:
            del self._watches[watch.question]
            self.followed -= watch.size

    def _end(self, watch: Watch, error: Exception) -> None:
        watch.stop(error)
        self._drop(watch)

    def _stop(self, error: Exception) -> None:
        for watch in list(self._watches.values()):
            self._end(watch, error)

    # Following the log

    async def _follow(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._look()
            except BackendError as error:
                log.warning("live.behind", extra={"fields": {"error": type(error).__name__}})
            with suppress(TimeoutError):
                async with asyncio.timeout(self.bounds.pause):
                    await self._woken.wait()

    async def _look(self) -> None:
        """Reads the log to its end, and has drawn anew what it touches."""
        async with self._looking:
            more = True
            while more:
                page = await self._backend.changes_since(self._epoch)
                if not page.known:
                    self._stop(gone("this is another graph than before, as after a restore"))
                elif page.rows:
                    changes = Changes(page.rows)
                    for watch in self._watches.values():
                        watch.see(page.rows, changes, page.epoch)
                        if watch.is_dirty:
                            self._draw(watch)
                self._epoch, more = page.epoch, page.more and page.known
            self._open = Changes(page.open)
        behind = self.bounds.rows // 4
        if self._epoch is not None and self._epoch.seq - self._reminded >= behind:
            self._reminded = self._epoch.seq
            for watch in self._watches.values():
                watch.remind(behind)

    # Drawing

    def _draw(self, watch: Watch) -> None:
        if watch.drawing is None and watch.end is None:
            watch.drawing = _apart(self._drawn(watch))

    async def _drawn(self, watch: Watch) -> None:
        """Draws until what was drawn is true."""
        loop, pause, tries = asyncio.get_running_loop(), PAUSE, 0
        try:
            while watch.is_dirty and watch.end is None:
                if (rest := watch.rests_until - loop.time()) > 0:
                    await asyncio.sleep(rest)
                try:
                    async with self._turns:
                        began = loop.time()
                        is_well = await self._redraw(watch)
                        watch.rests_until = 2 * loop.time() - began
                except (BackendError, TimeoutError, Unsettled) as error:
                    is_well, watch.is_dirty, tries = False, True, tries + 1
                    if watch.picture is None and (tries >= TRIES or not isinstance(error, Unsettled)):
                        raise _told(error) from None
                if is_well:
                    pause, tries = PAUSE, 0
                else:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST)
        except Exception as error:
            self._end(watch, error)
        finally:
            watch.drawing = None

    async def _redraw(self, watch: Watch) -> bool:
        """Draws once. False where it cannot be told yet, because what is written meanwhile is seen in part."""
        watch.begin()
        picture = await drawn(self._backend, self._costs, watch.question, self._most)
        if not self._backend.capabilities.snapshot_reads:
            await self._look()
        if self._open.touch(picture) or picture.epoch.seq < watch.epoch.seq:
            watch.is_dirty = True
            return False
        more = picture.size - watch.size
        if self.followed + more > self.bounds.followed:
            raise ApiError(Code.UNAVAILABLE, "all subscriptions together follow more than this service keeps; try later")
        assert self._epoch is not None
        if watch.end is None:
            self.followed += more
            self.drawn += 1
            watch.take(picture, self._epoch)
        return True


def _apart(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that knows nothing of the request it is begun in, such as that it wants no cache."""
    return asyncio.create_task(work, context=contextvars.Context())


def _told(error: Exception) -> Exception:
    return (
        ApiError(Code.UNAVAILABLE, "the graph changes faster than it can be read") if isinstance(error, Unsettled) else error
    )
