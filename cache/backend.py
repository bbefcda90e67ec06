"""A backend around a backend that remembers what traversals reached, and proves it current at each use.

Each traversal first reads where the topology log ends, together with all who ask at that moment. What is kept is given
only where the log since then proves it (`cache.validity`), else it is repaired or computed again. So a hit is as true as
an answer of the backend itself, and nothing that happens to a byte store can change that.
"""

import time
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from backends.base import LineageBackend
from backends.changes import LogPage
from backends.errors import TimedOut
from backends.model import DOWN, UP, Capabilities, Direction, Epoch, Subgraph, Traversal
from backends.ticker import Ticker
from backends.wrapper import Wrapper
from cache import validity
from cache.answers import Answers
from cache.base import ByteStore
from cache.closure import Closure
from cache.flights import Flights
from cache.guard import FIRST, WAIT, Guard
from cache.log import KEEP, Log
from cache.memory import MemoryStore
from cache.names import Names
from cache.repair import repaired
from cache.shelf import Key, key_of
from cache.stats import State, Stats
from cache.tier import Tier

MEBI: Final = 2**20
ATTEMPTS: Final = 8
"""How often an answer is computed while the graph changes beneath the computation."""
TICK: Final = 1.0
"""Seconds between two looks at the log when nobody asks, so that the first question does not pay for all writes before."""

ANEW: Final = 60.0
"""Seconds after which ids are looked up anew: an answer that is given again and again would hold on to what the backend had
in memory when it was first given."""

bypass: ContextVar[bool] = ContextVar("bypass", default=False)
"""Set for a request that wants nothing remembered: it is answered by the backend, and nothing of it is kept."""
pinning: ContextVar[set[Key] | None] = ContextVar("pinning", default=None)
"""Where the questions are noted that are asked on behalf of pinned roots."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes for answers ready in memory, for those of them that are views, and for ids where the backend has none in memory;
    rows of the log at hand; nodes from which on an answer is worth the byte store, unless it took `slow` seconds; seconds to
    wait for the byte store, and at first to leave it alone once it failed."""

    ready: int = 128 * MEBI
    views: int = 64 * MEBI
    names: int = 256 * MEBI
    rows: int = KEEP
    least: int = 512
    slow: float = 0.005
    wait: float = WAIT
    pause: float = FIRST


class Found(NamedTuple):
    """An answer as it is given to those who asked for it, and what is kept of it for those who ask later, if anything."""

    subgraph: Subgraph
    closure: Closure | None


