"""A store that fails, or is slow, keeps nobody waiting and is used again when it is back."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from cache import guard
from cache.base import ByteStore, StoreError
from cache.guard import Guard
from cache.memory import MemoryStore
from cache.testing import value


class Moody(MemoryStore):
    """Works, fails or never answers, as told."""

    def __init__(self) -> None:
        super().__init__(2**20)
        self.mood = "well"
        self.asked = 0
        self.pinged = 0

    async def _be(self) -> None:
        if self.mood == "gone":
            raise StoreError("gone")
        if self.mood == "slow":
            await asyncio.sleep(60)

    async def get(self, key: str) -> bytes | None:
        self.asked += 1
        await self._be()
        return await super().get(key)

    async def set(self, key: str, value: bytes, instead_of: bytes = b"") -> None:
        self.asked += 1
        await self._be()
        await super().set(key, value, instead_of)

    async def ping(self) -> None:
        self.pinged += 1
        await self._be()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "WRITE", 0.01)
    monkeypatch.setattr(guard, "LONGEST", 0.04)


def made(store: ByteStore) -> Guard:
    return Guard(store, wait=0.01, first=0.005)


async def until(true: Callable[[], bool]) -> None:
    """Returns once something in the background has happened."""
    async with asyncio.timeout(120):
        while not true():  # noqa: ASYNC110 (what is waited for tells nobody)
            await asyncio.sleep(0.001)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("mood", "calls"), [("gone", 1), ("slow", guard.SLOW)])
async def test_failure_is_a_miss_and_the_next_questions_are_not_asked(mood: str, calls: int) -> None:
    store = Moody()
    guarded = made(store)
    await guarded.open()
    await guarded.set("a", value(1))
    assert await guarded.get("a") == value(1)
    store.mood = mood
    for _ in range(calls):
        assert not guarded.is_open
        assert await guarded.get("a") is None
    asked = store.asked
    for _ in range(50):
        assert await guarded.get("a") is None
        await guarded.set("a", value(2))
    assert (store.asked, guarded.is_open, guarded.trips, guarded.failures) == (asked, True, 1, calls)
    store.mood = "well"
    await until(lambda: not guarded.is_open)
    assert await guarded.get("a") == value(1), "nothing to make good"
    await guarded.close()


@pytest.mark.usefixtures("quick")
async def test_it_is_looked_for_in_the_background_and_less_and_less_often() -> None:
    store = Moody()
    guarded = made(store)
    await guarded.open()
    store.mood = "gone"
    await guarded.set("a", value(1))
    pauses = []
    for _ in range(5):
        pauses.append(guarded.pause)
        pinged = store.pinged
        await until(partial(lambda before: store.pinged > before, pinged))
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.005, 0.04)
    assert store.asked == 1
    await guarded.close()


@pytest.mark.usefixtures("quick")
async def test_many_questions_wait_for_a_slow_store_at_the_same_time_and_count_as_one() -> None:
    store = Moody()
    guarded = made(store)
    await guarded.open()
    store.mood = "slow"
    for turn in range(guard.SLOW):
        assert guarded.trips == 0, f"after {turn} turns: perhaps this process was busy"
        assert set(await asyncio.gather(*(guarded.get(f"{n}") for n in range(100)))) == {None}
    assert guarded.trips == 1
    await guarded.close()


@pytest.mark.usefixtures("quick")
async def test_store_that_is_late_now_and_then_stays_in_use() -> None:
    store = Moody()
    guarded = made(store)
    await guarded.open()
    await guarded.set("a", value(1))
    for _ in range(5):
        store.mood = "slow"
        for _ in range(guard.SLOW - 1):
            assert await guarded.get("a") is None
        store.mood = "well"
        assert await guarded.get("a") == value(1)
    assert (guarded.is_open, guarded.trips, guarded.failures) == (False, 0, 5 * (guard.SLOW - 1))
    await guarded.close()


@pytest.mark.usefixtures("quick")
async def test_store_that_is_late_at_the_first_look_is_asked_again_at_once() -> None:
    class LateOnce(Moody):
        async def ping(self) -> None:
            self.mood = "slow" if self.pinged % 2 == 0 else "well"
            await super().ping()

    store = LateOnce()
    store.pinged = 1
    guarded = Guard(store, wait=0.01, first=0.02)
    await guarded.open()
    store.mood = "gone"
    await guarded.get("a")
    await until(lambda: not guarded.is_open)
    assert (guarded.pause, store.pinged) == (0.04, 4), "one pause, two looks"
    await guarded.close()


@pytest.mark.usefixtures("quick")
async def test_store_that_is_not_there_yet_is_used_once_it_is() -> None:
    store = Moody()
    store.mood = "gone"
    guarded = made(store)
    await guarded.open()
    assert guarded.is_open
    store.mood = "well"
    await until(lambda: not guarded.is_open)
    await guarded.close()


async def test_other_errors_are_not_hidden() -> None:
    class Broken(Moody):
        async def get(self, key: str) -> bytes | None:
            raise ZeroDivisionError

    guarded = made(Broken())
    with pytest.raises(ZeroDivisionError):
        await guarded.get("a")


async def test_question_that_is_given_up_says_nothing_of_the_store() -> None:
    store = Moody()
    store.mood = "slow"
    guarded = Guard(store)
    call = asyncio.ensure_future(guarded.get("a"))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not guarded.is_open
