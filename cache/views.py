"""Impact views: what depends on pinned roots is known before anyone asks, and what proved hot and large stays.

Which roots are pinned is kept in the lineage store, so that replicas agree and a restart forgets none. Their answers are
remembered answers like any other, proved or repaired at each use; but nothing else drives them out, and whenever the graph
has changed they are asked for in the background, so that whoever asks next finds them current.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from backends.model import Direction, Epoch
from backends.ticker import Ticker
from cache.backend import CachedBackend, pinning
from cache.pins import Pins
from cache.shelf import Key

TICK: Final = 1.0
LOOK: Final = 10.0
"""Seconds between two looks at what other replicas pinned."""


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
        self._pins = Pins(cached)
        self._ask = ask
        self._turn = asyncio.Lock()
        self._ticker = Ticker(self._look, TICK, "views.behind")
        self._current: Epoch | None = None
        self._looked: float | None = None
        self.roots: tuple[str, ...] = ()
        """What is pinned, as far as it is known here."""

    async def __aenter__(self) -> "Views":
        self._ticker.start(at_once=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ticker.stop()

    async def pinned(self) -> tuple[str, ...]:
        """All that is pinned. Raises `BackendError`."""
        return await self._pins.pinned()

    async def pin(self, root: str) -> None:
        """Keeps what depends on a root ready from now on. Raises `CommandError`, `BackendError`."""
        await self._pins.pin(root)
        await self.refresh()

    async def unpin(self, root: str) -> bool:
        """Whether it was pinned. Raises `BackendError`."""
        was = await self._pins.unpin(root)
        await self.refresh()
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
                self.roots = await self.pinned()
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

    async def _look(self) -> None:
        look = self._looked is None or asyncio.get_running_loop().time() - self._looked >= LOOK
        if look or (self.roots and (await self._cached.changes_since(None)).epoch != self._current):
            await self.refresh(look=look)
