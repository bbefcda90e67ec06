"""Something that is done every so often in the background, until it is stopped."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from backends.errors import BackendError

PATIENCE: Final = 5.0
"""Seconds that what is being done may still take when it is stopped."""

log = logging.getLogger(__name__)


class Ticker:
    """Calls `act` every so many seconds between `start` and `stop`. A `BackendError` of it is logged as `event`, and at the
    next tick it is called again: in the background nobody asked.

    When it is stopped, a call that is under way is let finish: a driver that is cancelled while it connects leaves an open
    socket behind."""

    def __init__(self, act: Callable[[], Awaitable[object]], every: float, event: str) -> None:
        self._act, self._every, self._event = act, every, event
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, *, at_once: bool = False) -> None:
        """`at_once`: the first call is made now, else at the first tick."""
        self._ended.clear()
        self._task = asyncio.create_task(self._run(0.0 if at_once else self._every))

    async def stop(self) -> None:
        """Returns once nothing of it runs any more."""
        self._ended.set()
        task, self._task = self._task, None
        if task is None:
            return
        try:
            await asyncio.wait({task}, timeout=PATIENCE)
        finally:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _run(self, pause: float) -> None:
        while not self._ended.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._ended.wait()
                return
            try:
                await self._act()
            except BackendError as error:
                log.warning(self._event, extra={"error": type(error).__name__})
            pause = self._every
