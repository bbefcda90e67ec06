"""From entities to what their links lead to: one task for each spot of a document, for all entities shown there."""

from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from backends.changes import NodeFilter, NodePage, Order, Page
from backends.ids import Kind, dataset_of, job_of, kind_of
from backends.model import EDGE_KINDS, EdgeKey, EdgeKind, Subgraph
from backends.vocabulary import parent_group
from schema.drive import Ask, Got, Reader, Task
from schema.errors import too_costly
from schema.fold import show_rows
from schema.graft import OWN, graft, only
from schema.joins import FOLDED, Step
from schema.plan import Link, Listing, Named, Neighbours, Reference, Walk, wants
from schema.seen import Seen, Store
from schema.selection import FieldKey, Selection
from schema.shown import Shown
from schema.starts import Starts, members_of, named_by, resolved, stepped
from schema.together import Wanted
from schema.turns import Turn, goes_on, links_at, reach, turn_of
from schema.types.answer import SERVICE_BOUND, Answer, Told
from schema.types.common import Connection, Edge
from schema.types.entities import Run, entity
from schema.types.lineage import LineageConnection, LineageHop, Proof
from schema.view import View, rows_of

BEFORE_DEPTH_1 = (0, "~")
"""A place after all roots (ids begin with lower-case letters) and before what they reach."""
_DATA = ("dataset:", "asset:")
MAX_PARENTS = 200
"""Entities whose runs one query lists: each costs a call."""


@dataclass(slots=True)
class Past:
    """The traversal that showed the entities of a spot, to go on in; `views` of it are made once."""

    subgraph: Subgraph
    turn: Turn
    views: dict[object, View] = field(default_factory=dict)


