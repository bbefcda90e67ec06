"""Connections that stay open: how many, and that all of them are left in order at the end."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from starlette.types import Scope
from strawberry.types.execution import ExecutionResult

from schema.context import Context
from schema.errors import ApiError, Code

ContextOf: TypeAlias = Callable[[Scope, Mapping[bytes, bytes]], Awaitable[Context]]
"""Makes the context of an operation from the scope and the headers of its connection."""

PATIENCE: Final = 5.0
"""Seconds that connections have to say goodbye."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What connections that stay open may take."""

    connections: int = 2_000
    operations: int = 100
    """Operations under way on one socket."""
    message: int = 1 << 20
    """Bytes of a message from a client."""
    init: float = 10.0
    """Seconds until a socket has said `connection_init`."""
    send: float = 30.0
    """Seconds that one message may take to be taken; then the connection is cut."""
    alive: float = 12.0
    """Seconds after which a stream of events that has nothing to tell says that it is alive."""
    origins: frozenset[str] = frozenset()
    """Pages of these origins may open sockets, beside those of our own; `*` is any."""


class Streams:
    """The connections that are open. `opened` counts them by kind: `websocket` and `sse`."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self.opened: Counter[str] = Counter()
        self.is_closing = False
        self._tasks: set[asyncio.Task[None]] = set()

    def check(self) -> None:
        """Raises UNAVAILABLE where no more are taken."""
        if self.is_closing:
            raise ApiError(Code.UNAVAILABLE, "the service ends")
        if len(self._tasks) >= self.bounds.connections:
            raise ApiError(Code.UNAVAILABLE, f"{self.bounds.connections:,} connections are open, and no more are taken")

    @contextmanager
    def entered(self, kind: str) -> Iterator[None]:
        """A connection that is served by this task until the block ends. Raises as `check`."""
        self.check()
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.opened[kind] += 1
        try:
            yield
        finally:
            self._tasks.discard(task)
            self.opened[kind] -= 1

    def is_goodbye(self) -> bool:
        """Whether the task was cancelled because the service ends; then it goes on, to say so."""
        task = asyncio.current_task()
        if not self.is_closing or task is None:
            return False
        task.uncancel()
        return True

    async def close(self) -> None:
        """Leaves all of them, and takes no more."""
        self.is_closing = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=PATIENCE)


def is_refusal(answer: ExecutionResult) -> bool:
    """Whether an answer says why there is none: no field was run, or what was followed ended."""
    return answer.data is None and bool(answer.errors) and all(error.path is None for error in answer.errors or ())


def told(answer: ExecutionResult) -> dict[str, Any]:
    """An answer as it is sent."""
    said: dict[str, Any] = {} if is_refusal(answer) else {"data": answer.data}
    if answer.errors:
        said["errors"] = [error.formatted for error in answer.errors]
    return said
