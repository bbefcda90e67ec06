"""The end of the log as a cache follows it: every row once, from any epoch at hand, of one history only, within bounds."""

import asyncio
from itertools import pairwise

import pytest

from backends.changes import Changes, LogOp, LogPage, LogRow, NodeChange
from backends.memory import MemoryBackend
from backends.model import Epoch
from backends.testing.graphs import AT, CHAIN, arrows, column, stated, withdrawn
from cache import log as log_module
from cache.log import Log, Rows


class Paged(MemoryBackend):
    """Gives its log in pages of `size` rows, forgets what is before `floor`, and counts what it is asked."""

    def __init__(self, size: int = 1000) -> None:
        super().__init__()
        self.size, self.floor, self.asked = size, 0, 0
        self.announced: tuple[LogRow, ...] = ()

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        self.asked += 1
        await asyncio.sleep(0)
        if epoch is not None and epoch.seq < self.floor:
            return LogPage(self.epochs[-1], known=False)
        page = await super().changes_since(epoch)
        rows, more = page.rows[: self.size], len(page.rows) > self.size
        end = self.epochs[rows[-1].seq] if rows else page.epoch
        return LogPage(end, rows, more, page.known, page.watermark, self.announced)

    async def write(self, picture: str) -> Epoch:
        return await self.apply(stated(arrows(picture)))


def seen(rows: Rows | None) -> list[tuple[int, ...]] | None:
    if rows is None:
        return None
    return list(zip(*(column.tolist() for column in (rows.ops, rows.codes, rows.sources, rows.targets)), strict=True))


def logged(store: MemoryBackend, after: int) -> list[tuple[int, ...]]:
    return [(int(row.op), row.code, row.source, row.target) for row in store.log[after:]]


async def test_rows_are_those_of_the_log_from_any_epoch_since_it_was_first_read() -> None:
    store = Paged(3)
    await store.write(CHAIN)
    log = Log(store.changes_since)
    assert log.since(store.epochs[-1]) is None, "nothing was read yet"
    first = await log.now()
    for turn in range(12):
        await store.write(f"n{turn}-n{turn + 1} a-n{turn}")
        assert await log.now() == store.epochs[-1] == log.epoch
    for epoch in store.epochs:
        rows = log.since(epoch)
        if epoch.seq < first.seq:
            assert rows is None
            assert not log.knows(epoch)
        else:
            assert seen(rows) == logged(store, epoch.seq)
            assert rows is not None
            assert list(rows.nodes) == [row for row in store.log[epoch.seq :] if row.op <= LogOp.NODE_WENT]
            assert log.knows(epoch)
    assert log.histories == 0


async def test_epochs_of_elsewhere_are_not_known() -> None:
    store, other = Paged(), Paged()
    await store.write("a-b")
    await other.write("x-y")
    log = Log(store.changes_since)
    start = await log.now()
    await store.write("b-c c-d")
    await other.write("y-z z-u")
    await log.now()
    for epoch in other.epochs[start.seq :]:
        assert log.since(epoch) is None, "the same numbers, another history"
        assert not await log.reach(epoch)
    last = store.epochs[-1]
    for epoch in (Epoch(last.seq + 1, 5), Epoch(start.seq - 1, 5), Epoch(-1, 0), Epoch(2**62, 0)):
        assert log.since(epoch) is None


async def test_older_epochs_are_reached_if_they_are_of_this_history() -> None:
    store, other = Paged(4), Paged()
    for turn in range(10):
        await store.write(f"n{turn}-n{turn + 1}")
        await other.write(f"m{turn}-m{turn + 1}")
    log = Log(store.changes_since)
    await log.now()
    await store.write("a-b b-c")
    await log.now()
    assert not await log.reach(other.epochs[9])
    asked = store.asked
    assert not await log.reach(other.epochs[9])
    assert store.asked == asked, "once is enough"
    assert await log.reach(store.epochs[9])
    assert log.floor == store.epochs[9]
    asked = store.asked
    assert await log.reach(store.epochs[15])
    assert store.asked == asked, "that is at hand by now"
    assert await log.reach(store.epochs[0])
    for epoch in store.epochs:
        assert seen(log.since(epoch)) == logged(store, epoch.seq)
    assert [row.seq for row in log.since(store.epochs[0]).nodes] == sorted(  # type: ignore[union-attr]
        row.seq for row in store.log if row.op <= LogOp.NODE_WENT
    )


async def test_many_reach_back_at_once() -> None:
    store = Paged(4)
    for turn in range(20):
        await store.write(f"n{turn}-n{turn + 1}")
    log = Log(store.changes_since)
    await log.now()
    assert all(await asyncio.gather(*(log.reach(epoch) for epoch in store.epochs[::3])))
    assert seen(log.since(store.epochs[0])) == logged(store, 0)


