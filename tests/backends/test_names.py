"""Ids by number, from memory alone: all of them or None."""

import numpy as np
import pytest

from backends import indexed
from backends.indexed import IndexedBackend
from backends.memory import MemoryBackend
from backends.model import Direction, Traversal
from backends.testing.graphs import CHAIN, arrows, column, stated, withdrawn
from backends.testing.reading import node_of


def numbers(*some: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(some, np.int64)


async def test_store_that_keeps_its_names_on_disk_has_none_at_hand() -> None:
    store = MemoryBackend()
    await store.apply(stated(arrows(CHAIN)))
    assert store.names(numbers(0)) is None


async def test_index_knows_what_stood_when_it_was_read_last(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryBackend()
    await store.apply(stated(arrows(CHAIN)))
    backend = IndexedBackend(store)
    assert backend.names(numbers(0)) is None, "not open yet"
    async with backend:
        whole = await backend.traverse(Traversal({column("a"): 0}, Direction.DOWNSTREAM))
        found = backend.names(whole.numbers)
        assert found is not None
        assert list(found) == list(whole.ids)
        assert backend.names(numbers()) is not None
        await store.apply(stated(arrows("d-e")))
        new = (await node_of(store, column("e"))).number
        assert backend.names(numbers(0, new)) is None, "all or nothing, and it has not read on"
        await backend.traverse(Traversal({}, Direction.DOWNSTREAM))
        late = backend.names(numbers(new, 0))
        assert late is not None
        assert (late[0], list(late)[1:], late[:1]) == (column("e"), [found[whole.numbers.tolist().index(0)]], [column("e")])
        assert backend.names(numbers(new, new + 1)) is None
        assert backend.names(numbers(10**9)) is None


async def test_ids_stay_what_they_were_when_the_index_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through withdrawals and a compaction after every row."""
    monkeypatch.setattr(indexed, "STALE", 1)
    store = MemoryBackend()
    async with IndexedBackend(store) as backend:
        await store.apply(stated(arrows(CHAIN)))
        whole = await backend.traverse(Traversal({column("a"): 0}, Direction.DOWNSTREAM))
        before, wanted = backend.names(whole.numbers), list(whole.ids)
        for name in "xyz":
            await store.apply(stated(arrows(f"a-{name}")))
            await store.apply(withdrawn(arrows(f"a-{name}")))
            await backend.traverse(Traversal({}, Direction.DOWNSTREAM))
        assert before is not None
        assert list(before) == wanted
        again = backend.names(whole.numbers)
        assert again is not None
        assert list(again) == wanted
