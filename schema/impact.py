"""How much depends on something: counts from columns, and the number of paths by which each thing depends."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.ids import Kind
from backends.model import Subgraph
from schema.fold import Shown


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of shown nodes: by kind in the order of `Kind`, by depth ascending, by namespace most first, ties by name."""

    total: int
    by_kind: tuple[tuple[Kind, int], ...]
    by_depth: tuple[tuple[int, int], ...]
    by_namespace: tuple[tuple[str, int], ...]


def summary(shown: Shown, *, roots: bool = True) -> Summary:
    """Counts from the columns alone; `roots=False` leaves the roots out, as impact does."""
    raise NotImplementedError


def impact_levels(subgraph: Subgraph, roots: Sequence[int]) -> NDArray[np.float64]:
    """The number of distinct paths from the roots (rows) to each row of the subgraph, along unfolded edges."""
    raise NotImplementedError


def shown_levels(shown: Shown, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The levels of shown nodes from those of the rows; a node that stands for several has their sum."""
    raise NotImplementedError
