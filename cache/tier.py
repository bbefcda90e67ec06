"""Between closures and the byte store: what is worth setting, when, and what is found there. Nobody waits for a set."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, TypeVar

from backends.model import Traversal
from cache.base import LABEL, Label
from cache.closure import Closure
from cache.codec import decode, encode, key_of
from cache.guard import Guard
from cache.log import Log
from cache.names import Names
from cache.stats import Stats

T = TypeVar("T")

LATER: Final = 1.0
"""Seconds until a repaired answer is set: many repairs in a row are set once."""
WAITING: Final = 32 * 2**20
"""Bytes of answers that may wait to be set; past it those that wait longest are forgotten."""
INLINE: Final = 50_000
"""Bytes of a value, or of an answer in memory, that are coded on the event loop."""
REMEMBERED: Final = 10_000


class Tier:
    """Use between `start` and `stop`."""

    def __init__(self, guard: Guard, names: Names, graph: str, secret: bytes, stats: Stats) -> None:
        self._guard, self._names, self._stats = guard, names, stats
        self._graph, self._secret = graph, secret
        self._waiting: OrderedDict[str, tuple[Closure, float]] = OrderedDict()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._setter: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._small: OrderedDict[str, None] = OrderedDict()
        """Keys of answers too small to be in the store: not worth asking it for."""
        self._useless: OrderedDict[str, bytes] = OrderedDict()
        """Labels of values that were found to be of no use, by key: a set may replace these whatever they say."""

    async def get(self, traversal: Traversal, log: Log, newer_than: int) -> Closure | None:
        """What the store has for a question, if the log at hand reaches back to it and it is newer than a seq of the log.
        Raises `BackendError`."""
        key = self._key(traversal)
        if key in self._small or (newer_than >= 0 and not self._guard.is_shared):
            return None
        value = await self._guard.get(key)
        if value is None:
            return None
        label = Label.of(value)
        if label is not None and label.seq <= newer_than:
            return None
        small = len(value) <= INLINE
        arguments = (key, value, traversal, self._secret)
        found = decode(*arguments) if small else await asyncio.to_thread(decode, *arguments)
        if found is not None:
            closure, ids = found
            if log.epoch is not None and closure.epoch.seq > log.epoch.seq:
                await log.now()  # another process is further than this one was
            if log.knows(closure.epoch) or await log.reach(closure.epoch):
                if ids is not None:
                    closure.names = self._names.learn(closure.graph.numbers, ids)
                closure.stored = closure.epoch
                return closure
        self._stats.foreign += 1
        _remember(self._useless, key, value[:LABEL])
        return None

    def made(self, closure: Closure) -> None:
        """It was computed just now."""
        if self._guard.is_shared:
            self._offer(closure, 0)

    def changed(self, closure: Closure) -> None:
        """It was repaired just now."""
        if self._guard.is_shared:
            self._offer(closure, LATER)

    def left(self, closure: Closure) -> None:
        """There is no room for it in memory any more."""
        self._offer(closure, 0)

    def is_small(self, traversal: Traversal) -> None:
        """The answer is not worth keeping here."""
        _remember(self._small, self._key(traversal), None)

    def start(self) -> None:
        self._ended.clear()
        self._setter = asyncio.create_task(self._set_all())

    async def stop(self, closures: Iterable[Closure]) -> None:
        """Sets what waits and, where the store outlasts this process and nobody else keeps it, these as well."""
        if self._setter is None:
            return
        # Told, and not cancelled: a driver may swallow that, and the setter would wait for more for ever.
        self._ended.set()
        self._wake.set()
        await self._setter
        self._setter = None
        if self._guard.is_lasting and not self._guard.is_shared:
            for closure in closures:
                self._offer(closure, 0)
        for key, (closure, _) in list(self._waiting.items()):
            await self._set(key, closure)
        self._waiting.clear()

    def _key(self, traversal: Traversal) -> str:
        return key_of(self._graph, traversal, named=self._names.own is not None)

    def _offer(self, closure: Closure, delay: float) -> None:
        if self._guard.is_open or closure.stored == closure.epoch or self._setter is None:
            return
        key = self._key(closure.question)
        due = asyncio.get_running_loop().time() + delay
        before = self._waiting.get(key)
        if before is not None:
            self._bytes -= before[0].nbytes
            due = min(due, before[1])
        self._waiting[key] = (closure, due)
        self._bytes += closure.nbytes
        while self._bytes > WAITING and len(self._waiting) > 1:
            self._bytes -= self._waiting.popitem(last=False)[1][0].nbytes
        self._wake.set()

    async def _set_all(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._ended.is_set():
            now = loop.time()
            due = [key for key, (_, at) in self._waiting.items() if at <= now]
            for key in due:
                if self._ended.is_set():
                    return
                waiting = self._waiting.pop(key, None)
                if waiting is not None:
                    self._bytes -= waiting[0].nbytes
                    await self._set(key, waiting[0])
            if self._ended.is_set():
                return
            self._wake.clear()
            soonest = min((at for _, at in self._waiting.values()), default=None)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(soonest):
                    await self._wake.wait()

    async def _set(self, key: str, closure: Closure) -> None:
        ids = None
        if self._names.own is not None:
            ids = self._names.of(closure)
        if self._guard.is_open or (ids is None and self._names.own is not None):
            return
        epoch = closure.epoch
        arguments = (key, closure, ids, self._secret)
        small = closure.nbytes <= INLINE
        value = encode(*arguments) if small else await asyncio.to_thread(encode, *arguments)
        await self._guard.set(key, value, self._useless.pop(key, b""))
        closure.stored = epoch


def _remember(memory: OrderedDict[str, T], key: str, value: T) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
