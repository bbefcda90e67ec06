"""Work on many things side by side, so that their commits are grouped."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def side_by_side(items: Iterable[T], do: Callable[[T], Awaitable[None]], concurrency: int) -> None:
    """Does it for each item, at most `concurrency` at a time, taking items in order and only as they are needed.

    After a first exception nothing more is begun; what was begun ends, since to cancel a write leaves open whether it
    happened; then the exception is raised."""
    waiting = iter(items)
    failures: list[Exception] = []

    async def work() -> None:
        for item in waiting:
            try:
                await do(item)
            except Exception as failure:
                failures.append(failure)
            if failures:
                return

    await asyncio.gather(*(work() for _ in range(concurrency)))
    if failures:
        raise failures[0]
