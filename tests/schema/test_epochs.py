"""All that one request shows is of one moment of the topology, or the answer says that it is not."""

from collections.abc import Awaitable, Callable, Sequence

from backends.changes import Changes, NodeChange
from backends.memory import MemoryBackend
from backends.model import Capabilities, EdgeKey, Records, Subgraph, Traversal
from schema.context import Costs
from tests.schema.graphs import node, short
from tests.schema.world import DAY, World

TWO_TURNS = """{ dataset(namespace: "n", name: "b") { upstream { nodes { id downstream { nodes { id } answer { epoch } } }
  answer { complete incompleteCode epoch } } } }"""


class Moving(MemoryBackend):
    """Someone writes after each traversal."""

    def __init__(self) -> None:
        super().__init__()
        self.after: Callable[[int], Awaitable[object]] | None = None
        self.traversals = 0

    async def traverse(self, traversal: Traversal) -> Subgraph:
        found = await super().traverse(traversal)
        self.traversals += 1
        if self.after is not None:
            await self.after(self.traversals)
        return found


async def moving(*lines: str) -> tuple[World, Moving]:
    backend = Moving()
    return await World(backend).lines(*lines), backend


async def test_a_change_elsewhere_is_proved_harmless_and_costs_one_look() -> None:
    world, backend = await moving("a *1 b", "x *2 y")

    async def after(number: int) -> None:
        await world.lines(f"x *more{number} z{number}")

    backend.after = after
    data = await world.ask(TWO_TURNS)
    answer = data["dataset"]["upstream"]["answer"]
    assert answer["complete"]
    assert data["dataset"]["upstream"]["nodes"][0]["downstream"]["answer"]["epoch"] == answer["epoch"]
    assert backend.traversals == 2
    assert world.backend.counts() == {"get": 1, "traverse": 2, "changes_since": 1}


async def test_a_change_that_touches_the_answer_is_read_again() -> None:
    world, backend = await moving("a *1 b")

    async def after(number: int) -> None:
        if number == 1:
            await world.lines("a *2 c", "z *3 a *4 b")

    backend.after = after
    data = await world.ask(TWO_TURNS)
    answer = data["dataset"]["upstream"]["answer"]
    assert answer["complete"]
    (parent,) = data["dataset"]["upstream"]["nodes"]
    assert [short(each["id"]) for each in parent["downstream"]["nodes"]] == ["b", "c"]
    assert answer["epoch"] == str((await backend.changes_since(None)).epoch)
    assert backend.traversals == 4


async def test_an_answer_that_never_settles_says_so() -> None:
    world, backend = await moving("a *1 b")
    world.costs = Costs(attempts=3)

    async def after(number: int) -> None:
        await world.lines(f"a *new{number} c{number}", f"a *more{number} b")

    backend.after = after
    data = await world.ask(TWO_TURNS)
    answer = data["dataset"]["upstream"]["answer"]
    assert (answer["complete"], answer["incompleteCode"]) == (False, "EPOCHS_DIFFER")
    assert backend.traversals == 2 * 3


async def test_a_root_that_goes_while_it_is_looked_up_is_unknown() -> None:
    looked = 0

    class Vanishing(MemoryBackend):
        async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
            nonlocal looked
            looked += 1
            found = await super().get(ids, edges, facets=facets)
            await self.apply(Changes(DAY, (NodeChange(node("a"), deleted_at=9 * DAY),)))
            return found

    world = await World(Vanishing()).lines("a *1 b")
    assert await world.code('{ lineage(of: ["dataset:n#a"]) { answer { total } } }') == "NOT_FOUND"
    assert looked == 2


async def test_expansions_count_too() -> None:
    """A job that gets another operation between its look-up and its traversal."""
    world, backend = await moving("a *j.1 b")

    async def after(number: int) -> None:
        if number == 1:
            await world.lines("c *j.2 d")

    backend.after = after
    data = await world.ask(
        '{ lineage(of: ["job:n#j"], direction: DOWNSTREAM) { nodes { entity { id } } answer { complete } } }'
    )
    assert {short(each["entity"]["id"]) for each in data["lineage"]["nodes"]} == {"J:j", "b", "d"}
    assert data["lineage"]["answer"]["complete"]


async def test_a_store_without_snapshots_is_asked_again_what_changed() -> None:
    class Torn(Moving):
        @property
        def capabilities(self) -> Capabilities:
            return Capabilities(name="torn", snapshot_reads=False)

    backend = Torn()
    world = await World(backend).lines("a *1 b")
    query = '{ dataset(namespace: "n", name: "a") { downstream { nodes { id } answer { complete sources } } } }'

    async def after(number: int) -> None:
        if number == 1:
            await world.lines("a *2 c")

    backend.after = after
    data = await world.ask(query)
    assert [short(each["id"]) for each in data["dataset"]["downstream"]["nodes"]] == ["b", "c"]
    assert data["dataset"]["downstream"]["answer"] == {"complete": True, "sources": ["torn"]}
    assert world.backend.counts() == {"get": 2, "traverse": 2, "changes_since": 2}
