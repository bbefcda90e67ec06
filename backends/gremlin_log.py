"""The topology log of a Gremlin store, as `changes_since` gives it."""

from dataclasses import replace
from typing import Final

from backends.changes import LogPage, LogRow
from backends.gremlin_places import log_place, log_shelves
from backends.gremlin_state import GENESIS, Batch, chained
from backends.gremlin_store import Store
from backends.model import Epoch

MOST: Final = 1_000_000
"""Characters of log entries in one page, some 20,000 rows."""
SHELVES: Final = 16
"""Shelves of the log that one page may come from."""


async def changes_since(store: Store, epoch: Epoch | None) -> LogPage:
    """What `LineageBackend.changes_since` says: one request."""
    seq = -1 if epoch is None else epoch.seq
    # Of the newest epoch, and of one that no history has, the log is not read.
    data = {"seq": 2**62 if epoch is None else seq, "place": log_place(max(seq, 0)), "most": MOST}
    shelves = log_shelves(seq, SHELVES) if epoch is not None and 0 <= seq < 2**60 else []
    reply = await store.read("log", data | {"log": shelves}, shelves)
    if await store.notice(reply.before):
        reply = await store.read("log", data | {"log": shelves}, shelves)
    head = reply.before
    state = head.known
    opened = () if head.announced is None else head.announced.rows
    end = LogPage(state.epoch, watermark=state.watermark, open=opened, revision=state.revision)
    if epoch is None or epoch == state.epoch:
        return end
    unknown = replace(end, known=False)
    if seq >= state.epoch.seq or seq < 0:
        return unknown
    batches = [Batch.parse(text) for text in reply.parts[0].split("\0")[:-1]]
    batches = [batch for batch in batches if batch.before.seq < state.epoch.seq]
    rows = _rows(epoch, batches)
    if rows is None:
        return unknown
    reached = chained(epoch, rows)
    more = reached.seq < state.epoch.seq
    if not rows and more:  # nothing is where something must be: that part of the log was dropped
        return unknown
    return replace(end, epoch=reached, rows=tuple(rows), more=more)


def _rows(epoch: Epoch, batches: list[Batch]) -> list[LogRow] | None:
    """The rows after an epoch; None where it is of another history, or older than the log."""
    rows: list[LogRow] = []
    proved = epoch == GENESIS
    for batch in batches:
        if not proved and batch.before.seq > epoch.seq:
            return None
        if not proved:
            # The epoch is at the end of this entry, or lies inside it: its rows up to there must lead to its chain.
            upto = [row for row in batch.rows if row.seq <= epoch.seq]
            if chained(batch.before, upto) != epoch:
                return None
            proved = True
        rows += [row for row in batch.rows if row.seq > epoch.seq]
    return rows if proved and (not rows or rows[0].seq == epoch.seq + 1) else None
