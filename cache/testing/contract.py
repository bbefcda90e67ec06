"""What every byte store does, as one class to inherit from."""

import asyncio
from itertools import count
from random import Random

from cache.base import ByteStore, Label

_KEYS = count(Random().randrange(10**12))


def key(text: str = "") -> str:
    """A key that no test used before."""
    return f"headwater:test:{next(_KEYS)}:{text}"


def value(seq: int, chain: int = 7, body: bytes = b"body") -> bytes:
    """A value of that epoch."""
    return bytes(Label(seq, chain)) + body


class CacheContract:
    """Inherit from it and give the fixture `store`."""

    async def test_what_was_never_set_is_absent(self, store: ByteStore) -> None:
        assert await store.get(key()) is None

    async def test_value_comes_back_byte_for_byte(self, store: ByteStore) -> None:
        for body in (b"", b"\0", bytes(range(256)), b"\r\n$5\r\n", "\U0001f986".encode(), Random(1).randbytes(2**20)):
            here = key()
            await store.set(here, value(1, body=body))
            assert await store.get(here) == value(1, body=body)

    async def test_keys_are_told_apart(self, store: ByteStore) -> None:
        odd = ["", " ", "a", "A", "a:b", "a b", "é", "\U0001f986", "{x}", "*", "x" * 500]
        keys = [key(text) for text in odd]
        for number, each in enumerate(keys):
            await store.set(each, value(number))
        assert [await store.get(each) for each in keys] == [value(number) for number in range(len(odd))]

    async def test_newer_replaces_older(self, store: ByteStore) -> None:
        here = key()
        for seq in (0, 1, 9, 10, 255, 256, 2**31, 2**32 + 1, 2**50):
            await store.set(here, value(seq))
            assert await store.get(here) == value(seq)

    async def test_older_never_replaces_newer(self, store: ByteStore) -> None:
        for newer, older in ((1, 0), (10, 9), (16, 15), (100, 99), (2**32, 2**32 - 1), (2**50, 1)):
            here = key()
            await store.set(here, value(newer))
            await store.set(here, value(older, body=b"late"))
            assert await store.get(here) == value(newer)

    async def test_of_one_epoch_the_last_stays(self, store: ByteStore) -> None:
        here = key()
        for body in (b"a", b"bb", b""):
            await store.set(here, value(5, body=body))
            assert await store.get(here) == value(5, body=body)

    async def test_value_known_to_be_useless_gives_way_to_an_older_one(self, store: ByteStore) -> None:
        """As after a backup was restored: the log is shorter than what the store remembers of it."""
        here = key()
        await store.set(here, value(100, chain=5))
        await store.set(here, value(60, chain=6), bytes(Label(99, 5)))
        assert await store.get(here) == value(100, chain=5), "that was another value"
        await store.set(here, value(60, chain=6), bytes(Label(100, 5)))
        assert await store.get(here) == value(60, chain=6)

    async def test_newest_of_many_at_once_stays(self, store: ByteStore) -> None:
        here = key()
        seqs = list(range(60))
        Random(3).shuffle(seqs)
        await asyncio.gather(*(store.set(here, value(seq, body=b"x" * seq)) for seq in seqs))
        assert await store.get(here) == value(59, body=b"x" * 59)

    async def test_many_at_once_do_not_mix(self, store: ByteStore) -> None:
        keys = [key() for _ in range(100)]
        await asyncio.gather(*(store.set(each, value(1, body=each.encode())) for each in keys))
        found = await asyncio.gather(*(store.get(each) for each in keys))
        assert list(found) == [value(1, body=each.encode()) for each in keys]

    async def test_call_that_is_given_up_mixes_nothing(self, store: ByteStore) -> None:
        """An answer that nobody waits for any more must not become the answer to the next question."""
        keys = [key() for _ in range(40)]
        for each in keys:
            await store.set(each, value(1, body=each.encode() * 50))
        calls = [asyncio.ensure_future(store.get(each)) for each in keys]
        for turn, call in enumerate(calls):
            if turn % 3:
                await asyncio.sleep(0)
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for each in keys:
            assert await store.get(each) == value(1, body=each.encode() * 50)

    async def test_ping_answers(self, store: ByteStore) -> None:
        await store.ping()
