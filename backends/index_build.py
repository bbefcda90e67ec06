"""Making a base: from the pages of a scan, or from an index with what has changed since. Pure; slow, so for a thread."""

from collections.abc import Iterable
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backends.changes import Topology
from backends.ids import namespace_of
from backends.index import ABSENT, FLOW_END, NUMBER, SHIFT, Base, Index, Live, Side, hash_of
from backends.model import Epoch

Numbers: TypeAlias = NDArray[Any]


def from_scan(parts: Iterable[Topology], epoch: Epoch) -> Base:
    """A base of all the parts of a topology."""
    columns = list(parts)
    none = np.empty(0, np.int64)
    numbers = np.concatenate([none, *(part.numbers for part in columns)])
    sources = np.concatenate([none, *(part.sources for part in columns)])
    targets = np.concatenate([none, *(part.targets for part in columns)])
    kinds = np.concatenate([none, *(part.edge_kinds for part in columns)])
    count = 1 + max((int(some.max()) for some in (numbers, sources, targets) if len(some)), default=-1)
    node_kinds = np.full(count, ABSENT, np.uint8)
    for part in columns:
        node_kinds[part.numbers] = part.kinds
    texts = [node_id.encode() for part in columns for node_id in part.ids]
    names: dict[str, int] = {}
    codes = [names.setdefault(namespace_of(node_id), len(names)) for part in columns for node_id in part.ids]
    namespaces = np.zeros(count, np.int32)
    namespaces[numbers] = codes
    id_start, id_size = np.zeros(count, np.int64), np.zeros(count, np.int32)
    sizes = [len(text) for text in texts]
    id_start[numbers] = list(accumulate(sizes, initial=0))[:-1]
    id_size[numbers] = sizes
    hashes = np.array([hash_of(text) for text in texts], np.uint64)
    order = np.argsort(hashes)
    return Base(
        epoch=epoch,
        kinds=node_kinds,
        namespaces=namespaces,
        namespace_names=tuple(names),
        id_start=id_start,
        id_size=id_size,
        ids=memoryview(b"".join(texts)),
        hashes=hashes[order],
        hashed=numbers[order].astype(np.int32),
        out=_side(sources, kinds, targets, count),
        into=_side(targets, kinds, sources, count),
    )


def _side(near: Numbers, kinds: Numbers, far: Numbers, count: int) -> Side:
    order = np.argsort(_keys(near, kinds, far, count))
    return _sorted_side(near[order], kinds[order].astype(np.uint8), far[order].astype(np.int32), count)


def _keys(near: Numbers, kinds: Numbers, far: Numbers, count: int) -> Numbers:
    """Near end, kind and far end as one number. There is room for half a billion nodes, more than fit into memory."""
    bits = count.bit_length()
    keys = near.astype(np.int64) << (bits + 4)
    keys |= kinds.astype(np.int64) << bits
    keys |= far
    return keys


def _sorted_side(near: Numbers, kinds: NDArray[np.uint8], far: NDArray[np.int32], count: int) -> Side:
    start = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(near, minlength=count), out=start[1:])
    flow = start[:-1] + np.bincount(near[kinds < FLOW_END], minlength=count).astype(np.int32)
    return Side(start, flow.astype(np.int32), far, kinds)


def compacted(index: Index) -> Base:
    """A base that says what the index says, at its epoch. The index is pinned, so it does not change meanwhile; new ids may
    be added to it, and do no harm."""
    base = index.base
    if index.ops == 0:
        return base
    count = max(base.count, 1 + int(np.flatnonzero(index.kinds != ABSENT).max(initial=-1)))
    new = {number: text for number, text in index.new_ids.copy().items() if number < count}
    added = np.fromiter(new, np.int64, len(new))
    sizes = [len(text) for text in new.values()]
    id_start, id_size = np.zeros(count, np.int64), np.zeros(count, np.int32)
    id_start[: base.count], id_size[: base.count] = base.id_start, base.id_size
    id_start[added] = list(accumulate(sizes, initial=len(base.ids)))[:-1]
    id_size[added] = sizes
    hashes = np.array([hash_of(text) for text in new.values()], np.uint64)
    order = np.argsort(hashes)
    places = np.searchsorted(base.hashes, hashes[order])
    return Base(
        epoch=index.epoch,
        kinds=index.kinds[:count].copy(),
        namespaces=index.namespaces[:count].copy(),
        namespace_names=tuple(index.namespace_names),
        id_start=id_start,
        id_size=id_size,
        ids=memoryview(b"".join((base.ids, *new.values()))),
        hashes=np.insert(base.hashes, places, hashes[order]),
        hashed=np.insert(base.hashed, places, added[order].astype(np.int32)),
        out=_merged(index.out, count),
        into=_merged(index.into, count),
    )


def _merged(live: Live, count: int) -> Side:
    """The slots that stand and the edges that came, in order. Only the few that came are sorted."""
    side = live.side
    degrees = np.diff(side.start)
    near = np.repeat(np.arange(len(degrees)), degrees)
    kinds, far = side.kind, side.other
    if live.dead is not None:
        alive = ~live.dead
        near, kinds, far = near[alive], kinds[alive], far[alive]
    came = [(number, packed >> SHIFT, packed & NUMBER) for number, some in live.extra.items() for packed in some]
    if came:
        new_near, new_kinds, new_far = np.array(sorted(came), np.int64).T
        places = np.searchsorted(_keys(near, kinds, far, count), _keys(new_near, new_kinds, new_far, count))
        near = np.insert(near, places, new_near)
        kinds = np.insert(kinds, places, new_kinds.astype(np.uint8))
        far = np.insert(far, places, new_far.astype(np.int32))
    return _sorted_side(near, kinds, far, count)
