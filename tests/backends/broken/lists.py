"""Lists, look-ups and scans gone wrong."""

from collections.abc import Sequence
from dataclasses import replace

from backends.changes import Adjacent, Changes, Cursor, NodeFilter, NodePage, Order, Page, ScanPage, Topology, TopologyPage
from backends.ids import namespace_of
from backends.memory import MemoryBackend
from backends.model import Direction, EdgeKey, Epoch, Node, Records
from backends.text import document, words
from tests.backends.broken import caught_by


@caught_by("test_unknown_is_none_in_the_order_asked")
class UnknownLeftOut(MemoryBackend):
    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        records = await super().get(ids, edges, facets=facets)
        return Records(tuple(node for node in records.nodes if node), tuple(edge for edge in records.edges if edge))


@caught_by("test_unknown_is_none_in_the_order_asked")
class GivenInAnOrderOfItsOwn(MemoryBackend):
    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        return await super().get(sorted(ids), sorted(edges), facets=facets)


@caught_by("test_withdrawn_is_hidden_until_someone_says_otherwise")
class HiddenIsUnknown(MemoryBackend):
    def _node(self, node_id: str, *, facets: bool = False) -> Node | None:
        node = super()._node(node_id, facets=facets)
        return node if node and node.standing else None


@caught_by("test_rows_are_neither_skipped_nor_repeated_while_others_write")
class PagingByOffset(MemoryBackend):
    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        whole = await super().find_nodes(where, order, replace(page, first=1000, after=None))
        start = int(page.after[0]) if page.after else 0
        end = start + page.first
        places = tuple((place + 1,) for place in range(start, min(end, len(whole.nodes))))
        return NodePage(whole.nodes[start:end], places, end < len(whole.nodes), whole.total)


@caught_by("test_list_goes_on_where_the_last_row_has_gone")
class CursorMustExist(MemoryBackend):
    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        whole = await super().find_nodes(where, order, replace(page, first=1000, after=None))
        if page.after is not None and page.after not in whole.cursors:
            return NodePage((), (), False, whole.total)
        return await super().find_nodes(where, order, page)


@caught_by("test_every_row_has_a_cursor_to_go_on_from")
class OneCursorForThePage(MemoryBackend):
    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        found = await super().find_nodes(where, order, page)
        return replace(found, cursors=found.cursors[-1:] * len(found.nodes))


@caught_by("test_page_that_ends_the_list_says_so")
class MoreWherePageIsFull(MemoryBackend):
    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        found = await super().find_nodes(where, order, page)
        return replace(found, more=len(found.nodes) == page.first)


@caught_by("test_filters_must_all_hold")
class TotalOfThePage(MemoryBackend):
    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        found = await super().find_nodes(where, order, page)
        return replace(found, total=len(found.nodes) if page.total else None)


@caught_by("test_search_finds_what_a_person_types_best_first")
class RelevanceIgnored(MemoryBackend):
    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        return await super().find_nodes(where, Order.ID if order is Order.RELEVANCE else order, page)


@caught_by("test_runs_are_listed_newest_first")
class OldestFirst(MemoryBackend):
    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        flipped = MemoryBackend()
        flipped.rows, flipped.edges = self.rows, self.edges
        flipped.records = {i: r._replace(rank=-r.rank) for i, r in self.records.items()}
        return await flipped.find_nodes(where, order, page)


@caught_by("test_runs_are_listed_newest_first", blind="their ranks are small")
class RanksAsFloats(MemoryBackend):
    """As in a store that knows no whole numbers."""

    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        rounded = MemoryBackend()
        rounded.rows, rounded.edges = self.rows, self.edges
        rounded.records = {i: r._replace(rank=int(float(r.rank))) for i, r in self.records.items()}
        return await rounded.find_nodes(where, order, page)


class Misplaced(MemoryBackend):
    """Changes the filter before it is asked."""

    def _place(self, node: Node, where: NodeFilter, order: Order) -> Cursor | None:
        return super()._place(node, self.misread(node, where), order)

    def misread(self, node: Node, where: NodeFilter) -> NodeFilter:
        return where


@caught_by("test_filters_must_all_hold")
class AnyOfTheTags(Misplaced):
    def misread(self, node: Node, where: NodeFilter) -> NodeFilter:
        return replace(where, tags=where.tags & set(node.attributes.get("tags", ())) or where.tags)


