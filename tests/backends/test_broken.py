"""The suite bites: it catches every broken copy of the reference, by the named test that is there for it and, where
they can see it, by random cases too."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import product
from typing import Any

import pytest

from backends.errors import BackendError
from backends.memory import MemoryBackend
from backends.testing import BackendContract
from tests.backends.broken import DEFECTS, Defect

for name in ("answers", "writes", "edges", "logs", "lists"):
    import_module(f"tests.backends.broken.{name}")

SEEDS = range(60)
SEEN = [defect for defect in DEFECTS if not defect.blind]


def each(defects: list[Defect]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("defect", defects, ids=[defect.broken.__name__ for defect in defects])


def named_in_the_suite(*, seeded: bool) -> list[str]:
    """Names of the suite's tests: those that take a seed, or those that do not."""
    methods = inspect.getmembers(BackendContract, inspect.isfunction)
    names = [name for name, method in methods if name.startswith("test_")]
    return [name for name in names if ("seed" in inspect.signature(getattr(BackendContract, name)).parameters) is seeded]


def calls(test: str) -> Iterator[dict[str, Any]]:
    """The arguments of a test beside the backend, as its own parametrize marks say."""
    marks = [mark.args for mark in getattr(getattr(BackendContract, test), "pytestmark", [])]
    for values in product(*(options for _, options in marks)):
        yield {argument: value for (argument, _), value in zip(marks, values, strict=True)}


async def fails(make: Callable[[], MemoryBackend], test: str, arguments: dict[str, Any]) -> bool:
    """Whether a test of the suite fails on a store. A copy that breaks by a slip of its own raises here."""
    try:
        async with make() as backend:
            await asyncio.wait_for(getattr(BackendContract(), test)(backend=backend, **arguments), 300)
    except (AssertionError, BackendError, pytest.fail.Exception):
        return True
    return False


async def test_the_reference_itself_passes() -> None:
    """Else the other tests here would prove nothing."""
    names = named_in_the_suite(seeded=False)
    assert len(names) > 130
    assert [name for name in names for given in calls(name) if await fails(MemoryBackend, name, given)] == []


def test_the_copies_are_many_and_each_is_its_own() -> None:
    assert len({defect.broken for defect in DEFECTS}) == len(DEFECTS) > 100


@each(DEFECTS)
async def test_named_test_catches(defect: Defect) -> None:
    assert any([await fails(defect.broken, defect.caught_by, given) for given in calls(defect.caught_by)])


@each(SEEN)
async def test_random_cases_catch(defect: Defect) -> None:
    for seed in SEEDS:
        for test in named_in_the_suite(seeded=True):
            if await fails(defect.broken, test, {"seed": seed}):
                return
    pytest.fail(f"{len(SEEDS)} random cases did not see it")
