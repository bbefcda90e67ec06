"""Going on from an epoch: what is told, and where it cannot be."""

from backends.changes import Changes, NodeChange
from backends.indexed import IndexedBackend
from backends.memory import MemoryBackend
from cache.backend import CachedBackend
from cache.memory import MemoryStore
from tests.schema.graphs import node
from tests.schema.live.client import LINEAGE, Known
from tests.schema.live.moody import drop, following
from tests.schema.world import DAY


async def test_an_epoch_of_another_process_is_gone_on_from_though_it_is_newer_than_what_was_read_here() -> None:
    async with following("a *1 b", pause=60.0) as (world, live, follow):
        await follow("a")
        await world.lines("b *2 c")
        known = Known.of((await world.ask(LINEAGE, of=[node("a")], direction="BOTH"))["lineage"])
        it = await follow("a", since=known.epoch, known=known)
        assert (it.told, it.error, it.known.nodes) == (1, "", {node(each) for each in "abc"})
        assert live.drawn == 2


async def test_to_go_on_takes_whole_ids() -> None:
    async with following("a *1 b") as (world, _, follow):
        await world.say("dataset:default#other", alias_of=node("a"))
        epoch = str((await world.store.changes_since(None)).epoch)
        assert (await follow("a", of=["dataset:default#other"])).error == ""
        assert (await follow("a", of=["dataset:default#other"], since=epoch)).error == "BAD_INPUT"
        assert (await follow("a", since=epoch)).error == ""


async def test_what_did_not_stand_at_an_epoch_cannot_be_gone_on_with_from_there() -> None:
    async with following("a *1 b") as (world, _, follow):
        epoch = str((await world.store.changes_since(None)).epoch)
        await world.lines("b *2 c")
        assert (await follow("c", since=epoch)).error == "GONE"


async def test_what_was_nearer_by_a_way_that_is_found_later_was_within_reach() -> None:
    """Of then: f is four steps away along e, three along c, which is only seen once c was traversed from; g is behind f."""
    async with following("t/r t/a t/b t/e t/f t/g", "t/r t/c t/d t/f") as (world, _, follow):
        columns = {"kinds": ["COLUMN"], "depth": 4, "direction": "DOWNSTREAM"}
        known = Known.of((await world.ask(LINEAGE, of=[node("t/r")], **columns))["lineage"])
        assert len(known.nodes) == 8
        await drop(world, "t/e t/f", "t/r t/c", "t/d t/f")
        it = await follow("t/r", since=known.epoch, known=known, **columns)
        assert it.known.nodes == {node(f"t/{name}") for name in "rabe"}


async def test_an_operation_without_edges_that_is_gone_stood_for_its_job_then() -> None:
    async with following("a *j.1 b") as (world, _, follow):
        await drop(world, "a *j.1 b")
        known = Known.of((await world.ask(LINEAGE, of=[node("J:j")], direction="BOTH"))["lineage"])
        await world.store.apply(Changes(DAY, (NodeChange(node("*j.1"), withdrawn=True),)))
        it = await follow("J:j", since=known.epoch, known=known)
        assert (it.error, it.known.nodes) == ("", {node("J:j")})


async def test_names_that_an_index_has_not_read_yet_are_found() -> None:
    """The cache repairs its answers from the log and asks no index, which reads on by itself once a second."""
    backend = CachedBackend(IndexedBackend(MemoryBackend()), MemoryStore(1 << 20))
    async with backend, following("a *1 b", backend=backend) as (world, _, follow):
        question = {"of": [node("a")], "direction": "BOTH"}
        await world.ask(LINEAGE, **question)
        await world.lines("b *2 c")
        known = Known.of((await world.ask(LINEAGE, **question))["lineage"])
        assert node("c") in known.nodes
        await drop(world, "b *2")
        it = await follow("a", since=known.epoch, known=known)
        assert (it.error, it.known.nodes) == ("", {node("a"), node("b")})


async def test_an_epoch_too_long_ago_is_gone_and_names_that_nobody_has_are() -> None:
    async with following("a *1 b", rows=5) as (world, _, follow):
        known = Known.of((await world.ask(LINEAGE, of=[node("a")], direction="BOTH"))["lineage"])
        await world.lines("x *2 y *3 z")
        assert (await follow("a", since=known.epoch, known=known)).error == "GONE"
    async with following("a *1 b", backend=MemoryBackend()) as (world, _, follow):
        known = Known.of((await world.ask(LINEAGE, of=[node("a")], direction="BOTH"))["lineage"])
        await drop(world, "a *1")
        assert (await follow("a", since=known.epoch, known=known)).error == "GONE"