@caught_by("test_tags_are_compared_whole")
class TagsAsText(Misplaced):
    def misread(self, node: Node, where: NodeFilter) -> NodeFilter:
        text = ",".join(node.attributes.get("tags", ()))
        return replace(where, tags=frozenset(tag for tag in where.tags if tag not in text))


@caught_by("test_namespaces_are_compared_whole_and_decoded")
class NamespaceAsPrefix(Misplaced):
    def misread(self, node: Node, where: NodeFilter) -> NodeFilter:
        own = namespace_of(node.id)
        return replace(where, namespace=own if where.namespace and own.startswith(where.namespace) else where.namespace)


@caught_by("test_adjacent_goes_one_way_along_one_kind")
class AdjacentBothWays(MemoryBackend):
    def _is_adjacent(self, node_id: str, near: Adjacent) -> bool:
        return any(super(AdjacentBothWays, self)._is_adjacent(node_id, near._replace(direction=d)) for d in Direction)


@caught_by("test_hidden_kinds_are_kept_and_looked_up_but_never_logged")
class AdjacentByWithdrawnEdges(MemoryBackend):
    def _is_adjacent(self, node_id: str, near: Adjacent) -> bool:
        ends = (near.id, node_id) if near.direction is Direction.DOWNSTREAM else (node_id, near.id)
        return EdgeKey(ends[0], near.edge_kind, ends[1]) in self.edges


@caught_by("test_hidden_kinds_are_kept_and_looked_up_but_never_logged")
class HiddenKindsNotLookedUp(MemoryBackend):
    def _is_adjacent(self, node_id: str, near: Adjacent) -> bool:
        return not near.edge_kind.is_hidden and super()._is_adjacent(node_id, near)


@caught_by("test_hidden_nodes_are_not_listed")
class HiddenNodesListed(MemoryBackend):
    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        shown = MemoryBackend()
        shown.edges, shown.records = self.edges, self.records
        shown.rows = {i: replace(row, withdrawn=False) for i, row in self.rows.items()}
        return await shown.find_nodes(where, order, page)


@caught_by("test_search_finds_what_a_person_types_best_first")
class SearchOfAnyWord(MemoryBackend):
    def _place(self, node: Node, where: NodeFilter, order: Order) -> Cursor | None:
        for word in words(where.text or "") or (where.text or "",):
            if (place := super()._place(node, replace(where, text=word), order)) is not None:
                return place
        return None


@caught_by("test_search_finds_what_a_person_types_best_first")
class SearchOfWholeWords(MemoryBackend):
    def _place(self, node: Node, where: NodeFilter, order: Order) -> Cursor | None:
        doc = document(node.id, node.attributes)
        own = {*doc.name_words, *doc.other_words}
        whole = all(word in own for word in words(where.text or ""))
        return super()._place(node, where, order) if whole else None


@caught_by("test_search_finds_what_a_person_types_best_first")
class SearchOfWordsOnly(MemoryBackend):
    """Full-text search alone: what has no word in it, or is a whole id, is never found."""

    def _place(self, node: Node, where: NodeFilter, order: Order) -> Cursor | None:
        doc = document(node.id, node.attributes)
        begun = {own[:n] for own in (*doc.name_words, *doc.other_words) for n in range(1, len(own) + 1)}
        wanted = words(where.text or "")
        if where.text and (not wanted or not {*wanted} <= begun):
            return None
        return super()._place(node, where, order)


@caught_by("test_what_other_names_say_is_found")
class SearchOfOwnAttributesOnly(MemoryBackend):
    def _place(self, node: Node, where: NodeFilter, order: Order) -> Cursor | None:
        own = {key: stamped.value for key, stamped in node.members[node.id].items() if stamped.value is not None}
        return super()._place(replace(node, attributes=own), where, order)


@caught_by("test_withdrawn_attributes_are_not_found")
class SearchOfWhatWasWithdrawn(MemoryBackend):
    """An index that is added to and never taken from."""

    def __init__(self, url: str = "memory://") -> None:
        super().__init__(url)
        self.tagged: dict[str, set[str]] = {}

    async def apply(self, changes: Changes) -> Epoch:
        epoch = await super().apply(changes)
        for node in changes.nodes:
            if tags := self.rows[node.id].attributes.get("tags"):
                self.tagged.setdefault(node.id, set()).update(tags.value or ())
        return epoch

    def _place(self, node: Node, where: NodeFilter, order: Order) -> Cursor | None:
        return super()._place(node, replace(where, tags=where.tags - self.tagged.get(node.id, set())), order)


