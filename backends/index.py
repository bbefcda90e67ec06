"""The topology of a whole graph in memory: what `IndexedBackend` traverses.

A *base* is immutable: nodes as columns by number, edges as compressed rows in both directions. What the log has told since
is kept beside it and costs microseconds a row: a tombstone for an edge that went, a small set a node for edges that came.
Compaction (index_build.py) makes a new base of both. A base comes from a scan or from a snapshot file (index_file.py).
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Self, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from backends.changes import LogOp, LogRow
from backends.ids import namespace_of
from backends.model import FLOW, Epoch

Ints: TypeAlias = NDArray[np.int32]
Bools: TypeAlias = NDArray[np.bool_]

ABSENT: Final = 255
"""The kind of a number under which no node stands."""
FLOW_END: Final = 1 + max(kind.code for kind in FLOW)
"""Kinds of flow edges have the codes below; they come first in every row, so that most walks see no others."""
SHIFT: Final = 40
"""An edge seen from one end is packed as kind << 40 | number of the other end."""
NUMBER: Final = (1 << SHIFT) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The edges in one direction. Those of node n are the slots `start[n]` to `start[n + 1]`, sorted by kind and then by
    other end; the flow edges among them end at `flow[n]`."""

    start: Ints
    flow: Ints
    other: Ints
    kind: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """A graph at one epoch. Columns of nodes are `count` long and indexed by number.

    The id of a node is `ids[id_start[n] : id_start[n] + id_size[n]]`, UTF-8; of a number that never stood the size is 0.
    `hashes` are the sorted hashes of all ids, `hashed` the numbers in that order.
    """

    epoch: Epoch
    kinds: NDArray[np.uint8]
    namespaces: Ints
    namespace_names: Sequence[str]
    id_start: NDArray[np.int64]
    id_size: Ints
    ids: Any
    hashes: NDArray[np.uint64]
    hashed: Ints
    out: Side
    into: Side

    @property
    def count(self) -> int:
        return len(self.kinds)


def hash_of(node_id: bytes) -> int:
    """Places an id in `Base.hashes`; the same in every process."""
    return int.from_bytes(blake2b(node_id, digest_size=8).digest(), "little")


class Live:
    """The edges of one direction as they are now: a side of the base, less tombstones, plus what came since."""

    def __init__(self, side: Side, capacity: int) -> None:
        self.side = side
        self.start = side.start.data
        self.flow = side.flow.data
        self.other = side.other.data
        self.kind = side.kind.data
        self.dead: Bools | None = None
        self.extra: dict[int, set[int]] = {}
        self.touched = np.zeros(capacity, np.bool_)
        """Which nodes have an entry in `extra`."""

    def fork(self) -> "Live":
        made = Live(self.side, 0)
        made.dead = None if self.dead is None else self.dead.copy()
        made.extra = {number: packed.copy() for number, packed in self.extra.items()}
        made.touched = self.touched.copy()
        return made

    def grow(self, capacity: int) -> None:
        touched = np.zeros(capacity, np.bool_)
        touched[: len(self.touched)] = self.touched
        self.touched = touched

    def add(self, near: int, kind: int, far: int) -> bool:
        """False where the edge is there already."""
        slot = self._slot(near, kind, far)
        if slot >= 0:
            if self.dead is None or not self.dead[slot]:
                return False
            self.dead[slot] = False
            return True
        packed = kind << SHIFT | far
        have = self.extra.setdefault(near, set())
        self.touched[near] = True
        if packed in have:
            return False
        have.add(packed)
        return True

    def remove(self, near: int, kind: int, far: int) -> bool:
        """False where there is no such edge."""
        slot = self._slot(near, kind, far)
        if slot >= 0:
            if self.dead is None:
                self.dead = np.zeros(len(self.side.other), np.bool_)
            if self.dead[slot]:
                return False
            self.dead[slot] = True
            return True
        have = self.extra.get(near)
        packed = kind << SHIFT | far
        if have is None or packed not in have:
            return False
        have.remove(packed)
        if not have:
            del self.extra[near]
            self.touched[near] = False
        return True

    def _slot(self, near: int, kind: int, far: int) -> int:
        """The slot of an edge in the base, dead or not; -1 where it has none."""
        if near >= len(self.flow):
            return -1
        start, end = self.start[near], self.start[near + 1]
        kinds, others = self.kind, self.other
        slot = bisect_left(range(start, end), (kind, far), key=lambda at: (kinds[at], others[at])) + start
        return slot if slot < end and kinds[slot] == kind and others[slot] == far else -1