class Spot:
    """The entities that are shown at one place, each once however often the answer repeats it."""

    def __init__(self, reader: Reader, root: FieldKey, selection: Selection | None, past: Past | None = None) -> None:
        self.reader, self.root, self.selection, self.past = reader, root, selection, past
        self.seen: dict[str, Seen] = {}

    def add(self, node_id: str, times: int = 1) -> Seen:
        """The entity as it is shown here, `times` times more than before; counted among what one request may show."""
        seen = self.seen.get(node_id)
        if seen is None:
            seen = self.seen[node_id] = Seen(node_id, self.reader.store)
        seen.shown += times
        self.reader.show(times)
        return seen

    def add_once(self, ids: Iterable[str], kinds: Iterable[Kind]) -> Iterator[Seen]:
        """Many entities, none of them here yet, with their kinds; not counted among what one request may show."""
        store, known = self.reader.store, self.seen
        for node_id, kind in zip(ids, kinds, strict=True):
            seen = known[node_id] = Seen(node_id, store, kind)
            seen.shown = 1
            yield seen

    def spawn(self) -> None:
        """Follows the links of all that was added."""
        if self.seen and self.selection is not None:
            self.reader.spawn(self.root, self._follow(self.selection))

    def _follow(self, selection: Selection) -> Task:
        reader, seen = self.reader, self.seen
        kinds = {each.kind for each in seen.values()}
        for kind in kinds:
            needs = wants(selection, kind)
            if needs.row:
                reader.need((each.id for each in seen.values() if each.kind is kind), facets=needs.facets)
        links = [
            (link, [each for each in seen.values() if each.kind in having]) for link, having in links_at(selection, kinds)
        ]
        naming = [each for each in links if isinstance(each[0], Named | Reference)]
        if naming:
            reader.spawn(self.root, self._names(naming))
        for link, parents in links:
            if isinstance(link, Listing):
                reader.spawn(self.root, self._list(link, parents))
        yield from self._turn([(link, parents) for link, parents in links if isinstance(link, Walk | Neighbours)])

    def _below(self, selection: Selection | None, past: Past | None = None) -> "Spot":
        return Spot(self.reader, self.root, selection, past)

    # Names

    def _names(self, links: list[tuple[Link, list[Seen]]]) -> Task:
        """Reads the rows that name others, then those that a run names: these may be said by other names."""
        nodes = self.reader.store.nodes
        rows = {
            each.id
            for link, parents in links
            if isinstance(link, Named) or (isinstance(link, Reference) and link.attribute is not None)
            for each in parents
        }
        if unread := {node_id for node_id in rows if node_id not in nodes}:
            yield Ask(look=unread)
        named = {
            name
            for link, parents in links
            if isinstance(link, Named)
            for each in parents
            for name in named_by(self.reader, each.id, link.attribute)
        }
        if named:
            yield Ask(look=named)
        for link, parents in links:
            if isinstance(link, Reference):
                self._refer(link, parents)
            elif isinstance(link, Named):
                self._name(link, parents)

    def _refer(self, link: Reference, parents: list[Seen]) -> None:
        below = self._below(link.below)
        for parent in parents:
            target = _target(link, parent)
            known = target is not None and target.startswith(f"{link.shows.lower()}:")
            parent.links[link.key] = entity(below.add(target, parent.shown)) if target is not None and known else None
        below.spawn()

    def _name(self, link: Named, parents: list[Seen]) -> None:
        below = self._below(link.below)
        for parent in parents:
            ids = [
                each
                for each in resolved(self.reader, named_by(self.reader, parent.id, link.attribute))
                if kind_of(each) is link.shows
            ]
            parent.links[link.key] = _by_id(below, parent, ids, link.page.first, link.page.after, exact=True)
        below.spawn()

    def _list(self, link: Listing, parents: list[Seen]) -> Task:
        page, costs = link.page, self.reader.costs
        if len(parents) > MAX_PARENTS or len(parents) * page.first > costs.max_listed:
            raise too_costly(f"the runs of {len(parents):,} entities are too many to list; ask for smaller pages")
        order = Page(page.first, page.after, total=page.total)
        groups = [parent_group(each.id) if link.of_parent else each.id for each in parents]
        got = yield Ask(lists=[(NodeFilter(group=group), Order.NEWEST, order) for group in groups])
        below = self._below(link.below)
        for parent, found in zip(parents, got.pages, strict=True):
            parent.links[link.key] = _listed(below, parent, found, begun=page.after is not None)
        below.spawn()

    # Turns

    def _turn(self, links: list[tuple[Walk | Neighbours, list[Seen]]]) -> Generator[Ask, Got, None]:
        """Goes on in the past turn where that can be, and begins new ones for the rest, with all parents together."""
        fresh: list[tuple[Walk | Neighbours, list[Seen]]] = []
        for link, parents in links:
            kinds, past = frozenset(each.kind for each in parents), self.past
            if past is not None and not past.subgraph.truncated and goes_on(link, past.turn, kinds):
                starts = Starts({each.id: (each.id,) for each in parents})
                yield from self._resolve(link, parents, starts, past)
            else:
                fresh.append((link, parents))
        if not fresh:
            return
        members = yield from members_of(
            self.reader,
            {each.id for link, parents in fresh if _through_members(link) for each in parents},
            {each.id for link, parents in fresh if isinstance(link, Walk) and link.of_columns for each in parents},
        )
        wanted, begun = [], []
        for link, parents in fresh:
            kinds = frozenset(each.kind for each in parents)
            turn, ids = turn_of(link, kinds), [each.id for each in parents]
            starts = Starts({each: (each,) for each in ids})
            if _through_members(link):
                starts = members.starts(ids, columns=isinstance(link, Walk) and link.of_columns)
            begun.append(starts)
            wanted.append(Wanted(frozenset(starts.ids(ids, turn.direction)), turn, reach(link, turn, kinds)))
        got = yield Ask(wanted=wanted)
        for (link, parents), starts, want, subgraph in zip(fresh, begun, wanted, got.subgraphs, strict=True):
            yield from self._resolve(link, parents, starts, Past(subgraph, want.turn))

    def _resolve(
        self, link: Walk | Neighbours, parents: list[Seen], starts: Starts, past: Past
    ) -> Generator[Ask, Got, None]:
        if isinstance(link, Neighbours):
            self._near(link, parents, starts, past)
        else:
            yield from self._walk(link, parents, starts, past)

    def _near(self, link: Neighbours, parents: list[Seen], starts: Starts, past: Past) -> None:
        subgraph = past.subgraph
        rows = rows_of(subgraph, starts.ids((each.id for each in parents), past.turn.direction))
        steps = [step for step in link.steps if step.direction is past.turn.direction]
        at = {each.id: {rows[node_id] for node_id in starts.of[each.id] if node_id in rows} for each in parents}
        for step in steps:
            at = stepped(subgraph, at, step)
        below = self._below(link.below, past)
        for parent in parents:
            found = sorted(subgraph.ids[row] for row in at[parent.id] if subgraph.kinds[row] == link.shows.code)
            if link.page is None:
                parent.links[link.key] = [entity(below.add(each, parent.shown)) for each in found[:1000]]
            else:
                exact = not subgraph.truncated
                parent.links[link.key] = _by_id(below, parent, found, link.page.first, link.page.after, exact=exact)
        below.spawn()

    def _walk(self, link: Walk, parents: list[Seen], starts: Starts, past: Past) -> Generator[Ask, Got, None]:
        view = _view(link, parents, starts, past)
        rows = rows_of(view.subgraph, {each for ids in starts.of.values() for each in ids} | starts.runs.keys())
        below = self._below(link.below, past)
        via = self._below(link.via, past) if link.via is not None else None
        runs: dict[str, Run] = {}
        proofs: list[Proof] = []
        for number, parent in enumerate(parents):
            self.reader.work(view.size + len(view.edges.sources))
            begin = {rows[each]: 0 for each in starts.of.get(parent.id, (parent.id,)) if each in rows}
            shown = show_rows(view, begin, link.direction, link.depth)
            connection = _connection(link, parent, shown, below, via, runs)
            proofs += [hop.proof for hop in connection.edges]
            parent.links[link.key] = connection
            if number % 16 == 15:
                yield Ask()  # let others have their turn, and the deadline its say
        if link.edges:
            last = self._below(link.last_run) if link.last_run is not None else None
            prove(self.reader, self.root, proofs, last, runs)
        below.spawn()
        if via is not None:
            via.spawn()


