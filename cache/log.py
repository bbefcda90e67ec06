"""The end of the topology log, as far as this process has read it: what every proof is made from."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backends.changes import LogOp, LogPage, LogRow
from backends.model import Epoch
from backends.rows import chain
from backends.shared import Shared

Numbers: TypeAlias = NDArray[np.int64]

KEEP: Final = 100_000
"""Rows to keep at least; what an entry from before them would need is no longer at hand. 32 bytes each."""
PAGES: Final = 20
"""Pages read in one go. Who is further behind begins anew from where the log ends: to prove costs more than to compute."""
REACH: Final = 20_000
"""Rows that are read for an entry that is older than the rows at hand, as after a restart."""
INLINE: Final = 500
"""Rows whose chain is computed on the event loop, some 1.5 ms of work."""
STRANGERS: Final = 1_000


@dataclass(slots=True, eq=False)
class Rows:
    """Some rows of the log, as columns in order; `nodes` are those of them that are about nodes, whole."""

    ops: Numbers
    codes: Numbers
    sources: Numbers
    targets: Numbers
    nodes: Sequence[LogRow]

    def __len__(self) -> int:
        return len(self.ops)

    @classmethod
    def of(cls, rows: Sequence[LogRow]) -> "Rows":
        columns = _columns(rows)
        return cls(columns[0], columns[1], columns[2], columns[3], about_nodes(rows))


class Log:
    """Follows the log of a store. `now` reads on; the rest answers from what was read.

    `end` is what the last read said of the end of the log, of one moment; `open` are the changes that were announced and not
    known to be done then; `histories` counts how often the store turned out to be another than before: restored from a
    backup, or made anew.
    """

    def __init__(self, read: Callable[[Epoch | None], Awaitable[LogPage]], keep: int = KEEP) -> None:
        self._read = read
        self._keep = keep
        self._current = Shared(self._catch_up)
        self._reaching = asyncio.Lock()
        self.epoch: Epoch | None = None
        self.end = LogPage(Epoch(0, 0))
        self.open = NO_ROWS
        self.histories = 0
        self.lag = 0
        """Rows that the last read brought."""
        self.read_at = 0.0
        """When that was, on the monotonic clock."""
        self._begin(Epoch(0, 0))
        self.epoch = None

    @property
    def floor(self) -> Epoch:
        """The epoch before the oldest row at hand."""
        return self._floor

    async def now(self) -> Epoch:
        """Where the log ends, read after the call began, so at or past whatever was acknowledged before. Raises
        `BackendError`."""
        return await self._current()

    def knows(self, epoch: Epoch) -> bool:
        """Whether the epoch is of this history and every row since is at hand."""
        known = self._chains.get(epoch.seq)
        if known is not None:
            return known == epoch.chain
        if self.epoch is None or not self._floor.seq <= epoch.seq <= self.epoch.seq:
            return False
        return self._chain_at(epoch.seq) == epoch.chain

    def since(self, epoch: Epoch) -> Rows | None:
        """The rows after an epoch; None where it cannot be told which they are."""
        if self.epoch is None or not self.knows(epoch):
            return None
        begin = epoch.seq - self._floor.seq
        columns = self._columns[:, begin : self._count]
        first = bisect_right(self._node_seqs, epoch.seq)
        return Rows(columns[0], columns[1], columns[2], columns[3], self._nodes[first:])

    async def reach(self, epoch: Epoch) -> bool:
        """Reads the rows since an epoch before `floor`, if it is of this history and not too far back. Raises
        `BackendError`."""
        if self.epoch is None or epoch in self._strangers:
            return False
        async with self._reaching:
            floor = self._floor
            if epoch.seq >= floor.seq:
                return self.knows(epoch)
            if floor.seq - epoch.seq > min(REACH, self._keep):
                return False
            rows: list[LogRow] = []
            at = epoch
            while at.seq < floor.seq:
                page = await self._read(at)
                if not page.known or not page.rows:
                    return self._is_stranger(epoch)
                rows += page.rows
                at = page.epoch
            rows = rows[: floor.seq - epoch.seq]
            few = len(rows) <= INLINE
            end = chain_over(epoch.chain, rows) if few else await asyncio.to_thread(chain_over, epoch.chain, rows)
            # The hash covers every row, so these lead from there to here and are of one history with those at hand.
            if end != floor.chain:
                return self._is_stranger(epoch)
            if self._floor != floor:  # moved meanwhile
                return False
            self._prepend(epoch, rows)
            return True

    def _is_stranger(self, epoch: Epoch) -> bool:
        """False; and the store is not asked about this epoch again."""
        if len(self._strangers) >= STRANGERS:
            self._strangers.clear()
        self._strangers.add(epoch)
        return False

    async def _catch_up(self) -> Epoch:
        before = self.epoch
        for _ in range(PAGES):
            page = await self._read(self.epoch)
            if self.epoch is None or not page.known:
                self._begin(page.epoch)
            else:
                self._append(page)
            if not page.more:
                break
        else:
            page = await self._read(None)
            self._begin(page.epoch)
        self.open = Rows.of(page.open) if page.open else NO_ROWS
        self.end = LogPage(page.epoch, watermark=page.watermark, open=page.open, revision=page.revision)
        self.lag = page.epoch.seq - before.seq if before is not None else 0
        self.read_at = time.monotonic()
        return page.epoch

    def _begin(self, epoch: Epoch) -> None:
        """From here on, with nothing before."""
        self.histories += self.epoch is not None
        self.epoch = self._floor = epoch
        self._columns: NDArray[np.int64] = np.empty((4, 1024), np.int64)
        self._count = 0
        self._nodes: list[LogRow] = []
        self._node_seqs: list[int] = []
        self._chains = {epoch.seq: epoch.chain}
        self._strangers: set[Epoch] = set()

    def _append(self, page: LogPage) -> None:
        if not page.rows:
            return
        end = self._count + len(page.rows)
        if end > self._columns.shape[1]:
            self._columns = np.concatenate((self._columns, np.empty((4, end), np.int64)), axis=1)
        self._columns[:, self._count : end] = _columns(page.rows)
        self._count = end
        self._add_nodes(page.rows)
        self.epoch = page.epoch
        self._chains[page.epoch.seq] = page.epoch.chain
        if self._count >= 2 * self._keep:
            self._trim(self.epoch.seq - self._keep)

    def _prepend(self, epoch: Epoch, rows: Sequence[LogRow]) -> None:
        self._columns = np.concatenate((_columns(rows), self._columns[:, : self._count]), axis=1)
        self._count += len(rows)
        later, later_seqs = self._nodes, self._node_seqs
        self._nodes, self._node_seqs = [], []
        self._add_nodes(rows)
        self._nodes += later
        self._node_seqs += later_seqs
        self._floor = epoch
        self._chains[epoch.seq] = epoch.chain

    def _add_nodes(self, rows: Sequence[LogRow]) -> None:
        about = about_nodes(rows)
        self._nodes += about
        self._node_seqs += [row.seq for row in about]

    def _trim(self, seq: int) -> None:
        floor = Epoch(seq, self._chain_at(seq))
        gone = seq - self._floor.seq
        self._columns = self._columns[:, gone : self._count].copy()
        self._count -= gone
        first = bisect_right(self._node_seqs, seq)
        self._nodes, self._node_seqs = self._nodes[first:], self._node_seqs[first:]
        self._floor = floor
        self._chains = {at: link for at, link in self._chains.items() if at > seq} | {seq: floor.chain}

    def _chain_at(self, seq: int) -> int:
        """The chain hash at a row at hand. Known at the ends of pages; between them it is computed from the last known."""
        link = self._chains.get(seq)
        if link is None:
            begin = seq - 1
            while begin not in self._chains:
                begin -= 1
            link = self._chains[seq] = chain_over(self._chains[begin], self._rows(begin, seq))
        return link

    def _rows(self, after: int, until: int) -> list[LogRow]:
        columns = self._columns[:, after - self._floor.seq : until - self._floor.seq].T.tolist()
        first, last = bisect_right(self._node_seqs, after), bisect_right(self._node_seqs, until)
        ids = {row.seq: row.id for row in self._nodes[first:last]}
        return [
            LogRow(seq, LogOp(op), code, source, target, ids.get(seq))
            for seq, (op, code, source, target) in enumerate(columns, after + 1)
        ]


def chain_over(link: int, rows: Sequence[LogRow]) -> int:
    """The chain hash after more rows."""
    for row in rows:
        link = chain(link, row[1:])
    return link


def about_nodes(rows: Sequence[LogRow]) -> list[LogRow]:
    return [row for row in rows if row.op <= LogOp.NODE_WENT]


def _columns(rows: Sequence[LogRow]) -> NDArray[np.int64]:
    return np.array([row[1:5] for row in rows], np.int64).reshape(-1, 4).T


NO_ROWS: Final = Rows.of(())
