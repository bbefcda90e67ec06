"""Long lists of objects as columns: where some attributes of each are all that is shown, no object is ever made."""

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class Columns(Sequence[T], Generic[T]):
    """A list of objects of a class, each made only when somebody asks for it. `columns` are what they are made of, by
    keyword, all of the same length."""

    __slots__ = ("columns", "of")

    def __init__(self, of: type[T], **columns: Sequence[Any]) -> None:
        self.of, self.columns = of, columns

    def __len__(self) -> int:
        return min(map(len, self.columns.values()))

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> "Columns[T]": ...
    def __getitem__(self, at: int | slice) -> "T | Columns[T]":
        parts = {name: column[at] for name, column in self.columns.items()}
        return Columns(self.of, **parts) if isinstance(at, slice) else self.of(**parts)

    def __iter__(self) -> Iterator[T]:
        names = tuple(self.columns)
        for values in zip(*self.columns.values(), strict=True):
            yield self.of(**dict(zip(names, values, strict=True)))
