"""Names: several ids of one node, joined and parted, and decisions that hang on what a name stands for."""

import pytest

from backends.base import LineageBackend
from backends.changes import Changes, LogOp, NodeChange, NodeFilter, RecordChange, Resolution
from backends.errors import Conflict
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import Stamped
from backends.testing.following import Came, Follower, sorted_rows
from backends.testing.graphs import AT, change, dataset, operation, reads, stated
from backends.testing.reading import BOTH, DOWNSTREAM, UPSTREAM, ask, copied, listed, node_of, node_view, topology

A, B, C, TASK = dataset("a"), dataset("b"), dataset("c"), operation("o")
PROBE = make_id(Kind.STATE, "probe")


async def resolution(backend: LineageBackend, name: str) -> Resolution:
    """What a name stands for, as a writer reads it."""
    node = (await backend.get([name])).nodes[0]
    return Resolution(node.id, node.deleted_at) if node else Resolution(name, None)


class NameContract:
    """Aliases and resolutions."""

    async def test_other_name_gives_the_node(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(A), NodeChange(B, alias_of=A), NodeChange(C, alias_of=A)))
        nodes = (await backend.get([B, A, C])).nodes
        assert [(node.id, node.aliases) if node else None for node in nodes] == [(A, (B, C))] * 3
        assert len({node.number for node in nodes if node}) == 1
        assert set((await topology(backend)).ids.values()) == {A}
        assert await listed(backend, NodeFilter()) == [A]

    async def test_attributes_in_force_are_the_latest_of_all_names(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(A, {"type": Stamped(5, "a"), "location": Stamped(1, "a")}, (5, 6))))
        await backend.apply(change(NodeChange(B, {"type": Stamped(4, "b"), "location": Stamped(2, "b")}, (2, 4))))
        await backend.apply(change(NodeChange(C, {"type": Stamped(5, "c"), "location": Stamped(3, None)}, (9, 9))))
        await backend.apply(change(NodeChange(B, alias_of=A), NodeChange(C, alias_of=A)))
        node = await node_of(backend, A)
        assert dict(node.attributes) == {"type": "c"}
        assert (node.first_seen, node.last_seen) == (2, 9)
        assert {name: dict(said) for name, said in node.members.items()} == {
            A: {"type": Stamped(5, "a"), "location": Stamped(1, "a")},
            B: {"type": Stamped(4, "b"), "location": Stamped(2, "b")},
            C: {"type": Stamped(5, "c"), "location": Stamped(3, None)},
        }

    async def test_joining_and_parting_are_topology_changes(self, backend: LineageBackend) -> None:
        follower = await Follower.of(backend)
        await backend.apply(stated([reads(A, TASK), reads(B, TASK)]))
        await follower.follow(backend)
        await backend.apply(change(NodeChange(B, alias_of=A)))
        assert await follower.follow(backend) == [Came(LogOp.EDGE_WENT, reads(B, TASK)), Came(LogOp.NODE_WENT, B)]
        assert set((await ask(backend, TASK, UPSTREAM)).nodes) == {A, TASK}
        assert (await ask(backend, B, BOTH)).said == ({}, set(), False), "roots are ids of nodes"
        await backend.apply(change(NodeChange(B, alias_of="")))
        assert await follower.follow(backend) == [Came(LogOp.NODE_CAME, B), Came(LogOp.EDGE_CAME, reads(B, TASK))]
        assert set((await ask(backend, TASK, UPSTREAM)).nodes) == {A, B, TASK}
        assert (await node_of(backend, A)).aliases == ()
        assert (await node_of(backend, B)).id == B

    async def test_class_changes_its_id(self, backend: LineageBackend) -> None:
        """The id of a class is its least; when a lesser name joins, the node goes and comes under that."""
        follower = await Follower.of(backend)
        await backend.apply(stated([reads(B, TASK)], also=[C]))
        await backend.apply(change(NodeChange(C, alias_of=B)))
        await follower.follow(backend)
        moved = stated([reads(A, TASK)])
        joined = (NodeChange(B, alias_of=A), NodeChange(C, alias_of=A))
        await backend.apply(Changes(AT, (*moved.nodes, *joined), moved.edges))
        assert sorted_rows(await follower.follow(backend)) == sorted_rows(
            [
                Came(LogOp.NODE_CAME, A),
                Came(LogOp.EDGE_CAME, reads(A, TASK)),
                Came(LogOp.EDGE_WENT, reads(B, TASK)),
                Came(LogOp.NODE_WENT, B),
            ]
        )
        for name in (A, B, C):
            assert ((await node_of(backend, name)).id, (await node_of(backend, name)).aliases) == (A, (B, C))

    async def test_name_may_be_joined_to_a_node_made_in_the_same_write(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(B, {"type": Stamped(1, "b")}, alias_of=A), NodeChange(A)))
        assert (await node_of(backend, B)).id == A
        assert (await node_of(backend, A)).attributes["type"] == "b"

    async def test_name_joined_to_itself_is_a_node(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(A, alias_of=A)))
        assert ((await node_of(backend, A)).standing, (await node_of(backend, A)).aliases) == (True, ())

    async def test_none_leaves_names_as_they_are(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(A), NodeChange(B, alias_of=A)))
        await backend.apply(change(NodeChange(B, {"type": Stamped(1, "b")}, seen=(1, 1))))
        assert (await node_of(backend, B)).id == A
        assert (await node_of(backend, A)).attributes["type"] == "b"

    async def test_facets_of_other_names_are_left_out_too(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(A), NodeChange(B, {"facet:x": Stamped(1, {})}, alias_of=A)))
        assert dict((await node_of(backend, B)).attributes) == {}
        assert dict((await node_of(backend, B)).members[B]) == {}
        assert dict((await node_of(backend, B, facets=True)).members[B]) == {"facet:x": Stamped(1, {})}

    async def test_hidden_node_is_given_by_all_its_names(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(A, deleted_at=5), NodeChange(B, alias_of=A, seen=(1, 1))))
        node = await node_of(backend, B)
        assert (node.id, node.standing, node.deleted_at) == (A, False, 5)
        assert (await ask(backend, A, DOWNSTREAM)).said == ({}, set(), False)

    async def test_resolved_holds_for_what_get_gives(self, backend: LineageBackend) -> None:
        """A writer knows of a name what it can read: the id and the deletion of the node it stands for. B was deleted
        under its own name before it was joined, which nobody can see any more."""
        await backend.apply(change(NodeChange(B, deleted_at=4)))
        await backend.apply(change(NodeChange(A, deleted_at=5), NodeChange(B, alias_of=A), NodeChange(C)))
        names = {name: await resolution(backend, name) for name in (A, B, C, dataset("unknown"))}
        assert names == {
            A: Resolution(A, 5),
            B: Resolution(A, 5),
            C: Resolution(C, None),
            dataset("unknown"): Resolution(dataset("unknown"), None),
        }
        await backend.apply(Changes(AT, records=(RecordChange(PROBE, {}),), resolved=names))

    @pytest.mark.parametrize(
        "what",
        [
            NodeChange(B, alias_of=A),
            NodeChange(C, alias_of=""),
            NodeChange(C, alias_of=B),
            NodeChange(A, deleted_at=9),
            NodeChange(B, deleted_at=9),
        ],
        ids=["joined", "parted", "moved", "node deleted", "name deleted"],
    )
    async def test_resolved_no_longer_holds(self, backend: LineageBackend, what: NodeChange) -> None:
        await backend.apply(change(NodeChange(A), NodeChange(B), NodeChange(C, alias_of=A)))
        names = {name: await resolution(backend, name) for name in (A, B, C)}
        await backend.apply(change(what))
        now = {name: await resolution(backend, name) for name in (A, B, C)}
        assert now != names
        for name in names:
            write = Changes(AT, records=(RecordChange(PROBE, {"name": name}),), resolved={name: names[name]})
            if now[name] == names[name]:
                await backend.apply(write)
                continue
            before = (await backend.get([PROBE])).nodes
            with pytest.raises(Conflict):
                await backend.apply(write)
            assert (await backend.get([PROBE])).nodes == before

    async def test_resolved_of_the_unknown_no_longer_holds_once_it_is_joined(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(A)))
        unknown = {B: Resolution(B, None)}
        await backend.apply(Changes(AT, records=(RecordChange(PROBE, {}),), resolved=unknown))
        await backend.apply(change(NodeChange(B)))
        await backend.apply(Changes(AT, records=(RecordChange(PROBE, {}),), resolved=unknown))
        await backend.apply(change(NodeChange(B, alias_of=A)))
        with pytest.raises(Conflict):
            await backend.apply(Changes(AT, resolved=unknown, nodes=(NodeChange(C),)))
        assert (await backend.get([C])).nodes == (None,)

    async def test_names_survive_a_copy(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(C, {"type": Stamped(2, "c")}, alias_of=A), NodeChange(A, deleted_at=3)))
        copy = await copied(backend, MemoryBackend())
        assert node_view(await node_of(copy, C)) == node_view(await node_of(backend, C))
