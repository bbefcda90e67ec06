"""Following: what is shared, what is bounded, what ends it, and what does not."""

import asyncio
import time

import pytest

from backends.changes import Changes, LogOp, LogRow, NodeChange
from backends.model import EdgeKind, Epoch
from schema.context import Costs
from schema.errors import ApiError
from schema.live.hub import Live
from schema.live.picture import Delta, Question
from schema.live.queue import Queue
from schema.service import LineageSchema
from tests.schema.graphs import node
from tests.schema.live.client import CHANGED, PATIENCE, Follower, Known, seq_of
from tests.schema.live.moody import Moody, drop, following, settled
from tests.schema.live.test_random import Named
from tests.schema.world import DAY, World


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
        assert (await follow("a", kinds=["RUN"])).error == "BAD_INPUT"
        assert (await follow("a", since="yesterday")).error == "BAD_INPUT"
        assert (await follow("a", since="1-0123456789abcdef")).error == "GONE"
        await world.lines("a *3 b *4 c *5 d *6 e")
        assert (await follow("a")).error == "TOO_COSTLY"


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
        written: list[int] = []

        async def write() -> None:
            await world.lines("b *late c")
            await live._look()  # the log is past it before the picture is there
            assert live._epoch is not None
            written.append(live._epoch.seq)

        def is_told(it: Follower) -> bool:
            """Or it begins after that, where the second picture was there before anybody looked at the first."""
            return node("c") in it.known.nodes or (is_first and it.told == 1 and seq_of(it.known.epoch) >= written[0])

        def is_drawn() -> bool:
            (watch,) = live._watches.values()
            return watch.picture is not None and node("c") in watch.picture.nodes

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
        await it.until(lambda it: it.told > 0 and bool(written) and is_drawn() and is_told(it))
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
