"""The answers ready in memory: views, which are hot and large or pinned, and all others, each within bounds of its own."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from cache.closure import Closure
from cache.shelf import Key, Shelf

HOT: Final = 3
"""Hits after which an answer has proved hot."""
LARGE: Final = 2_000
"""Nodes from which on it is worth a place that ordinary answers cannot take."""


class Answers:
    """Two shelves. What falls off that of the views joins the others; what falls off there is given to `leave`."""

    def __init__(self, limit: int, view_limit: int, leave: Callable[[Closure], None]) -> None:
        self.others, self.views = Shelf(limit), Shelf(view_limit)
        self.pinned: frozenset[Key] = frozenset()
        self._leave = leave

    def __iter__(self) -> Iterator[tuple[Key, Closure]]:
        yield from self.views
        yield from self.others

    def get(self, key: Key) -> Closure | None:
        found = self.views.get(key)
        return self.others.get(key) if found is None else found

    def put(self, key: Key, closure: Closure) -> None:
        """Keeps an answer where it belongs, in the place of any before it."""
        self.drop(key)
        fallen = [(key, closure)]
        if self.is_view(key, closure):
            fallen = self.views.put(key, closure)
        for other, each in fallen:
            for _, gone in self.others.put(other, each):
                self._leave(gone)

    def hit(self, key: Key, closure: Closure) -> None:
        """Counts a use; the one that makes it a view moves it."""
        closure.hits += 1
        if closure.hits == HOT and self.is_view(key, closure):
            self.put(key, closure)

    def is_view(self, key: Key, closure: Closure) -> bool:
        return key in self.pinned or (closure.hits >= HOT and len(closure) >= LARGE)

    def pin(self, keys: Iterable[Key]) -> None:
        """These are views from now on, whatever their size and use, and no others than these are for that reason."""
        before, self.pinned = self.pinned, frozenset(keys)
        for key in before ^ self.pinned:
            closure = self.get(key)
            if closure is not None:
                self.put(key, closure)

    def drop(self, key: Key) -> None:
        self.views.pop(key)
        self.others.pop(key)

    def clear(self) -> None:
        self.views.clear()
        self.others.clear()
