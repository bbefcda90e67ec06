"""From selections and arguments to links: what each field that leads from entities to entities asks for. Pure.

A *spot* is a place in a document where entities are shown. A *link* is a field there that leads to other entities.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from backends.changes import Cursor
from backends.ids import KINDS, Kind
from backends.model import EDGE_KINDS, ENDS, FLOW, Direction, EdgeKind
from schema import enums
from schema.cursors import read_cursor
from schema.errors import ApiError, Code, bad_input
from schema.fold import HIDDEN_BY_DEFAULT
from schema.selection import Field, FieldKey, Selection

MAX_PAGE = 1000
API_KINDS = frozenset(kind.value for kind in enums.Kind)
TYPE_NAMES: Mapping[Kind, str] = {kind: kind.capitalize() for kind in KINDS if kind in API_KINDS}
"""The GraphQL type of each kind."""
ROW_LESS = frozenset({"__typename", "id", "kind", "namespace", "name"})
"""Fields that an id tells by itself."""
UP, DOWN = Direction.UPSTREAM, Direction.DOWNSTREAM


class PageOf(NamedTuple):
    """One page of a connection, and what is asked of it beside its nodes."""

    first: int
    after: Cursor | None
    total: bool
    rows: bool


class Step(NamedTuple):
    """One hop along one kind of edge."""

    direction: Direction
    edge_kind: EdgeKind


@dataclass(frozen=True, slots=True)
class Walk:
    """`upstream` or `downstream`. `kinds` None shows all but the hidden ones, `edge_kinds` None follows the flow."""

    key: FieldKey
    direction: Direction
    depth: int | None
    kinds: frozenset[Kind] | None
    edge_kinds: frozenset[EdgeKind] | None
    page: PageOf
    below: Selection
    via: Selection | None
    edges: bool
    last_run: Selection | None

    @property
    def of_columns(self) -> bool:
        """Whether a dataset stands for its columns here."""
        return column_layer(self.kinds, self.edge_kinds)

    @property
    def hidden(self) -> frozenset[Kind]:
        return hidden_kinds(self.kinds)

    def follows(self, parents: Iterable[Kind]) -> frozenset[EdgeKind]:
        """The edges followed from parents of these kinds."""
        return followed(self.kinds, self.edge_kinds, parents)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Entities of kind `shows`, a step or two away. Without a page all of them, at most 1,000."""

    key: FieldKey
    steps: tuple[Step, ...]
    shows: Kind
    page: PageOf | None
    below: Selection


@dataclass(frozen=True, slots=True)
class Reference:
    """One entity that this one names: in its own id (`attribute` None) or in an attribute."""

    key: FieldKey
    attribute: str | None
    shows: Kind
    below: Selection


@dataclass(frozen=True, slots=True)
class Named:
    """Datasets that a run names in an attribute, as the events said them."""

    key: FieldKey
    attribute: str
    page: PageOf
    below: Selection
    shows: Kind = Kind.DATASET


@dataclass(frozen=True, slots=True)
class Listing:
    """Runs of a job (`of_parent` False) or of a parent run, newest first."""

    key: FieldKey
    of_parent: bool
    page: PageOf
    below: Selection
    shows: Kind = Kind.RUN


Link: TypeAlias = Walk | Neighbours | Reference | Named | Listing


class Wants(NamedTuple):
    """What one kind of entity needs at a spot: its links, and whether its row and its facets are read."""

    links: tuple[Link, ...]
    row: bool
    facets: bool


