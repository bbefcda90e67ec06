"""The fields a query begins with: a task for each, that finds what is named and goes on from there."""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias

from backends.changes import NodeFilter, Order, Page
from backends.ids import Kind, column_id, name_of
from backends.model import Node
from schema.drive import Ask, Got, Reader, Task
from schema.errors import ApiError, Code, bad_input
from schema.follow import Spot
from schema.names import (
    MAX_IDS,
    MAX_LATEST,
    Sought,
    latest_filter,
    latest_of,
    near_searches,
    nearest,
    neighbours,
    sought,
    sought_by_name,
    sought_model,
    sought_run,
    the_one,
)
from schema.plan import API_KINDS, nodes_below, read_kinds, read_page, wants
from schema.selection import Field, Selection
from schema.turns import check_turns
from schema.types.common import Connection, Edge
from schema.types.entities import entity

RootTask: TypeAlias = Callable[[Reader, Field], Task]
_PAGE = 1000


def one(reader: Reader, field: Field, name: Sought, kinds: frozenset[Kind]) -> Task:
    """One entity of these kinds by its name; null where there is none."""
    check_turns(field.below, kinds, reader.costs.max_turns)
    found = yield from find(reader, [name], facets=_faceted(field.below, kinds))
    node = found[0] if found[0] is not None and found[0].kind in kinds else None
    spot = Spot(reader, field.key, field.below)
    reader.values[field.key] = entity(spot.add(node.id)) if node is not None else None
    spot.spawn()


def many(reader: Reader, field: Field) -> Task:
    """`nodes(ids)`: each entity or null, in the order asked; an id that cannot be one is an error in its place."""
    ids = field.args["ids"]
    if len(ids) > MAX_IDS:
        raise bad_input(f"ids has at most {MAX_IDS:,} ids, not {len(ids):,}")
    check_turns(field.below, API_KINDS, reader.costs.max_turns)
    names: list[Sought | ApiError] = [_tried(text) for text in ids]
    good = [name for name in names if isinstance(name, Sought)]
    found = iter((yield from find(reader, good, facets=_faceted(field.below, API_KINDS), strict=False)))
    spot = Spot(reader, field.key, field.below)
    values: list[Any] = []
    for name in names:
        node = name if isinstance(name, ApiError) else next(found)
        values.append(entity(spot.add(node.id)) if isinstance(node, Node) else node)
    reader.values[field.key] = values
    spot.spawn()


def _tried(text: str) -> Sought | ApiError:
    try:
        return sought(text)
    except ApiError as error:
        return error


def find(
    reader: Reader, names: Sequence[Sought], *, facets: bool = False, strict: bool = True
) -> Generator[Ask, Got, list[Any]]:
    """The nodes that these names mean, None where there is none: one `get` for all of them, and a list for each model
    whose version was left out. Raises BAD_INPUT where several kinds answer (not `strict`: gives the error)."""
    latest = list(dict.fromkeys(name.latest for name in names if name.latest is not None))
    if len(latest) > MAX_LATEST:
        raise bad_input(f"at most {MAX_LATEST} ids may leave their kind, or the version of a model, to be found out")
    ask = Ask(look={each for name in names for each in name.ids}, facets=facets)
    ask.lists = [(latest_filter(each), Order.RELEVANCE, Page(_PAGE)) for each in latest]
    models: dict[tuple[str, str], Node | None] = {}
    if ask:
        got = yield ask
        for each, page in zip(latest, got.pages, strict=True):
            versions = list(page.nodes)
            while page.more and name_of(page.nodes[-1].id).casefold() == each[1].casefold():
                rest = yield Ask(lists=[(latest_filter(each), Order.RELEVANCE, Page(_PAGE, page.cursors[-1]))])
                page = rest.pages[0]
                versions += page.nodes
            models[each] = latest_of(each, versions)
    nodes = reader.store.nodes
    found: list[Any] = []
    for name in names:
        options = [nodes.get(each) for each in name.ids]
        options += [models[name.latest]] if name.latest is not None else []
        try:
            found.append(the_one(name, (node for node in options if node is not None)))
        except ApiError as error:
            if strict:
                raise
            found.append(error)
    return found


def known(reader: Reader, ids: Sequence[str], argument: str) -> Generator[Ask, Got, list[Node]]:
    """The nodes of these ids, each once. Raises NOT_FOUND with the nearest ids for the first that is unknown."""
    if not ids:
        raise bad_input(f"{argument} names at least one entity")
    if len(ids) > MAX_IDS:
        raise bad_input(f"{argument} has at most {MAX_IDS:,} ids, not {len(ids):,}")
    names = [sought(text) for text in ids]
    found = yield from find(reader, names)
    for name, node in zip(names, found, strict=True):
        if node is None:
            near = yield from _near(name)
            words = f"; did you mean {near[0]}?" if near else ""
            raise ApiError(Code.NOT_FOUND, f"there is no {name.text}{words}", id=name.text, nearest=near)
    return list({node.id: node for node in found}.values())


