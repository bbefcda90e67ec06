"""Whatever is asked, and whatever the values are, our executor answers what graphql-core's does."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_graphql import mutations, nodes, queries

from schema.execute.reading import Reason
from tests.schema.execute.both import Both
from tests.schema.execute.wild import Chance, wild

SCHEMA = wild()
SDL = SCHEMA.as_str()
SCALARS: dict[str, Any] = {name: st.just(nodes.String("x")) for name in ("When", "Anything")}
FAULTS = st.sampled_from([0, 0, 0.5, 2, 10])


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    """One for all queries, so that plans are kept and driven out as in a service."""
    made = Both(SCHEMA)
    yield made
    assert len(made.compiled._plans) > 1


@given(text=queries(SDL, custom_scalars=SCALARS), seed=st.integers(0, 50), faults=FAULTS)
def test_queries(runner: asyncio.Runner, both: Both, text: str, seed: int, faults: float) -> None:
    before = len(both.reasons)
    answer = runner.run(both.same(text, Chance(str(seed), faults)))
    assert set(both.reasons[before:]) <= {Reason.ERROR}
    if not answer["errors"] and not faults:
        assert not both.reasons[before:], text


@given(text=mutations(SDL, custom_scalars=SCALARS), seed=st.integers(0, 50), faults=FAULTS)
def test_mutations(runner: asyncio.Runner, both: Both, text: str, seed: int, faults: float) -> None:
    runner.run(both.same(text, Chance(str(seed), faults)))