class Index:
    """A base and what has changed since. Not shared between threads while it is changed: who hands it to another thread
    pins it, and a pinned index is forked before it takes the next row."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.epoch = base.epoch
        self.ops = 0
        """Rows of the log taken since the base."""
        self.pins = 0
        capacity = base.count + 1024
        self.kinds = np.full(capacity, ABSENT, np.uint8)
        self.kinds[: base.count] = base.kinds
        self.namespaces = np.zeros(capacity, np.int32)
        self.namespaces[: base.count] = base.namespaces
        self.namespace_names = list(base.namespace_names)
        self.out = Live(base.out, capacity)
        self.into = Live(base.into, capacity)
        self.new_ids: dict[int, bytes] = {}
        self.new_numbers: dict[bytes, int] = {}
        self._namespace_codes: dict[str, int] | None = None
        self._scratch: list[Scratch] = []

    @property
    def capacity(self) -> int:
        return len(self.kinds)

    def fork(self) -> Self:
        """A copy to go on with while others read this one. Ids and names of namespaces are shared: they never change."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.pins = 0
        made.kinds, made.namespaces = self.kinds.copy(), self.namespaces.copy()
        made.out, made.into = self.out.fork(), self.into.fork()
        return made

    def apply(self, rows: Iterable[LogRow], epoch: Epoch) -> None:
        """Takes rows of the log that follow `epoch` of this index, the last of which is at the epoch given. A row that
        says what is so already changes nothing: a scan may have seen what the log tells after it."""
        for _, op, code, source, target, node_id in rows:
            if op == LogOp.EDGE_CAME:
                self._reserve(max(source, target))
                self.out.add(source, code, target)
                self.into.add(target, code, source)
            elif op == LogOp.EDGE_WENT:
                self._reserve(max(source, target))
                self.out.remove(source, code, target)
                self.into.remove(target, code, source)
            elif op == LogOp.NODE_CAME and node_id is not None:
                self._reserve(source)
                self.kinds[source] = code
                self._name(source, node_id)
            else:
                self._reserve(source)
                self.kinds[source] = ABSENT
            self.ops += 1
        self.epoch = epoch

    def _reserve(self, number: int) -> None:
        if number < len(self.kinds):
            return
        old, capacity = len(self.kinds), number + number // 4 + 1024
        kinds, namespaces = np.full(capacity, ABSENT, np.uint8), np.zeros(capacity, np.int32)
        kinds[:old], namespaces[:old] = self.kinds, self.namespaces
        self.kinds, self.namespaces = kinds, namespaces
        self.out.grow(capacity)
        self.into.grow(capacity)

    def _name(self, number: int, node_id: str) -> None:
        if number in self.new_ids or (number < self.base.count and self.base.id_size[number]):
            return
        text = node_id.encode()
        if self._namespace_codes is None:
            self._namespace_codes = {name: code for code, name in enumerate(self.namespace_names)}
        namespace = namespace_of(node_id)
        code = self._namespace_codes.setdefault(namespace, len(self._namespace_codes))
        if code == len(self.namespace_names):
            self.namespace_names.append(namespace)
        self.namespaces[number] = code
        self.new_ids[number] = text
        self.new_numbers[text] = number

    # Ids

    def id_of(self, number: int) -> bytes:
        """The id of a number that stands or stood."""
        return _text(self.base, self.new_ids, number)

    def numbers_of(self, ids: Sequence[str]) -> list[int]:
        """The numbers of ids, -1 where no such node stands."""
        found = []
        texts = [_utf8(node_id) for node_id in ids]
        base = self.base
        places = np.searchsorted(base.hashes, np.array([hash_of(text) for text in texts], np.uint64)).tolist()
        for text, place in zip(texts, places, strict=True):
            number = self.new_numbers.get(text, -1)
            while number < 0 and place < len(base.hashes) and base.hashes[place] == hash_of(text):
                if self.id_of(int(base.hashed[place])) == text:
                    number = int(base.hashed[place])
                place += 1
            found.append(number if number >= 0 and self.kinds[number] != ABSENT else -1)
        return found

    # Scratch

    def scratch(self) -> "Scratch":
        """Arrays to work with; give them back as they were."""
        while self._scratch:
            found = self._scratch.pop()
            if len(found.seen) >= self.capacity:
                return found
        return Scratch(np.zeros(self.capacity, np.bool_), np.full(self.capacity, -1, np.int32))

    def give_back(self, scratch: "Scratch") -> None:
        if len(self._scratch) < 4:
            self._scratch.append(scratch)


@dataclass(frozen=True, slots=True, eq=False)
class Scratch:
    """`seen`: all False, `row`: all -1, where nobody is using them."""

    seen: Bools
    row: Ints


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return b""  # the id of nothing


class Ids(Sequence[str]):
    """The ids of some numbers, decoded when asked for. A slice, or `list(ids)`, decodes many at once.

    Of an index it holds only what never changes, so that an answer which is kept does not keep an index alive."""

    __slots__ = ("_base", "_new", "_numbers")

    def __init__(self, index: Index, numbers: NDArray[np.int64]) -> None:
        self._base = index.base
        self._new = index.new_ids
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return self._decode(self._numbers[at])
        return _text(self._base, self._new, int(self._numbers[at])).decode()

    def __iter__(self) -> Iterator[str]:
        return iter(self._decode(self._numbers))

    def at(self, rows: NDArray[np.integer]) -> list[str]:
        """As `backends.model.ids_at`."""
        return self._decode(self._numbers[rows])

    @property
    def are_known(self) -> bool:
        """Whether every number has an id here; without one it would read as an empty text."""
        numbers, size = self._numbers, self._base.id_size
        if not len(numbers) or not len(size):
            return all(number in self._new for number in numbers.tolist())
        named = size.take(numbers, mode="clip") > 0
        if int(numbers.max()) >= len(size):
            named &= numbers < len(size)
        return bool(named.all()) or all(number in self._new for number in numbers[~named].tolist())

    def _decode(self, numbers: NDArray[np.int64]) -> list[str]:
        base, new = self._base, self._new
        known = numbers < base.count
        if new or not known.all():
            known[known] = base.id_size[numbers[known]] > 0
            if not known.all():
                return [_text(base, new, number).decode() for number in numbers.tolist()]
        start = base.id_start[numbers]
        end = start + base.id_size[numbers]
        ids = base.ids
        return [str(ids[a:b], "utf-8") for a, b in zip(start.tolist(), end.tolist(), strict=True)]


def _text(base: Base, new: dict[int, bytes], number: int) -> bytes:
    text = new.get(number)
    if text is not None:
        return text
    start = base.id_start[number]
    return bytes(base.ids[start : start + base.id_size[number]])
