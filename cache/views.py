"""Impact views: what depends on pinned roots is known before anyone asks, and what proved hot and large stays.

Which roots are pinned is kept in the lineage store, so that replicas agree and a restart forgets none. Their answers are
remembered answers like any other, proved or repaired at each use; but nothing else drives them out, and whenever the graph
has changed they are asked for in the background, so that whoever asks next finds them current.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from backends.changes import Changes, NodeFilter, Order, Page, RecordChange
from backends.commands import CommandError
from backends.errors import BackendError
from backends.ids import Kind, make_id
from backends.model import Direction, Epoch
from cache.backend import CachedBackend, pinning
from cache.shelf import Key

GROUP: Final = "pinned"
MOST: Final = 500
"""Roots that may be pinned: each costs a question whenever the graph has changed."""
TICK: Final = 1.0
LOOK: Final = 10.0
"""Seconds between two looks at what other replicas pinned."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ImpactView:
    """An answer that is kept: what `roots` (ids) reach downstream, `nodes` of them, true at `epoch`. Times are Unix time."""

    roots: tuple[str, ...]
    pinned: bool
    nodes: int
    nbytes: int
    epoch: Epoch
    made: float
    checked: float
    hits: int
    repairs: int


class Views:
    """`ask` asks what depends on a root, as a client would, and through the cache. Use as an async context manager."""

    def __init__(self, cached: CachedBackend, ask: Callable[[str], Awaitable[None]]) -> None:
        self._cached = cached
        self._ask = ask
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._current: Epoch | None = None
        self._looked = 0.0
        self.roots: tuple[str, ...] = ()
        """What is pinned, as far as it is known here."""

    async def __aenter__(self) -> "Views":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def pin(self, root: str) -> None:
        """Keeps what depends on a root ready from now on. Raises `CommandError`, `BackendError`."""
        roots = await self._pinned()
        if root not in roots and len(roots) >= MOST:
            raise CommandError("BAD_INPUT", f"at most {MOST} roots may be pinned; unpinImpact makes room", "id")
        await self._write(root, {"root": root})

    async def unpin(self, root: str) -> bool:
        """Whether it was pinned. Raises `BackendError`."""
        was = root in await self._pinned()
        await self._write(root, None)
        return was

    def listed(self) -> list[ImpactView]:
        """The views there are: pinned ones first, then the largest."""
        answers = self._cached.answers
        found = [
            ImpactView(
                roots=tuple(sorted(closure.question.roots)),
                pinned=key in answers.pinned,
                nodes=len(closure),
                nbytes=closure.nbytes,
                epoch=closure.epoch,
                made=closure.made,
                checked=closure.checked,
                hits=closure.hits,
                repairs=closure.repairs,
            )
            for key, closure in answers.views
            if closure.question.direction is Direction.DOWNSTREAM
        ]
        return sorted(found, key=lambda view: (not view.pinned, -view.nodes, view.roots))

    async def refresh(self, *, look: bool = True) -> None:
        """Asks for all that is pinned, so that it is current. Raises `BackendError`."""
        async with self._turn:
            if look:
                self.roots = await self._pinned()
                self._looked = asyncio.get_running_loop().time()
            # Noted before: what is written meanwhile is then asked about again.
            self._current = (await self._cached.changes_since(None)).epoch
            keys: set[Key] = set()
            token = pinning.set(keys)
            try:
                for root in self.roots:
                    await self._ask(root)
            finally:
                pinning.reset(token)
            self._cached.answers.pin(keys)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        begun = False
        while True:
            try:
                look = not begun or loop.time() - self._looked >= LOOK
                changed = self.roots and (await self._cached.changes_since(None)).epoch != self._current
                if look or changed:
                    await self.refresh(look=look)
                begun = True
            except BackendError as error:  # asked again at the next tick
                log.warning("views.behind", extra={"error": type(error).__name__})
            await asyncio.sleep(TICK)

    async def _write(self, root: str, value: dict[str, str] | None) -> None:
        digest = blake2b(root.encode(), digest_size=16).hexdigest()  # an id may be too long to be a part of another
        now = time.time_ns() // 1000
        record = RecordChange(make_id(Kind.STATE, "pin", digest), value, (GROUP,) if value else (), now)
        await self._cached.apply(Changes(now, records=(record,)))
        await self.refresh()

    async def _pinned(self) -> tuple[str, ...]:
        page = await self._cached.find_nodes(NodeFilter(group=GROUP), Order.NEWEST, Page(MOST))
        return tuple(sorted(str(node.attributes["root"]) for node in page.nodes))
