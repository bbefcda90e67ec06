"""What a text finds in a SQLite store, in exactly the order of `backends.text.rank`: rank, length of the name, id.

A broad text (a hundred thousand matches) must not cost a look at each match, so the ranks are answered one after the
other and only as far as the page reaches:

* rank 0 and 1 compare the name, or its last part, as a whole: ranges of the indexes over (size, name) and (size, last),
  one size after the other;
* ranks 2 to 4 compare words: FTS5 expressions, each less the one before. A match's rowid begins with the length of its
  name, so FTS5 gives them out shortest first and stops when the page is full. Only matches whose names are as long as
  that of the last row shown are sorted, by id, inside SQLite.

So a page costs the matches it passes over plus those of one length, and no Python a match.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import apsw

from backends.changes import Cursor, Order
from backends.errors import Rejected
from backends.sqlite_rows import storable
from backends.sqlite_terms import SHIFT
from backends.sqlite_where import Condition, Filter, select_where
from backends.text import words

Found: TypeAlias = tuple[Cursor, int]
"""The cursor of a node and its number."""
Hit: TypeAlias = tuple[int, str, int]
"""(size, id, number) of a node: within a rank the order of the answer."""
MATCHED: Final = f"search f CROSS JOIN nodes n ON n.number = f.rowid & {(1 << SHIFT) - 1}"


def find_text(
    connection: apsw.Connection,
    text: str,
    where: Filter,
    order: Order,
    after: Cursor | None,
    limit: int,
) -> list[Found]:
    """The next matches among the nodes that the filter lets through."""
    search = _Search(connection, text, where)
    if order is Order.ID:
        return search.by_id(after, limit)
    match after:
        case None:
            start, place = 0, (-1, "")
        case (int(start), int(size), str(node_id)):
            place = (size, node_id)
        case _:
            raise Rejected("not a cursor of this listing")
    found: list[Found] = []
    for how_well in range(start, 5):
        if len(found) < limit:
            hits = search.ranked(how_well, place, limit - len(found))
            found += [((how_well, size, node_id), number) for size, node_id, number in hits]
        place = (-1, "")
    return found


def count_text(connection: apsw.Connection, text: str, where: Filter) -> int:
    """How many nodes match in all."""
    return _Search(connection, text, where).count()


class _Words(NamedTuple):
    """FTS5 expressions: every typed word is one of the name, begins one of the name, begins any word of the node."""

    name: str
    name_begins: str
    begins: str


def _expressions(wanted: Sequence[str]) -> _Words:
    whole = " AND ".join(f'"{word}"' for word in wanted)
    begin = " AND ".join(f'"{word}"*' for word in wanted)
    return _Words(f"name : ({whole})", f"name : ({begin})", f"({begin})")


class _Search:
    """One text and the other conditions, as statements."""

    def __init__(self, connection: apsw.Connection, text: str, where: Filter) -> None:
        self._connection = connection
        self._where = where
        typed = text.strip().casefold()
        wanted = words(typed)
        self._words = _expressions(wanted) if wanted else None
        # No name holds half a surrogate pair; such a text can still have words that match.
        self._typed = typed if isinstance(storable(typed), str) else None

    def ranked(self, how_well: int, after: tuple[int, str], limit: int) -> list[Hit]:
        """The next matches of one rank."""
        if how_well == 0:
            return self._same(after, limit)
        if self._words is None:
            return []
        if how_well == 1:
            return self._begin(after, limit)
        name, name_begins, begins = self._words
        expression = (name, f"{name_begins} NOT {name}", f"{begins} NOT {name_begins}")[how_well - 2]
        return self._matching(expression, after, limit)

    # Rank 0 and 1: the name as a whole

    def _same(self, after: tuple[int, str], limit: int) -> list[Hit]:
        typed = self._typed
        if typed is None:
            return []
        hits = {hit for hit in self._same_id() if hit[:2] > after}
        for size in self._sizes(max(after[0], len(typed))):
            equal = [Condition("n.size = ? AND n.last = ?", (size, typed))]
            if size == len(typed):
                equal.append(Condition("n.size = ? AND n.name = ?", (size, typed)))
            for condition in equal:
                hits.update(self._of_size(condition, size, after, limit))
            if sum(hit[0] <= size for hit in hits) >= limit:
                break
        return sorted(hits)[:limit]

    def _same_id(self) -> list[Hit]:
        """Nodes whose id, in lower case, was typed."""
        assert self._typed is not None
        same = [Condition("n.id = ? AND n.folded IS NULL", (self._typed,)), Condition("n.folded = ?", (self._typed,))]
        return [hit for condition in same for hit in self._hits(condition, "")]

    def _begin(self, after: tuple[int, str], limit: int) -> list[Hit]:
        typed = self._typed
        if typed is None:
            return []
        hits: list[Hit] = []
        less = Condition("n.name <> ? AND coalesce(n.last, n.name) <> ? AND coalesce(n.folded, n.id) <> ?", (typed,) * 3)
        for size in self._sizes(max(after[0], len(typed))):
            of_size: set[Hit] = set()
            for column in ("name", "last"):
                begins = _begins(f"n.{column}", typed)
                condition = Condition(
                    f"n.size = ? AND {begins.sql} AND {less.sql}", (size, *begins.bindings, *less.bindings)
                )
                of_size.update(self._of_size(condition, size, after, limit))
            hits += sorted(of_size)
            if len(hits) >= limit:
                break
        return hits[:limit]

    def _of_size(self, condition: Condition, size: int, after: tuple[int, str], limit: int) -> list[Hit]:
        if size == after[0]:
            condition = Condition(f"{condition.sql} AND n.id > ?", (*condition.bindings, after[1]))
        return self._hits(condition, "ORDER BY n.id LIMIT ?", limit)

    def _sizes(self, least: int) -> Iterator[int]:
        """The lengths that names have, from `least` on."""
        size: int | None = least - 1
        while size is not None:
            sql = "SELECT min(size) FROM nodes WHERE standing AND size > ?"
            size = self._connection.execute(sql, (size,)).get
            if size is not None:
                yield size

    # Rank 2 to 4: words

    def _matching(self, expression: str, after: tuple[int, str], limit: int) -> list[Hit]:
        """Shortest names first. Where the limit falls into one length, the matches of that length are asked for again,
        sorted by id."""
        conditions: list[Condition] = []
        size, node_id = after
        if size >= 0:
            later = "f.rowid >= ? AND (f.rowid >= ? OR n.id > ?)"
            conditions.append(Condition(later, (size << SHIFT, (size + 1) << SHIFT, node_id)))
        if self._typed is not None:
            conditions.append(self._less_begin())
        hits = self._matches(expression, conditions, "ORDER BY f.rowid LIMIT ?", limit)
        if len(hits) == limit:
            last = hits[-1][0]
            shorter = [hit for hit in hits if hit[0] < last]
            conditions.append(Condition("f.rowid BETWEEN ? AND ?", (last << SHIFT, ((last + 1) << SHIFT) - 1)))
            hits = shorter + self._matches(expression, conditions, "ORDER BY n.id LIMIT ?", limit - len(shorter))
        return sorted(hits)

    def _less_begin(self) -> Condition:
        """Not of rank 0 or 1."""
        assert self._typed is not None
        size, typed = len(self._typed), self._typed
        starts = "substr(n.name, 1, ?) <> ? AND substr(coalesce(n.last, n.name), 1, ?) <> ?"
        return Condition(f"{starts} AND coalesce(n.folded, n.id) <> ?", (size, typed, size, typed, typed))

    # All ranks

    def by_id(self, after: Cursor | None, limit: int) -> list[Found]:
        """The next matches of any rank in the order of their ids."""
        match after:
            case None:
                low = ""
            case (str(low),):
                pass
            case _:
                raise Rejected("not a cursor of this listing")
        hits = {hit for hit in self._ranked_zero() if hit[1] > low}
        if self._words is not None:
            later = Condition("n.id > ?", (low,))
            hits.update(self._matches(self._words.begins, [later], "ORDER BY n.id LIMIT ?", limit))
        ordered = sorted(hits, key=lambda hit: hit[1])[:limit]
        return [((node_id,), number) for _, node_id, number in ordered]

    def count(self) -> int:
        """How many match in all."""
        hits = self._ranked_zero()
        if self._words is None:
            return len(hits)
        match, linked = self._match(self._words.begins), self._where.linked
        tables = MATCHED if linked else "search f"
        total: int = select_where(self._connection, f"count(*) FROM {tables}", [match, *linked])[0][0]
        for size, _, number in hits:
            this = Condition("f.rowid = ?", (size << SHIFT | number,))
            total += not select_where(self._connection, "1 FROM search f", [match, this])
        return total

    def _ranked_zero(self) -> list[Hit]:
        """Those that the words alone may not find: the id was typed, or nothing but punctuation."""
        if self._typed is None:
            return []
        return self._same((-1, ""), sys.maxsize) if self._words is None else self._same_id()

    def _hits(self, condition: Condition, rest: str, *bindings: int) -> list[Hit]:
        """Among the rows of nodes."""
        where = [condition, *self._where.nodes, *self._where.linked]
        return self._select("nodes n", where, rest, *bindings)

    def _matches(self, expression: str, conditions: Sequence[Condition], rest: str, *bindings: int) -> list[Hit]:
        """Among what FTS5 finds, which are standing nodes of the right scope."""
        where = [self._match(expression), *conditions, *self._where.linked]
        return self._select(MATCHED, where, rest, *bindings)

    def _match(self, expression: str) -> Condition:
        within = f"({expression}) AND {self._where.scope}" if self._where.scope else expression
        return Condition("f.search MATCH ?", (within,))

    def _select(self, tables: str, where: Sequence[Condition], rest: str, *bindings: int) -> list[Hit]:
        columns = f"n.size, n.id, n.number FROM {tables}"
        return [
            (size, node_id, number)
            for size, node_id, number in select_where(self._connection, columns, where, rest, *bindings)
        ]


def _begins(column: str, prefix: str) -> Condition:
    """The column begins so, as a range of its index."""
    end = _after_all(prefix)
    if end is None:
        return Condition(f"{column} >= ?", (prefix,))
    return Condition(f"{column} >= ? AND {column} < ?", (prefix, end))


def _after_all(prefix: str) -> str | None:
    """The least text after all that begin with `prefix`; None where there is none."""
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return None
    last = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if 0xD800 <= last < 0xE000 else last)
