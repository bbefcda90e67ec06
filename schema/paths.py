"""The shortest routes by which one thing reaches another, on the folded graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from backends.ids import Kind
from backends.model import Subgraph
from schema.adjacency import Adjacency, Rows, reach
from schema.joins import Step
from schema.routes import RouteFinder
from schema.view import View

MAX_WORK = 2_000_000
"""Rows and edges looked at for one answer; a second or two."""


@dataclass(frozen=True, slots=True)
class Route:
    """Shown nodes from source to target, their `rows` in the subgraph, and the step into each but the first."""

    ids: tuple[str, ...]
    rows: tuple[int, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Routes:
    """The shortest routes in order. Not `complete`: there may be more, the bound on the work was reached before."""

    routes: tuple[Route, ...]
    complete: bool


def rows_between(subgraph: Subgraph, sources: Sequence[int], targets: Sequence[int]) -> Rows:
    """The rows on some walk from a source to a target, sorted; empty where none leads there."""
    size = len(subgraph)
    down = reach(Adjacency(size, subgraph.sources, subgraph.targets), sources)
    return np.flatnonzero(down & reach(Adjacency(size, subgraph.targets, subgraph.sources), targets, down))


def shortest_paths(
    subgraph: Subgraph,
    source_row: int | Sequence[int],
    target_row: int | Sequence[int],
    hidden: frozenset[Kind],
    k: int,
    *,
    jobs: bool = False,
    stands_for: Mapping[str, str] | None = None,
    max_work: int = MAX_WORK,
) -> Routes:
    """The `k` shortest simple routes: fewest steps first, ties by the ids of the nodes on the way.

    Source and target are shown, whatever their kind. Several rows given for one (the operations of a job) count as one
    node: no route comes back into the source or passes through the target. With `jobs` an operation appears as its job; a
    route is simple in operations, so that it can meet a job twice. A step that is there as an edge is given as that one,
    of the least kind, else as folded with its via. From a node to itself there is one route, of no step.
    """
    sources = [source_row] if isinstance(source_row, int) else list(source_row)
    targets = [target_row] if isinstance(target_row, int) else list(target_row)
    view = View(subgraph, hidden, jobs=jobs, stands_for=stands_for)
    if both := set(sources) & set(targets):
        row = min(both)
        return Routes((Route((view.name(row),), (row,), ()),), complete=True)
    finder = RouteFinder(view, sources, targets, max_work)
    routes: dict[tuple[str, ...], Route] = {}
    for nodes in finder.routes():
        ids = tuple(finder.name(node)[0] for node in nodes)
        if ids not in routes:
            steps = tuple(finder.step(*pair) for pair in pairwise(nodes))
            routes[ids] = Route(ids, tuple(finder.rows[list(nodes)].tolist()), steps)
        if len(routes) >= k:
            return Routes(tuple(routes.values()), complete=True)
    return Routes(tuple(routes.values()), complete=finder.work <= max_work)
