"""Impact views: what depends on pinned roots is known before anyone asks, and what proved hot and large stays.

Which roots are pinned is kept in the lineage store, so that replicas agree and a restart forgets none. Their answers are
remembered answers like any other, proved or repaired at each use; but nothing else drives them out, and whenever the graph
has changed they are asked for in the background, so that whoever asks next finds them current.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from backends.changes import Changes, NodeFilter, Order, Page, RecordChange
from backends.commands import CommandError
from backends.ids import Kind, make_id
from backends.model import Direction, Epoch
from backends.ticker import Ticker
from cache.backend import CachedBackend, pinning
from cache.shelf import Key

GROUP: Final = "pinned"
MOST: Final = 500
"""Roots that may be pinned: each costs a question whenever the graph has changed."""
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

    async def _look(self) -> None:
        look = self._looked is None or asyncio.get_running_loop().time() - self._looked >= LOOK
        if look or (self.roots and (await self._cached.changes_since(None)).epoch != self._current):
            await self.refresh(look=look)

    async def _write(self, root: str, value: dict[str, str] | None) -> None:
        digest = blake2b(root.encode(), digest_size=16).hexdigest()  # an id may be too long to be a part of another
        now = time.time_ns() // 1000
        record = RecordChange(make_id(Kind.STATE, "pin", digest), value, (GROUP,) if value else (), now)
        await self._cached.apply(Changes(now, records=(record,)))
        await self.refresh()

    async def _pinned(self) -> tuple[str, ...]:
        page = await self._cached.find_nodes(NodeFilter(group=GROUP), Order.NEWEST, Page(MOST))
        return tuple(sorted(str(node.attributes["root"]) for node in page.nodes))
