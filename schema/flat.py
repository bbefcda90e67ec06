"""`lineage`, `impact` and `paths`: one traversal, told as a whole."""

from collections.abc import Generator, Hashable, Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.ids import KINDS, Kind
from backends.model import DOWN, EDGE_KINDS, UP, Direction, EdgeKind, Node, Subgraph
from schema import enums
from schema.affected import AffectedPage
from schema.columns import Columns
from schema.drive import Again, Ask, Got, Reader, Task
from schema.errors import bad_input
from schema.fold import show_rows
from schema.follow import Spot, proof_of, prove
from schema.graft import OWN, graft
from schema.impact import impact_levels, noted_summary, shown_levels, summary
from schema.joins import Step, Steps
from schema.paths import shortest_paths
from schema.plan import (
    API_KINDS,
    column_layer,
    followed,
    hidden_kinds,
    last_run_below,
    read_depth,
    read_shown,
    refuse_history,
)
from schema.roots import RootTask, known
from schema.selection import Field, FieldKey, Selection
from schema.shown import Folded, Shown
from schema.starts import Starts, members_of
from schema.together import Wanted
from schema.turns import Reach, Turn, check_turns, hops
from schema.types.answer import EDGES_CUT, MAX_NODES, SERVICE_BOUND, WORK_BOUND, Answer, LineageSummary, Told
from schema.types.entities import Run, entity
from schema.types.lineage import Impact, ImpactConnection, ImpactEdge, Lineage, LineageEdge, LineageNode, Path, Paths, Proof
from schema.view import View, rows_of

_PROVEN = frozenset({"evidence", "transformations"})
_THROUGH = _PROVEN | {"via"}
"""Fields of an edge for which it must be known what lies between its ends."""
_STORED = {code: kind for code, kind in enumerate(EDGE_KINDS) if code != OWN}
_DIRECTIONS = {UP: enums.Direction.UPSTREAM, DOWN: enums.Direction.DOWNSTREAM, UP | DOWN: enums.Direction.BOTH}


MANY = 50
"""Roots and what stands for them, past which nothing is noted of what they reach."""
MAX_PATHS = 100
"""Routes that one answer lists."""


class Graph(NamedTuple):
    """A traversal from what was asked about, seen through the kinds that are shown. `begin` are the rows of the roots."""

    view: View
    begin: dict[int, int]
    starts: Starts
    hidden: frozenset[Kind]
    jobs: bool
    stands_for: Mapping[str, str]

    @property
    def subgraph(self) -> Subgraph:
        return self.view.subgraph

    def shown(self, direction: Direction, depth: int | None) -> Shown:
        return show_rows(self.view, self.begin, direction, depth)

    def how(self, depth: int | None) -> Hashable:
        """All that what is shown depends on, beside the subgraph and the direction; None where that is much."""
        if len(self.stands_for) + len(self.begin) > MANY:
            return None
        return (depth, self.hidden, self.jobs, frozenset(self.stands_for.items()), frozenset(self.begin.items()))


def graph_of(
    reader: Reader,
    roots: Sequence[Node],
    direction: Direction,
    depth: int | None,
    kinds: frozenset[Kind] | None,
    edge_kinds: frozenset[EdgeKind] | None = None,
    *,
    columns: bool,
    ends: Sequence[Node] = (),
) -> Generator[Ask, Got, Graph]:
    """The graph around the roots. `columns`: datasets stand for their fields. `ends` are put in where they were met."""
    ids = [node.id for node in (*roots, *ends)]
    members = yield from members_of(reader, ids, ids if columns else ())
    starts = members.starts(ids, columns=columns)
    root_kinds = frozenset(node.kind for node in (*roots, *ends))
    follows = frozenset({EdgeKind.DERIVES}) if columns and edge_kinds is None else followed(kinds, edge_kinds, root_kinds)
    hidden = hidden_kinds(kinds)
    wanted = starts.ids((node.id for node in roots), direction)
    far = hops(depth, hidden, follows, root_kinds, columns=columns)
    got = yield Ask(wanted=[Wanted(frozenset(wanted), Turn(direction, columns), Reach(far, follows))])
    subgraph = got.subgraphs[0]
    reader.work(len(subgraph) + len(subgraph.sources))
    if starts.runs:
        subgraph = graft(subgraph, starts.runs, Direction.BOTH if ends else direction)
    jobs = kinds is not None and Kind.JOB in kinds
    stands_for = {each: node.id for node in (*roots, *ends) if node.kind is Kind.JOB for each in starts.of[node.id]}
    view = View(subgraph, hidden, jobs=jobs, stands_for=stands_for)
    return Graph(view, dict.fromkeys(_rows(reader, subgraph, roots, starts), 0), starts, hidden, jobs, stands_for)


