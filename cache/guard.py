"""One place where a store that fails becomes a miss, and where a slow one is left alone until it is quick again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

from cache.base import ByteStore, StoreError

T = TypeVar("T")

WAIT: Final = 0.05
"""Seconds that a question waits for the store at most; computing is seldom slower."""
WRITE: Final = 0.5
"""Seconds for what nobody waits for: a set, or the look whether the store is back."""
SLOW: Final = 3
"""Calls in a row that were not answered in time, each begun after the one before was given up, that make a store a slow one.
One alone, or many at once, may be late because this process was busy."""
FIRST: Final = 1.0
LONGEST: Final = 30.0
"""Seconds for which a store that failed is not asked, at first and at most: doubled each time it is still not there."""

log = logging.getLogger(__name__)


class Guard:
    """A store that never fails and never keeps anyone waiting for long.

    After one failure, or a few calls in a row that took too long, it is not asked at all for a while. Then it is asked in
    the background whether it answers again, and in time: so no question is the one that finds out. Nothing needs to be
    reconciled when it is back.
    """

    def __init__(self, store: ByteStore, *, wait: float = WAIT, first: float = FIRST) -> None:
        self._store = store
        self._wait = wait
        self._first = self.pause = first
        """Seconds until it is looked for next, or would be."""
        self._back_at = self._given_up = 0.0
        self._slow = 0
        self._probe: asyncio.Task[None] | None = None
        self.failures = 0
        self.trips = 0
        """How often it was taken out of use."""

    @property
    def is_shared(self) -> bool:
        return self._store.is_shared

    @property
    def is_lasting(self) -> bool:
        return self._store.is_lasting

    @property
    def is_open(self) -> bool:
        """Whether the store is out of use."""
        return self._probe is not None

    async def get(self, key: str) -> bytes | None:
        """The value, or None where there is none to be had in time."""
        return await self._tried(lambda: self._store.get(key), self._wait)

    async def set(self, key: str, value: bytes, instead_of: bytes = b"") -> None:
        """Keeps it, perhaps."""
        await self._tried(lambda: self._store.set(key, value, instead_of), WRITE)

    async def _tried(self, call: Callable[[], Awaitable[T]], seconds: float) -> T | None:
        if self._probe is not None:
            return None
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(seconds):
                found = await call()
        except StoreError as error:
            self.failures += 1
            self._trip(error)
            return None
        except TimeoutError as error:
            self.failures += 1
            if began >= self._given_up:
                self._slow += 1
                self._given_up = clock()
            if self._slow >= SLOW:
                self._trip(error)
            return None
        self._slow = 0
        return found

    def _trip(self, error: Exception) -> None:
        self._slow = 0
        if self._probe is None:
            self.trips += 1
            log.warning("cache.store_out_of_use", extra={"error": type(error).__name__})
            if asyncio.get_running_loop().time() - self._back_at > LONGEST:
                self.pause = self._first
            self._probe = asyncio.create_task(self._until_back())

    async def _until_back(self) -> None:
        answers = False
        while not answers:
            await asyncio.sleep(self.pause)
            self.pause = min(2 * self.pause, LONGEST)
            answers = await self._answers()
        self._back_at = asyncio.get_running_loop().time()
        log.info("cache.store_in_use_again")
        self._probe = None

    async def _answers(self) -> bool:
        """Whether it answers in time, asked as often in a row as one that is slow may be."""
        for _ in range(SLOW):
            with suppress(TimeoutError):
                try:
                    async with asyncio.timeout(self._wait):
                        await self._store.ping()
                except StoreError:
                    return False
                return True
        return False

    async def open(self) -> None:
        """Opens the store. One that is not there yet is waited for in the background."""
        await self._store.__aenter__()
        try:
            async with asyncio.timeout(WRITE):
                await self._store.ping()
        except (StoreError, TimeoutError) as error:
            self._trip(error)

    async def close(self) -> None:
        """Stops looking, and closes the store."""
        if self._probe is not None:
            self._probe.cancel()
            with suppress(asyncio.CancelledError):
                await self._probe
            self._probe = None
        with suppress(StoreError):
            await self._store.__aexit__(None, None, None)
