"""One read for all who ask together: what a hundred requests want to know at once, the store is asked once."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

RUSH: Final = 0.000_5
"""Seconds after a read within which it is likely that many ask at once."""
VAIN: Final = 8
"""So often in a row it is waited for others and nobody comes; then only every `AGAIN`th time."""
AGAIN: Final = 64


class Shared(Generic[T]):
    """Calls `read` so that each caller gets the result of a read that began after it asked: what it learns is never older
    than its question. Reads follow one another, never two at a time. Where a read is under way, all who come meanwhile
    wait for the next one together; a caller who finds none makes it itself, without the cost of a task. One who comes right
    after another is hardly the last: it lets those have their turn who ask at the same moment, and all wait together.

    A caller who goes away takes a read with it only if it made it alone. What a read raises, all its callers get.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], rush: float = RUSH) -> None:
        self._read, self._rush = read, rush
        self._busy = False
        self._turn: asyncio.Future[None] | None = None
        """Resolved when the read under way has ended and the next may begin."""
        self._next: asyncio.Task[T] | None = None
        self._ended = -math.inf
        """When the last read ended, on the monotonic clock."""
        self._waiting = 0
        """How many have come for the next read."""
        self._in_vain = 0

    async def __call__(self) -> T:
        if not self._busy:
            self._busy = True
            if time.monotonic() - self._ended >= self._rush or self._is_alone():
                return await self._run()
            turn = self._queue()
            asyncio.get_running_loop().call_soon(_take, turn)
        elif self._next is None:
            self._queue()
        self._waiting += 1
        assert self._next is not None
        return await asyncio.shield(self._next)

    def _is_alone(self) -> bool:
        """Whether it was waited for others in vain of late."""
        if self._in_vain < VAIN:
            return False
        self._in_vain = self._in_vain + 1 if self._in_vain < VAIN + AGAIN else VAIN - 1
        return True

    def _queue(self) -> asyncio.Future[None]:
        """The next read waits for its turn, which is returned."""
        turn = self._turn = asyncio.get_running_loop().create_future()
        self._next = asyncio.create_task(self._wait(turn))
        self._next.add_done_callback(_look)
        return turn

    async def _wait(self, turn: asyncio.Future[None]) -> T:
        try:
            await turn
        except asyncio.CancelledError:  # the loop ends; nobody may wait for a turn that is not taken
            self._waiting = 0
            if self._turn is turn:
                self._turn = self._next = None
            elif not turn.cancelled():
                self._next, self._busy = None, False
            raise
        self._next = None  # who comes from here on asks after this read began
        self._in_vain = 0 if self._waiting > 1 else self._in_vain + 1
        self._waiting = 0
        return await self._run()

    async def _run(self) -> T:
        try:
            return await self._read()
        finally:
            self._ended = time.monotonic()
            turn, self._turn = self._turn, None
            if turn is None or turn.done():
                self._next, self._busy = None, False
            else:
                turn.set_result(None)  # busy until the next has begun: else a newcomer would read beside it


def _take(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


def _look(task: asyncio.Task[T]) -> None:
    """Perhaps nobody waits any more; the error was theirs."""
    if not task.cancelled():
        task.exception()