def _through_members(link: Walk | Neighbours) -> bool:
    """Whether a job is begun from its operations: always by a walk, next door where the way turns there."""
    return isinstance(link, Walk) or link.steps[0].direction is not link.steps[-1].direction


def prove(reader: Reader, root: FieldKey, proofs: list[Proof], last: Spot | None, runs: dict[str, Run]) -> None:
    """Has the evidence of edges read, and then shows the last runs of it at `last`, if any are shown."""
    for proof in proofs:
        reader.need_edge(proof.key)
    reader.afterwards(root, _prove_between(reader, root, proofs, last, runs))


def _prove_between(reader: Reader, root: FieldKey, proofs: list[Proof], last: Spot | None, runs: dict[str, Run]) -> Task:
    """What has no evidence of its own is proved by the edges between: one more read, for very wide operations alone."""
    for proof in proofs:
        if proof.between and reader.store.edge(proof.key) is None:
            for key in proof.between:
                reader.need_edge(key)
    if last is not None:
        reader.afterwards(root, _show_last_runs(last, proofs, runs))
    yield from ()


def _show_last_runs(below: Spot, proofs: Iterable[Proof], runs: dict[str, Run]) -> Task:
    """Shows the last runs of evidence that was read."""
    for proof in proofs:
        edge = proof.edge()
        run = edge.evidence.last_run if edge is not None else None
        if run is not None and run.startswith("run:"):
            runs[run] = entity(below.add(run))
    below.spawn()
    yield from ()


def proof_key(step: Step, members: Mapping[str, tuple[str, ...]] | None = None) -> EdgeKey | None:
    """Where the evidence of a step is kept: at the edge itself, or at the pair of datasets that it joins through
    operations alone. None where it crossed more, or is a run's own. `members` are what a node stands for."""
    if step.kind == OWN:
        return None
    if step.kind != FOLDED:
        source, target = (_alone(each, members or {}) for each in (step.source, step.target))
        return EdgeKey(source, EDGE_KINDS[step.kind], target)
    if not (step.source.startswith(_DATA) and step.target.startswith(_DATA)):
        return None
    for each in step.via:  # a generator in `all` costs as much as the rest of this
        if not each.startswith("operation:"):
            return None
    return EdgeKey(step.source, EdgeKind.PAIR, step.target)


def proof_of(store: Store, step: Step, runs: dict[str, Run], members: Mapping[str, tuple[str, ...]] | None = None) -> Proof:
    """Where the evidence of a step will be found."""
    key = proof_key(step, members)
    return Proof(store, key, runs, between(step) if key is not None else ())


