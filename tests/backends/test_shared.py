"""Reads that are shared: nobody gets what was read before it asked, and many who ask together are one read."""

import asyncio

import pytest

from backends.shared import AGAIN, VAIN, Shared


class Store:
    """Reads take until `go` is called. `written` is what a read that begins now will tell."""

    def __init__(self) -> None:
        self.written = 0
        self.reads = 0
        self.at_once = 0
        self.most_at_once = 0
        self.gates: list[asyncio.Future[None]] = []

    async def read(self) -> int:
        self.reads += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        seen = self.written
        gate = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        try:
            await gate
        finally:
            self.at_once -= 1
        return seen

    async def go(self) -> None:
        """Lets the oldest read end, and everybody react."""
        gate = self.gates.pop(0)
        if not gate.done():
            gate.set_result(None)
        await turn()


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_asks_together_shares_a_read_and_nobody_gets_an_older_one() -> None:
    store = Store()
    shared = Shared(store.read)
    first = asyncio.create_task(shared())
    await turn()
    store.written = 1
    later = [asyncio.create_task(shared()) for _ in range(50)]
    await turn()
    assert store.reads == 1, "the read under way began before they asked, the next begins after it"
    await store.go()
    assert await first == 0
    assert store.reads == 2
    store.written = 2
    last = asyncio.create_task(shared())
    await turn()
    await store.go()
    assert await asyncio.gather(*later) == [1] * 50
    await store.go()
    assert await last == 2
    assert (store.reads, store.most_at_once) == (3, 1)
    alone = asyncio.create_task(shared())
    await turn()
    await store.go()
    assert await alone == 2


async def test_read_that_waits_for_nothing_is_made_where_it_is_asked_for() -> None:
    async def read() -> asyncio.Task[object] | None:
        return asyncio.current_task()

    shared = Shared(read, rush=0)
    assert await shared() is asyncio.current_task()
    assert await shared() is asyncio.current_task()


async def test_who_comes_right_after_another_reads_with_all_who_come_then() -> None:
    reads = 0

    async def read() -> int:
        nonlocal reads
        reads += 1
        return reads

    shared = Shared(read, rush=600)
    assert await shared() == 1, "the first one waits for nobody"
    for wanted in (2, 3):
        assert await asyncio.gather(*(shared() for _ in range(20))) == [wanted] * 20
    left = asyncio.create_task(shared())
    await asyncio.sleep(0)
    left.cancel()
    assert await shared() == 4, "who goes away takes nobody along"
    assert await shared() == 5


async def test_who_goes_away_takes_nobody_along() -> None:
    store = Store()
    shared = Shared(store.read)
    first, second, third = (asyncio.create_task(shared()) for _ in range(3))
    await turn()
    first.cancel()
    second.cancel()
    await turn()
    assert store.at_once == 1, "the second read began when the first was given up"
    store.gates.pop(0)
    await store.go()
    assert await third == 0
    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(first, second, return_exceptions=True)
    )
    again = asyncio.create_task(shared())
    await turn()
    await store.go()
    assert await again == 0


async def test_error_is_that_of_those_who_asked_for_it_and_the_next_read_is_made() -> None:
    store = Store()
    shared = Shared(store.read)
    first, second, third = (asyncio.create_task(shared()) for _ in range(3))
    await turn()
    store.gates.pop(0).set_exception(ConnectionError("gone"))
    await turn()
    with pytest.raises(ConnectionError):
        await first
    await store.go()
    assert [await second, await third] == [0, 0]


async def test_last_waiters_that_go_away_leave_it_ready() -> None:
    """The task they waited for ends with the loop at the latest; here it is cancelled before its turn and in it."""
    for begun in (False, True):
        store = Store()
        shared = Shared(store.read)
        first, second = (asyncio.create_task(shared()) for _ in range(2))
        await turn()
        task = shared._next
        assert task is not None
        if begun:
            await store.go()
        task.cancel()
        await turn()
        if not begun:
            await store.go()
        await asyncio.gather(first, second, return_exceptions=True)
        again = asyncio.create_task(shared())
        await turn()
        store.gates[-1].set_result(None)
        assert await again == 0


async def test_who_is_alone_again_and_again_waits_for_nobody_until_others_come() -> None:
    reader: list[object] = []

    async def read() -> None:
        reader.append(asyncio.current_task())
        await asyncio.sleep(0)

    shared = Shared(read, rush=600)

    async def made_it_itself() -> bool:
        await shared()
        return reader[-1] is asyncio.current_task()

    assert await made_it_itself(), "the first one waits for nobody"
    for _ in range(2):
        assert [await made_it_itself() for _ in range(VAIN)] == [False] * VAIN
        assert all([await made_it_itself() for _ in range(AGAIN)])
        await asyncio.gather(*(made_it_itself() for _ in range(5)))
        assert not await made_it_itself(), "others came"
        await asyncio.gather(*(made_it_itself() for _ in range(5)))
