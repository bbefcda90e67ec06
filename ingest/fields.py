"""The columns of datasets: said by schemas, tags and column lineage, listed by HAS_COLUMN edges, withdrawn when nobody lists
them any more. Reads what it needs, drafts changes."""

from collections.abc import Iterable, Mapping
from hashlib import sha256

from backends.ids import BadId, column_id, dataset_of, split_id
from backends.model import EdgeKey, EdgeKind, Json, Stamped, canonical
from backends.vocabulary import FACET
from ingest.draft import Draft
from ingest.facets import Field
from ingest.guards import guard_id, hold, touch
from ingest.program import Program, View, fetch, whole

CONTESTED = "contested"
"""When two schemas were said at one time; then the columns may hold parts of both, and an equal schema is no reason to
write nothing."""
FIELDS = FACET + "_fields"
"""The columns of the schema in force, whole, as [fingerprint, [[name, type, description]]]; `schema` is the fingerprint."""


def fingerprint(fields: Iterable[Field]) -> tuple[str, list[Json]]:
    """A schema in short and in full; equal schemas have equal fingerprints."""
    listed: list[Json] = [[field.name, field.type, field.description] for field in fields]
    return sha256(canonical(listed).encode()).hexdigest()[:16], listed


def say_fields(
    view: View, draft: Draft, name: str, listed: list[Json], before: Mapping[str, Stamped], schema: Stamped
) -> Program[None]:
    """The columns of a schema. An equal schema writes nothing but its time, however wide the table; so before another is
    said, the one in force is said again with the time it was last seen."""
    home = view.resolution(name).id
    names = [field[0] for field in listed]
    old = before.get("columns")
    wins = Stamped(schema.time, names).beats(old)
    known, contested = before.get("schema"), before.get(CONTESTED)
    same = known is not None and known.value == schema.value
    if known is not None and not same and known.time == schema.time:
        draft.say(name, {CONTESTED: Stamped(schema.time, True)})
    node = view.node(name)
    alone = node is None or len(node.members) == 1  # columns of several names are merged by time
    if not same or not alone or (known is not None and contested is not None and contested.time == known.time):
        if not same and known is not None:
            yield from say_again(draft, name, home)
            draft.expect[home] = view.version(name)
        touch(draft, name)
        _say_columns(draft, name, home, listed, schema.time, wins=wins)
    if same:
        yield from hold(view, draft, [name])
    if wins and (old is None or old.value != names):
        yield from hold(view, draft, [name])
        draft.expect[home] = node.version if node is not None else 0
        lay_fields(draft, name, home, (old.value or []) if old is not None else [], names)


def say_again(draft: Draft, name: str, home: str) -> Program[None]:
    """Says the columns of the schema in force with the time it was last seen."""
    node = yield from whole(name)
    stored = node.members.get(name, {}).get(FIELDS) if node is not None else None
    drafted = draft.stamped(name).get(FIELDS)
    if drafted is not None and drafted.beats(stored):
        stored = drafted  # one event may name a dataset twice
    if stored is not None and stored.value is not None:
        _say_columns(draft, name, home, stored.value[1], stored.time, wins=False)


def _say_columns(draft: Draft, name: str, home: str, listed: Iterable[Json], time: int, *, wins: bool) -> None:
    for ordinal, (field, kind, description) in enumerate(listed, 1):
        values = {"type": kind, "ordinal": ordinal, "description": description}
        attributes = {key: Stamped(time, value) for key, value in values.items()}
        say_column(draft, name, home, field, attributes, withdrawn=False if wins else None)


def say_column(
    draft: Draft,
    name: str,
    home: str,
    field: str,
    attributes: Mapping[str, Stamped] | None = None,
    *,
    withdrawn: bool | None = None,
) -> None:
    """Says something of a column under the name its dataset was given, which is another name of the column of `home`."""
    one, two = column_at(name, field), column_at(home, field)
    if one is None or two is None:
        return
    draft.say(two)
    draft.say(home)
    draft.say(one, attributes, withdrawn=withdrawn, alias_of=two if one != two else None)


def lay_fields(draft: Draft, name: str, home: str, before: Iterable[str], after: Iterable[str]) -> None:
    """The columns that the schema said under `name` gives to the node `home`."""
    gone, here = set(before), set(after)
    for field in sorted(gone | here):
        column = column_at(home, field)
        if column is not None:
            key = EdgeKey(home, EdgeKind.HAS_COLUMN, column)
            tally = f"schema:{name}"
            if field in here:
                draft.edge(key, {tally: {"origin": "run event"}})
            else:
                draft.edge(key, drop=[tally])


def sweep(view: View, draft: Draft) -> Program[None]:
    """A column that nobody lists any more is withdrawn, one that somebody lists stands."""
    yield from _note_fields(view, draft)
    listed = draft.edges(EdgeKind.HAS_COLUMN)
    said = {EdgeKey(dataset_of(column), EdgeKind.HAS_COLUMN, column) for column in draft.said("column:")}
    unsure = [key for key in sorted(said | listed.keys()) if not listed.get(key, ({}, set()))[0]]
    yield from fetch(view, [*(key.target for key in unsure), *(guard_id(key.source) for key in unsure)], unsure)
    for key in unsure:
        edge, column = view.edges[key], view.node(key.target)
        left = set(edge.tallies if edge is not None else ()) - listed.get(key, ({}, set()))[1]
        alias = draft.alias(key.target)
        own = alias == "" if alias is not None else column is None or column.id == key.target
        if not left and own:
            draft.say(key.target, withdrawn=True)
            yield from hold(view, draft, [key.source])
            if column is None or column.id == key.target:
                draft.expect[key.target] = view.version(key.target)
    for key, (put, _) in listed.items():
        if put:
            draft.say(key.target, withdrawn=False)
            touch(draft, key.source)


def _note_fields(view: View, draft: Draft) -> Program[None]:
    """Keeps the fields ever named under each name, so that they can follow it to another node."""
    named: dict[str, set[str]] = {}
    for column in draft.said("column:"):
        named.setdefault(dataset_of(column), set()).add(split_id(column)[1][2])
    yield from fetch(view, map(fields_id, named))
    for name, fields in named.items():
        known = set(draft.record(view, fields_id(name)).get("fields", ()))
        if fields - known:
            draft.write(view, fields_id(name), {"fields": sorted(fields | known)})


def fields_id(name: str) -> str:
    """The record that lists every field ever named under a name of a dataset."""
    return f"state:{name}#fields"


def column_at(home: str, field: str) -> str | None:
    """The id of a column; None where it would be too long."""
    try:
        return column_id(home, field)
    except BadId:
        return None
