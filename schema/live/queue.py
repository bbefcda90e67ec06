"""What waits for one reader: bounded, and who does not keep up is told and cut."""

import asyncio
from collections import deque

from backends.model import Epoch
from schema.errors import ApiError, Code
from schema.live.picture import Delta


class Queue:
    """Deltas for one reader, at most `most` nodes and edges in all, or one delta alone. `at` is the epoch that is told once
    all of it is read."""

    __slots__ = ("_end", "_size", "_waiting", "_woken", "at", "is_cut", "most")

    def __init__(self, most: int, at: Epoch) -> None:
        self.most, self.at = most, at
        self._waiting: deque[Delta] = deque()
        self._size = 0
        self.is_cut = False
        self._end: Exception | None = None
        self._woken: asyncio.Future[None] | None = None

    def put(self, delta: Delta) -> None:
        """Adds one, unless too much waits already: then all of it is dropped, and the reader is told."""
        if self._end is not None:
            return
        size = delta.size + 1
        if self._waiting and self._size + size > self.most:
            self._waiting.clear()
            self.is_cut = True
            words = (
                f"more than {self.most:,} nodes and edges waited to be read; subscribe again with since: the epoch told last"
            )
            self.end(ApiError(Code.TOO_SLOW, words))
            return
        self._waiting.append(delta)
        self._size += size
        self.at = delta.epoch
        self._wake()

    def end(self, error: Exception) -> None:
        """Nothing follows; the reader gets what waits, then this."""
        if self._end is None:
            self._end = error
            self._wake()

    async def get(self) -> Delta:
        """The next one. Raises what ended it."""
        while not self._waiting:
            if self._end is not None:
                raise self._end
            self._woken = asyncio.get_running_loop().create_future()
            await self._woken
        delta = self._waiting.popleft()
        self._size -= delta.size + 1
        return delta

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)
