"""Who has left needs no answer: a query is given up once its client is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from starlette.types import Receive

PATIENCE: Final = 0.05
"""Seconds after which it is looked whether the client is still there; most answers are ready before."""


class Left(Exception):
    """The client closed the connection."""


@asynccontextmanager
async def unless_left(receive: Receive, may_stop: Callable[[], bool]) -> AsyncIterator[None]:
    """A block that ends with `Left` when the client does, if `may_stop` says so once it is looked at: what was asked to be
    written is written. The whole request was received before."""
    task = asyncio.current_task()
    assert task is not None
    has_left = False
    watching: asyncio.Task[None] | None = None

    async def watch() -> None:
        nonlocal has_left
        if (await receive())["type"] == "http.disconnect":  # nothing else follows a whole request
            has_left = True
            task.cancel()

    def begin() -> None:
        nonlocal watching
        if may_stop():
            watching = asyncio.create_task(watch())

    timer = asyncio.get_running_loop().call_later(PATIENCE, begin)
    try:
        yield
    except asyncio.CancelledError:
        if has_left and not task.uncancel():
            raise Left from None
        raise
    finally:
        timer.cancel()
        if watching is not None:
            watching.cancel()