async def test_what_is_too_far_back_or_forgotten_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "REACH", 10)
    store = Paged()
    for turn in range(20):
        await store.write(f"n{turn}-n{turn + 1}")
    log = Log(store.changes_since)
    now = await log.now()
    assert not await log.reach(store.epochs[now.seq - 11])
    store.floor = now.seq - 5
    assert not await log.reach(store.epochs[now.seq - 6])
    assert await log.reach(store.epochs[now.seq - 5])


async def test_memory_is_bounded() -> None:
    store = Paged(7)
    log = Log(store.changes_since, keep=20)
    await store.write("a-b")
    await log.now()
    for turn in range(60):
        await store.write(f"n{turn}-n{turn + 1}")
        end = await log.now()
        assert end.seq - log.floor.seq < 40 + 7
        for epoch in store.epochs[log.floor.seq :]:
            assert seen(log.since(epoch)) == logged(store, epoch.seq)
        assert log.since(store.epochs[log.floor.seq - 1]) is None


async def test_who_is_far_behind_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "PAGES", 3)
    store = Paged(2)
    log = Log(store.changes_since)
    before = await log.now()
    for turn in range(10):
        await store.write(f"n{turn}-n{turn + 1}")
    asked = store.asked
    assert await log.now() == store.epochs[-1]
    assert store.asked - asked <= 4
    assert log.since(before) is None
    assert log.since(store.epochs[-1]) is not None


async def test_backup_that_was_restored_is_recognised() -> None:
    store = Paged()
    await store.write(CHAIN)
    log = Log(store.changes_since)
    kept = await log.now()
    copy = MemoryBackend()
    await copy.apply((await store.scan()).changes)
    lost = await store.write("d-lost")
    await log.now()
    vars(store).update(vars(copy))
    again = await log.now()
    assert (again, log.histories) == (kept, 1)
    assert log.since(lost) is None
    other = await store.write("d-kept")
    assert await log.now() == other
    assert other.seq == lost.seq
    assert log.since(lost) is None, "another row under the same number"
    assert seen(log.since(kept)) == logged(store, kept.seq)


async def test_what_was_acknowledged_is_in_what_is_read_after() -> None:
    store = Paged()
    log = Log(store.changes_since)
    acknowledged = [0]

    async def write(writer: int) -> None:
        for turn in range(15):
            acknowledged[0] = max(acknowledged[0], (await store.write(f"w{writer}-n{turn}")).seq)
            await asyncio.sleep(0)

    async def read() -> None:
        for _ in range(30):
            before = acknowledged[0]
            assert (await log.now()).seq >= before
            await asyncio.sleep(0)

    await asyncio.gather(*(write(writer) for writer in range(3)), *(read() for _ in range(8)))
    assert store.asked < 8 * 30 / 2, "read together"


async def test_what_is_announced_is_told() -> None:
    store = Paged()
    await store.write("a-b")
    log = Log(store.changes_since)
    await log.now()
    assert len(log.open) == 0
    store.announced = (LogRow(0, LogOp.EDGE_CAME, 4, 0, 1), LogRow(0, LogOp.NODE_WENT, 1, 0, -1, column("a")))
    await log.now()
    assert [row.id for row in log.open.nodes] == [column("a")]
    assert log.open.sources.tolist() == [0, 0]
    store.announced = ()
    await log.now()
    assert len(log.open) == 0


async def test_watermark_and_lag_are_told() -> None:
    store = Paged()
    log = Log(store.changes_since)
    await log.now()
    await store.apply(Changes(AT, nodes=(NodeChange(column("a")), NodeChange(column("b"))), watermark=77))
    await log.now()
    assert (log.end.watermark, log.lag) == (77, 2)
    await log.now()
    assert log.lag == 0


async def test_read_that_fails_leaves_the_log_as_it_was() -> None:
    class Failing(Paged):
        fails = False

        async def changes_since(self, epoch: Epoch | None) -> LogPage:
            if self.fails:
                raise ConnectionError
            return await super().changes_since(epoch)

    store = Failing(2)
    log = Log(store.changes_since)
    start = await log.now()
    await store.write(CHAIN)
    await store.apply(withdrawn(arrows("a-b")))
    store.fails = True
    with pytest.raises(ConnectionError):
        await log.now()
    assert log.epoch == start
    store.fails = False
    await log.now()
    assert seen(log.since(start)) == logged(store, start.seq)
    assert all(a.seq < b.seq for a, b in pairwise(store.log))