def _near(name: Sought) -> Generator[Ask, Got, list[str]]:
    """The ids that may have been meant by one that nobody has, the likest first."""
    found: list[str] = []
    others = neighbours(name)
    for searches in near_searches(name):
        lists = [(where, Order.RELEVANCE, Page(20)) for where in searches]
        if not found and others is not None:
            lists.append((others, Order.ID, Page(20)))
        if lists:
            got = yield Ask(lists=lists)
            found += [node.id for page in got.pages for node in page.nodes]
            if any(page.nodes for page in got.pages[: len(searches)]):
                break
    return nearest(name, found)


def search(reader: Reader, field: Field) -> Task:
    """What a person types finds what they mean, best match first; without a text everything, by id."""
    args = field.args
    kinds = read_kinds(args.get("kinds"))
    if kinds == _of(Kind.RUN):
        raise bad_input("runs are not searched: ask the job for its runs, or run(id) for one", field="kinds")
    kinds = None if kinds is None else kinds - {Kind.RUN}
    text = (args.get("text") or "").strip() or None
    order, cursors = (Order.RELEVANCE, "match") if text else (Order.ID, "id")
    page = read_page(field, cursors, 20, "EntityConnection")
    where = NodeFilter(text, kinds, args.get("namespace"), frozenset(args.get("tags") or ()))
    below = nodes_below(field.below, "EntityConnection", "EntityEdge")
    check_turns(below, API_KINDS, reader.costs.max_turns)
    got = yield Ask(lists=[(where, order, Page(page.first, page.after, total=page.total))])
    found = got.pages[0]
    spot = Spot(reader, field.key, below)
    reader.values[field.key] = Connection(
        edges=[
            Edge(node=entity(spot.add(node.id)), order=cursors, place=cursor)
            for node, cursor in zip(found.nodes, found.cursors, strict=True)
        ],
        more=found.more,
        begun=page.after is not None,
        total_count=found.total,
    )
    spot.spawn()


def _faceted(selection: Selection, kinds: frozenset[Kind]) -> bool:
    """Whether facets are selected of any of these kinds."""
    return any(wants(selection, kind).facets for kind in kinds)


def _of(kind: Kind) -> frozenset[Kind]:
    return frozenset({kind})


def _named(kind: Kind) -> RootTask:
    def begin(reader: Reader, field: Field) -> Task:
        args = field.args
        yield from one(reader, field, sought_by_name(kind, args.get("namespace"), args["name"]), _of(kind))

    return begin


def node(reader: Reader, field: Field) -> Task:
    """Any entity by its id."""
    yield from one(reader, field, sought(field.args["id"]), API_KINDS)


def operation(reader: Reader, field: Field) -> Task:
    """An operation by its id."""
    yield from one(reader, field, sought(field.args["id"]), _of(Kind.OPERATION))


def run(reader: Reader, field: Field) -> Task:
    """A run by its id, with or without `run:`."""
    yield from one(reader, field, sought_run(field.args["id"]), _of(Kind.RUN))


def model(reader: Reader, field: Field) -> Task:
    """A version of a model, or the latest."""
    args = field.args
    yield from one(reader, field, sought_model(args.get("namespace"), args["name"], args.get("version")), _of(Kind.MODEL))


def column(reader: Reader, field: Field) -> Task:
    """A field of a dataset; the dataset may be said by another name of it."""
    args = field.args
    dataset = sought_by_name(Kind.DATASET, args.get("namespace"), args["dataset"])
    name = sought_by_name(Kind.COLUMN, args.get("namespace"), args["dataset"], args["name"])
    yield Ask(look={*dataset.ids, *name.ids}, facets=_faceted(field.below, _of(Kind.COLUMN)))
    of = reader.store.nodes.get(dataset.text)
    if of is not None and of.id != dataset.text:
        whole = column_id(of.id, args["name"])
        name = Sought(whole, (whole,))
    yield from one(reader, field, name, _of(Kind.COLUMN))


ENTITY_ROOTS: Mapping[str, RootTask] = {
    "node": node,
    "nodes": many,
    "dataset": _named(Kind.DATASET),
    "job": _named(Kind.JOB),
    "operation": operation,
    "model": model,
    "prediction": _named(Kind.PREDICTION),
    "column": column,
    "run": run,
    "search": search,
}