def _rows(reader: Reader, subgraph: Subgraph, roots: Iterable[Node], starts: Starts, *, must: bool = True) -> list[int]:
    """The rows that stand for these nodes. Raises `Again` where one is gone since it was looked up."""
    wanted = [each for node in roots for each in starts.of.get(node.id, (node.id,))]
    rows = rows_of(subgraph, wanted)
    if must and len(rows) < len(set(wanted)) and not reader.is_last:
        raise Again
    return list(rows.values())


def lineage(reader: Reader, field: Field) -> Task:
    """Every node and edge within reach, flat."""
    args, below, costs = field.args, field.below, reader.costs
    refuse_history(args.get("asOf"))
    depth, (kinds, edge_kinds) = read_depth(args.get("depth")), read_shown(args)
    direction: Direction = args["direction"].value
    most = args.get("maxNodes")
    most = 1000 if most is None else most
    if not 1 <= most <= costs.max_nodes:
        raise bad_input(f"maxNodes is 1 to {costs.max_nodes:,}, not {most:,}")
    nodes, edges = below.field("Lineage", "nodes"), below.field("Lineage", "edges")
    entities = nodes.field("LineageNode", "entity") if nodes else None
    if entities is not None:
        check_turns(entities, API_KINDS, costs.max_turns)
    roots = yield from known(reader, args["of"], "of")
    columns = column_layer(kinds, edge_kinds)
    graph = yield from graph_of(reader, roots, direction, depth, kinds, edge_kinds, columns=columns)
    shown = graph.shown(direction, depth)
    reasons = [SERVICE_BOUND] if graph.subgraph.truncated else []
    via = edges is not None and bool(edges.names("LineageEdge") & _THROUGH)
    folded = shown.first(most, edges=edges is not None, via=via) if nodes or edges else None
    if folded is not None:
        reasons += [MAX_NODES] if folded.total > most else []
        reasons += [EDGES_CUT] if folded.edges_truncated else []
    exact = not graph.subgraph.truncated
    reader.values[field.key] = Lineage(
        nodes=_lineage_nodes(reader, field.key, folded, entities) if folded is not None and nodes else [],
        edges=edges_of(reader, field.key, steps_of(folded), standing_in(folded), edges)
        if folded is not None and edges
        else [],
        summary=LineageSummary(counts=summary(shown), exact=exact),
        answer=Answer(told=Told(reader.store, len(shown) if exact else None, graph.subgraph.cache, tuple(reasons))),
    )


def _lineage_nodes(reader: Reader, root: FieldKey, folded: Folded, below: Selection | None) -> Columns[LineageNode]:
    spot = Spot(reader, root, below)
    kinds = (KINDS[code] for code in folded.kinds.tolist())
    entities = list(map(entity, spot.add_once(folded.ids, kinds)))
    spot.spawn()
    directions = [_DIRECTIONS[reached] for reached in folded.reached.tolist()]
    return Columns(LineageNode, entity=entities, depth=folded.depths.tolist(), direction=directions)


def steps_of(folded: Folded) -> Steps:
    """The edges of a folded answer, in text."""
    ids = folded.ids
    return Steps(
        [ids[at] for at in folded.sources.tolist()],
        [ids[at] for at in folded.targets.tolist()],
        folded.edge_kinds.tolist(),
        folded.via,
        folded.via_counts.tolist(),
    )


def standing_in(folded: Folded) -> dict[str, tuple[str, ...]]:
    """What the nodes stand for that are not shown for themselves alone."""
    return {folded.ids[at]: standing for at, standing in folded.members.items()}


def edges_of(
    reader: Reader,
    root: FieldKey,
    steps: Steps,
    members: Mapping[str, tuple[str, ...]],
    below: Selection,
) -> Columns[LineageEdge]:
    """The edges as they are shown; their evidence is read if it is selected."""
    runs: dict[str, Run] = {}
    proofs = [Proof(reader.store, None, runs)] * len(steps.sources)
    if below.names("LineageEdge") & _PROVEN:
        proofs = [proof_of(reader.store, step, runs, members) for step in map(Step, *steps)]
        last = last_run_below(below, "LineageEdge")
        prove(reader, root, proofs, Spot(reader, root, last) if last is not None else None, runs)
    return Columns(
        LineageEdge,
        source=steps.sources,
        target=steps.targets,
        via=steps.via,
        via_count=steps.via_counts,
        stored_kind=[_STORED.get(kind) for kind in steps.kinds],
        proof=proofs,
    )


