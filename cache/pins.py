"""Which roots are pinned. It is kept in the lineage store, so that replicas agree and a restart forgets none."""

import time
from hashlib import blake2b
from typing import Final

from backends.base import LineageBackend
from backends.changes import Changes, NodeFilter, Order, Page, RecordChange
from backends.commands import CommandError
from backends.ids import Kind, make_id

GROUP: Final = "pinned"
MOST: Final = 500
"""Roots that may be pinned: each costs a question whenever the graph has changed."""


class Pins:
    """The pins of a store. Methods raise `BackendError`."""

    def __init__(self, backend: LineageBackend) -> None:
        self._backend = backend

    async def pinned(self) -> tuple[str, ...]:
        """The ids of all roots, in order."""
        page = await self._backend.find_nodes(NodeFilter(group=GROUP), Order.NEWEST, Page(MOST))
        return tuple(sorted(str(node.attributes["root"]) for node in page.nodes))

    async def pin(self, root: str) -> None:
        """Raises `CommandError` where there is no room for one more."""
        roots = await self.pinned()
        if root not in roots and len(roots) >= MOST:
            raise CommandError("BAD_INPUT", f"at most {MOST} roots may be pinned; unpin others to make room", "id")
        await self._write(root, {"root": root})

    async def unpin(self, root: str) -> bool:
        """Whether it was pinned."""
        was = root in await self.pinned()
        if was:
            await self._write(root, None)
        return was

    async def _write(self, root: str, value: dict[str, str] | None) -> None:
        digest = blake2b(root.encode(), digest_size=16).hexdigest()  # an id may be too long to be a part of another
        now = time.time_ns() // 1000
        record = RecordChange(make_id(Kind.STATE, "pin", digest), value, (GROUP,) if value else (), now)
        await self._backend.apply(Changes(now, records=(record,)))
