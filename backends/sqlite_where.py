"""The filters of a listing as SQL over `nodes n`. An id begins with its kind and namespace: these two are ranges of ids."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import apsw

from backends.changes import Adjacent, NodeFilter
from backends.ids import KINDS, encode_part
from backends.model import Direction
from backends.sqlite_rows import Row, select, storable
from backends.sqlite_terms import kind_word, namespace_word

END: Final = "~"
"""Greater than every id, which begins with its kind."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A part of a WHERE clause."""

    sql: str
    bindings: tuple[Any, ...] = ()


NOWHERE: Final = "\ue000"
"""A word of no node."""
STANDING: Final = Condition("n.standing")


def select_where(
    connection: apsw.Connection, columns: str, conditions: Iterable[Condition], rest: str = "", *bindings: Any
) -> list[Row]:
    """All rows of `SELECT columns WHERE conditions rest`; `bindings` are those of the rest."""
    conditions = list(conditions)
    where = " AND ".join(condition.sql for condition in conditions)
    bound = [value for condition in conditions for value in condition.bindings]
    return select(connection, f"SELECT {columns} WHERE {where} {rest}", [*bound, *bindings])


def id_ranges(where: NodeFilter) -> list[tuple[str, str]]:
    """The ranges [from, to) of ids that the filter's kinds and namespace allow, in order."""
    if where.kinds is None and where.namespace is None:
        return [("", END)]
    prefixes = sorted(kind.lower() for kind in KINDS if where.kinds is None or kind in where.kinds)
    if where.namespace is None:
        return [(f"{prefix}:", f"{prefix};") for prefix in prefixes]
    if isinstance(storable(where.namespace), bytes):
        return []
    namespace = encode_part(where.namespace)
    return [(f"{prefix}:{namespace}#", f"{prefix}:{namespace}$") for prefix in prefixes]


def within(ranges: Sequence[tuple[str, str]], column: str) -> Condition:
    """The column is in one of the ranges."""
    sql = " OR ".join(f"({column} >= ? AND {column} < ?)" for _ in ranges) or "0"
    return Condition(f"({sql})", tuple(end for ends in ranges for end in ends))


def tagged(tags: Iterable[str]) -> list[Condition]:
    """The node has all of these tags."""
    sql = "EXISTS (SELECT 1 FROM tags x WHERE x.tag = ? AND x.id = n.id)"
    return [Condition(sql, (storable(tag),)) for tag in tags]


class Near:
    """The edges that `Adjacent` speaks of: `side` is the column of the node asked about, `far` that of its neighbours."""

    def __init__(self, connection: apsw.Connection, adjacent: Adjacent) -> None:
        rows = select(connection, "SELECT number FROM nodes WHERE id = ?", (storable(adjacent.id),))
        number = rows[0][0] if rows else -1  # the number of no node
        self.side, self.far = (
            ("e.source", "e.target") if adjacent.direction is Direction.DOWNSTREAM else ("e.target", "e.source")
        )
        self.stated = Condition(
            f"{self.side} = ? AND e.kind = ? AND e.retracted_at IS NULL", (number, adjacent.edge_kind.code)
        )

    @property
    def exists(self) -> Condition:
        """For a node found in another way."""
        sql = f"EXISTS (SELECT 1 FROM edges e WHERE {self.stated.sql} AND {self.far} = n.number)"
        return Condition(sql, self.stated.bindings)


class Filter(NamedTuple):
    """What a filter asks of a node beside its text: `nodes` of its row, `scope` as an FTS5 expression over the column of
    that name ("" asks nothing), `linked` of other tables."""

    nodes: list[Condition]
    scope: str
    linked: list[Condition]


def filter_of(connection: apsw.Connection, where: NodeFilter) -> Filter:
    """The filter in its parts."""
    nodes, linked, scope = [STANDING], tagged(where.tags), []
    if where.kinds is not None or where.namespace is not None:
        nodes.append(within(id_ranges(where), "n.id"))
    if where.kinds is not None:
        words = " OR ".join(f'"{kind_word(kind)}"' for kind in sorted(where.kinds))
        scope.append(f"scope : ({words})" if words else f'scope : "{NOWHERE}"')
    if where.namespace is not None:
        scope.append(f'scope : "{namespace_word(where.namespace)}"')
    if where.adjacent is not None:
        linked.append(Near(connection, where.adjacent).exists)
    return Filter(nodes, " AND ".join(scope), linked)
