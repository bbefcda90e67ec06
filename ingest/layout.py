"""A layout as stored, and the difference between two: what an owner no longer states and what it newly does."""

from collections.abc import Iterable, Mapping

from backends.changes import EdgeChange
from backends.model import EDGE_KINDS, EdgeKey, Json

Edges = Mapping[EdgeKey, Mapping[str, Mapping[str, Json]]]


def pack(edges: Edges) -> dict[str, Json]:
    """Edges as compact JSON: every id, tally and set of facts once, edges as numbers into those lists."""
    ids, tallies, facts = _Table(), _Table(), _Table()
    rows: list[list[Json]] = []
    for key in sorted(edges):
        stated: list[Json] = []
        for tally, said in sorted(edges[key].items()):
            stated += [tallies.number(tally, tally), facts.number(repr(sorted(said.items())), dict(said))]
        rows.append([ids.number(key.source, key.source), key.kind.code, ids.number(key.target, key.target), *stated])
    return {"ids": ids.values, "tallies": tallies.values, "facts": facts.values, "edges": rows}


def unpack(packed: Mapping[str, Json] | None) -> dict[EdgeKey, dict[str, dict[str, Json]]]:
    """The edges that `pack` packed."""
    if not packed:
        return {}
    ids, tallies, facts = packed["ids"], packed["tallies"], packed["facts"]
    return {
        EdgeKey(ids[row[0]], EDGE_KINDS[row[1]], ids[row[2]]): {
            tallies[tally]: facts[said] for tally, said in zip(row[3::2], row[4::2], strict=True)
        }
        for row in packed["edges"]
    }


class _Table:
    """Values in the order they first came, each once."""

    def __init__(self) -> None:
        self.values: list[Json] = []
        self.numbers: dict[str, int] = {}

    def number(self, key: str, value: Json) -> int:
        if key not in self.numbers:
            self.numbers[key] = len(self.values)
            self.values.append(value)
        return self.numbers[key]


def difference(before: Edges, after: Edges) -> Iterable[EdgeChange]:
    """What to change so that the owner states `after` instead of `before`."""
    for key in sorted({*before, *after}):
        old, new = before.get(key, {}), after.get(key, {})
        put = {tally: said for tally, said in new.items() if old.get(tally) != said}
        drop = frozenset(old) - frozenset(new)
        if put or drop:
            yield EdgeChange(key, put, drop)
