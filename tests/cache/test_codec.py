"""Answers as bytes: what goes in comes out, and nothing else does."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from backends.memory import MemoryBackend
from backends.model import CONTEXT, FLOW, Direction, EdgeKind, Epoch, Subgraph, Traversal
from backends.testing.graphs import ODD_NAMES, arrows, column, dataset, operation, reads, shop, stated
from backends.testing.histories import random_traversal
from backends.testing.reading import answer
from cache.backend import roots_in
from cache.base import LABEL, Label
from cache.closure import Closure
from cache.codec import CHECK, decode, encode, key_of

KEY = "headwater:1:graph:digest"
BOTH = Traversal({column("a"): 0}, Direction.BOTH)


async def closure_of(store: MemoryBackend, question: Traversal) -> tuple[Closure, Subgraph]:
    subgraph = await store.traverse(question)
    return Closure(question, subgraph.epoch, replace(subgraph, ids=()), roots_in(subgraph, question), made=12.5), subgraph


@pytest.fixture
async def store() -> MemoryBackend:
    store = MemoryBackend()
    rng = Random(5)
    names = [f"{n}" for n in range(60)]
    await store.apply(stated(arrows(" ".join(f"{rng.choice(names)}-{rng.choice(names)}" for _ in range(150)))))
    await store.apply(stated([*shop(), *(reads(dataset(name, name), operation("odd")) for name in ODD_NAMES)]))
    return store


async def test_answer_survives(store: MemoryBackend) -> None:
    rng = Random(1)
    for turn in range(150):
        question = random_traversal(rng, list(store.rows))
        closure, subgraph = await closure_of(store, question)
        value = encode(KEY, closure, subgraph.ids if turn % 2 else None, b"secret" if turn % 3 else b"")
        found = decode(KEY, value, question, b"secret" if turn % 3 else b"")
        assert found is not None
        back, ids = found
        assert (ids is None) is (turn % 2 == 0)
        assert (back.epoch, back.made, Label.of(value)) == (closure.epoch, 12.5, Label(*closure.epoch))
        at = [subgraph.numbers.tolist().index(number) for number in back.graph.numbers.tolist()]
        names = [subgraph.ids[row] for row in at]
        assert ids is None or list(ids) == names
        assert answer(replace(back.graph, ids=names)) == answer(subgraph)
        assert {names[row]: start for row, start in back.starts.items()} == {
            root: start for root, start in question.roots.items() if root in names
        }


async def test_large_answers_are_compressed(store: MemoryBackend) -> None:
    await store.apply(stated(arrows(" ".join(f"{n}-{n + 1}" for n in range(3000)))))
    closure, subgraph = await closure_of(store, Traversal({column("0"): 0}, Direction.DOWNSTREAM))
    value = encode(KEY, closure, None)
    assert len(subgraph) == 3001
    assert len(value) < 12 * len(subgraph)
    found = decode(KEY, value, closure.question)
    assert found is not None
    assert sorted(found[0].graph.numbers.tolist()) == sorted(subgraph.numbers.tolist())


async def test_numbers_may_be_as_large_as_they_like() -> None:
    numbers = np.array([2**40, 5, 2**62], np.int64)
    some = np.zeros(3, np.uint8)
    rows = np.array([0, 1], np.int32)
    depths = np.array([2**30, 0, 7], np.int32)
    graph = Subgraph(
        Epoch(2**50, 3), numbers, some, depths, some, rows[[0, 0, 1]], ("", "é"), (), rows, rows[::-1], some[:2]
    )
    found = decode(KEY, encode(KEY, Closure(BOTH, Epoch(2**50, 3), graph, {}), None), BOTH)
    assert found is not None
    assert sorted(found[0].graph.numbers.tolist()) == sorted(numbers.tolist())
    assert found[0].epoch == Epoch(2**50, 3)


async def test_nothing_but_the_value_of_this_very_key_is_read(store: MemoryBackend) -> None:
    question = Traversal({column("1"): 0}, Direction.BOTH)
    closure, subgraph = await closure_of(store, question)
    value = encode(KEY, closure, subgraph.ids)
    assert decode(KEY, value, question) is not None
    assert decode(KEY + "x", value, question) is None, "someone else's answer, under our key"
    assert decode(KEY, value, question, b"secret") is None, "signed by nobody"
    assert decode(KEY, encode(KEY, closure, None, b"other"), question, b"secret") is None
    for end in range(len(value)):
        assert decode(KEY, value[:end], question) is None
    assert decode(KEY, value + b"\0", question) is None
    rng = Random(2)
    for at in [*range(LABEL + CHECK + 2), *(rng.randrange(len(value)) for _ in range(200))]:
        damaged = bytearray(value)
        damaged[at] ^= 1 << rng.randrange(8)
        assert decode(KEY, bytes(damaged), question) is None
    for length in (0, 1, 35, 36, 52, 53, 500):
        assert decode(KEY, rng.randbytes(length), question) is None


async def test_value_that_was_signed_but_makes_no_sense_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another version might write it that forgot to say so."""
    from cache import codec

    closure, _ = await closure_of(MemoryBackend(), BOTH)
    for body in (b"", b"{}", b"\x05\0\0\0{}[]", b"\xff" * 40, b"\x02\0\0\0{}"):
        monkeypatch.setattr(codec, "_body", lambda *_, body=body: body)
        assert decode(KEY, encode(KEY, closure, None), BOTH) is None


def test_key_covers_the_whole_question() -> None:
    base = Traversal({"dataset:a#b": 0, "dataset:a#c": 1}, Direction.BOTH, 3, FLOW, 100, None)
    other = [
        replace(base, roots={"dataset:a#b": 0}),
        replace(base, roots={"dataset:a#b": 1, "dataset:a#c": 1}),
        replace(base, roots={"dataset:a#b": 0, "dataset:a#d": 1}),
        replace(base, roots={}),
        replace(base, direction=Direction.UPSTREAM),
        replace(base, max_depth=None),
        replace(base, max_depth=4),
        replace(base, edge_kinds=FLOW | CONTEXT),
        replace(base, edge_kinds=FLOW - {EdgeKind.GENERATED}),
        replace(base, max_nodes=101),
        replace(base, as_of=5),
    ]
    keys = [key_of("g", each, named=False) for each in (base, *other)]
    keys += [key_of("h", base, named=False), key_of("g", base, named=True)]
    assert len({*keys}) == len(keys)
    again = replace(base, roots={"dataset:a#c": 1, "dataset:a#b": 0}, edge_kinds=frozenset(sorted(FLOW)))
    assert key_of("g", again, named=False) == keys[0]
    assert key_of("g", replace(base, roots={"\ud800": 0}), named=False), "whatever can be asked for has a key"
