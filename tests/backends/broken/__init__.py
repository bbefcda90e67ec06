"""Broken copies of the reference, each with one defect of a kind that stores really have. The suite must catch them all."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from backends.memory import MemoryBackend


class Defect(NamedTuple):
    """A broken copy, the named test that must catch it, and why random cases cannot, if they cannot."""

    broken: type[MemoryBackend]
    caught_by: str
    blind: str


DEFECTS: list[Defect] = []
Broken = TypeVar("Broken", bound=type[MemoryBackend])


def caught_by(test: str, *, blind: str = "") -> Callable[[Broken], Broken]:
    """Enters a broken copy into the list."""

    def enter(broken: Broken) -> Broken:
        DEFECTS.append(Defect(broken, test, blind))
        return broken

    return enter