_NEIGHBOURS: Mapping[tuple[Kind, str], tuple[tuple[Step, ...], Kind]] = {
    (Kind.DATASET, "columns"): ((Step(DOWN, EdgeKind.HAS_COLUMN),), Kind.COLUMN),
    (Kind.DATASET, "producedBy"): ((Step(UP, EdgeKind.PRODUCES),), Kind.OPERATION),
    (Kind.DATASET, "consumedBy"): ((Step(DOWN, EdgeKind.INPUT_TO),), Kind.OPERATION),
    (Kind.DATASET, "usedInTraining"): ((Step(DOWN, EdgeKind.USED_IN_TRAINING),), Kind.MODEL),
    (Kind.JOB, "inputs"): ((Step(DOWN, EdgeKind.HAS_OPERATION), Step(UP, EdgeKind.INPUT_TO)), Kind.DATASET),
    (Kind.JOB, "outputs"): ((Step(DOWN, EdgeKind.HAS_OPERATION), Step(DOWN, EdgeKind.PRODUCES)), Kind.DATASET),
    (Kind.JOB, "operations"): ((Step(DOWN, EdgeKind.HAS_OPERATION),), Kind.OPERATION),
    (Kind.OPERATION, "inputs"): ((Step(UP, EdgeKind.INPUT_TO),), Kind.DATASET),
    (Kind.OPERATION, "outputs"): ((Step(DOWN, EdgeKind.PRODUCES),), Kind.DATASET),
    (Kind.OPERATION, "performedBy"): ((Step(UP, EdgeKind.PERFORMED),), Kind.USER),
    (Kind.OPERATION, "hostedOn"): ((Step(UP, EdgeKind.HOSTED),), Kind.SYSTEM),
    (Kind.MODEL, "trainedOn"): ((Step(UP, EdgeKind.USED_IN_TRAINING),), Kind.DATASET),
    (Kind.MODEL, "predictions"): ((Step(DOWN, EdgeKind.GENERATED),), Kind.PREDICTION),
    (Kind.USER, "performed"): ((Step(DOWN, EdgeKind.PERFORMED),), Kind.OPERATION),
    (Kind.SYSTEM, "hosts"): ((Step(DOWN, EdgeKind.HOSTED),), Kind.OPERATION),
}
_LISTS = frozenset({"performedBy", "hostedOn"})
_REFERENCES: Mapping[tuple[Kind, str], tuple[str | None, Kind]] = {
    (Kind.COLUMN, "dataset"): (None, Kind.DATASET),
    (Kind.OPERATION, "job"): (None, Kind.JOB),
    (Kind.JOB, "lastRun"): ("last_run", Kind.RUN),
    (Kind.JOB, "parent"): ("parent", Kind.JOB),
    (Kind.RUN, "job"): ("job", Kind.JOB),
    (Kind.RUN, "parent"): ("parent", Kind.RUN),
    (Kind.RUN, "root"): ("root", Kind.RUN),
    (Kind.PREDICTION, "model"): ("model", Kind.MODEL),
}


def column_layer(kinds: frozenset[Kind] | None, edge_kinds: frozenset[EdgeKind] | None) -> bool:
    """Whether fields are meant: a dataset then stands for its columns."""
    return kinds == frozenset({Kind.COLUMN}) or edge_kinds == frozenset({EdgeKind.DERIVES})


def hidden_kinds(kinds: frozenset[Kind] | None) -> frozenset[Kind]:
    """What is passed through and not shown."""
    return HIDDEN_BY_DEFAULT if kinds is None else frozenset(KINDS) - kinds


def shown_kinds(kinds: frozenset[Kind] | None) -> frozenset[Kind]:
    """The kinds a walk can lead to."""
    return API_KINDS - hidden_kinds(kinds)


def followed(
    kinds: frozenset[Kind] | None, edge_kinds: frozenset[EdgeKind] | None, roots: Iterable[Kind]
) -> frozenset[EdgeKind]:
    """Which edges are followed. Predictions are many and lead nowhere: GENERATED counts only where one is shown or asked
    about."""
    asked = FLOW if edge_kinds is None else edge_kinds
    if edge_kinds is None and column_layer(kinds, edge_kinds):
        return frozenset({EdgeKind.DERIVES})
    if (kinds is not None and Kind.PREDICTION in kinds) or Kind.PREDICTION in roots:
        return asked
    return asked - {EdgeKind.GENERATED}


def read_page(field: Field, order: str, default: int, type_name: str) -> PageOf:
    """The page that a connection field asks for. Raises BAD_INPUT."""
    first = field.args.get("first")
    first = default if first is None else first
    if not 1 <= first <= MAX_PAGE:
        raise bad_input(f"first is 1 to {MAX_PAGE:,}, not {first:,}")
    names = field.below.names(type_name)
    rows = not names <= {"totalCount", "answer", "__typename"}
    return PageOf(first, read_cursor(order, field.args.get("after")), "totalCount" in names, rows)


def read_depth(depth: int | None) -> int | None:
    """A depth as it was asked for; None is as far as it goes. Raises BAD_INPUT."""
    if depth is not None and depth < 0:
        raise bad_input(f"depth is 0 or more, or null for as far as it goes, not {depth}")
    return depth


def read_kinds(kinds: Sequence[enums.Kind] | None) -> frozenset[Kind] | None:
    """Kinds as they were asked for; None is all of them, or the usual ones."""
    return None if kinds is None else frozenset(kind.value for kind in kinds)


def read_shown(args: Mapping[str, Any]) -> tuple[frozenset[Kind] | None, frozenset[EdgeKind] | None]:
    """What is shown, and along which edges; None: as usual. Raises BAD_INPUT where those edges lead to none of the
    kinds, as they never do to runs."""
    kinds, given = read_kinds(args.get("kinds")), args.get("edgeKinds")
    edge_kinds = None if given is None else frozenset(kind.stored for kind in given)
    if kinds is not None and (words := _unmet(kinds, edge_kinds)) is not None:
        raise bad_input(words, field="kinds")
    return kinds, edge_kinds


