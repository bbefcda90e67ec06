"""Listing nodes and records of a SQLite store in keyset pages. What a text finds is in sqlite_search.py."""

from collections.abc import Sequence
from typing import Final

import apsw

from backends.changes import Cursor, NodeFilter, NodePage, Order, Page
from backends.errors import Rejected
from backends.model import Node
from backends.sqlite_read import read_nodes, read_numbers
from backends.sqlite_rows import storable
from backends.sqlite_search import Found, count_text, find_text
from backends.sqlite_where import END, STANDING, Condition, Near, filter_of, id_ranges, select_where, tagged, within
from backends.text import document, rank

FEW: Final = 2_000
"""So many neighbours of a node are ranked one by one; a name like `id` has far more bearers than a table has columns."""


def find_nodes(connection: apsw.Connection, where: NodeFilter, order: Order, page: Page) -> NodePage:
    """What `LineageBackend.find_nodes` says; the caller holds a read transaction."""
    if where.group is not None:
        return _find_records(connection, where, order, page)
    if not where.text:
        listing = _Listing(connection, where)
        found = listing.after(_id_after(page.after), page.first + 1)
        total = listing.count() if page.total else None
    elif where.adjacent is not None and (near := _Listing(connection, where).few()) is not None:
        return _ranked(near, where.text, order, page)
    else:
        others = filter_of(connection, where)
        found = find_text(connection, where.text, others, order, page.after, page.first + 1)
        total = count_text(connection, where.text, others) if page.total else None
    shown = found[: page.first]
    return NodePage(
        nodes=tuple(read_numbers(connection, [number for _, number in shown])),
        cursors=tuple(cursor for cursor, _ in shown),
        more=len(found) > len(shown),
        total=total,
    )


def _id_after(after: Cursor | None) -> str:
    match after:
        case None:
            return ""
        case (str(node_id),):
            return node_id
    raise Rejected("not a cursor of this listing")


class _Listing:
    """The nodes a filter lets through, its text aside, in the order of their ids."""

    def __init__(self, connection: apsw.Connection, where: NodeFilter) -> None:
        self._connection = connection
        self._ranges = id_ranges(where)
        self._id = "n.id"
        if where.adjacent is not None:
            # All neighbours are read and sorted, so they are read once, not once a range.
            near = Near(connection, where.adjacent)
            self._tables = f"edges e CROSS JOIN nodes n ON n.number = {near.far}"
            self._conditions = [near.stated, STANDING, *tagged(where.tags), within(self._ranges, "n.id")]
            self._ranges = [("", END)]
        elif where.tags:
            first, *others = sorted(where.tags)
            self._tables, self._id = "tags t CROSS JOIN nodes n ON n.number = t.number", "t.id"
            self._conditions = [Condition("t.tag = ?", (storable(first),)), STANDING, *tagged(others)]
        else:
            self._tables, self._conditions = "nodes n", [STANDING]

    def after(self, node_id: str, limit: int) -> list[Found]:
        """The next ones after an id."""
        found: list[Found] = []
        for low, high in self._ranges:
            if high > node_id and len(found) < limit:
                between = Condition(
                    f"{self._id} >= ? AND {self._id} < ? AND {self._id} <> ?", (max(low, node_id), high, node_id)
                )
                columns, rest = f"n.id, n.number FROM {self._tables}", f"ORDER BY {self._id} LIMIT ?"
                rows = select_where(self._connection, columns, [*self._conditions, between], rest, limit - len(found))
                found += [((found_id,), number) for found_id, number in rows]
        return found

    def count(self) -> int:
        """How many there are in all."""
        total = 0
        for ends in self._ranges:
            between = Condition(f"{self._id} >= ? AND {self._id} < ?", ends)
            rows = select_where(self._connection, f"count(*) FROM {self._tables}", [*self._conditions, between])
            total += rows[0][0]
        return total

    def few(self) -> list[Node] | None:
        """All of them, if they are few enough to look at each."""
        found = self.after("", FEW + 1)
        return read_numbers(self._connection, [number for _, number in found]) if len(found) <= FEW else None


def _ranked(nodes: Sequence[Node], text: str, order: Order, page: Page) -> NodePage:
    """As the reference does it: every node is looked at."""
    rows: list[tuple[Cursor, Node]] = []
    for node in nodes:
        doc = document(node.id, node.attributes)
        how_well = rank(text, doc)
        if how_well is not None:
            rows.append(((node.id,) if order is Order.ID else (how_well, len(doc.name), node.id), node))
    rows.sort(key=lambda row: row[0])
    after = [row for row in rows if page.after is None or row[0] > page.after]
    shown = after[: page.first]
    return NodePage(
        nodes=tuple(node for _, node in shown),
        cursors=tuple(cursor for cursor, _ in shown),
        more=len(after) > len(shown),
        total=len(rows) if page.total else None,
    )


def _find_records(connection: apsw.Connection, where: NodeFilter, order: Order, page: Page) -> NodePage:
    """Records of a group, greatest rank first; of the other filters only the kinds count."""
    assert where.group is not None
    conditions = [Condition("g.name = ?", (storable(where.group),))]
    if where.kinds is not None:
        conditions.append(within(id_ranges(NodeFilter(kinds=where.kinds)), "g.id"))
    total = select_where(connection, "count(*) FROM record_groups g", conditions)[0][0] if page.total else None
    if order is Order.ID:
        conditions.append(Condition("g.id > ?", (_id_after(page.after),)))
    elif page.after is not None:
        conditions.append(Condition("(g.place, g.id) > (?, ?)", _place_after(page.after)))
    rest = f"ORDER BY {'g.id' if order is Order.ID else 'g.place, g.id'} LIMIT ?"
    rows = select_where(connection, "g.place, g.id FROM record_groups g", conditions, rest, page.first + 1)
    shown = rows[: page.first]
    nodes = read_nodes(connection, [node_id for _, node_id in shown])
    return NodePage(
        nodes=tuple(nodes[node_id] for _, node_id in shown),
        cursors=tuple((node_id,) if order is Order.ID else (place, node_id) for place, node_id in shown),
        more=len(rows) > len(shown),
        total=total,
    )


def _place_after(after: Cursor) -> tuple[int, str]:
    match after:
        case (int(place), str(node_id)):
            return place, node_id
    raise Rejected("not a cursor of this listing")
