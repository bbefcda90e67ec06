"""A subgraph seen through a choice of kinds: which rows are shown, and as what. Made once, asked from any roots."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backends.ids import KINDS, Kind, job_of, kind_of
from backends.model import Subgraph
from schema.adjacency import Adjacency, Mask
from schema.joins import Edges


class View:
    """`shown` says of each row whether it is shown; `labels` indexes `label_ids`, the id a row appears as, -1 for its own.

    `jobs`: an operation of a job appears as the job; one without stays hidden if OPERATION is.
    `stands_for`: ids that appear as another node, always shown: the operations of a job, the columns of a dataset.
    """

    def __init__(
        self,
        subgraph: Subgraph,
        hidden: frozenset[Kind],
        *,
        jobs: bool = False,
        stands_for: Mapping[str, str] | None = None,
    ) -> None:
        self.subgraph = subgraph
        self.size = len(subgraph)
        self.shown: Mask = np.array([kind not in hidden for kind in KINDS])[subgraph.kinds]
        self.labels: NDArray[np.int32] | None = None
        self.label_ids: list[str] = []
        self.said: frozenset[int] = frozenset()
        """Rows that `stands_for` names: they appear so even where they are roots."""
        self._reached: dict[int, Mask | None] = {}
        if jobs or stands_for:
            self._label(stands_for or {}, jobs=jobs)

    def _label(self, stands_for: Mapping[str, str], *, jobs: bool) -> None:
        ids, numbers = self.subgraph.ids, dict[str, int]()
        said = {row: stands_for[node_id] for node_id, row in rows_of(self.subgraph, stands_for).items()}
        appear = dict(said)
        if jobs:
            for row in np.flatnonzero(self.subgraph.kinds == Kind.OPERATION.code).tolist():
                if row not in said and (job := job_of(ids[row])) is not None:
                    appear[row] = job
        labels = np.full(self.size, -1, np.int32)
        for row, node_id in appear.items():
            labels[row] = numbers.setdefault(node_id, len(numbers))
        # where the node itself is there as well (a job met along HAS_OPERATION) both are one
        for kind in {kind_of(node_id) for node_id in numbers}:
            for row in np.flatnonzero((self.subgraph.kinds == kind.code) & (labels < 0)).tolist():
                labels[row] = numbers.get(ids[row], -1)
        self.shown |= labels >= 0
        self.labels, self.label_ids, self.said = labels, list(numbers), frozenset(said)

    def name(self, row: int) -> str:
        """The id a row appears as."""
        label = -1 if self.labels is None else int(self.labels[row])
        return self.subgraph.ids[row] if label < 0 else self.label_ids[label]

    @cached_property
    def passed(self) -> Mask:
        """The rows that are hidden."""
        return ~self.shown

    def reached(self, way: int) -> Mask | None:
        """The rows that were found that way, UP or DOWN; None where it is all of them."""
        if way not in self._reached:
            found = (self.subgraph.reached & way) != 0
            self._reached[way] = None if found.all() else found
        return self._reached[way]

    @cached_property
    def edges(self) -> Edges:
        """The edge columns of the subgraph."""
        return Edges(self.subgraph.sources, self.subgraph.targets, self.subgraph.edge_kinds)

    def is_replaced(self, row: int) -> bool:
        """Whether the row appears as another node only because jobs are shown for their operations."""
        if self.labels is None or row in self.said or self.labels[row] < 0:
            return False
        return self.name(row) != self.subgraph.ids[row]

    @cached_property
    def down(self) -> Adjacency:
        """The targets of each row's edges."""
        return Adjacency(self.size, self.subgraph.sources, self.subgraph.targets)

    @cached_property
    def up(self) -> Adjacency:
        """The sources of each row's edges."""
        return Adjacency(self.size, self.subgraph.targets, self.subgraph.sources)


def rows_of(subgraph: Subgraph, ids: Iterable[str]) -> dict[str, int]:
    """The rows of these ids, those that are there. Roots are found at once: text is looked up nearest first, and of what
    was found both ways, which every root was, before the rest."""
    wanted = set(ids)
    found: dict[str, int] = {}
    names = subgraph.ids
    for row in _likely(subgraph) if wanted else ():
        name = names[row]
        if name in wanted:
            found[name] = row
            wanted.remove(name)
            if not wanted:
                break
    return found


def _likely(subgraph: Subgraph) -> Iterator[int]:
    both = subgraph.reached == 3
    for group in (np.flatnonzero(both), np.flatnonzero(~both)):
        yield from group[np.argsort(subgraph.depths[group], kind="stable")].tolist()