@lru_cache(256)
def _unmet(kinds: frozenset[Kind], edge_kinds: frozenset[EdgeKind] | None) -> str | None:
    """Why these kinds are no good to ask for; None where they are."""
    joined = {each: ENDS[each][0] | ENDS[each][1] for each in EDGE_KINDS if not each.is_hidden}
    met = frozenset[Kind]().union(*(joined[each] for each in (FLOW if edge_kinds is None else edge_kinds)))
    if Kind.OPERATION in met:
        met |= {Kind.JOB}  # shown in place of its operations
    if kinds & met or not kinds:
        return None
    if kinds == {Kind.RUN}:
        return "runs are records of jobs and no steps of lineage: ask a job for its runs, or run(id) for one"
    asked, leading = " and no ".join(sorted(kinds)), ", ".join(each for each, ends in joined.items() if ends & kinds)
    return (
        f"the edges that are followed lead to no {asked}: ask for other kinds, or, where edgeKinds can be said, have one of "
        f"these in it: {leading}"
    )


def refuse_history(as_of: int | None) -> None:
    """Raises UNSUPPORTED for a time in the past, until history is kept."""
    if as_of is not None:
        raise ApiError(Code.UNSUPPORTED, "asOf is not supported yet: leave it out to ask about now")


def wants(selection: Selection, kind: Kind) -> Wants:
    """What entities of a kind need where `selection` is shown. Raises BAD_INPUT, UNSUPPORTED."""
    known = selection.memo.get(kind)
    if not isinstance(known, Wants):
        known = selection.memo[kind] = _wants(selection, kind)
    return known


def _wants(selection: Selection, kind: Kind) -> Wants:
    links: list[Link] = []
    row = facets = False
    for field in selection.fields(TYPE_NAMES[kind]):
        link = _link(field, kind)
        if link is not None:
            links.append(link)
        elif field.name not in ROW_LESS or (kind is Kind.RUN and field.name == "namespace"):
            row = True
            facets |= field.name == "facets"
    return Wants(tuple(links), row, facets)


def _link(field: Field, kind: Kind) -> Link | None:
    """The link that a field of a kind of entity is; None for a plain value."""
    if field.name in ("upstream", "downstream"):
        return read_walk(field)
    if (kind, field.name) in _NEIGHBOURS:
        steps, shows = _NEIGHBOURS[kind, field.name]
        if field.name in _LISTS:
            return Neighbours(field.key, steps, shows, None, field.below)
        name = f"{TYPE_NAMES[shows]}Connection"
        page = read_page(field, "id", 20, name)
        return Neighbours(field.key, steps, shows, page, nodes_below(field.below, name, f"{TYPE_NAMES[shows]}Edge"))
    if (kind, field.name) in _REFERENCES:
        attribute, shows = _REFERENCES[kind, field.name]
        return Reference(field.key, attribute, shows, field.below)
    if kind is Kind.RUN and field.name in ("inputs", "outputs"):
        below = nodes_below(field.below, "DatasetConnection", "DatasetEdge")
        return Named(field.key, field.name, read_page(field, "id", 100, "DatasetConnection"), below)
    if (kind, field.name) in ((Kind.JOB, "runs"), (Kind.RUN, "children")):
        page = read_page(field, "newest", 20, "RunConnection")
        return Listing(field.key, kind is Kind.RUN, page, nodes_below(field.below, "RunConnection", "RunEdge"))
    return None


def nodes_below(selection: Selection, connection: str, edge: str) -> Selection:
    """All that is selected of the entities of a connection, as `nodes` and as `edges { node }`: they are the same."""
    found = []
    for field in selection.fields(connection):
        if field.name == "nodes":
            found.append(field.below)
        elif field.name == "edges":
            found.extend(each.below for each in field.below.fields(edge) if each.name == "node")
    return Selection.union(found) if found else Selection(selection.document)


def read_walk(field: Field) -> Walk:
    """An `upstream` or `downstream` field. Raises BAD_INPUT, UNSUPPORTED."""
    args = field.args
    refuse_history(args.get("asOf"))
    hops = field.below.field("LineageConnection", "edges")
    return Walk(
        field.key,
        UP if field.name == "upstream" else DOWN,
        read_depth(args.get("depth")),
        *read_shown(args),
        read_page(field, "near", 50, "LineageConnection"),
        nodes_below(field.below, "LineageConnection", "LineageHop"),
        hops.field("LineageHop", "via") if hops else None,
        bool(hops and hops.names("LineageHop") & {"evidence", "transformations"}),
        last_run_below(hops, "LineageHop") if hops else None,
    )


def last_run_below(selection: Selection, type_name: str) -> Selection | None:
    """What is selected of the last run of the evidence of an edge; None where it is not."""
    evidence = selection.field(type_name, "evidence")
    return evidence.field("Evidence", "lastRun") if evidence else None
