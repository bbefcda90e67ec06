"""The topology log: a row for each change and for nothing else, in an order that can be followed, from any epoch."""

from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, LogOp, NodeChange, RecordChange
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import EdgeKey, EdgeKind, Epoch, Stamped
from backends.rows import chain
from backends.testing.following import Came, Follower, read_log, sorted_rows
from backends.testing.graphs import AT, CHAIN, DIAMOND, arrows, column, dataset, operation, reads, shop, stated, withdrawn
from backends.testing.reading import DOWNSTREAM, UPSTREAM, ask, epoch_of, node_of, topology


class LogContract:
    """`changes_since`, and the epochs that everything else carries."""

    async def test_empty_store_has_an_epoch(self, backend: LineageBackend) -> None:
        page = await backend.changes_since(None)
        assert (page.rows, page.more, page.known, page.watermark) == ((), False, True, None)
        assert (await backend.changes_since(page.epoch)) == page
        assert Epoch.parse(str(page.epoch)) == page.epoch

    async def test_no_epoch_asks_for_the_current_one_alone(self, backend: LineageBackend) -> None:
        epoch = await backend.apply(stated(shop()))
        page = await backend.changes_since(None)
        assert (page.epoch, page.rows, page.more, page.known) == (epoch, (), False, True)

    async def test_everything_that_came_or_went_has_its_row(self, backend: LineageBackend) -> None:
        follower = await Follower.of(backend)
        a, b, c = column("a"), column("b"), column("c")
        ab, bc, aa = arrows("a-b b-c a-a")
        for changes, wanted in (
            (stated([ab, aa]), [*(Came(LogOp.NODE_CAME, n) for n in (a, b)), *(Came(LogOp.EDGE_CAME, k) for k in (ab, aa))]),
            (stated([ab, bc]), [Came(LogOp.NODE_CAME, c), Came(LogOp.EDGE_CAME, bc)]),
            (withdrawn([ab]), [Came(LogOp.EDGE_WENT, ab)]),
            (stated([ab]), [Came(LogOp.EDGE_CAME, ab)]),
            (
                Changes(AT, nodes=(NodeChange(a, withdrawn=True),)),
                [Came(LogOp.EDGE_WENT, ab), Came(LogOp.EDGE_WENT, aa), Came(LogOp.NODE_WENT, a)],
            ),
            (withdrawn([aa]), []),
            (Changes(AT, nodes=(NodeChange(a, withdrawn=False),)), [Came(LogOp.NODE_CAME, a), Came(LogOp.EDGE_CAME, ab)]),
            (
                Changes(
                    AT, nodes=(NodeChange(b, deleted_at=5), NodeChange(column("d"))), edges=(EdgeChange(aa, {"x": {}}),)
                ),
                [
                    *(Came(LogOp.EDGE_WENT, key) for key in (ab, bc)),
                    Came(LogOp.NODE_WENT, b),
                    Came(LogOp.NODE_CAME, column("d")),
                    Came(LogOp.EDGE_CAME, aa),
                ],
            ),
        ):
            epoch = await backend.apply(changes)
            assert sorted_rows(await follower.follow(backend)) == sorted_rows(wanted)
            assert epoch == follower.epoch == await epoch_of(backend)
            assert await topology(backend) == follower.topology

    async def test_what_says_nothing_new_of_the_topology_has_no_row(self, backend: LineageBackend) -> None:
        epoch = await backend.apply(stated(shop()))
        table, task = dataset("raw.orders"), operation("join")
        for changes in (
            stated(shop()),
            stated(shop(), tally="more", runs=5),
            Changes(AT, nodes=(NodeChange(table, {"type": Stamped(1, "table")}, seen=(1, 2)),)),
            Changes(AT, nodes=(NodeChange(table, withdrawn=False, alias_of="", deleted_at=1),)),
            Changes(AT, nodes=(NodeChange(table, withdrawn=True), NodeChange(table, withdrawn=False))),
            Changes(AT, edges=(EdgeChange(reads(table, task), drop=frozenset({"nobody"})),)),
            Changes(AT, edges=(EdgeChange(reads(task.replace("operation", "dataset"), task), drop=frozenset({"x"})),)),
            Changes(AT, records=(RecordChange(make_id(Kind.PICTURE, "p"), {"a": 1}, ("g",), 1),), watermark=1),
            Changes(AT, records=(RecordChange(make_id(Kind.PICTURE, "p"), None),)),
            stated([EdgeKey(table, EdgeKind.MENTIONS, task), EdgeKey(table, EdgeKind.PAIR, table)]),
        ):
            assert await backend.apply(changes) == epoch
        page = await backend.changes_since(epoch)
        assert (page.epoch, page.rows, page.more) == (epoch, (), False)

    async def test_edge_that_comes_and_goes_in_one_write_has_no_row(self, backend: LineageBackend) -> None:
        epoch = await backend.apply(stated([], also=[column("a"), column("b")]))
        key = arrows("a-b")[0]
        put, drop = EdgeChange(key, {"x": {}}), EdgeChange(key, drop=frozenset({"x"}))
        assert await backend.apply(Changes(AT, edges=(put, drop))) == epoch
        came = await backend.apply(Changes(AT, edges=(put, drop, put)))
        assert came.seq == epoch.seq + 1
        assert await backend.apply(Changes(AT, edges=(drop, put))) == came

    async def test_any_earlier_epoch_gives_exactly_the_rest(self, backend: LineageBackend) -> None:
        """From every row on, not only from the end of each write: a page may end anywhere."""
        follower = await Follower.of(backend)
        for changes in (stated(arrows(DIAMOND)), withdrawn(arrows("a-b")), stated(shop()), stated(arrows("a-b"))):
            await backend.apply(changes)
        await follower.follow(backend)
        rows = [row for page in await read_log(backend, follower.epochs[0]) for row in page.rows]
        assert len(rows) == len(follower.epochs) - 1 == 35
        for place, epoch in enumerate(follower.epochs):
            pages = await read_log(backend, epoch)
            assert [row for page in pages for row in page.rows] == rows[place:]
            assert pages[-1].epoch == follower.epoch

    async def test_chain_covers_every_row(self, backend: LineageBackend) -> None:
        epoch = await epoch_of(backend)
        await backend.apply(stated(shop()))
        for page in await read_log(backend, epoch):
            for row in page.rows:
                epoch = Epoch(row.seq, chain(epoch.chain, row[1:]))
            assert page.epoch == epoch
        assert await epoch_of(backend) == epoch

    async def test_another_history_is_recognised(self, backend: LineageBackend) -> None:
        """A copy of the store that went its own way has the same numbers of rows, and other chains."""
        start = await epoch_of(backend)
        one = await backend.apply(stated(arrows("a-b")))
        two = await backend.apply(stated(arrows("b-c")))
        unknown = (
            Epoch(two.seq, two.chain ^ 1),
            Epoch(one.seq, two.chain),
            Epoch(two.seq + 1, two.chain),
            Epoch(two.seq + 1, chain(two.chain, (LogOp.NODE_WENT, 1, 0, -1, column("a")))),
            Epoch(start.seq, start.chain ^ 1),
            Epoch(start.seq - 1, start.chain),
            Epoch(2**62, 0),
        )
        for epoch in unknown:
            page = await backend.changes_since(epoch)
            assert (page.known, page.rows) == (False, ()), epoch
            assert page.epoch == two, "so that whoever asked knows where to start anew"
        for epoch in (start, one, two):
            assert (await backend.changes_since(epoch)).known

    async def test_history_of_the_same_shape_with_other_names_is_another(self, backend: LineageBackend) -> None:
        """A store made anew, or restored and gone on, often has the same numbers, kinds and order."""
        reference = MemoryBackend()
        await backend.apply(stated(arrows("a-b")))
        elsewhere = await reference.apply(stated(arrows("x-y")))
        assert not (await backend.changes_since(elsewhere)).known

    async def test_number_is_the_same_when_a_node_comes_again(self, backend: LineageBackend) -> None:
        follower = await Follower.of(backend)
        await backend.apply(stated(arrows(CHAIN)))
        for time in (5, 8):
            await backend.apply(
                Changes(AT, nodes=(NodeChange(column("b"), deleted_at=time), NodeChange(column(f"n{time}"))))
            )
            await backend.apply(Changes(AT, nodes=(NodeChange(column("b"), seen=(time + 1, time + 1)),)))
        await follower.follow(backend)
        numbers = {node_id: number for number, node_id in follower.ids.items()}
        for node_id, number in numbers.items():
            assert (await node_of(backend, node_id)).number == number

    async def test_answers_carry_the_epoch_they_are_of(self, backend: LineageBackend) -> None:
        for changes in (stated(arrows("a-b")), stated(arrows("b-c")), withdrawn(arrows("a-b"))):
            epoch = await backend.apply(changes)
            assert (await ask(backend, "a", DOWNSTREAM)).epoch == epoch
            assert (await ask(backend, "nowhere", DOWNSTREAM)).epoch == epoch

    async def test_writes_are_read_at_once(self, backend: LineageBackend) -> None:
        """The index, cache or replica in between may lag; whoever was told of a write must find it."""
        for turn in range(30):
            await backend.apply(stated(arrows(f"n{turn}-n{turn + 1}")))
            assert (await ask(backend, "n0", DOWNSTREAM)).depths.get(f"n{turn + 1}") == turn + 1
        await backend.apply(withdrawn(arrows("n9-n10")))
        assert len((await ask(backend, "n0", DOWNSTREAM)).nodes) == 10
        assert len((await ask(backend, "n30", UPSTREAM)).nodes) == 21

    async def test_long_log_is_read_in_pages(self, backend: LineageBackend) -> None:
        size = 3000
        follower = await Follower.of(backend)
        start = follower.epoch
        hub = operation("hub")
        await backend.apply(stated(reads(dataset(f"leaf {n}"), hub) for n in range(size)))
        rows = [row for page in await read_log(backend, start) for row in page.rows]
        assert [row.seq for row in rows] == list(range(start.seq + 1, start.seq + 2 * size + 2))
        assert sum(row.op == LogOp.EDGE_CAME for row in rows) == size