@caught_by("test_scan_makes_the_same_graph")
class ScanLosesAnEdge(MemoryBackend):
    async def scan(self, after: Cursor | None = None) -> ScanPage:
        changes = (await super().scan(after)).changes
        return ScanPage(replace(changes, edges=changes.edges[:-1]), None)


@caught_by("test_scan_makes_the_same_graph")
class ScanLosesHiddenNodes(MemoryBackend):
    async def scan(self, after: Cursor | None = None) -> ScanPage:
        changes = (await super().scan(after)).changes
        nodes = tuple(node for node in changes.nodes if not node.withdrawn)
        return ScanPage(replace(changes, nodes=nodes), None)


@caught_by("test_scan_makes_the_same_graph")
class ScanLosesGroups(MemoryBackend):
    async def scan(self, after: Cursor | None = None) -> ScanPage:
        changes = (await super().scan(after)).changes
        return ScanPage(replace(changes, records=tuple(replace(record, groups=()) for record in changes.records)), None)


@caught_by("test_names_survive_a_copy")
class ScanLosesNames(MemoryBackend):
    async def scan(self, after: Cursor | None = None) -> ScanPage:
        changes = (await super().scan(after)).changes
        return ScanPage(replace(changes, nodes=tuple(replace(node, alias_of=None) for node in changes.nodes)), None)


@caught_by("test_scan_makes_the_same_graph")
class ScanGivesEdgesFirst(MemoryBackend):
    async def scan(self, after: Cursor | None = None) -> ScanPage:
        changes = (await super().scan(after)).changes
        if after is None:
            return ScanPage(replace(changes, nodes=()), (1,))
        return ScanPage(replace(changes, edges=()), None)


@caught_by("test_scans_of_many_thousands_lose_nothing", blind="their graphs fit a page")
class ScanEndsAfterAPage(MemoryBackend):
    async def scan(self, after: Cursor | None = None) -> ScanPage:
        changes = (await super().scan(after)).changes
        return ScanPage(replace(changes, nodes=changes.nodes[:2000], edges=changes.edges[:1000]), None)


@caught_by("test_edge_stands_while_anyone_states_it")
class TopologyScanShowsWithdrawnEdges(MemoryBackend):
    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        shown = MemoryBackend()
        shown.rows = self.rows
        shown.edges = {k: edge._replace(tallies=edge.tallies or {"": {}}) for k, edge in self.edges.items()}
        return await shown.scan_topology(after)


@caught_by("test_topology_has_the_numbers_of_the_nodes")
class TopologyScanCountsAnew(MemoryBackend):
    """Numbers by place in the scan."""

    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        dense = MemoryBackend()
        dense.edges = self.edges
        rows = sorted(self.rows.values(), key=lambda row: row.id)
        dense.rows = {row.id: replace(row, number=place) for place, row in enumerate(rows)}
        return await dense.scan_topology(after)


@caught_by("test_scan_holds_together_while_others_write", blind="they scan while nobody writes")
class ScanOfTwoMoments(MemoryBackend):
    """Nodes first, then whatever edges there are by then."""

    async def scan(self, after: Cursor | None = None) -> ScanPage:
        changes = (await super().scan()).changes
        if after is None:
            return ScanPage(replace(changes, edges=(), records=()), (1,))
        return ScanPage(replace(changes, nodes=()), None)


@caught_by("test_topology_and_the_log_since_are_the_topology", blind="they scan while nobody writes")
class TopologyScanSkipsWhatMoves(MemoryBackend):
    """Pages by place: what goes beside the reading takes its neighbours with it."""

    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        whole = (await super().scan_topology()).topology
        start = int(after[0]) if after else 0
        end = start + 1000
        edges = slice(None) if start == 0 else slice(0)
        part = Topology(
            *(whole.numbers[start:end], whole.kinds[start:end], whole.ids[start:end]),
            *(whole.sources[edges], whole.edge_kinds[edges], whole.targets[edges]),
        )
        return TopologyPage(part, (end,) if end < len(whole.ids) else None)


@caught_by("test_many_are_looked_up_at_once", blind="they look up dozens")
class LookUpOfOneStatement(MemoryBackend):
    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        first = await super().get(ids[:32_766], edges[:32_766], facets=facets)
        rest = len(ids[32_766:]), len(edges[32_766:])
        return Records(first.nodes + (None,) * rest[0], first.edges + (None,) * rest[1])
