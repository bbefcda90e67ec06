"""Scans: everything once, so that a copy, an export or an index lacks nothing."""

from backends.base import LineageBackend
from backends.changes import Changes, Cursor, LogOp, NodeChange, NodeFilter, Order, RecordChange
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import EDGE_KINDS, EdgeKey, EdgeKind, Stamped
from backends.testing.following import Follower, read_log
from backends.testing.graphs import AT, JOB, dataset, operation, reads, run, shop, stated, withdrawn
from backends.testing.reading import ENDLESS, copied, edge_of, edge_view, listed, node_of, node_view, topology


class ScanContract:
    """`scan` and `scan_topology`."""

    async def test_scan_makes_the_same_graph(self, backend: LineageBackend) -> None:
        pair = EdgeKey(dataset("raw.orders"), EdgeKind.PAIR, dataset("mart.customer_orders"))
        tally = make_id(Kind.TALLY, "t")
        await backend.apply(stated([*shop(), pair], tally=tally, origin="run event", transformations=[{"type": "DIRECT"}]))
        await backend.apply(
            Changes(
                AT,
                nodes=(
                    NodeChange(
                        dataset("raw.orders"), {"type": Stamped(5, "t"), "facet:x": Stamped(4, {"a": [1.0]})}, (1, 9)
                    ),
                    NodeChange(dataset("gone"), {"type": Stamped(7, None)}, (2, 3), deleted_at=8),
                    NodeChange(dataset("hidden"), withdrawn=True),
                    NodeChange(dataset("another"), {"owners": Stamped(1, ["ana"])}, alias_of=dataset("raw.orders")),
                ),
                records=(
                    RecordChange(tally, {"runs": 5, "first": 1, "last": 2, "last_run": "run:x"}, ("a", "b"), -7),
                    RecordChange(run("1"), {"state": "FAIL", "nothing": None}, (JOB,), 2**53 + 1),
                ),
            )
        )
        copy = await copied(backend, MemoryBackend())
        ids = [*{end for key in shop() for end in (key.source, key.target)}, tally, run("1")]
        ids += map(dataset, ("gone", "hidden", "another"))
        for node_id in ids:
            theirs, ours = await node_of(copy, node_id, facets=True), await node_of(backend, node_id, facets=True)
            assert node_view(theirs) == node_view(ours)
        for key in (*shop(), pair):
            assert edge_view(await edge_of(copy, key)) == edge_view(await edge_of(backend, key))
        assert (await topology(copy)).edges == (await topology(backend)).edges == set(shop())
        for group in ("a", "b", JOB):
            where = NodeFilter(group=group)
            assert await listed(copy, where, Order.NEWEST) == await listed(backend, where, Order.NEWEST) != []

    async def test_scans_of_many_thousands_lose_nothing(self, backend: LineageBackend) -> None:
        """More than a page of anything: nodes, edges, records, and the ends of an edge on different pages."""
        hub, size = operation("hub"), 2500
        leaves = [dataset(f"leaf {n}") for n in range(size)]
        await backend.apply(stated(reads(leaf, hub) for leaf in leaves))
        records = tuple(RecordChange(run(f"{n}"), {"n": n}, (JOB,), n) for n in range(size))
        await backend.apply(Changes(AT, records=records))
        found = await topology(backend)
        assert set(found.ids.values()) == {hub, *leaves}
        assert found.edges == {reads(leaf, hub) for leaf in leaves}
        copy = await copied(backend, MemoryBackend())
        assert (await topology(copy)).edges == found.edges
        newest = await listed(copy, NodeFilter(group=JOB), Order.NEWEST)
        assert newest == await listed(backend, NodeFilter(group=JOB), Order.NEWEST, 999)
        assert len(newest) == size

    async def test_scan_holds_together_while_others_write(self, backend: LineageBackend) -> None:
        """What is written beside the reading may be in the copy or not, but never an edge without its ends, and what was
        there all the time is."""
        hub, size = operation("hub"), 2500
        leaves = [dataset(f"leaf {place}") for place in range(size)]
        await backend.apply(stated(reads(leaf, hub) for leaf in leaves))

        def beside(turn: int) -> Changes:
            lost = withdrawn([reads(leaves[turn], hub)])
            more = stated([reads(dataset(f"zz {turn}"), operation(f"late {turn}")), reads(dataset(f"zz {turn}"), hub)])
            return Changes(AT, more.nodes, more.edges + lost.edges, (RecordChange(run(str(turn)), {}),))

        copy = await topology(await copied(backend, MemoryBackend(), beside))
        now = await topology(backend)
        assert {*now.ids.values()} - {*copy.ids.values()} <= {i for i in now.ids.values() if "zz" in i or "late" in i}
        assert now.edges - copy.edges <= {key for key in now.edges if "zz" in key.source}
        assert len(copy.edges & {reads(leaf, hub) for leaf in leaves}) >= size - 100

    async def test_topology_and_the_log_since_are_the_topology(self, backend: LineageBackend) -> None:
        """How an index starts: an epoch, a scan beside which others write, then the log since that epoch on top."""
        hub, size = operation("hub"), 2500
        leaves = [dataset(f"leaf {place}") for place in range(size)]
        await backend.apply(stated(reads(leaf, hub) for leaf in leaves))
        follower = await Follower.of(backend)
        ids: dict[int, str] = {}
        edges: set[tuple[int, int, int]] = set()
        after: Cursor | None = None
        for turn in range(ENDLESS):
            page = await backend.scan_topology(after)
            part = page.topology
            ids |= dict(zip(part.numbers.tolist(), part.ids, strict=True))
            edges |= {*zip(part.sources.tolist(), part.edge_kinds.tolist(), part.targets.tolist(), strict=True)}
            late = stated([reads(dataset(f"late {turn}"), hub), reads(dataset("often"), hub)])
            lost = withdrawn([reads(leaves[-1 - turn], hub)]).edges
            hidden = [NodeChange(leaf, withdrawn=True) for leaf in leaves[2 * turn : 2 * turn + 2]]
            await backend.apply(Changes(AT, (*late.nodes, *hidden), late.edges + lost))
            if page.next is None:
                break
            after = page.next
        for page_of_log in await read_log(backend, follower.epoch):
            for row in page_of_log.rows:
                edge = (row.source, row.code, row.target)
                if row.op == LogOp.NODE_CAME:
                    ids[row.source] = str(row.id)
                elif row.op == LogOp.NODE_WENT:
                    ids.pop(row.source, None)
                elif row.op == LogOp.EDGE_CAME:
                    edges.add(edge)
                else:
                    edges.discard(edge)
        now = await topology(backend)
        assert ids == now.ids
        assert {EdgeKey(ids[source], EDGE_KINDS[kind], ids[target]) for source, kind, target in edges} == now.edges

    async def test_scan_of_an_empty_store_is_empty(self, backend: LineageBackend) -> None:
        copy = await copied(backend, MemoryBackend())
        assert await topology(copy) == await topology(backend) == ({}, set())

    async def test_topology_has_the_numbers_of_the_nodes(self, backend: LineageBackend) -> None:
        await backend.apply(stated(shop()))
        for number, node_id in (await topology(backend)).ids.items():
            assert (await node_of(backend, node_id)).number == number
