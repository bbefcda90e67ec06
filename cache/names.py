"""Ids by number. Answers are kept as numbers; the text is the backend's where it has it in memory, else it is kept here
once, however many answers name it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import ne
from typing import overload

import numpy as np
from numpy.typing import NDArray

from backends.base import LineageBackend
from cache.closure import Closure


class Names:
    """The ids that answers need. `own` is None as long as the backend has them all in memory."""

    def __init__(self, backend: LineageBackend) -> None:
        self._backend = backend
        self.own: dict[int, str] | None = None
        self.nbytes = 0

    def look(self) -> None:
        """Finds out whether the backend, which is open by now, has ids in memory."""
        if self._backend.names(np.empty(0, np.int64)) is None:
            self.own = {}

    def learn(self, numbers: NDArray[np.int64], ids: Iterable[str]) -> dict[int, str] | None:
        """Makes sure that these can be told; what to keep with the answer for that, if anything."""
        if self.own is None and self._backend.names(numbers) is not None:
            return None
        texts = list(ids)
        if self.own is None or any(map(ne, map(self.own.get, numbers.tolist(), texts), texts)):
            # One number that is another node now is another history, as of a store that was restored: all may be others.
            self.own, self.nbytes = {}, 0
        self._add(self.own, numbers, texts)
        return self.own

    def told(self, numbers: NDArray[np.int64]) -> Sequence[str] | None:
        """The ids of these, where all of them are known here."""
        if self.own is None:
            return self._backend.names(numbers)
        found = [self.own.get(number) for number in numbers.tolist()]
        known = [each for each in found if each is not None]
        return known if known and len(known) == len(found) else None

    def adopt(self, closure: Closure) -> None:
        """Learns what came with a repair, if that is not the backend's part."""
        if closure.names is not None and closure.fresh:
            self._add(closure.names, closure.graph.numbers[-len(closure.fresh) :], closure.fresh)
            closure.fresh = ()

    def _add(self, names: dict[int, str], numbers: NDArray[np.int64], ids: Iterable[str]) -> None:
        for number, node_id in zip(numbers.tolist(), ids, strict=True):
            if number not in names:
                names[number] = node_id
                self.nbytes += len(node_id) + 150

    def of(self, closure: Closure) -> Sequence[str] | None:
        """The ids of an answer's rows; None where one of them is known to nobody here."""
        numbers = closure.graph.numbers
        if closure.names is not None:
            return _Known(closure.names, numbers)
        if closure.fresh:
            # The backend may not have read the part of the log that these came with.
            old = len(numbers) - len(closure.fresh)
            if self._backend.names(numbers[old:]) is None:
                before = self._backend.names(numbers[:old])
                return None if before is None else _Joined(before, closure.fresh)
            closure.fresh = ()
        return self._backend.names(numbers)

    def forget(self) -> None:
        """Begins anew. Answers that are still in use keep what they need."""
        if self.own is not None:
            self.own = {}
            self.nbytes = 0


class _Known(Sequence[str]):
    __slots__ = ("_names", "_numbers")

    def __init__(self, names: Mapping[int, str], numbers: NDArray[np.int64]) -> None:
        self._names, self._numbers = names, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self._names[number] for number in self._numbers[at].tolist()]
        return self._names[int(self._numbers[at])]

    def __iter__(self) -> Iterator[str]:
        return map(self._names.__getitem__, self._numbers.tolist())

    def at(self, rows: NDArray[np.integer]) -> list[str]:
        """As `backends.model.ids_at`."""
        return list(map(self._names.__getitem__, self._numbers[rows].tolist()))


class _Joined(Sequence[str]):
    __slots__ = ("_before", "_last")

    def __init__(self, before: Sequence[str], last: tuple[str, ...]) -> None:
        self._before, self._last = before, last

    def __len__(self) -> int:
        return len(self._before) + len(self._last)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return list(self)[at]
        at = range(len(self))[at]
        here = len(self._before)
        return self._before[at] if at < here else self._last[at - here]

    def __iter__(self) -> Iterator[str]:
        yield from self._before
        yield from self._last
