"""Any order and any repetition of a stream of events gives the same graph."""

import random

import pytest

from api.writer import Writer, read_through
from backends.errors import Conflict
from backends.memory import MemoryBackend
from ingest.draft import Draft
from ingest.interpret import interpret
from ingest.owners import derive_anew
from ingest.parse import parse_event
from ingest.program import Program, View
from tests.ingest.streams import stream
from tests.ingest.support import DAY, START, Body, dataset_event, run_event, seen, symlinks, taken


@pytest.mark.parametrize("seed", range(150))
async def test_order_and_repetition_do_not_matter(seed: int) -> None:
    chance = random.Random(seed)
    events = stream(chance, chance.randrange(2, 18))
    shuffled = events + chance.sample(events, len(events) // 2)
    chance.shuffle(shuffled)
    assert seen(await taken(events)) == seen(await taken(shuffled))


async def take_together(backend: MemoryBackend, events: list[Body], chance: random.Random) -> None:
    """Takes events as writers in several processes do: all of them are decided on what was there before, and applied one
    after the other; those that conflict are decided anew."""
    group = list(events)
    while group:
        decided = [(e, await read_through(backend, interpret(parse_event(e), START + 300 * DAY))) for e in group]
        chance.shuffle(decided)
        group = []
        for event, changes in decided:
            try:
                await backend.apply(changes)
            except Conflict:
                group.append(event)


@pytest.mark.parametrize("seed", range(150))
async def test_events_decided_at_one_moment_come_to_what_they_come_to_one_by_one(seed: int) -> None:
    chance = random.Random(20_000 + seed)
    events = stream(chance, chance.randrange(2, 12))
    backend, left = MemoryBackend(), list(events)
    while left:
        size = chance.randrange(2, 5)
        await take_together(backend, left[:size], chance)
        left = left[size:]
    assert seen(backend) == seen(await taken(events))


def described(minute: float, text: str | None) -> Body:
    return dataset_event(minute, "a", {"schema": {"fields": [{"name": "f", "type": "int", "description": text}]}})


DROP = {"lifecycleStateChange": {"lifecycleStateChange": "DROP"}}


def first_named_while(other: Body) -> list[Body]:
    return [run_event(0, "COMPLETE", "j", 1, ["b"], ["x"]), run_event(1, "COMPLETE", "k", 2, ["b"], ["y"]), other]


MET = {
    "a job names a dataset that gets another name": first_named_while(dataset_event(2, "a", symlinks("b"))),
    "a job names a dataset that goes": first_named_while(dataset_event(2, "b", DROP)),
    "a schema is said again while another is said": [described(0, "one"), described(2, "one"), described(1, "two")],
}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", MET)
async def test_what_is_decided_by_what_was_not_there_is_decided_anew(name: str, seed: int) -> None:
    events = MET[name]
    backend = await taken(events[:1])
    await take_together(backend, events[1:], random.Random(seed))
    assert seen(backend) == seen(await taken(events))


@pytest.mark.parametrize("seed", range(40))
async def test_what_was_derived_step_by_step_is_what_would_be_derived_at_once(seed: int) -> None:
    chance = random.Random(10_000 + seed)
    backend = await taken(stream(chance, 20))
    before, edges = seen(backend), backend.epochs[-1]

    def program() -> Program[Draft]:
        view, draft = View(), Draft(START)
        for record in [name for name in backend.records if name.startswith("state:")]:
            yield from derive_anew(view, draft, record.removeprefix("state:"), {})
        return draft

    draft = await read_through(backend, program())
    assert await backend.apply(draft.changes()) == edges, "nothing came or went"
    assert seen(backend) == before


async def test_an_event_twice_in_a_row_changes_no_record_of_the_log() -> None:
    chance = random.Random(7)
    backend = MemoryBackend()
    writer = Writer(backend)
    for event in stream(chance, 60):
        first = await writer.ingest(event)
        assert await writer.ingest(event) == first
