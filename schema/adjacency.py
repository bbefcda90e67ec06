"""The edges of a subgraph by their ends, and the searches on them: numpy where many rows are met at once, plain Python
where few are, so that neither a wide graph nor a chain of ten thousand steps is slow. Nothing here recurses."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from backends.model import ByRow, ids_at

Rows: TypeAlias = NDArray[np.intp]
Mask: TypeAlias = NDArray[np.bool_]

Number = TypeVar("Number", bound=np.integer)

UNSEEN, BARRED = -1, -2
"""What `search` reports, beside depths, of rows it did not reach and of rows it was told to leave out."""

_NARROW_ROWS, _NARROW_EDGES = 24, 256
"""Below both, a step in plain Python is cheaper than the dozen calls a vectorised one makes (about 30 us)."""


class Names(ByRow, Protocol):
    """Ids by row; it is known how many."""

    def __len__(self) -> int: ...


class NamesOf:
    """The ids of some rows, by their place among these."""

    def __init__(self, ids: Names, rows: Rows) -> None:
        self.ids, self.rows = ids, rows

    def __getitem__(self, place: int) -> str:
        return self.ids[int(self.rows[place])]

    def at(self, places: NDArray[np.integer]) -> list[str]:
        """As `backends.model.ids_at`."""
        return ids_at(self.ids, self.rows[places])

    def __len__(self) -> int:
        return len(self.rows)


def order_by(keys: NDArray[np.integer], bound: int) -> Rows:
    """A stable order of keys from 0 up to `bound`. Numpy sorts 16-bit numbers by radix, several times faster than others."""
    if bound <= 1 << 16:
        return np.argsort(keys.astype(np.uint16), kind="stable")
    low = np.argsort((keys & 0xFFFF).astype(np.uint16), kind="stable")
    order: Rows = low[np.argsort((keys[low] >> 16).astype(np.uint16), kind="stable")]
    return order


def distinct(values: NDArray[Number]) -> NDArray[Number]:
    """The values once each, ascending. `np.unique` hashes numbers before it sorts, which takes 2 to 7 times as long."""
    ordered = np.sort(values, axis=None)
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


class Adjacency:
    """Compressed rows: the neighbours of `row` are `others[starts[row] : starts[row + 1]]`, along the edges with these
    places in `order` (positions in the columns it was made from)."""

    __slots__ = ("order", "others", "size", "starts")

    def __init__(self, size: int, ends: NDArray[np.integer], others: NDArray[np.integer]) -> None:
        self.size = size
        self.order = order_by(ends, size)
        self.others: Rows = others[self.order].astype(np.intp)
        self.starts: Rows = np.zeros(size + 1, np.intp)
        np.cumsum(np.bincount(ends, minlength=size), out=self.starts[1:])

    def of(self, row: int) -> list[int]:
        """The neighbours of one row."""
        found: list[int] = self.others[self.starts[row] : self.starts[row + 1]].tolist()
        return found

    def neighbours(self, rows: Rows) -> Rows:
        """The neighbours of all these rows, row after row; one met from several rows is there several times."""
        first = self.starts[rows]
        found: Rows = self.others[spread(first, self.starts[rows + 1] - first)]
        return found

    def leaving(self, rows: Rows, passed: Mask) -> Rows:
        """The edges, as positions in the columns this was made from, that leave these rows or any that they lead to
        through rows that are passed."""
        seen = np.zeros(self.size, np.bool_)
        seen[rows] = True
        parts: list[Rows] = []
        while len(rows):
            first = self.starts[rows]
            at = spread(first, self.starts[rows + 1] - first)
            parts.append(self.order[at])
            rows = self.others[at]
            rows = distinct(rows[passed[rows] & ~seen[rows]])
            seen[rows] = True
        return np.concatenate(parts) if parts else rows


def spread(first: Rows, counts: Rows) -> Rows:
    """The numbers first[i], first[i] + 1, ... (counts[i] of them) for each i, one after another.

    >>> spread(np.array([5, 0, 7]), np.array([2, 0, 1])).tolist()
    [5, 6, 7]
    """
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    found: Rows = np.arange(total, dtype=np.intp) + np.repeat(first - (ends - counts), counts)
    return found


def search(
    adjacency: Adjacency,
    starts: Mapping[int, int],
    shown: Mask,
    *,
    depth: int | None = None,
    allowed: Mask | None = None,
) -> NDArray[np.int32]:
    """The least depth of each row within `depth`: entering a shown row costs 1, any other 0 (a 0-1 search).

    `starts` gives rows and the depths at which they start, also past `depth`. Rows not `allowed` are BARRED. Of hidden
    rows only those are met that a shown row within reach may lie behind.
    """
    depths = np.full(adjacency.size, UNSEEN, np.int32)
    if allowed is not None:
        depths[~allowed] = BARRED
    scratch = np.empty(adjacency.size, np.int32)
    waiting = sorted(((at, row) for row, at in starts.items()), reverse=True)
    entered: list[Rows] = []
    now = 0
    while waiting or entered:
        if not entered:
            now = max(now, waiting[-1][0])
        layers, entered = entered, []
        begun: list[int] = []
        while waiting and waiting[-1][0] <= now:
            row = waiting.pop()[1]
            if depths[row] < 0:
                depths[row] = now
                begun.append(row)
        if depth is not None and now >= depth:
            for at, row in waiting:
                if depths[row] < 0:
                    depths[row] = at
            break
        if begun:
            layers.append(np.array(begun, np.intp))
        layer = layers[0] if len(layers) == 1 else np.concatenate(layers) if layers else np.empty(0, np.intp)
        while len(layer):
            layer, found = _step(adjacency, layer, shown, depths, scratch, now)
            if len(found):
                entered.append(found)
        now += 1
    return depths


def _step(
    adjacency: Adjacency, layer: Rows, shown: Mask, depths: NDArray[np.int32], scratch: NDArray[np.int32], now: int
) -> tuple[Rows, Rows]:
    """Enters every unseen neighbour of `layer` and returns them: the hidden ones, at the same depth, and the shown ones."""
    if len(layer) <= _NARROW_ROWS:
        near = [other for row in layer.tolist() for other in adjacency.of(row)] if _few(adjacency, layer) else None
        if near is not None:
            hidden: list[int] = []
            found: list[int] = []
            for row in near:
                if depths[row] == UNSEEN:
                    is_shown = bool(shown[row])
                    depths[row] = now + is_shown
                    (found if is_shown else hidden).append(row)
            return np.array(hidden, np.intp), np.array(found, np.intp)
    rows = adjacency.neighbours(layer)
    rows = rows[depths[rows] == UNSEEN]
    places = np.arange(len(rows), dtype=np.int32)
    scratch[rows] = places
    rows = rows[scratch[rows] == places]  # each once: of equal rows the last writer stays
    are_shown = shown[rows]
    depths[rows] = now + are_shown
    return rows[~are_shown], rows[are_shown]


def _few(adjacency: Adjacency, layer: Rows) -> bool:
    return bool((adjacency.starts[layer + 1] - adjacency.starts[layer]).sum() <= _NARROW_EDGES)


def reach(adjacency: Adjacency, rows: Sequence[int] | Rows, allowed: Mask | None = None) -> Mask:
    """The rows that can be reached from these along `adjacency` among the rows allowed, these included."""
    depths = np.full(adjacency.size, UNSEEN, np.int32)
    if allowed is not None:
        depths[~allowed] = BARRED
    layer = distinct(np.asarray(rows, np.intp))
    layer = layer[depths[layer] == UNSEEN]
    depths[layer] = 0
    none, scratch = np.zeros(adjacency.size, np.bool_), np.empty(adjacency.size, np.int32)
    while len(layer):
        layer, _ = _step(adjacency, layer, none, depths, scratch, 0)
    reached: Mask = depths == 0
    return reached
