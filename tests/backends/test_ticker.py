"""What is done in the background goes on through errors, and is let finish when it is stopped."""

import asyncio

import pytest

from backends import ticker
from backends.errors import Unavailable
from backends.ticker import Ticker


class Act:
    """Notes how its calls end; each goes on until it is let go."""

    def __init__(self) -> None:
        self.begun, self.let_go = asyncio.Event(), asyncio.Event()
        self.done = self.cancelled = 0

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.done += 1


async def test_what_is_under_way_is_let_finish() -> None:
    act = Act()
    ticking = Ticker(act, 0.001, "test.behind")
    ticking.start()
    await act.begun.wait()
    stopping = asyncio.create_task(ticking.stop())
    await asyncio.sleep(0.01)
    assert not stopping.done()
    act.let_go.set()
    await stopping
    assert (act.done, act.cancelled) == (1, 0)


async def test_what_never_ends_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticker, "PATIENCE", 0.01)
    act = Act()
    ticking = Ticker(act, 60, "test.behind")
    ticking.start(at_once=True)
    await act.begun.wait()
    await ticking.stop()
    assert (act.done, act.cancelled) == (0, 1)


async def test_whoever_stops_it_may_be_cancelled_too() -> None:
    act = Act()
    ticking = Ticker(act, 60, "test.behind")
    ticking.start(at_once=True)
    await act.begun.wait()
    stopping = asyncio.create_task(ticking.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    await asyncio.sleep(0.01)
    assert act.cancelled == 1


async def test_errors_of_a_store_are_for_the_next_tick_and_it_starts_again() -> None:
    calls: list[None] = []

    async def fail() -> None:
        calls.append(None)
        raise Unavailable("gone")

    ticking = Ticker(fail, 0.001, "test.behind")
    for _ in range(2):
        ticking.start()
        before = len(calls)
        async with asyncio.timeout(20):
            while len(calls) < before + 3:  # noqa: ASYNC110 (what is waited for tells nobody)
                await asyncio.sleep(0.001)
        await ticking.stop()
        last = len(calls)
        await asyncio.sleep(0.01)
        assert len(calls) == last
