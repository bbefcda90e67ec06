"""Runs are records, yet people ask what a run came from. Here one is put into a subgraph, joined to its own datasets."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, overload

import numpy as np

from backends.ids import Kind
from backends.model import DOWN, EDGE_KINDS, UP, Direction, EdgeKind, Subgraph
from schema.view import rows_of

OWN = EdgeKind.PAIR.code
"""The code of an edge between a run and its dataset: a kind that no traversal follows and no answer names."""


class Ends(NamedTuple):
    """What a run read and wrote, as ids of nodes, and the namespace of its job."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    namespace: str


class _Ids(Sequence[str]):
    """The ids of a subgraph and a few more, without looking up any."""

    def __init__(self, ids: Sequence[str], more: Sequence[str]) -> None:
        self._ids, self._more, self._size = ids, more, len(ids)

    def __len__(self) -> int:
        return self._size + len(self._more)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[str]: ...
    def __getitem__(self, row: int | slice) -> str | Sequence[str]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        return self._ids[row] if row < self._size else self._more[row - self._size]


def graft(subgraph: Subgraph, runs: Mapping[str, Ends], direction: Direction) -> Subgraph:
    """The subgraph with these runs as rows: UPSTREAM behind their inputs, DOWNSTREAM before their outputs, BOTH between.

    Datasets that are not in the subgraph are left out.
    """
    rows = rows_of(subgraph, {each for ends in runs.values() for each in (*ends.inputs, *ends.outputs)})
    size = len(subgraph)
    sources: list[int] = []
    targets: list[int] = []
    for run, ends in enumerate(runs.values(), start=size):
        if direction is not Direction.DOWNSTREAM:
            read = [rows[each] for each in ends.inputs if each in rows]
            sources += read
            targets += [run] * len(read)
        if direction is not Direction.UPSTREAM:
            wrote = [rows[each] for each in ends.outputs if each in rows]
            sources += [run] * len(wrote)
            targets += wrote
    names = {name: number for number, name in enumerate(subgraph.namespace_names)}
    namespaces = [names.setdefault(ends.namespace, len(names)) for ends in runs.values()]
    count = len(runs)
    return replace(
        subgraph,
        numbers=np.concatenate([subgraph.numbers, -1 - np.arange(count)]),
        kinds=np.concatenate([subgraph.kinds, np.full(count, Kind.RUN.code, np.uint8)]),
        depths=np.concatenate([subgraph.depths, np.zeros(count, np.int32)]),
        reached=np.concatenate([subgraph.reached, np.full(count, UP | DOWN, np.uint8)]),
        namespaces=np.concatenate([subgraph.namespaces, np.array(namespaces, np.int32)]),
        namespace_names=tuple(names),
        ids=_Ids(subgraph.ids, tuple(runs)),
        sources=np.concatenate([subgraph.sources, np.array(sources, np.int32)]),
        targets=np.concatenate([subgraph.targets, np.array(targets, np.int32)]),
        edge_kinds=np.concatenate([subgraph.edge_kinds, np.full(len(sources), OWN, np.uint8)]),
    )


def only(subgraph: Subgraph, edge_kinds: frozenset[EdgeKind]) -> Subgraph:
    """The subgraph with edges of these kinds alone; itself where it has no others. Its nodes stay."""
    allowed = np.array([kind in edge_kinds for kind in EDGE_KINDS])[subgraph.edge_kinds]
    if allowed.all():
        return subgraph
    return replace(
        subgraph,
        sources=subgraph.sources[allowed],
        targets=subgraph.targets[allowed],
        edge_kinds=subgraph.edge_kinds[allowed],
    )
