"""Many calls at once on one backend: no change lost, no answer that never was true."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from backends.base import LineageBackend
from backends.changes import Changes, LogRow, NodeChange, NodeFilter, Order, Page, RecordChange
from backends.errors import Conflict
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import MAX_NODES, Epoch, Traversal
from backends.testing.following import Follower, read_log
from backends.testing.graphs import AT, arrows, column, dataset, stated, withdrawn
from backends.testing.reading import (
    BOTH,
    DOWNSTREAM,
    UPSTREAM,
    Answer,
    Topology,
    answer,
    ask,
    edge_of,
    epoch_of,
    listed,
    node_of,
    scanned,
    topology,
)

COUNTER = make_id(Kind.STATE, "counter")
WRITERS, TURNS = 6, 8
WAYS = (DOWNSTREAM, UPSTREAM, BOTH)


class Asked(NamedTuple):
    """A question, its answer, and the epochs before it was put and after it was answered."""

    question: Traversal
    found: Answer
    known: Epoch
    after: Epoch


async def at_epoch(epoch: Epoch, start: Epoch, rows: Iterable[LogRow]) -> LineageBackend:
    """The reference with the topology that the log tells of that epoch."""
    follower = Follower(start)
    for row in rows:
        if follower.epoch == epoch:
            break
        follower.take(row)
    assert follower.epoch == epoch, f"{epoch} is no epoch of this history"
    return await holding(follower.topology)


async def holding(found: Topology) -> LineageBackend:
    reference = MemoryBackend()
    await reference.apply(stated(found.edges, also=found.ids.values()))
    return reference


class ConcurrencyContract:
    """Calls side by side in one event loop, as requests are."""

    async def test_no_write_is_lost_among_many(self, backend: LineageBackend) -> None:
        follower = await Follower.of(backend)

        async def write(writer: int) -> None:
            for turn in range(TURNS):
                key = arrows(f"hub-w{writer}t{turn}")[0]
                await backend.apply(stated([key], tally=f"t{writer}", runs=1))
                await backend.apply(stated(arrows("hub-shared"), tally=f"t{writer}.{turn}", runs=1))
                if turn % 2:
                    await backend.apply(withdrawn([key], tally=f"t{writer}"))

        await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
        await follower.follow(backend)
        wanted = {arrows(f"hub-w{writer}t{turn}")[0] for writer in range(WRITERS) for turn in range(0, TURNS, 2)}
        assert (await ask(backend, "hub", DOWNSTREAM)).edges == wanted | {arrows("hub-shared")[0]}
        assert await topology(backend) == follower.topology
        assert len(follower.topology.ids) == WRITERS * TURNS + 2
        assert (await edge_of(backend, arrows("hub-shared")[0])).evidence.runs == WRITERS * TURNS

    async def test_expected_versions_lose_no_count(self, backend: LineageBackend) -> None:
        """Read, add one, write if nobody was in between; else again."""

        async def count() -> None:
            for _ in range(TURNS):
                while True:
                    node = (await backend.get([COUNTER])).nodes[0]
                    value, version = (node.attributes["n"], node.version) if node else (0, 0)
                    await asyncio.sleep(0)
                    more = RecordChange(COUNTER, {"n": value + 1})
                    try:
                        await backend.apply(Changes(AT, records=(more,), expect={COUNTER: version}))
                        break
                    except Conflict:
                        continue

        await asyncio.gather(*(count() for _ in range(WRITERS)))
        assert (await node_of(backend, COUNTER)).attributes["n"] == WRITERS * TURNS

    async def test_of_equal_claims_one_wins(self, backend: LineageBackend) -> None:
        async def claim(claimant: int) -> bool:
            try:
                record = RecordChange(COUNTER, {"owner": claimant})
                await backend.apply(Changes(AT, records=(record,), expect={COUNTER: 0}))
            except Conflict:
                return False
            return True

        won = await asyncio.gather(*(claim(claimant) for claimant in range(WRITERS)))
        assert won.count(True) == 1
        assert (await node_of(backend, COUNTER)).attributes["owner"] == won.index(True)

    async def test_every_answer_is_of_an_epoch_of_the_history(self, backend: LineageBackend) -> None:
        """Each answer equals the graph as the log tells it at the answer's epoch; the epoch is the end of a write, and
        not before what was acknowledged when the question was put."""
        genesis = await epoch_of(backend)
        ends = [genesis, await backend.apply(stated(arrows("a-b b-c c-d a-e e-f")))]
        asked: list[Asked] = []

        async def write(writer: int) -> None:
            names = "abcdef"
            for turn in range(TURNS):
                here, there = names[(writer + turn) % 6], names[(writer * 3 + 2 * turn + 1) % 6]
                both = arrows(f"{here}-{there} {there}-w{writer}")
                ends.append(await backend.apply(stated(both, tally=f"{writer}")))
                await asyncio.sleep(0)
                ends.append(await backend.apply(withdrawn(both[:1], tally=f"{writer}")))
                hidden = NodeChange(column(f"w{(writer + 1) % WRITERS}"), withdrawn=bool(turn % 2))
                ends.append(await backend.apply(Changes(AT, nodes=(hidden,))))

        async def read(reader: int) -> None:
            for turn in range(2 * TURNS):
                depth, most = (None, 1, 2)[turn % 3], (MAX_NODES, 4)[turn % 2]
                question = Traversal({column("abcdef"[(reader + turn) % 6]): 0}, WAYS[reader % 3], depth, max_nodes=most)
                known = await epoch_of(backend)
                found = answer(await backend.traverse(question))
                asked.append(Asked(question, found, known, await epoch_of(backend)))

        await asyncio.gather(*(write(writer) for writer in range(WRITERS)), *(read(reader) for reader in range(6)))
        assert len(asked) == 12 * TURNS
        if not backend.capabilities.snapshot_reads:
            return
        rows = [row for page in await read_log(backend, genesis) for row in page.rows]
        for question, found, known, after in asked:
            assert known.seq <= found.epoch.seq <= after.seq, "an answer is neither older nor newer than its question"
            if backend.capabilities.atomic_writes:
                assert found.epoch in ends, "half a write was seen"
            then = await at_epoch(found.epoch, genesis, rows)
            assert found.said == answer(await then.traverse(question)).said

    async def test_reads_beside_writes_do_not_fail(self, backend: LineageBackend) -> None:
        keys = arrows("a-b b-c")

        async def write(turn: int) -> None:
            changes = stated(keys, tally=f"t{turn}") if turn % 2 else withdrawn(keys, tally=f"t{turn - 1}")
            await backend.apply(Changes(turn, changes.nodes, changes.edges, (RecordChange(COUNTER, {}, ("g",), turn),)))

        async def read(turn: int) -> None:
            await backend.get([column("a"), COUNTER], keys)
            await backend.find_nodes(NodeFilter(text="a"), Order.RELEVANCE, Page(2, total=True))
            await listed(backend, NodeFilter(group="g"), Order.NEWEST, 1)
            await scanned(backend)  # an edge may come before its end is seen: whoever scans beside writes reads the log too
            await backend.scan()
            await backend.changes_since(await epoch_of(backend))
            await backend.ping()

        await asyncio.gather(*(task(turn) for turn in range(12) for task in (write, read)))
        assert await listed(backend, NodeFilter(group="g"), Order.NEWEST) == [COUNTER]

    async def test_call_that_is_given_up_harms_no_other(self, backend: LineageBackend) -> None:
        """A client goes away in the middle of a write: it is written or it is not, and the store goes on."""
        calls = [asyncio.ensure_future(backend.apply(stated(arrows(f"a-n{n} n{n}-m{n}")))) for n in range(WRITERS)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await backend.apply(stated([], also=[dataset("next")]))
        found = (await ask(backend, "a", DOWNSTREAM)).arrows.split()
        for n in range(WRITERS):
            whole = {f"a-n{n}", f"n{n}-m{n}"} & {*found}
            assert len(whole) in ((0, 2) if n % 2 == 0 else (2,)), "a write is whole or not at all"
