"""Following: what is shared, what is bounded, what ends it, and what does not."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, LogOp, LogPage, LogRow, NodeChange
from backends.errors import Unavailable
from backends.memory import MemoryBackend
from backends.model import Capabilities, EdgeKind, Epoch, Subgraph, Traversal
from schema.context import Costs
from schema.errors import ApiError
from schema.live.hub import Bounds, Live
from schema.live.picture import Delta, Question
from schema.live.queue import Queue
from schema.service import LineageSchema
from tests.schema.graphs import chains, node
from tests.schema.live.client import CHANGED, LINEAGE, PATIENCE, Follower, Known
from tests.schema.live.test_random import Named
from tests.schema.world import DAY, World


class Moody(Named):
    """Fails, looks elsewhere or lags where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = 0
        self.looks = self.traversals = 0
        self.announced: tuple[LogRow, ...] = ()
        self.is_torn = False
        self.after: Callable[[], Awaitable[object]] | None = None
        """Called once, after the next traversal."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(name="moody", snapshot_reads=not self.is_torn, atomic_writes=not self.is_torn)

    def _fail(self) -> None:
        if self.fails:
            self.fails -= 1
            raise Unavailable("out")

    async def traverse(self, traversal: Traversal) -> Subgraph:
        self._fail()
        self.traversals += 1
        found = await super().traverse(traversal)
        after, self.after = self.after, None
        if after is not None:
            await after()
        return found

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        self._fail()
        self.looks += 1
        page = await super().changes_since(epoch)
        return LogPage(page.epoch, page.rows, known=page.known, watermark=page.watermark, open=self.announced)


@asynccontextmanager
async def following(
    *lines: str, backend: LineageBackend | None = None, **bounds: Any
) -> AsyncIterator[tuple[World, Live, Callable[..., Any]]]:
    """A world, who follows it, and what begins to follow lineage in it and waits until it is told where it begins."""
    world = await World(backend or Named()).lines(*lines)
    followers: list[Follower] = []
    async with Live(world.store, Costs(), Bounds(**{"pause": 0.01, **bounds})) as live:

        async def follow(*words: str, since: str | None = None, known: Known | None = None, **variables: Any) -> Follower:
            said = {"of": [node(word) for word in words], "direction": "BOTH", **variables}
            if known is None:
                data, errors = await world.result(LINEAGE, **said)
                known = Known() if errors else Known.of(data["lineage"])
            followers.append(Follower(world, live, said, known, since))
            await followers[-1].begun()
            return followers[-1]

        yield world, live, follow
        for each in followers:
            await each.end()


async def drop(world: World, *lines: str) -> None:
    """Nobody states these edges any more."""
    edges = tuple(EdgeChange(key, drop=frozenset({"t"})) for key in chains(*lines))
    await world.store.apply(Changes(DAY, edges=edges))


async def settled(live: Live) -> None:
    """Waits until what was written is looked at."""
    live.wake()
    await live._look()
    deadline = time.monotonic() + PATIENCE
    while any(watch.drawing is not None for watch in live._watches.values()):
        await asyncio.sleep(0.001)
        assert time.monotonic() < deadline


async def test_the_first_answer_is_where_it_begins_and_then_what_comes_and_goes() -> None:
    async with following("a *1 b") as (world, live, follow):
        it = await follow("a")
        assert (it.told, it.known.nodes) == (1, {node("a"), node("b")})
        assert it.known.epoch == str((await world.store.changes_since(None)).epoch)
        await world.lines("b *2 c")
        live.wake()
        await it.until(lambda it: node("c") in it.known.nodes)
        await drop(world, "a *1")
        live.wake()
        await it.until(lambda it: it.known.nodes == {node("a")} and not it.known.edges)


async def test_what_another_process_writes_is_seen_without_being_woken() -> None:
    async with following("a *1 b") as (world, _, follow):
        it = await follow("a")
        await world.lines("b *2 c")
        await it.until(lambda it: node("c") in it.known.nodes)


async def test_a_change_elsewhere_draws_nothing_and_those_who_ask_alike_share_a_picture() -> None:
    async with following("a *1 b", "x *2 y") as (world, live, follow):
        one, two = await follow("a"), await follow("a")
        assert (live.subscriptions, live.questions, live.drawn) == (2, 1, 1)
        await world.lines("x *3 z")
        await settled(live)
        assert live.drawn == 1
        await world.lines("b *4 c")
        await settled(live)
        for it in (one, two):
            await it.until(lambda it: node("c") in it.known.nodes)
        assert live.drawn == 2


async def test_an_edge_that_lies_through_other_things_goes_and_comes() -> None:
    async with following("a *1 b") as (world, live, follow):
        it = await follow("a")
        (edge,) = it.known.edges.values()
        await world.lines("a *2 b")
        live.wake()
        await it.until(lambda it: it.told == 2)
        (again,) = it.known.edges.values()
        assert (again["id"], edge["viaCount"], again["viaCount"]) == (edge["id"], 1, 2)


async def test_nothing_is_read_while_nobody_follows() -> None:
    backend = Moody()
    async with following("a *1 b", backend=backend) as (_, live, follow):
        assert live._following is None
        it = await follow("a")
        await it.end()
        assert (live.subscriptions, live.questions, live.followed) == (0, 0, 0)
        assert live._following is None
        looks = backend.looks
        await asyncio.sleep(0.1)
        assert backend.looks == looks


async def test_what_is_followed_ends_with_what_was_asked_about() -> None:
    async with following("a *1 b", "x *2 y") as (world, live, follow):
        it, other = await follow("a"), await follow("x")
        await world.store.apply(Changes(DAY, (NodeChange(node("a"), deleted_at=9 * DAY),)))
        live.wake()
        await it.until(lambda it: it.error == "NOT_FOUND")
        await world.store.apply(Changes(DAY, (NodeChange(node("x"), alias_of=node("b")),)))
        live.wake()
        await other.until(lambda it: it.error == "GONE")
        assert live.questions == 0


async def test_what_cannot_be_followed_is_said_at_once() -> None:
    async with following("a *j.1 b", "m *2 n", followed=30) as (world, _, follow):
        await world.run("R1", node("J:j"), 1)
        assert (await follow("nowhere")).error == "NOT_FOUND"
        assert (await follow("a", of=["run:R1"])).error == "BAD_INPUT"
        assert (await follow("a", depth=-1)).error == "BAD_INPUT"
        assert (await follow("a", since="yesterday")).error == "BAD_INPUT"
        assert (await follow("a", since="1-0123456789abcdef")).error == "GONE"
        await world.lines("a *3 b *4 c *5 d *6 e")
        assert (await follow("a")).error == "TOO_COSTLY"


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


async def test_an_epoch_too_long_ago_is_gone_and_names_that_nobody_has_are() -> None:
    async with following("a *1 b", rows=5) as (world, _, follow):
        known = Known.of((await world.ask(LINEAGE, of=[node("a")], direction="BOTH"))["lineage"])
        await world.lines("x *2 y *3 z")
        assert (await follow("a", since=known.epoch, known=known)).error == "GONE"
    async with following("a *1 b", backend=MemoryBackend()) as (world, _, follow):
        known = Known.of((await world.ask(LINEAGE, of=[node("a")], direction="BOTH"))["lineage"])
        await drop(world, "a *1")
        assert (await follow("a", since=known.epoch, known=known)).error == "GONE"


async def test_who_was_told_nothing_for_long_is_told_where_the_log_is() -> None:
    async with following("a *1 b", rows=20) as (world, live, follow):
        it = await follow("a")
        for number in range(4):
            await world.lines(f"x{number} *x{number} y{number}")
            await settled(live)
        await it.until(lambda it: it.told > 1)
        assert live.drawn == 1
        assert int(it.known.epoch.split("-")[0]) > 10


async def test_more_than_may_be_open_is_refused_and_what_is_open_goes_on() -> None:
    async with following("a *1 b", "x *2 y", subscriptions=1) as (world, live, follow):
        it = await follow("a")
        assert (await follow("x")).error == "UNAVAILABLE"
        await world.lines("b *3 c")
        live.wake()
        await it.until(lambda it: node("c") in it.known.nodes)
        await it.end()
        assert (await follow("x")).error == ""


async def test_all_pictures_together_are_bounded() -> None:
    async with following("a *1 b", "x *2 y", followed=40) as (_, live, follow):
        assert live.bounds.followed == 40
        it = await follow("a")
        live.followed += 36
        assert (await follow("x")).error == "UNAVAILABLE"
        live.followed -= 36
        assert it.error == ""
        assert (await follow("x")).error == ""
        assert live.followed == 6


async def test_a_slow_reader_is_told_and_cut() -> None:
    async with following("a *1 b", queued=3) as (world, live, _):
        deltas = live.follow(Question((node("a"),)), None)
        await anext(deltas)
        for number in range(4):
            await world.lines(f"b *x{number} c{number}")
            await settled(live)
        with pytest.raises(ApiError) as told:
            await anext(deltas)
        assert told.value.code == "TOO_SLOW"
        assert (live.subscriptions, live.cut) == (0, 1)


async def test_a_delta_larger_than_the_queue_is_told_alone() -> None:
    queue = Queue(1, Epoch(0, 0))
    queue.put(Delta(Epoch(1, 0), nodes_added=("a", "b", "c")))
    assert (await queue.get()).nodes_added == ("a", "b", "c")
    queue.put(Delta(Epoch(2, 0), nodes_removed=("a", "b", "c")))
    queue.put(Delta(Epoch(3, 0)))
    with pytest.raises(ApiError):
        await queue.get()


@pytest.mark.parametrize("is_first", [True, False])
async def test_what_is_written_while_a_picture_is_drawn_is_told_too(is_first: bool) -> None:
    backend = Moody()
    async with following("a *1 b", backend=backend, pause=60.0) as (world, live, follow):

        async def write() -> None:
            await world.lines("b *late c")
            await live._look()  # the log is past it before the picture is there

        if is_first:
            backend.after = write
            known = Known()
            known.nodes = {node("a"), node("b")}
            it = Follower(world, live, {"of": [node("a")], "direction": "BOTH"}, known)
        else:
            it = await follow("a")
            backend.after = write
            await world.lines("a *2 d")
            live.wake()
        await it.until(lambda it: node("c") in it.known.nodes)
        await it.end()


async def test_a_store_that_fails_for_a_while_is_asked_again() -> None:
    backend = Moody()
    async with following("a *1 b", backend=backend) as (world, live, follow):
        it = await follow("a")
        await world.lines("b *2 c")
        backend.fails = 5
        live.wake()
        await it.until(lambda it: node("c") in it.known.nodes)
        assert (backend.fails, it.error) == (0, "")


async def test_a_store_that_fails_at_the_beginning_is_told() -> None:
    backend = Moody()
    async with following("a *1 b", backend=backend) as (world, live, _):
        question = {"of": [node("a")], "direction": "BOTH"}
        backend.fails = 1
        it = Follower(world, live, question, Known())
        await it.begun()
        assert it.error == "UNAVAILABLE"
        await it.end()
        assert live.subscriptions == 0


async def test_another_history_ends_all_that_is_followed() -> None:
    backend = Named()
    async with following("a *1 b", backend=backend) as (_, live, follow):
        it = await follow("a")
        backend.epochs[:] = [Epoch(0, 7)]
        backend.log.clear()
        live.wake()
        await it.until(lambda it: it.error == "GONE")
        again = await follow("a", known=Known())
        assert (again.told, again.error) == (1, "")


async def test_what_is_written_in_parts_is_not_told_before_it_is_whole() -> None:
    backend = Moody()
    async with following("a *1 b", backend=backend) as (world, live, follow):
        backend.is_torn = True
        it = await follow("a")
        number = backend.rows[node("a")].number
        backend.announced = (LogRow(0, LogOp.EDGE_CAME, EdgeKind.INPUT_TO.code, number, 99),)
        await world.lines("a *2 c")
        live.wake()
        deadline = time.monotonic() + PATIENCE
        traversals = backend.traversals
        while backend.traversals < traversals + 3:  # it is drawn again and again
            await asyncio.sleep(0.01)
            assert time.monotonic() < deadline
        assert it.told == 1
        backend.announced = ()
        await it.until(lambda it: node("c") in it.known.nodes)


async def test_the_end_of_the_service_ends_what_is_followed() -> None:
    world = await World(Named()).lines("a *1 b")
    async with Live(world.store, Costs()) as live:
        it = Follower(world, live, {"of": [node("a")], "direction": "BOTH"}, Known())
        await it.begun()
    await it.until(lambda it: it.error == "UNAVAILABLE")
    await it.end()


async def test_graphql_core_tells_the_same() -> None:
    async with following("a *1 b") as (world, live, follow):
        world.schema = LineageSchema(compiled=False)
        it = await follow("a")
        await world.lines("b *2 c")
        live.wake()
        await it.until(lambda it: node("c") in it.known.nodes)
        assert len(it.known.edges) == 2


async def test_evidence_of_what_came_is_told_and_documents_are_guarded() -> None:
    evidence = 'subscription { lineageChanged(of: ["dataset:n#a"]) { edgesAdded { evidence { runs origin } } } }'
    async with following("a *1 b") as (world, live, _):
        context = world.context()
        context.live = live
        answers = world.schema.answers(evidence, None, context, None)
        assert (await anext(answers)).data == {"lineageChanged": {"edgesAdded": []}}
        await world.lines("b *2 c")
        live.wake()
        told = await anext(answers)
        assert told.data == {"lineageChanged": {"edgesAdded": [{"evidence": {"runs": 2, "origin": "run event"}}]}}
        await answers.aclose()
        deep = "subscription { lineageChanged(of: []) { " + " ".join(f"a{i}: epoch" for i in range(40)) + " } }"
        two = "subscription { a: lineageChanged(of: []) { epoch } b: lineageChanged(of: []) { epoch } }"
        for text, code in ((deep, "TOO_COSTLY"), (two, "BAD_INPUT"), ("{", "BAD_INPUT"), (CHANGED, "BAD_INPUT")):
            (answer,) = [each async for each in world.schema.answers(text, None, context, None)]
            assert next((error.extensions or {})["code"] for error in answer.errors or ()) == code, text
        assert live.subscriptions == 0
