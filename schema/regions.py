"""Folded edges through regions: hidden rows that touch each other, such as datasets and operations where models are shown.

Which rows lie between a source and a target is an intersection of two sets of rows: those the source leads to, and those
that lead to the target. Both are kept as bits, found for many sources or targets at once by passing bits along the edges
of the condensed region, one step an edge.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from schema.adjacency import Adjacency, Names, Rows, distinct
from schema.components import components

_BITS = 1 << 28
"""Bits kept at once for sets of places or of rows (32 MiB); larger regions are treated in blocks of places."""


class _Region:
    """A region with its rows numbered in the order of their ids, so that the lowest bits are the least ids."""

    def __init__(self, ids: Names, sources: NDArray[np.int32], targets: NDArray[np.int32]) -> None:
        rows = distinct(np.concatenate([sources, targets])).astype(np.intp)
        names = [ids[row] for row in rows.tolist()]
        self.rows: Rows = rows[sorted(range(len(names)), key=names.__getitem__)]
        self.number: Rows = np.zeros(len(ids), np.intp)
        self.number[self.rows] = np.arange(len(rows))
        a, b = self.number[sources], self.number[targets]
        self.set_of = components(Adjacency(len(rows), a, b))
        self.sets = int(self.set_of.max()) + 1
        a, b = self.set_of[a], self.set_of[b]
        pairs = distinct((a * self.sets + b)[a != b])
        self.a, self.b = pairs // self.sets, pairs % self.sets
        self.block = max(64, _BITS // len(rows) // 8 * 8)

    def __len__(self) -> int:
        return len(self.rows)

    def bits(self, rows: Rows, places: Rows, width: int, *, forward: bool) -> NDArray[np.uint8]:
        """For each strongly connected set, packed bits of the places whose rows lead to it (`forward`) or that it leads
        to; `places` says whose each row is, 0 up to `width`."""
        found = [0] * self.sets
        for at, place in zip(self.set_of[rows].tolist(), places.tolist(), strict=True):
            found[at] |= 1 << place
        if forward:  # sources before targets: descending numbers of sets
            onto, source = self.b[::-1].tolist(), self.a[::-1].tolist()
        else:
            onto, source = self.a.tolist(), self.b.tolist()
        for at, other in zip(onto, source, strict=True):
            found[at] |= found[other]
        size = (width + 7) // 8
        packed = b"".join(value.to_bytes(size, "little") for value in found)
        return np.frombuffer(packed, np.uint8).reshape(self.sets, size)

    def rows_of_places(self, bits: NDArray[np.uint8], width: int) -> NDArray[np.uint64]:
        """The same relation the other way: for each place packed bits of rows, in words."""
        words = (len(self) + 63) // 64
        found = np.zeros((width, words * 8), np.uint8)
        step = max(1, _BITS // 8 // len(self) // 8)
        for at in range(0, bits.shape[1], step):
            block = np.unpackbits(bits[:, at : at + step], axis=1, bitorder="little")[self.set_of]
            packed = np.packbits(block.T, axis=1, bitorder="little")
            places = found[at * 8 : (at + step) * 8]
            places[:, : packed.shape[1]] = packed[: len(places)]
        return found.view(np.uint64)


def through_regions(
    ids: Names,
    sources: NDArray[np.int32],
    targets: NDArray[np.int32],
    into: tuple[Rows, Rows],
    onward: tuple[Rows, Rows],
    width: int,
    limit: int,
    most: int,
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Rows], bool]:
    """`joins.Pairs` through the region of these edges between hidden rows, and whether `limit` cut them.

    `into` are (source place, row), sorted by place, `onward` (row, target place); `most` is how many rows each pair lists.
    """
    region = _Region(ids, sources, targets)
    from_place, entry = into[0], region.number[into[1]]
    leave, to_place = region.number[onward[0]], onward[1]
    keys = np.empty(0, np.int64)
    truncated = False
    for chosen, places, rows in _blocks(to_place, leave, region.block):
        bits = region.bits(rows, places, len(chosen), forward=False)
        starts = np.flatnonzero(np.diff(from_place, prepend=-1))
        met = np.bitwise_or.reduceat(bits[region.set_of[entry]], starts, axis=0)
        led, to = np.nonzero(np.unpackbits(met, axis=1, bitorder="little")[:, : len(chosen)])
        keys = np.sort(np.concatenate([keys, from_place[starts][led] * width + chosen[to]]))
        truncated |= len(keys) > limit
        keys = keys[:limit]
    counts, lens = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    lists: list[list[int]] = [[]] * len(keys)
    for chosen, places, rows in _blocks(to_place, leave, region.block, distinct(keys % width)):
        led_to = region.rows_of_places(region.bits(rows, places, len(chosen), forward=False), len(chosen))
        here = np.isin(keys % width, chosen)
        for begun, begun_places, begun_rows in _blocks(from_place, entry, region.block, distinct(keys[here] // width)):
            leads = region.rows_of_places(region.bits(begun_rows, begun_places, len(begun), forward=True), len(begun))
            for at in np.flatnonzero(here & np.isin(keys // width, begun)).tolist():
                source, target = divmod(int(keys[at]), width)
                words = leads[np.searchsorted(begun, source)] & led_to[np.searchsorted(chosen, target)]
                counts[at] = int(np.bitwise_count(words).sum())
                lists[at] = _lowest(words, most)
                lens[at] = len(lists[at])
    listed = region.rows[np.array([row for rows_ in lists for row in rows_], np.intp)]
    return (keys, counts, lens, listed), truncated


def _blocks(places: Rows, rows: Rows, block: int, only: Rows | None = None) -> Iterator[tuple[Rows, Rows, Rows]]:
    """(places of the block in order, for each row its place within the block, rows), block after block."""
    every = distinct(places) if only is None else only
    for at in range(0, len(every), block):
        chosen = every[at : at + block]
        kept = np.isin(places, chosen)
        yield chosen, np.searchsorted(chosen, places[kept]), rows[kept]


def _lowest(words: NDArray[np.uint64], most: int) -> list[int]:
    """The positions of the lowest bits set, at most `most`."""
    found: list[int] = []
    for at in np.flatnonzero(words)[:most].tolist():
        word = int(words[at])
        while word and len(found) < most:
            low = word & -word
            found.append(at * 64 + low.bit_length() - 1)
            word ^= low
    return found
