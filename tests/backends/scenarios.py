"""Inputs that others wrote (../shared/data), taken into a store and into the reference: both must hold the same then."""

import pytest

from api.copying import digest
from api.writer import Writer
from backends.base import LineageBackend
from backends.changes import NodeFilter
from backends.ids import Kind
from backends.memory import MemoryBackend
from backends.model import Direction, Traversal
from backends.testing.following import Follower
from backends.testing.reading import answer, listed, topology
from ingest.decode import decode
from ingest.errors import BadEvent
from tests.ingest.support import DAY, START
from tests.ingest.test_scenarios import DATA, SCENARIOS, bodies

here = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not beside this checkout")
each_scenario = pytest.mark.parametrize("scenario", SCENARIOS)
ROOTS = 12
"""Traversals are asked from so many datasets and columns of a scenario."""


async def assert_same_as_the_reference(backend: LineageBackend, scenario: str) -> None:
    """Takes all events of a scenario in order: nodes, edges, evidence and records are those of the reference, the log tells
    of the topology, and closures are equal, depth for depth and edge for edge. The store is empty at first."""
    reference, follower = MemoryBackend(), await Follower.of(backend)
    writers = [Writer(store, clock=lambda: START + 300 * DAY) for store in (backend, reference)]
    for event in map(decode, bodies(scenario)):
        for writer in writers:
            try:
                await writer.ingest(event)
            except BadEvent:
                continue
    held, wanted = [await digest(store, lambda _: None) for store in (backend, reference)]
    assert not wanted.differences(held)
    await follower.follow(backend)
    assert follower.topology == await topology(backend)
    for kind in (Kind.DATASET, Kind.COLUMN):
        roots = await listed(reference, NodeFilter(kinds=frozenset({kind})))
        for root in roots[:: len(roots) // ROOTS + 1]:
            question = Traversal({root: 0}, Direction.BOTH)
            assert answer(await backend.traverse(question)).said == answer(await reference.traverse(question)).said
