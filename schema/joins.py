"""The edges between shown nodes: those that are there, and those that folding joins through hidden rows.

An edge u -> v is folded where a path u -> h -> ... -> h -> v leads through hidden rows only; `via` are all rows on such
paths. Most hidden rows touch no other hidden row (operations lie between datasets): joining their edges in with their
edges out is enough for these. Where hidden rows touch each other, `schema.regions` tells what lies between.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.model import EDGE_KINDS, EdgeKind, ids_at
from schema.adjacency import Adjacency, Mask, Names, Rows, distinct, reach, spread
from schema.regions import through_regions

MAX_FOLDED_EDGES = 20_000
MAX_VIA = 20
FOLDED = 255
"""The kind code of an edge that folding joined from several."""

_MEMBERSHIP = np.array([kind in (EdgeKind.HAS_OPERATION, EdgeKind.HAS_COLUMN) for kind in EDGE_KINDS])
"""Edges that say nothing where both ends are shown as one node: a job and its operations."""

HIDDEN, OUT = -1, -2
"""In an array of places: a row that is passed through, and one that is not there at all."""

_CHUNK = 1 << 18


class Pairs(NamedTuple):
    """Folded edges, ordered: `keys` are source * width + target, `counts` how many rows lie between, `lens` how many of
    these `rows` lists, the least by id first, edge after edge."""

    keys: NDArray[np.int64]
    counts: NDArray[np.int64]
    lens: NDArray[np.int64]
    rows: Rows


class Links(NamedTuple):
    """Edges between places, ordered by source, target, kind: see `Folded`."""

    sources: NDArray[np.int32]
    targets: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    via: list[tuple[str, ...]]
    via_counts: NDArray[np.int32]
    truncated: bool


NO_LINKS = Links(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.uint8), [], np.empty(0, np.int32), False)


class Step(NamedTuple):
    """One edge between shown nodes in text, in the direction the data flows; `kind` is FOLDED or an EdgeKind's code."""

    source: str
    target: str
    kind: int
    via: tuple[str, ...]
    via_count: int


class Steps(NamedTuple):
    """Steps as columns."""

    sources: Sequence[str]
    targets: Sequence[str]
    kinds: Sequence[int]
    via: Sequence[tuple[str, ...]]
    via_counts: Sequence[int]

    @classmethod
    def of(cls, steps: Iterable[Step]) -> "Steps":
        """The columns of steps that are there one by one."""
        return cls(*columns) if (columns := tuple(zip(*steps, strict=True))) else cls((), (), (), (), ())


class Edges(NamedTuple):
    """Edge columns by row, as a `Subgraph` has them."""

    sources: NDArray[np.int32]
    targets: NDArray[np.int32]
    kinds: NDArray[np.uint8]

    def reversed(self) -> "Edges":
        """The same, told from target to source."""
        return Edges(self.targets, self.sources, self.kinds)


