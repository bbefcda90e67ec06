"""Listing nodes and records of a Gremlin store in keyset pages, in exactly the order of the contract.

Kinds and namespaces are ranges of the shelves of kinds, records lie on the shelves of their groups in order: such a page
costs what it shows. What a text, tags or neighbours narrow down is read as a set of ids, each side whole, and ordered
here: that costs time in proportion to the bearers of the word, tag or edge, not to the graph, and `timeout` bounds it.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from backends.changes import Cursor, NodeFilter, NodePage, Order, Page
from backends.errors import Rejected
from backends.gremlin_places import (
    END,
    SEPARATOR,
    Range,
    begins,
    beyond,
    group_cursor,
    group_shelf,
    key,
    kind_shelf,
    rank_place,
    search_ranges,
    shard,
    tag_shelf,
    unkeyed,
)
from backends.gremlin_read import classes, look, node_of, record_node
from backends.gremlin_rows import STATED, StoredRecord, may_be_node, pairs
from backends.gremlin_state import Head
from backends.gremlin_store import Seen, Store
from backends.ids import KINDS, Kind, encode_part, kind_of, namespace_of
from backends.model import Direction, Node
from backends.stored import encodable
from backends.text import document, rank

MOST: Final = 2**31 - 1
NODES: Final = tuple(sorted((kind for kind in KINDS if not kind.is_record), key=str.lower))
RECORDS: Final = tuple(kind for kind in KINDS if kind.is_record)
Listed: TypeAlias = tuple[Cursor, str, str]
"""A node in a list: its cursor, its id, and its vertex ("" where that was not read)."""


async def find_nodes(store: Store, where: NodeFilter, order: Order, page: Page) -> Seen[NodePage]:
    """What `LineageBackend.find_nodes` says."""
    if where.group is not None:
        return await _records(store, where.group, where.kinds, order, page)
    if where.text or where.tags or where.adjacent is not None:
        return await _narrowed(store, where, order, page)
    return await _listed(store, where, page)


def _id_after(after: Cursor | None) -> str | None:
    match after:
        case None:
            return None
        case (str(node_id),):
            return node_id
    raise Rejected("not a cursor of this list")


async def _entries(
    store: Store, ranges: Sequence[Range], most: int = MOST, *, each: bool = False
) -> tuple[list[Head], list[tuple[str, str]]]:
    """The entries of ranges one after the other, so many of all or `each` of them: places and texts."""
    data = {"ranges": [one[:3] for one in ranges], "most": most, "each": each, "count": False}
    reply = await store.read("ranges", data, dict.fromkeys(one.shelf for one in ranges))
    return [reply.before, reply.after], [(place, text) for place, text in pairs(reply.parts[0])]


async def _count(store: Store, ranges: Sequence[Range]) -> tuple[list[Head], int]:
    data = {"ranges": [one[:3] for one in ranges], "most": MOST, "each": False, "count": True}
    reply = await store.read("ranges", data, dict.fromkeys(one.shelf for one in ranges))
    return [reply.before, reply.after], int(reply.parts[1])


async def _nodes(store: Store, listed: Sequence[Listed]) -> tuple[list[Head], list[tuple[Cursor, Node]]]:
    """The nodes of a list, as far as they stand."""
    looked = await look(store, [i for _, i, at in listed if not at], ats=[at for _, _, at in listed if at])
    looked = await classes(store, looked)
    found = [(cursor, node_of(node_id, looked.nodes, facets=False)) for cursor, node_id, _ in listed]
    return looked.heads, [
        (cursor, node)
        for (cursor, node), (_, node_id, _) in zip(found, listed, strict=True)
        if node is not None and node.standing and node.id == node_id
    ]


def _page(shown: Sequence[tuple[Cursor, Node]], first: int, *, more: bool, total: int | None) -> NodePage:
    rows = shown[:first]
    return NodePage(tuple(node for _, node in rows), tuple(cursor for cursor, _ in rows), more, total)


# By kind and namespace alone


async def _listed(store: Store, where: NodeFilter, page: Page) -> Seen[NodePage]:
    after = _id_after(page.after)
    ranges = [*_ranges(where)]
    rest = [one if after is None else one._replace(low=max(one.low, beyond(after))) for one in ranges]
    heads, entries = await _entries(store, rest, page.first + 1)
    listed = [((unkeyed(place),), unkeyed(place), at) for place, at in entries]
    more_heads, nodes = await _nodes(store, listed[: page.first])
    total = None
    if page.total:
        count_heads, total = await _count(store, ranges)
        more_heads += count_heads
    found = _page(nodes, page.first, more=len(listed) > page.first, total=total)
    hangs_on = {one.shelf for one in ranges} | {node_id for _, node_id, _ in listed}
    return Seen(heads + more_heads, found, hangs_on)


def _ranges(where: NodeFilter) -> Iterable[Range]:
    """The parts of the shelves of kinds that the filter lets through, in the order of ids."""
    if where.namespace is not None and (not encodable(where.namespace) or "\0" in where.namespace):
        return
    for kind in NODES:
        if where.kinds is None or kind in where.kinds:
            if where.namespace is None:
                yield Range(kind_shelf(kind))
            else:
                prefix = key(f"{kind.lower()}:{encode_part(where.namespace)}#")
                yield Range(kind_shelf(kind), prefix, prefix + END)


# By text, tags, neighbours


async def _narrowed(store: Store, where: NodeFilter, order: Order, page: Page) -> Seen[NodePage]:
    groups: list[list[Range]] = []
    if where.adjacent is not None:
        near = where.adjacent
        down = near.direction is Direction.DOWNSTREAM
        low, high = begins(near.id, near.edge_kind) if may_be_node(near.id) else (END, END)
        shelf = shard("out" if down else "into", near.id) if may_be_node(near.id) else "~out -"
        groups.append([Range(shelf, low, high, STATED if down else "")])
    groups += [[Range(tag_shelf(tag))] for tag in sorted(where.tags)]
    groups += search_ranges(where.text) if where.text else []
    shelves = {one.shelf for group in groups for one in group}
    reply = await store.read("find", {"all": [[[*one] for one in group] for group in groups]}, shelves)
    heads = [reply.before, reply.after]
    # Of an edge the text is no vertex, and an end may be hidden; on all other shelves lies what stands.
    only_near = where.adjacent is not None and len(groups) == 1
    listed = sorted(_matches(where, order, [(own, "" if only_near else at) for own, at in pairs(reply.parts[0])]))
    wanted = _after(listed, page.after, by_rank=bool(where.text) and order is not Order.ID)
    total = len(listed) if page.total else None
    if only_near:
        more_heads, nodes, total = await _standing(store, listed, wanted, page)
        found = _page(nodes, page.first, more=len(nodes) > page.first, total=total)
    else:
        more_heads, nodes = await _nodes(store, wanted[: page.first])
        found = _page(nodes, page.first, more=len(wanted) > page.first, total=total)
    hangs_on = shelves | {node_id for _, node_id, _ in wanted[: page.first + 1]}
    if where.adjacent is not None:
        hangs_on |= {where.adjacent.id}
    return Seen(heads + more_heads, found, hangs_on)


def _matches(where: NodeFilter, order: Order, found: Iterable[tuple[str, str]]) -> Iterable[Listed]:
    for own, at in found:
        node_id = unkeyed(own)
        if where.kinds is not None and kind_of(node_id) not in where.kinds:
            continue
        if where.namespace is not None and namespace_of(node_id) != where.namespace:
            continue
        if not where.text:
            yield (node_id,), node_id, at
            continue
        doc = document(node_id, {})
        how_well = rank(where.text, doc)
        # What is found by words that are not in its name or namespace has them elsewhere.
        cursor = (4 if how_well is None else how_well, len(doc.name), node_id)
        yield (node_id,) if order is Order.ID else cursor, node_id, at


def _after(listed: Sequence[Listed], after: Cursor | None, *, by_rank: bool) -> Sequence[Listed]:
    match after:
        case None:
            return listed
        case (int(), int(), str()) if by_rank:
            pass
        case (str(),) if not by_rank:
            pass
        case _:
            raise Rejected("not a cursor of this list")
    return [one for one in listed if one[0] > after]


async def _standing(
    store: Store, listed: Sequence[Listed], wanted: Sequence[Listed], page: Page
) -> tuple[list[Head], list[tuple[Cursor, Node]], int | None]:
    """Of neighbours those that stand: as many as the page needs, or all where their number is asked for."""
    if page.total:
        heads, nodes = await _nodes(store, listed)
        after = {cursor for cursor, _, _ in wanted}
        return heads, [one for one in nodes if one[0] in after], len(nodes)
    heads, nodes = [], []
    step = page.first + 1
    for start in range(0, len(wanted), step):
        more_heads, more = await _nodes(store, wanted[start : start + step])
        heads += more_heads
        nodes += more
        if len(nodes) > page.first:
            break
    return heads, nodes, None


# Records


async def _records(store: Store, group: str, kinds: frozenset[Kind] | None, order: Order, page: Page) -> Seen[NodePage]:
    """Records of a group; of the other conditions only the kinds count."""
    ranges = [Range(group_shelf(kind, group)) for kind in RECORDS if kinds is None or kind in kinds]
    rest, most = ranges, MOST
    after = page.after
    if order is Order.ID:
        _id_after(after)
    else:
        most = page.first + 1
        match after:
            case None:
                pass
            case (int(ranked), str(node_id)):
                low = rank_place(ranked) + SEPARATOR + beyond(node_id)
                rest = [one._replace(low=low) for one in ranges]
            case _:
                raise Rejected("not a cursor of this list")
    heads, entries = await _entries(store, rest, most, each=True)
    found: list[tuple[Cursor, str, str]] = []
    for place, text in entries:
        cursor = group_cursor(place)
        found.append(((cursor[1],) if order is Order.ID else cursor, cursor[1], text))
    found.sort(key=lambda one: one[0])
    total = len(found) if page.total and order is Order.ID else None
    if page.total and order is not Order.ID:
        count_heads, total = await _count(store, ranges)
        heads += count_heads
    shown = [one for one in found if after is None or one[0] > after]
    nodes = [(cursor, record_node(i, StoredRecord.parse(text))) for cursor, i, text in shown[: page.first]]
    found_page = _page(nodes, page.first, more=len(shown) > page.first, total=total)
    return Seen(heads, found_page, {one.shelf for one in ranges})
