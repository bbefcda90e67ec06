"""The shortest routes by which one thing reaches another, on the folded graph."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.ids import Kind
from backends.model import Subgraph

MAX_EXPANSIONS = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """One folded edge on a route: `kind` is an EdgeKind's code or `fold.FOLDED`, then `via` says what lies between."""

    source: str
    target: str
    kind: int
    via: tuple[str, ...]
    via_count: int


@dataclass(frozen=True, slots=True)
class Route:
    """Shown nodes from source to target and the step into each but the first; `rows` are their rows in the subgraph."""

    ids: tuple[str, ...]
    rows: tuple[int, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Routes:
    """The k shortest, fewest steps first, ties by ids. Not `complete`: the bound on the work was reached before k."""

    routes: tuple[Route, ...]
    complete: bool


def rows_between(subgraph: Subgraph, sources: Sequence[int], targets: Sequence[int]) -> NDArray[np.int32]:
    """The rows on some walk from a source to a target, sorted; empty where there is none."""
    raise NotImplementedError


def shortest_paths(
    subgraph: Subgraph,
    source_row: int | Sequence[int],
    target_row: int | Sequence[int],
    hidden: frozenset[Kind],
    k: int,
    *,
    jobs: bool = False,
    stands_for: dict[str, str] | None = None,
    max_expansions: int = MAX_EXPANSIONS,
) -> Routes:
    """The `k` shortest simple routes. Several source rows (the operations of a job) count as one node; so do targets."""
    raise NotImplementedError