def links(
    edges: Edges,
    ids: Names,
    from_place: NDArray[np.int32],
    to_place: NDArray[np.int32],
    *,
    limit: int = MAX_FOLDED_EDGES,
    via: bool = True,
) -> Links:
    """The edges from rows that have a place in `from_place` to those with one in `to_place`; HIDDEN rows have it in both.
    At most one edge for each source, target and kind, and at most `limit` folded ones, the first in order. Without `via`
    it is not told what lies between, but how many."""
    width = int(to_place.max(initial=-1)) + 1
    source, target = from_place[edges.sources], to_place[edges.targets]
    leaves, arrives = source >= 0, target >= 0
    direct = leaves & arrives & ~((source == target) & _MEMBERSHIP[edges.kinds])
    keys = distinct((source[direct].astype(np.int64) * width + target[direct]) << 8 | edges.kinds[direct])
    into, onward = leaves & (target == HIDDEN), (source == HIDDEN) & arrives
    pairs, truncated = _join(
        edges,
        ids,
        distinct(source[into].astype(np.int64) * len(from_place) + edges.targets[into]),
        distinct(edges.sources[onward].astype(np.int64) * width + target[onward]),
        (source == HIDDEN) & (target == HIDDEN),
        width,
        limit,
    )
    both = np.concatenate([keys, pairs.keys << 8 | FOLDED])
    order = np.argsort(both, kind="stable")
    both = both[order]
    ends = both >> 8
    counts = np.concatenate([np.zeros(len(keys), np.int64), pairs.counts])[order]
    return Links(
        (ends // max(width, 1)).astype(np.int32),
        (ends % max(width, 1)).astype(np.int32),
        (both & 0xFF).astype(np.uint8),
        _placed(_via(pairs, ids), (order - len(keys)).tolist()) if via else [()] * len(both),
        counts.astype(np.int32),
        truncated,
    )


def _join(
    edges: Edges,
    ids: Names,
    into: NDArray[np.int64],
    onward: NDArray[np.int64],
    inner: Mask,
    width: int,
    limit: int,
) -> tuple[Pairs, bool]:
    """`into` are keys source place * rows + hidden row, `onward` hidden row * width + target place, both sorted."""
    size = len(ids)
    nothing = np.empty(0, np.int64)
    if not len(into) or not len(onward):
        return Pairs(nothing, nothing, nothing, np.empty(0, np.intp)), False
    source, entry = into // size, into % size
    leave, target = onward // width, onward % width
    parts: list[Pairs] = []
    truncated = False
    if inner.any():
        a, b = _between(edges.sources[inner], edges.targets[inner], entry, leave, size)
        deep = np.zeros(size, np.bool_)
        deep[a] = deep[b] = True
        is_in, is_out = deep[entry], deep[leave]
        if len(a):
            found, truncated = through_regions(
                ids, a, b, (source[is_in], entry[is_in]), (leave[is_out], target[is_out]), width, limit, MAX_VIA
            )
            parts.append(Pairs(*found))
        source, entry, leave, target = source[~is_in], entry[~is_in], leave[~is_out], target[~is_out]
    begins = np.searchsorted(leave, np.arange(size + 1))
    fan = begins[entry + 1] - begins[entry]
    source, entry, fan = source[fan > 0], entry[fan > 0], fan[fan > 0]
    joined = 0
    for low, high in _chunks(source, fan):
        at = spread(begins[entry[low:high]], fan[low:high])
        keys = np.repeat(source[low:high] * width, fan[low:high]) + target[at]
        parts.append(_group(keys, leave[at], ids))
        joined += len(parts[-1].keys)
        if joined > limit:
            break  # of later sources none would be kept
    pairs = _merge(parts, ids)
    if len(pairs.keys) > limit:
        return _head(pairs, limit), True
    return pairs, truncated


def _between(
    a: NDArray[np.int32], b: NDArray[np.int32], entry: Rows, leave: Rows, size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Those edges between hidden rows that lie on a way from an entry to a row that leaves."""
    fit = reach(Adjacency(size, a, b), entry) & reach(Adjacency(size, b, a), leave)
    kept = fit[a] & fit[b]
    return a[kept], b[kept]


def _chunks(source: Rows, fan: Rows) -> list[tuple[int, int]]:
    """Ranges of about `_CHUNK` joined edges each, never cutting a source in two: so each range is whole, and enough of
    them are enough."""
    if not len(source):
        return []
    total = np.cumsum(fan)
    if total[-1] <= _CHUNK:
        return [(0, len(source))]
    last = np.flatnonzero(np.diff(source, append=-1)) + 1  # where each source ends
    done = total[last - 1] // _CHUNK
    cuts = last[np.flatnonzero(np.diff(done, append=-1))]
    return list(zip([0, *cuts[:-1].tolist()], cuts.tolist(), strict=True))


def _group(keys: NDArray[np.int64], rows: Rows, ids: Names) -> Pairs:
    """One entry a key, with the rows found under it, the first MAX_VIA by id."""
    order = np.argsort(keys, kind="stable")
    ordered, rows = keys[order], rows[order]
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    counts = np.diff(first, append=len(ordered))
    if len(first) < len(ordered):
        many = np.repeat(counts > 1, counts)
        rows[many] = rows[many][np.lexsort((_rank(rows[many], ids), ordered[many]))]
        kept = np.arange(len(ordered)) - np.repeat(first, counts) < MAX_VIA
        rows = rows[kept]
    return Pairs(ordered[first], counts, np.minimum(counts, MAX_VIA), rows)


def _rank(rows: Rows, ids: Names) -> Rows:
    """The place of each row's id among the ids of all of them."""
    unique, inverse = np.unique(rows, return_inverse=True)
    names = ids_at(ids, unique)
    rank = np.empty(len(names), np.intp)
    rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return rank[inverse]


def _merge(parts: list[Pairs], ids: Names) -> Pairs:
    """All of them in order of keys; a key that several parts have lies behind both kinds of rows."""
    if len(parts) == 1:
        return parts[0]
    keys = np.concatenate([part.keys for part in parts] or [np.empty(0, np.int64)])
    lens = np.concatenate([part.lens for part in parts] or [np.empty(0, np.int64)])
    rows = np.concatenate([part.rows for part in parts] or [np.empty(0, np.intp)])
    found = _group(np.repeat(keys, lens), rows, ids)
    counts = np.concatenate([part.counts for part in parts] or [np.empty(0, np.int64)])
    total = np.zeros(len(found.keys), np.int64)
    np.add.at(total, np.searchsorted(found.keys, keys), counts)
    return found._replace(counts=total)


def _head(pairs: Pairs, limit: int) -> Pairs:
    lens = pairs.lens[:limit]
    return Pairs(pairs.keys[:limit], pairs.counts[:limit], lens, pairs.rows[: int(lens.sum())])


def _placed(via: list[tuple[str, ...]], places: list[int]) -> list[tuple[str, ...]]:
    """What lies between, in another order; negative places have none."""
    return [via[at] if at >= 0 else () for at in places]


def _via(pairs: Pairs, ids: Names) -> list[tuple[str, ...]]:
    unique, inverse = np.unique(pairs.rows, return_inverse=True)
    texts = ids_at(ids, unique)
    names = [texts[i] for i in inverse.tolist()]
    found, at = [], 0
    for length in pairs.lens.tolist():
        found.append((names[at],) if length == 1 else tuple(names[at : at + length]))
        at += length
    return found
