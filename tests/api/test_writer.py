"""Writes that meet: each is decided anew until it is in."""

import asyncio
from collections.abc import Sequence

from api.writer import PATIENT, Writer
from backends.changes import Changes
from backends.errors import Conflict
from backends.memory import MemoryBackend
from backends.model import EdgeKey, Epoch, Records
from backends.testing.graphs import dataset
from tests.api.events import event

SLOW = dataset("slow")


TURNS = 1_000
"""Of the event loop: so long others may write while SLOW is read, far longer than one of their writes takes."""


class Busy(MemoryBackend):
    """A store in which what one reads for SLOW is outdated by any write of others before one's own, and it takes until
    there is one to read it, unless nobody writes at all."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = self.seen = self.conflicts = 0

    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        if SLOW in ids:
            self.seen = self.writes
            for _ in range(TURNS):
                if self.seen != self.writes:
                    break
                await asyncio.sleep(0)
        return await super().get(ids, edges, facets=facets)

    async def apply(self, changes: Changes) -> Epoch:
        if any(change.id == SLOW for change in changes.nodes) and self.seen != self.writes:
            self.conflicts += 1
            raise Conflict("outdated")
        self.writes += 1
        return await super().apply(changes)


async def test_a_write_that_loses_again_and_again_goes_first() -> None:
    backend = Busy()
    writer = Writer(backend)
    over = asyncio.Event()

    async def other(name: str) -> None:
        number = 0
        while not over.is_set():
            number += 1
            await writer.ingest(event(job={"namespace": "shop", "name": name}, run={"runId": f"{name}-{number}"}))
            await asyncio.sleep(0)

    others = [asyncio.create_task(other(name)) for name in "abc"]
    try:
        while not backend.writes:  # noqa: ASYNC110 (others tell nobody)
            await asyncio.sleep(0)
        inputs = [{"namespace": "shop", "name": "slow"}]
        await writer.ingest(event(job={"namespace": "shop", "name": "slow"}, run={"runId": "slow"}, inputs=inputs))
    finally:
        over.set()
        await asyncio.gather(*others)
    assert PATIENT <= backend.conflicts < 2 * PATIENT
