"""Who has left needs no answer: a query is given up once its client is gone."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final

from starlette.types import Receive

PATIENCE: Final = 0.05
"""Seconds after which it is looked whether a client is still there, twice as many at most; most answers are ready before."""


class Left(Exception):
    """The client closed the connection."""


class Leaving:
    """The requests that are answered now. One timer is for all of them: one for each costs as much as a small answer."""

    def __init__(self) -> None:
        self._young: set[Watched] = set()
        self._old: set[Watched] = set()
        self._is_timed = False

    def unless_left(self, receive: Receive, may_stop: Callable[[], bool]) -> "Watched":
        """A block that ends with `Left` when the client does, if `may_stop` says so once it is looked at: what was asked to
        be written is written. The whole request was received before."""
        return Watched(self, receive, may_stop)

    def add(self, request: "Watched") -> None:
        self._young.add(request)
        if not self._is_timed:
            self._is_timed = True
            asyncio.get_running_loop().call_later(PATIENCE, self._look)

    def remove(self, request: "Watched") -> None:
        self._young.discard(request)
        self._old.discard(request)

    def _look(self) -> None:
        for request in self._old:
            request.watch()
        self._old, self._young = self._young, set()
        self._is_timed = bool(self._old)
        if self._is_timed:
            asyncio.get_running_loop().call_later(PATIENCE, self._look)


class Watched:
    """The block of one request; see `Leaving.unless_left`."""

    def __init__(self, leaving: Leaving, receive: Receive, may_stop: Callable[[], bool]) -> None:
        self._leaving, self._receive, self._may_stop = leaving, receive, may_stop
        self._has_left = False
        self._watching: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._leaving.add(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leaving.remove(self)
        if self._watching is not None:
            self._watching.cancel()
        if self._has_left and isinstance(error, asyncio.CancelledError):
            assert self._task is not None
            if not self._task.uncancel():
                raise Left from None

    def watch(self) -> None:
        """Begins to wait for the client to leave."""
        if self._may_stop():
            self._watching = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        if (await self._receive())["type"] == "http.disconnect":  # nothing else follows a whole request
            self._has_left = True
            assert self._task is not None
            self._task.cancel()
