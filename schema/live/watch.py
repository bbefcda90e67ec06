"""One question that somebody follows, whoever and however many."""

import asyncio

from backends.changes import LogRow
from backends.model import Epoch
from schema.live.picture import Changes, Delta, Picture, Question, delta_of
from schema.live.queue import Queue

MISSED = 10_000
"""Rows of the log that are kept while a picture is drawn; past them it is drawn again."""


class Watch:
    """The picture as it was told last, true until `epoch`, and its readers. `users` are those who wait for the first picture
    too."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.users = 0
        self.queues: set[Queue] = set()
        self.picture: Picture | None = None
        self.epoch = Epoch(-1, 0)
        self.is_dirty = True
        self.drawing: asyncio.Task[None] | None = None
        self.end: Exception | None = None
        self.rests_until = 0.0
        """When it may be drawn again, on the clock of the loop: drawing takes half the time at most."""
        self._missed: list[LogRow] = []
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def size(self) -> int:
        return self.picture.size if self.picture is not None else 0

    def see(self, rows: tuple[LogRow, ...], changes: Changes, epoch: Epoch) -> None:
        """Takes note of what changed until an epoch."""
        if self.drawing is not None:
            self._missed += rows
            if len(self._missed) > MISSED:
                self._missed.clear()
                self.is_dirty = True
        elif self.picture is None or changes.after(self.epoch).touch(self.picture):
            self.is_dirty = True
        elif not self.is_dirty and epoch.seq > self.epoch.seq:
            self.epoch = epoch
            self.tell()

    def begin(self) -> None:
        """A picture is drawn from here on."""
        self.is_dirty = False
        self._missed.clear()

    def take(self, picture: Picture, epoch: Epoch) -> None:
        """A picture was drawn, and the log was read until `epoch`: whoever reads is told how it differs."""
        before, self.picture = self.picture, picture
        missed = Changes(self._missed).after(picture.epoch)
        if missed.touch(picture):
            self.is_dirty = True
        self._missed.clear()
        self.epoch = picture.epoch if self.is_dirty or picture.epoch.seq > epoch.seq else epoch
        if before is not None and (delta := delta_of(before, picture)).size:
            for queue in self.queues:
                queue.put(delta)
        self.tell()

    def stop(self, error: Exception) -> None:
        """Ends it: readers get what waits for them, then this."""
        self.end = self.end or error
        for queue in self.queues:
            queue.end(self.end)
        self.tell()

    def tell(self) -> None:
        """Wakes those who wait for this watch to be drawn, to be as new as they need, or to end."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def reach(self, seq: int) -> Picture:
        """The picture, once it is there and as new as that. Raises what ended the watch."""
        while self.end is None:
            if self.picture is not None and self.epoch.seq >= seq:
                return self.picture
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        raise self.end

    def remind(self, behind: int) -> None:
        """Tells readers who were told nothing for so many rows where the log is now, so that they can go on from there."""
        for queue in self.queues:
            if not self.is_dirty and self.drawing is None and self.epoch.seq - queue.at.seq >= behind:
                queue.put(Delta(self.epoch))
