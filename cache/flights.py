"""Equal questions in flight share one computation."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """What is being computed, by key. A computation goes on while anyone waits for it, whoever asked first; once nobody
    does it is cancelled."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, tuple[asyncio.Future[T], list[int]]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    async def share(self, key: Hashable, compute: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """The result, and whether someone else had begun it: then it may be older than this question."""
        flight = self._tasks.get(key)
        # One that has ended may still be here; to join it would not even let the event loop take it away.
        joined = flight is not None and not flight[0].done()
        if flight is None or not joined:
            task = asyncio.ensure_future(compute())
            flight = self._tasks[key] = (task, [0])
            task.add_done_callback(lambda done: self._land(key, done))
        future, waiting = flight
        waiting[0] += 1
        try:
            return await asyncio.shield(future), joined
        finally:
            waiting[0] -= 1
            if not waiting[0] and not future.done():
                future.cancel()
                self._forget(key, future)

    def _land(self, key: Hashable, done: "asyncio.Future[T]") -> None:
        self._forget(key, done)
        if not done.cancelled():
            done.exception()  # looked at: perhaps nobody waits any more

    def _forget(self, key: Hashable, future: "asyncio.Future[T]") -> None:
        flight = self._tasks.get(key)
        if flight is not None and flight[0] is future:
            del self._tasks[key]