def impact(reader: Reader, field: Field) -> Task:
    """What breaks: counts from columns, rows by the page."""
    args, below = field.args, field.below
    refuse_history(args.get("asOf"))
    depth, (kinds, _) = read_depth(args.get("depth")), read_shown(args)
    pages = [AffectedPage.of(each, reader) for each in below.fields("Impact") if each.name == "affected"]
    rooted = below.field("Impact", "roots")
    if rooted is not None:
        check_turns(rooted, API_KINDS, reader.costs.max_turns)
    roots = yield from known(reader, args["of"], "of")
    graph = yield from graph_of(reader, roots, Direction.DOWNSTREAM, depth, kinds, columns=column_layer(kinds, None))
    exact = not graph.subgraph.truncated
    seen = cache(lambda: graph.shown(Direction.DOWNSTREAM, depth))
    counts = noted_summary(graph.subgraph, graph.how(depth), lambda: summary(seen(), roots=False))
    levels = np.zeros(0)
    if any(page.levelled for page in pages):
        levels = shown_levels(seen(), impact_levels(graph.subgraph, list(graph.begin)))
    elif pages:
        levels = np.zeros(len(seen()))
    spot = Spot(reader, field.key, rooted)
    reasons = (SERVICE_BOUND,) if graph.subgraph.truncated else ()
    total = counts.total if exact else None
    reader.values[field.key] = Impact(
        roots=[entity(spot.add(node.id)) for node in roots],
        summary=LineageSummary(counts=counts, exact=exact),
        answer=Answer(told=Told(reader.store, total, graph.subgraph.cache, reasons)),
        pages={
            page.field.key: _affected(page, Spot(reader, field.key, page.below), seen(), levels, total) for page in pages
        },
    )
    spot.spawn()


def _affected(
    page: AffectedPage, spot: Spot, shown: Shown, levels: NDArray[np.float64], total: int | None
) -> ImpactConnection:
    found = page.places(shown, levels) if page.rows else []
    edges = [
        ImpactEdge(
            node=entity(spot.add(str(place[-1]))),
            depth=int(shown.depths[at]),
            impact_level=float(levels[at]),
            order=page.order,
            place=place,
        )
        for place, at in found[: page.first]
    ]
    spot.spawn()
    return ImpactConnection(edges=edges, total_count=total, more=len(found) > page.first, begun=page.after is not None)


def paths(reader: Reader, field: Field) -> Task:
    """The shortest routes from one entity to another, the way the data flows."""
    args, below = field.args, field.below
    kinds, _ = read_shown(args)
    first = 3 if args.get("first") is None else args["first"]
    if not 1 <= first <= MAX_PATHS:
        raise bad_input(f"first is 1 to {MAX_PATHS:,} paths, not {first:,}")
    routes_below = below.field("Paths", "paths")
    entities = routes_below.field("Path", "nodes") if routes_below else None
    if entities is not None:
        check_turns(entities, API_KINDS, reader.costs.max_turns)
    ends = yield from known(reader, [args["from"], args["to"]], "from and to")
    source, target = ends[0], ends[-1]
    columns = column_layer(kinds, None) or any(node.kind is Kind.COLUMN for node in ends)
    graph = yield from graph_of(
        reader, [source], Direction.DOWNSTREAM, None, kinds, columns=columns, ends=[target] if target is not source else []
    )
    subgraph = graph.subgraph
    rows = _rows(reader, subgraph, [target], graph.starts, must=False)
    found = shortest_paths(
        subgraph,
        list(graph.begin),
        rows,
        graph.hidden,
        first,
        jobs=graph.jobs,
        stands_for=graph.stands_for,
    )
    spot = Spot(reader, field.key, entities)
    steps_below = routes_below.field("Path", "edges") if routes_below else None
    reasons = [SERVICE_BOUND] if subgraph.truncated else []
    reasons += [] if found.complete else [WORK_BOUND]
    count = len(found.routes)
    total = count if count < first and not reasons else None
    reader.values[field.key] = Paths(
        paths=[
            Path(
                nodes=[entity(spot.add(each)) for each in route.ids],
                edges=edges_of(reader, field.key, Steps.of(route.steps), {}, steps_below) if steps_below else [],
                length=len(route.steps),
            )
            for route in found.routes
        ],
        answer=Answer(told=Told(reader.store, total, subgraph.cache, tuple(reasons))),
    )
    spot.spawn()


FLAT_ROOTS: Mapping[str, RootTask] = {"lineage": lineage, "impact": impact, "paths": paths}
