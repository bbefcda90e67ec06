"""From links to turns: what goes on in one direction and one layer is one traversal, whatever its levels. Pure.

`reach` sums the hops and unites the kinds of edges of all that follows from a link within its turn.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple, cast

from backends.ids import Kind
from backends.model import Direction, EdgeKind
from schema.errors import too_costly
from schema.fold import hops_needed, kinds_met
from schema.plan import API_KINDS, Link, Neighbours, Reference, Walk, shown_kinds, wants
from schema.selection import Selection


class Turn(NamedTuple):
    """One direction and one layer: what a single traversal can go on in. `columns`: all nodes of it are columns."""

    direction: Direction
    columns: bool


class Reach(NamedTuple):
    """What a turn asks of the graph: how far (None: as far as it goes) and along which edges."""

    hops: int | None
    edge_kinds: frozenset[EdgeKind]

    def and_then(self, others: Iterable["Reach"]) -> "Reach":
        """This, followed by the farthest of the others."""
        hops, edge_kinds = 0, set(self.edge_kinds)
        far: int | None = hops
        for other in others:
            far = None if far is None or other.hops is None else max(far, other.hops)
            edge_kinds |= other.edge_kinds
        return Reach(None if self.hops is None or far is None else self.hops + far, frozenset(edge_kinds))


def turn_of(link: Walk | Neighbours, parents: frozenset[Kind]) -> Turn:
    """The turn that a link begins, from parents of these kinds."""
    if isinstance(link, Walk):
        return Turn(link.direction, link.of_columns or parents == {Kind.COLUMN})
    return Turn(link.steps[-1].direction, link.steps[-1].edge_kind is EdgeKind.HAS_COLUMN)


def goes_on(link: Link, turn: Turn, parents: frozenset[Kind]) -> bool:
    """Whether a link from entities that a turn showed can be answered from the traversal of that turn.

    Not so where the direction or the layer changes, nor from a job that is shown for its operations: the turn met some
    of them, and the job stands for all.
    """
    if isinstance(link, Walk):
        if link.direction is not turn.direction or Kind.JOB in parents:
            return False
        return turn.columns or not link.of_columns
    if isinstance(link, Neighbours):
        steps = link.steps
        if any(step.edge_kind in (EdgeKind.HAS_COLUMN, EdgeKind.HAS_OPERATION) for step in steps):
            return False
        return all(step.direction is turn.direction for step in steps) and not turn.columns
    return False


class Spot(NamedTuple):
    """Where entities are shown below a link: what is selected there, their possible kinds, and whether the turn that showed
    them may go on from them."""

    selection: Selection
    kinds: frozenset[Kind]
    inside: bool


def spots(link: Link) -> list[Spot]:
    """The spots below a link."""
    if isinstance(link, Walk):
        found = [Spot(link.below, shown_kinds(link.kinds), True)]
        if link.via is not None:
            found.append(Spot(link.via, API_KINDS & link.hidden, True))
        if link.last_run is not None:
            found.append(Spot(link.last_run, frozenset({Kind.RUN}), False))
        return found
    return [Spot(link.below, frozenset({link.shows}), isinstance(link, Neighbours))]


def links_at(selection: Selection, kinds: Iterable[Kind]) -> list[tuple[Link, frozenset[Kind]]]:
    """The links at a spot where entities of these kinds are shown, and which of these have it. One field that means the
    same of several kinds is one link."""
    asked = frozenset(kinds)
    known = selection.memo.get(asked)
    if known is None:
        found: dict[object, list[tuple[Link, Kind]]] = {}
        for kind in sorted(asked):
            for link in wants(selection, kind).links:
                found.setdefault(_meaning(link), []).append((link, kind))
        known = [(_joined([link for link, _ in uses]), frozenset(kind for _, kind in uses)) for uses in found.values()]
        selection.memo[asked] = known
    return cast(list[tuple[Link, frozenset[Kind]]], known)


def _meaning(link: Link) -> object:
    """What a link is known by: a job, an operation and a run have `inputs`, and each means another way there."""
    if isinstance(link, Neighbours):
        return (link.key, link.steps, link.shows)
    return (link.key, type(link), getattr(link, "attribute", None), getattr(link, "shows", None))


def _joined(links: Sequence[Link]) -> Link:
    """One link for a field that several kinds have: what any of them selects below is selected."""
    first = links[0]
    if all(link == first for link in links):
        return first
    more: dict[str, Any] = {"below": Selection.union([link.below for link in links])}
    if isinstance(first, Walk):
        walks = [link for link in links if isinstance(link, Walk)]
        more["via"] = _union(link.via for link in walks)
        more["last_run"] = _union(link.last_run for link in walks)
        more["edges"] = any(link.edges for link in walks)
    if not isinstance(first, Reference) and first.page is not None:
        pages = [link.page for link in links if not isinstance(link, Reference) and link.page is not None]
        more["page"] = first.page._replace(total=any(page.total for page in pages), rows=any(page.rows for page in pages))
    return replace(first, **more)


def _union(selections: Iterable[Selection | None]) -> Selection | None:
    found = [selection for selection in selections if selection is not None]
    return Selection.union(found) if found else None


def reach(link: Walk | Neighbours, turn: Turn, parents: frozenset[Kind]) -> Reach:
    """What the traversal of a turn needs to answer a link and all below it that goes on in the turn."""
    if isinstance(link, Walk):
        edge_kinds = link.follows(parents)
        own = Reach(hops(link.depth, link.hidden, edge_kinds, parents, columns=link.of_columns), edge_kinds)
    else:
        steps = [step for step in link.steps if step.direction is turn.direction]
        own = Reach(len(steps), frozenset(step.edge_kind for step in steps))
    return own.and_then(
        reach(below, turn, kinds)
        for spot in spots(link)
        if spot.inside
        for below, kinds in links_at(spot.selection, spot.kinds)
        if isinstance(below, Walk | Neighbours) and goes_on(below, turn, kinds)
    )


def turns_needed(selection: Selection, kinds: frozenset[Kind], turn: Turn | None = None) -> int:
    """How many turns the costliest path below a spot has."""
    most = 0
    for link, parents in links_at(selection, kinds):
        if not isinstance(link, Walk | Neighbours):
            own, inside = 0, None
        elif turn is not None and goes_on(link, turn, parents):
            own, inside = 0, turn
        else:
            own, inside = 1, turn_of(link, parents)
        for spot in spots(link):
            most = max(most, own + turns_needed(spot.selection, spot.kinds, inside if spot.inside else None))
    return most


def check_turns(selection: Selection, kinds: frozenset[Kind], limit: int) -> None:
    """Raises TOO_COSTLY where a path of a nested query changes direction or layer too often."""
    needed = 0 if selection.is_flat else turns_needed(selection, kinds)
    if needed > limit:
        raise too_costly(
            f"this query changes direction or layer {needed} times on one path, "
            f"{limit} are allowed; ask lineage(...) for the graph"
        )


def hops(
    depth: int | None, hidden: frozenset[Kind], edge_kinds: frozenset[EdgeKind], roots: frozenset[Kind], *, columns: bool
) -> int | None:
    """How many hops `depth` shown steps take from roots of these kinds; see `fold.hops_needed`."""
    if depth is None:
        return None
    starts = frozenset(_starts_as(kind, columns=columns) for kind in roots)
    return hops_needed(depth, hidden, edge_kinds=edge_kinds, met=_met(starts, edge_kinds))


def _starts_as(kind: Kind, *, columns: bool) -> Kind:
    """The kind of what stands for an entity of this kind in a traversal."""
    if kind in (Kind.DATASET, Kind.ASSET):
        return Kind.COLUMN if columns else kind
    return {Kind.JOB: Kind.OPERATION, Kind.RUN: Kind.DATASET}.get(kind, kind)


_met = cache(kinds_met)
