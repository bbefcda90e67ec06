"""Lists: what matches, in which order, page after page while others write."""

from typing import Any

from backends.base import LineageBackend
from backends.changes import Adjacent, Changes, NodeChange, NodeFilter, Order, Page, RecordChange
from backends.errors import Rejected
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import Direction, EdgeKind
from backends.testing.graphs import (
    AT,
    JOB,
    NO_IDS,
    ODD_NAMES,
    dataset,
    described,
    longest,
    operation,
    reads,
    run,
    shop,
    stated,
    withdrawn,
)
from backends.testing.reading import copied, listed, node_of, node_view, pages, through_json

ODD_CURSORS: tuple[tuple[Any, ...], ...] = (
    (),
    ("",),
    ("\ud83e",),
    ("\0",),
    (0,),
    (None,),
    ([],),
    ({},),
    (True,),
    (10**30,),
    (-(10**30), "a"),
    (1.5, "a"),
    ("a", "b"),
    (0, 0, "a"),
    (0, 10**30, "a"),
    (10**30, 0, "a"),
    (0, 1, None),
    (0, 1, "a", "b"),
)


class ListingContract:
    """`find_nodes`."""

    async def test_standing_nodes_are_listed_by_the_bytes_of_ids(self, backend: LineageBackend) -> None:
        ids = [dataset(name) for name in ODD_NAMES] + [longest(), dataset("z"), dataset("B")]
        await backend.apply(Changes(AT, nodes=tuple(map(NodeChange, ids))))
        await backend.apply(Changes(AT, nodes=(NodeChange(dataset("hidden"), withdrawn=True),)))
        for size in (1, 7, 1000):
            assert await listed(backend, NodeFilter(), Order.ID, size) == sorted(ids, key=str.encode)

    async def test_lists_give_nodes_as_get_does(self, backend: LineageBackend) -> None:
        await backend.apply(
            Changes(
                AT,
                nodes=(described(JOB, sql="select 1", **{"facet:x": {}}), NodeChange(dataset("b"), alias_of=dataset("a"))),
                records=(RecordChange(run("1"), {"state": "COMPLETE", "facets": {}}, (JOB,), 1),),
            )
        )
        await backend.apply(Changes(AT, nodes=(described(dataset("a"), type="table"), NodeChange(JOB, seen=(1, 2)))))
        for where in (NodeFilter(), NodeFilter(group=JOB)):
            async for nodes in pages(backend, where, Order.ID, 10):
                for node in nodes:
                    known = await node_of(backend, node.id)
                    assert (node_view(node), node.version) == (node_view(known), known.version)

    async def test_filters_must_all_hold(self, backend: LineageBackend) -> None:
        a, b, c = dataset("a", "n1"), dataset("b", "n1"), dataset("c", "n2")
        task = make_id(Kind.OPERATION, "n1", "o", "0" * 16)
        await backend.apply(stated([reads(a, task), reads(b, task), reads(c, task)]))
        await backend.apply(
            Changes(AT, nodes=(described(a, tags=["x", "y"]), described(b, tags=["x"]), described(task, tags=["y"])))
        )
        into = Adjacent(task, EdgeKind.INPUT_TO, Direction.UPSTREAM)
        for where, wanted in (
            (NodeFilter(kinds=frozenset({Kind.DATASET})), [a, b, c]),
            (NodeFilter(kinds=frozenset({Kind.OPERATION, Kind.DATASET})), [a, b, c, task]),
            (NodeFilter(kinds=frozenset()), []),
            (NodeFilter(namespace="n1"), [a, b, task]),
            (NodeFilter(namespace="n"), []),
            (NodeFilter(tags=frozenset({"x"})), [a, b]),
            (NodeFilter(tags=frozenset({"x", "y"})), [a]),
            (NodeFilter(tags=frozenset({"y"}), kinds=frozenset({Kind.OPERATION})), [task]),
            (NodeFilter(adjacent=into), [a, b, c]),
            (NodeFilter(adjacent=into, namespace="n1"), [a, b]),
            (NodeFilter(adjacent=into, namespace="n1", tags=frozenset({"y"})), [a]),
            (NodeFilter(text="n1"), [a, b, task]),
            (NodeFilter(text="n1", adjacent=into, tags=frozenset({"y"})), [a]),
        ):
            assert await listed(backend, where) == wanted, where
            page = await backend.find_nodes(where, Order.ID, Page(2, total=True))
            assert (page.total, page.more) == (len(wanted), len(wanted) > 2), where

    async def test_namespaces_are_compared_whole_and_decoded(self, backend: LineageBackend) -> None:
        await backend.apply(Changes(AT, nodes=tuple(NodeChange(dataset("t", name)) for name in (*ODD_NAMES, ""))))
        for name in (*ODD_NAMES, ""):
            assert await listed(backend, NodeFilter(namespace=name)) == [dataset("t", name)]

    async def test_tags_are_compared_whole(self, backend: LineageBackend) -> None:
        tags = ["pii", "pii,eu", "PII", '"pii"', "%", "p_i", "\u00e9", "e\u0301", ""]
        await backend.apply(Changes(AT, nodes=tuple(described(dataset(str(n)), tags=[t]) for n, t in enumerate(tags))))
        for place, tag in enumerate(tags):
            assert await listed(backend, NodeFilter(tags=frozenset({tag}))) == [dataset(str(place))]

    async def test_hidden_nodes_are_not_listed(self, backend: LineageBackend) -> None:
        a, task = dataset("a"), operation("o")
        await backend.apply(stated([reads(a, task)]))
        near = NodeFilter(adjacent=Adjacent(task, EdgeKind.INPUT_TO, Direction.UPSTREAM))
        for hidden in (True, False):
            await backend.apply(Changes(AT, nodes=(NodeChange(a, withdrawn=hidden),)))
            assert await listed(backend, near) == await listed(backend, NodeFilter(text="a")) == [a] * (not hidden)
        await backend.apply(withdrawn([reads(a, task)]))
        assert await listed(backend, near) == []

    async def test_adjacent_goes_one_way_along_one_kind(self, backend: LineageBackend) -> None:
        await backend.apply(stated(shop()))
        for key in shop():
            near = {
                Direction.DOWNSTREAM: sorted(k.target for k in shop() if (k.source, k.kind) == (key.source, key.kind)),
                Direction.UPSTREAM: sorted(k.source for k in shop() if (k.target, k.kind) == (key.target, key.kind)),
            }
            for node_id, direction in ((key.source, Direction.DOWNSTREAM), (key.target, Direction.UPSTREAM)):
                where = NodeFilter(adjacent=Adjacent(node_id, key.kind, direction))
                assert await listed(backend, where) == near[direction]
            assert await listed(backend, NodeFilter(adjacent=Adjacent(key.target, key.kind, Direction.DOWNSTREAM))) == []

    async def test_no_text_matches_all(self, backend: LineageBackend) -> None:
        await backend.apply(stated(shop()))
        every = await listed(backend, NodeFilter())
        assert await listed(backend, NodeFilter(text=""), Order.RELEVANCE, 3) == every
        assert len(every) == 13

    async def test_runs_are_listed_newest_first(self, backend: LineageBackend) -> None:
        ranks = {"b": 5, "a": 5, "c": 9, "d": -1, "e": 2**53, "f": 2**53 + 1, "\uff61": 7, "\U00010000": 7}
        records = tuple(RecordChange(run(name), {}, (JOB, "parent:x"), rank) for name, rank in ranks.items())
        await backend.apply(Changes(AT, records=(*records, RecordChange(run("other"), {}, ("parent:x",), 6))))
        newest = [run(name) for name in sorted(ranks, key=lambda name: (-ranks[name], run(name).encode()))]
        for size in (1, 3, 100):
            assert await listed(backend, NodeFilter(group=JOB), Order.NEWEST, size) == newest
            assert await listed(backend, NodeFilter(group=JOB), Order.ID, size) == sorted(newest)
        page = await backend.find_nodes(NodeFilter(group=JOB), Order.NEWEST, Page(3, total=True))
        assert (page.total, page.more) == (8, True)
        assert await listed(backend, NodeFilter(group=run("a")), Order.NEWEST) == []
        kinds = frozenset({Kind.DATASET})
        assert await listed(backend, NodeFilter(group=JOB, kinds=kinds), Order.NEWEST) == []

    async def test_record_moves_with_its_rank_and_groups(self, backend: LineageBackend) -> None:
        where, other = NodeFilter(group=JOB), NodeFilter(group="other")
        await backend.apply(
            Changes(AT, records=(RecordChange(run("a"), {}, (JOB,), 1), RecordChange(run("b"), {}, (JOB,), 2)))
        )
        assert await listed(backend, where, Order.NEWEST) == [run("b"), run("a")]
        await backend.apply(Changes(AT, records=(RecordChange(run("a"), {}, (JOB, "other"), 3),)))
        assert await listed(backend, where, Order.NEWEST) == [run("a"), run("b")]
        assert await listed(backend, other, Order.NEWEST) == [run("a")]
        await backend.apply(Changes(AT, records=(RecordChange(run("a"), {}, ("other",), 3),)))
        assert await listed(backend, where, Order.NEWEST) == [run("b")]
        await backend.apply(Changes(AT, records=(RecordChange(run("a"), {}),)))
        assert await listed(backend, other, Order.NEWEST) == []

    async def test_page_that_ends_the_list_says_so(self, backend: LineageBackend) -> None:
        await backend.apply(Changes(AT, nodes=tuple(NodeChange(dataset(name)) for name in "abcd")))
        assert not (await backend.find_nodes(NodeFilter(), Order.ID, Page(4))).more
        first = await backend.find_nodes(NodeFilter(), Order.ID, Page(3, total=True))
        assert (first.more, first.total) == (True, 4)
        last = await backend.find_nodes(NodeFilter(), Order.ID, Page(3, through_json(first.cursors[-1]), total=True))
        assert ([node.id for node in last.nodes], last.more, last.total) == ([dataset("d")], False, 4)
        nothing = await backend.find_nodes(NodeFilter(), Order.ID, Page(3, through_json(last.cursors[-1])))
        assert (nothing.nodes, nothing.cursors, nothing.more) == ((), (), False)

    async def test_every_row_has_a_cursor_to_go_on_from(self, backend: LineageBackend) -> None:
        await backend.apply(
            Changes(AT, nodes=tuple(NodeChange(dataset(name)) for name in ("o", "o.o", "ox", "po", "p.ox", "_o_")))
        )
        await backend.apply(Changes(AT, records=tuple(RecordChange(run(str(n)), {}, (JOB,), n // 2) for n in range(7))))
        for where, order in (
            (NodeFilter(), Order.ID),
            (NodeFilter(text="o"), Order.RELEVANCE),
            (NodeFilter(group=JOB), Order.NEWEST),
        ):
            page = await backend.find_nodes(where, order, Page(100))
            assert len(page.nodes) > 3
            for place, cursor in enumerate(page.cursors):
                rest = await backend.find_nodes(where, order, Page(100, through_json(cursor)))
                assert [node.id for node in rest.nodes] == [node.id for node in page.nodes[place + 1 :]]

    async def test_what_no_client_should_send_is_answered(self, backend: LineageBackend) -> None:
        """Halves of surrogates, NUL and nonsense: nothing is found, and no engine's own error comes out."""
        await backend.apply(stated(shop()))
        reference = await copied(backend, MemoryBackend())
        for text in (*NO_IDS, "\ud83e orders", "orders\0", '"' * 50, "(" * 50, "a " * 2000):
            for where in (
                NodeFilter(tags=frozenset({text})),
                NodeFilter(adjacent=Adjacent(text, EdgeKind.INPUT_TO, Direction.DOWNSTREAM)),
                NodeFilter(group=text),
                NodeFilter(namespace=text),
                NodeFilter(text=text),
            ):
                for order in (Order.ID, Order.RELEVANCE):
                    assert await listed(backend, where, order) == await listed(reference, where, order)

    async def test_cursor_of_another_list_is_refused_or_read(self, backend: LineageBackend) -> None:
        """It comes back from a client, so it may be anything that JSON can hold; it is never an engine's own error."""
        await backend.apply(Changes(AT, nodes=(NodeChange(dataset("a")),), records=(RecordChange(run("1"), {}, (JOB,), 1),)))
        for cursor in ODD_CURSORS:
            for where, order in (
                (NodeFilter(), Order.ID),
                (NodeFilter(text="a"), Order.RELEVANCE),
                (NodeFilter(group=JOB), Order.NEWEST),
            ):
                try:
                    page = await backend.find_nodes(where, order, Page(5, cursor))
                except Rejected:
                    continue
                assert len(page.nodes) <= 1

    async def test_rows_are_neither_skipped_nor_repeated_while_others_write(self, backend: LineageBackend) -> None:
        """Rows before the cursor go and come: one that counts rows instead of comparing keys skips or repeats."""
        steady = [dataset(name) for name in "bdfhjln"]
        await backend.apply(Changes(AT, nodes=tuple(map(NodeChange, [*steady, dataset("a"), dataset("c")]))))
        beside = [
            Changes(AT, nodes=(NodeChange(dataset("a"), withdrawn=True), NodeChange(dataset("c"), withdrawn=True))),
            Changes(AT, nodes=tuple(NodeChange(dataset(name)) for name in ("a0", "a1", "a2"))),
            Changes(AT, nodes=(NodeChange(dataset("a"), withdrawn=False), NodeChange(dataset("m")))),
            Changes(AT, nodes=tuple(described(node_id, type="x") for node_id in steady)),
        ]
        seen = await listed(backend, NodeFilter(), Order.ID, 2, beside)
        assert [node_id for node_id in seen if node_id in steady] == steady
        assert len(set(seen)) == len(seen)

    async def test_list_goes_on_where_the_last_row_has_gone(self, backend: LineageBackend) -> None:
        ids = [dataset(name) for name in "abcde"]
        await backend.apply(Changes(AT, nodes=tuple(map(NodeChange, ids))))
        gone = [Changes(AT, nodes=(NodeChange(node_id, withdrawn=True),)) for node_id in ids]
        assert await listed(backend, NodeFilter(), Order.ID, 1, gone) == ids

    async def test_runs_are_neither_skipped_nor_repeated_while_others_start(self, backend: LineageBackend) -> None:
        def started(*ranks: int) -> Changes:
            return Changes(AT, records=tuple(RecordChange(run(f"{rank:03}"), {}, (JOB,), rank) for rank in ranks))

        await backend.apply(started(*range(10)))
        beside = [started(20, 21, 22), started(9, 8), Changes(AT, records=(RecordChange(run("009"), None),)), started(30)]
        found = await listed(backend, NodeFilter(group=JOB), Order.NEWEST, 2, beside)
        assert found == [run(f"{rank:03}") for rank in reversed(range(10))]
