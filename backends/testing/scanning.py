"""Scans: everything once, so that a copy, an export or an index lacks nothing."""

from backends.base import LineageBackend
from backends.changes import Changes, NodeChange, NodeFilter, Order, RecordChange
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import EdgeKey, EdgeKind, Stamped
from backends.testing.graphs import AT, JOB, dataset, operation, reads, run, shop, stated
from backends.testing.reading import copied, edge_of, edge_view, listed, node_of, node_view, topology


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

    async def test_scan_of_an_empty_store_is_empty(self, backend: LineageBackend) -> None:
        copy = await copied(backend, MemoryBackend())
        assert await topology(copy) == await topology(backend) == ({}, set())

    async def test_topology_has_the_numbers_of_the_nodes(self, backend: LineageBackend) -> None:
        await backend.apply(stated(shop()))
        for number, node_id in (await topology(backend)).ids.items():
            assert (await node_of(backend, node_id)).number == number