def between(step: Step) -> tuple[EdgeKey, ...]:
    """The two edges by which a pair of datasets goes through the one operation between them."""
    if step.kind != FOLDED or len(step.via) != 1:
        return ()
    return (
        EdgeKey(step.source, EdgeKind.INPUT_TO, step.via[0]),
        EdgeKey(step.via[0], EdgeKind.PRODUCES, step.target),
    )


def _alone(node_id: str, members: Mapping[str, tuple[str, ...]]) -> str:
    """What a node stands for, where that is one."""
    standing = members.get(node_id, ())
    return standing[0] if len(standing) == 1 else node_id


def _target(link: Reference, parent: Seen) -> str | None:
    """The id that a reference leads to."""
    if link.attribute is not None:
        return parent.text(link.attribute)
    return dataset_of(parent.id) if parent.kind is Kind.COLUMN else job_of(parent.id)


def _by_id(
    below: Spot, parent: Seen, ids: list[str], first: int, after: tuple[int | str, ...] | None, *, exact: bool
) -> object:
    """One page of entities in order of their ids, which are sorted."""
    begin = 0 if after is None else bisect_right(ids, str(after[0]))
    shown = ids[begin : begin + first]
    return Connection(
        edges=[Edge(node=entity(below.add(each, parent.shown)), order="id", place=(each,)) for each in shown],
        more=begin + first < len(ids),
        begun=after is not None,
        total_count=len(ids) if exact else None,
    )


def _listed(below: Spot, parent: Seen, page: NodePage, *, begun: bool) -> object:
    """One page of runs as the backend listed them."""
    return Connection(
        edges=[
            Edge(node=entity(below.add(node.id, parent.shown)), order="newest", place=cursor)
            for node, cursor in zip(page.nodes, page.cursors, strict=True)
        ],
        more=page.more,
        begun=begun,
        total_count=page.total,
    )


def _view(link: Walk, parents: list[Seen], starts: Starts, past: Past) -> View:
    """The part of the traversal that a walk follows, seen through the kinds it shows."""
    follows = link.follows(each.kind for each in parents)
    jobs = link.kinds is not None and Kind.JOB in link.kinds
    key = (follows, link.hidden, jobs)
    if starts.runs or key not in past.views:
        subgraph = only(past.subgraph, follows)
        if starts.runs:
            return View(graft(subgraph, starts.runs, link.direction), link.hidden, jobs=jobs)
        past.views[key] = View(subgraph, link.hidden, jobs=jobs)
    return past.views[key]


def _connection(
    link: Walk, parent: Seen, shown: Shown, below: Spot, via: Spot | None, runs: dict[str, Run]
) -> LineageConnection:
    """One page of what a walk from one entity shows, the nearest first, ties by id; the entity itself is no part of it."""
    page, store, subgraph = link.page, parent.store, shown.view.subgraph
    after = BEFORE_DEPTH_1 if page.after is None else (int(page.after[0]), str(page.after[1]))
    positions, ids = shown.nearest(page.first + 1, after=after) if page.rows else (np.empty(0, np.intp), [])
    more = len(ids) > page.first
    positions, ids = positions[: page.first], ids[: page.first]
    steps: list[Step | None] = [None] * len(ids)
    if link.via is not None or link.edges:
        steps = shown.last_steps(positions, link.direction)
    total = None if subgraph.truncated else int(np.count_nonzero(shown.depths > 0))
    hops = []
    for node_id, depth, step in zip(ids, shown.depths[positions].tolist(), steps, strict=True):
        hops.append(
            LineageHop(
                node=entity(below.add(node_id, parent.shown)),
                depth=depth,
                via=[entity(via.add(each, parent.shown)) for each in step.via]
                if via is not None and step is not None
                else [],
                proof=proof_of(store, step, runs) if step is not None else Proof(store, None, runs),
                place=(depth, node_id),
            )
        )
    reasons = (SERVICE_BOUND,) if subgraph.truncated else ()
    return LineageConnection(
        edges=hops,
        total_count=total,
        answer=Answer(told=Told(store, total, subgraph.cache, reasons)),
        more=more,
        begun=page.after is not None,
    )
