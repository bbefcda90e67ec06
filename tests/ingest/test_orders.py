"""Any order and any repetition of a stream of events gives the same graph."""

import random

import pytest

from api.writer import Writer, read_through
from backends.memory import MemoryBackend
from ingest.draft import Draft
from ingest.owners import derive_anew
from ingest.program import Program, View
from tests.ingest.streams import stream
from tests.ingest.support import START, seen, taken


@pytest.mark.parametrize("seed", range(150))
async def test_order_and_repetition_do_not_matter(seed: int) -> None:
    chance = random.Random(seed)
    events = stream(chance, chance.randrange(2, 18))
    shuffled = events + chance.sample(events, len(events) // 2)
    chance.shuffle(shuffled)
    assert seen(await taken(events)) == seen(await taken(shuffled))


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
