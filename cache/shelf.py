"""Answers ready in memory, bounded in bytes: the ones used longest ago go first, views after all others."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import TypeAlias

from backends.model import Traversal
from cache.closure import Closure

Key: TypeAlias = Hashable


def key_of(question: Traversal) -> Key:
    """Equal for equal questions, and cheap."""
    roots = question.roots
    named = next(iter(roots.items())) if len(roots) == 1 else frozenset(roots.items())
    return (named, question.direction, question.max_depth, question.edge_kinds, question.max_nodes)


class Shelf:
    """At most `limit` bytes of answers."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.nbytes = 0
        self._kept: OrderedDict[Key, tuple[Closure, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[tuple[Key, Closure]]:
        """Those used longest ago first."""
        return iter([(key, closure) for key, (closure, _) in self._kept.items()])

    def get(self, key: Key) -> Closure | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def put(self, key: Key, closure: Closure) -> list[tuple[Key, Closure]]:
        """Keeps an answer in the place of the one that was there; what had to go for it, which may be itself."""
        self.pop(key)
        size = closure.nbytes
        self._kept[key] = (closure, size)
        self.nbytes += size
        gone: list[tuple[Key, Closure]] = []
        while self.nbytes > self.limit:
            oldest, (other, freed) = self._kept.popitem(last=False)
            self.nbytes -= freed
            gone.append((oldest, other))
        return gone

    def pop(self, key: Key) -> Closure | None:
        kept = self._kept.pop(key, None)
        if kept is None:
            return None
        self.nbytes -= kept[1]
        return kept[0]

    def clear(self) -> None:
        self._kept.clear()
        self.nbytes = 0