class CachedBackend(Wrapper):
    """`graph` tells stores apart that share a byte store; where two say the same they only take each other's places."""

    def __init__(
        self,
        inner: LineageBackend,
        store: ByteStore,
        *,
        graph: str = "",
        limits: Limits | None = None,
        secret: bytes = b"",
    ) -> None:
        """`secret`: replicas that share one can tell their own values from those of whoever else may write to the store."""
        super().__init__(inner)
        self._limits = limits or Limits()
        self._log = Log(inner.changes_since, self._limits.rows)
        self._names = Names(inner)
        self._named = 0
        """The number of the history that the names are of."""
        self._flights: Flights[Found] = Flights()
        self.stats = Stats()
        self._store = store
        self._guard = Guard(store, wait=self._limits.wait, first=self._limits.pause)
        self._tier = Tier(self._guard, self._names, graph, secret, self.stats)
        self.answers = Answers(self._limits.ready, self._limits.views, self._tier.left)
        self._ticker = Ticker(self._follow, TICK, "cache.behind")
        self._anew = time.monotonic()

    @property
    def capabilities(self) -> Capabilities:
        inner = self._inner.capabilities
        # What was computed is checked; only what is announced and not done is seen in part, where a write is in parts.
        return replace(inner, snapshot_reads=inner.snapshot_reads or inner.atomic_writes)

    @property
    def state(self) -> State:
        return State(
            entries=len(self.answers.others) + len(self.answers.views),
            nbytes=self.answers.others.nbytes + self.answers.views.nbytes + self._names.nbytes,
            packed_bytes=self._store.nbytes if isinstance(self._store, MemoryStore) else 0,
            views=len(self.answers.views),
            view_bytes=self.answers.views.nbytes,
            store_is_out=self._guard.is_open,
            store_trips=self._guard.trips,
            store_failures=self._guard.failures,
            lag_rows=self._log.lag,
            lag_seconds=time.monotonic() - self._log.read_at,
            histories=self._log.histories,
        )

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        try:
            await self._guard.open()
            self._names.look()
            self._tier.start()
            self._ticker.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        try:
            await self._ticker.stop()
            await self._tier.stop([closure for _, closure in self.answers])
            self.answers.clear()
            await self._guard.close()
        finally:
            await self._inner.__aexit__(None, None, None)

    # Asking

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        if epoch is not None:
            return await self._inner.changes_since(epoch)
        await self._log.now()  # together with all who ask at this moment
        return self._log.end

    def names(self, numbers: NDArray[np.int64]) -> Sequence[str] | None:
        """Also where the backend has them not in memory: those that answers of late, of this history, have named."""
        if self._named != self._log.histories:
            self._named = self._log.histories
            self._names.forget()
        return self._names.told(numbers)

    def used_again(self, traversals: Iterable[Traversal]) -> None:
        """Counts uses of answers that were proved elsewhere."""
        for traversal in traversals:
            key = key_of(traversal)
            closure = self.answers.get(key)
            if closure is not None:
                self.stats.hits += 1
                self.answers.hit(key, closure)

    async def traverse(self, traversal: Traversal) -> Subgraph:
        if traversal.as_of is not None:
            return await self._inner.traverse(traversal)
        arrived = await self._log.now()
        if bypass.get():
            self.stats.bypasses += 1
            return replace((await self._computed(traversal)).subgraph, cache="BYPASS")
        key = key_of(traversal)
        if (pinned := pinning.get()) is not None:
            pinned.add(key)
        closure, reason = self.answers.get(key), "absent"
        if closure is not None:
            if closure.answer is not None and closure.epoch == self._log.epoch and not len(self._log.open):
                self.stats.hits += 1
                self.answers.hit(key, closure)
                return closure.answer
            found = self._proved(key, closure)
            if isinstance(found, Subgraph):
                return found
            reason = found
        return await self._shared(key, traversal, reason, arrived)

    def _proved(self, key: Key, closure: Closure) -> Subgraph | str:
        """The answer as it is now, or why it is none any more. Nothing is awaited from here until it is given."""
        before = closure.answer
        current = self._current(closure)
        if isinstance(current, str):
            return current
        # What a number names never changes.
        ids = before.ids if before is not None and current.graph.numbers is closure.graph.numbers else None
        subgraph = self._given(current, "HIT" if current is closure else "REPAIRED", ids)
        if subgraph is None:
            return "names"
        if current is not closure:
            self.answers.put(key, current)
            self._tier.changed(current)
        self.answers.hit(key, current)
        self._count(subgraph)
        return subgraph

    def _current(self, closure: Closure) -> Closure | str:
        """The closure itself where the log proves it, another where it had to be repaired, or why neither can be."""
        rows = self._log.since(closure.epoch)
        if rows is None:
            return "unknown"
        if self._is_open(closure):
            return "open"
        touch = validity.touched_by(closure, rows) if len(rows) else None
        if touch:
            mended = repaired(closure, rows, touch)
            if mended is None:
                return "changed"
            self._names.adopt(mended)
            closure = mended
        self._advance(closure)
        return closure

    def _is_open(self, closure: Closure) -> bool:
        """Whether a change that touches it is announced and not known to be done."""
        return len(self._log.open) > 0 and bool(validity.touched_by(closure, self._log.open))

    def _advance(self, closure: Closure) -> None:
        """It is true where the log ends."""
        assert self._log.epoch is not None
        if closure.epoch != self._log.epoch:
            closure.epoch, closure.answer = self._log.epoch, None
        closure.checked = time.time()

    def _given(self, closure: Closure, word: str, ids: Sequence[str] | None = None) -> Subgraph | None:
        """The answer at its epoch; None where a node's id is known to nobody here. `ids`: as looked up before."""
        ids = self._names.of(closure) if ids is None else ids
        if ids is None:
            return None
        closure.answer = closure.graph.retold(epoch=closure.epoch, ids=ids, cache="HIT")
        return closure.answer if word == "HIT" else closure.answer.retold(epoch=closure.epoch, ids=ids, cache=word)

    async def _shared(self, key: Key, traversal: Traversal, reason: str, arrived: Epoch) -> Subgraph:
        """What one search for all who ask finds. Who joined one late may need what was written since it began."""
        while True:
            found, joined = await self._flights.share(key, lambda: self._found(key, traversal))
            subgraph: Subgraph | None = found.subgraph
            if joined and not (found.subgraph.epoch.seq >= arrived.seq and self._log.knows(found.subgraph.epoch)):
                current = self._current(found.closure) if found.closure is not None else "open"
                subgraph = self._given(current, found.subgraph.cache) if isinstance(current, Closure) else None
            if subgraph is not None:
                self._count(subgraph, reason)
                return subgraph
            arrived = await self._log.now()

    def _count(self, subgraph: Subgraph, reason: str = "") -> None:
        match subgraph.cache:
            case "HIT":
                self.stats.hits += 1
            case "REPAIRED":
                self.stats.repairs += 1
            case _:
                self.stats.misses[reason] += 1

    # Finding

    async def _found(self, key: Key, traversal: Traversal) -> Found:
        """From the byte store if it has an answer that can be proved, else computed."""
        known = self.answers.get(key)
        stored = await self._tier.get(traversal, self._log, -1 if known is None else known.epoch.seq)
        current = self._current(stored) if stored is not None else None
        if isinstance(current, Closure):
            subgraph = self._given(current, "HIT" if current is stored else "REPAIRED")
            if subgraph is not None:
                self.stats.stored += 1
                self.answers.put(key, current)
                return Found(subgraph, current)
        began = time.perf_counter()
        found = await self._computed(traversal)
        if found.closure is not None:
            self.answers.put(key, found.closure)
            took = time.perf_counter() - began
            if len(found.closure) >= self._limits.least or took >= self._limits.slow:
                self._tier.made(found.closure)
            else:
                self._tier.is_small(traversal)
        return found

    async def _computed(self, traversal: Traversal) -> Found:
        """What the backend says, true at one epoch not before the call."""
        for _ in range(ATTEMPTS):
            before = self._log.epoch
            assert before is not None
            subgraph = await self._inner.traverse(traversal)
            if not self._is_exact or subgraph.epoch != before:
                await self._log.now()
            closure = self._closure(traversal, subgraph, self._label(subgraph, before))
            rows = self._log.since(closure.epoch)
            if rows is None:
                continue  # another history began meanwhile
            if not len(rows) or not validity.touched_by(closure, rows):
                self._advance(closure)
            elif self._is_torn(closure, before):
                self.stats.torn += 1
                continue
            closure.answer = closure.graph.retold(epoch=closure.epoch, ids=subgraph.ids, cache="HIT")
            kept = None if self._is_open(closure) else closure
            return Found(closure.graph.retold(epoch=closure.epoch, ids=subgraph.ids, cache="MISS"), kept)
        raise TimedOut("the graph changes faster than it can be read")

    @property
    def _is_exact(self) -> bool:
        return self._inner.capabilities.snapshot_reads

    def _label(self, subgraph: Subgraph, before: Epoch) -> Epoch:
        """The epoch of what was computed. Without snapshots its parts are of several moments, none of them before the epoch
        that was read before; nothing later can be said of it."""
        return subgraph.epoch if self._is_exact else before

    def _is_torn(self, closure: Closure, before: Epoch) -> bool:
        """Whether an answer that has been touched since its label is none: not of one moment, or older than its question."""
        return not self._is_exact or closure.epoch.seq < before.seq

    def _closure(self, traversal: Traversal, subgraph: Subgraph, epoch: Epoch) -> Closure:
        for column in (subgraph.numbers, subgraph.depths, subgraph.sources, subgraph.targets, subgraph.edge_kinds):
            column.setflags(write=False)  # shared from now on
        closure = Closure(traversal, epoch, replace(subgraph, ids=()), roots_in(subgraph, traversal))
        closure.names = self._names.learn(subgraph.numbers, subgraph.ids)
        closure.made = closure.checked = time.time()
        return closure

    # Between questions

    async def _follow(self) -> None:
        try:
            await self._log.now()
        finally:
            self._tidy()

    def _tidy(self) -> None:
        """Answers as they were given hold on to what the backend had in memory then: those of an older epoch let go of it,
        now and then all do, and those that can never be proved again go."""
        now = time.monotonic()
        anew = now - self._anew >= ANEW
        self._anew = now if anew else self._anew
        for key, closure in self.answers:
            if anew:
                closure.answer = None
            if closure.epoch != self._log.epoch:
                closure.answer = None
                if not self._log.knows(closure.epoch):
                    self.answers.drop(key)
        if self._names.nbytes > self._limits.names:
            self.answers.clear()
            self._names.forget()


def roots_in(subgraph: Subgraph, traversal: Traversal) -> dict[int, int]:
    """The rows of the roots that are in the answer, with their starting depths: roots are reached both ways by rule."""
    rows = np.flatnonzero(subgraph.reached == UP | DOWN).tolist()
    roots = traversal.roots
    if len(rows) == len(roots) == 1 and traversal.direction is not Direction.BOTH:
        return {rows[0]: next(iter(roots.values()))}
    ids = subgraph.ids
    return {row: roots[ids[row]] for row in rows if ids[row] in roots}
