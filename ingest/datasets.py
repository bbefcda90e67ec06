"""What an event says of a dataset itself: attributes, columns, other names, renames. Reads what it needs, drafts changes.

Other names (symlinks) are kept as stamped statements on both datasets, so that they merge like any attribute: on the one
that said it under `symlink:OTHER`, mirrored on the other under `symlinked:SAYER`; true stands, false was withdrawn. A
dataset event replaces: `symlinks` holds what it left standing, and older statements not among it fall.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256

from backends.changes import Adjacent, NodeFilter, Resolution
from backends.ids import BadId, Kind, column_id, split_id
from backends.model import Direction, EdgeKey, EdgeKind, Json, Stamped, canonical
from backends.vocabulary import FACET
from ingest.draft import Draft
from ingest.event import Said
from ingest.facets import Field
from ingest.program import Program, View, fetch, listing, whole

SAYS, SAID_BY, LEFT = "symlink:", "symlinked:", "symlinks"
CONTESTED = "contested"
"""When two schemas were said at one time; then the columns may hold parts of both, and an equal schema is no reason to
write nothing."""
FIELDS = FACET + "_fields"
"""The columns of the schema in force, whole, as [fingerprint, [[name, type, description]]]; `schema` is the fingerprint."""

Own = Mapping[str, Stamped]


def own(view: View, draft: Draft, name: str) -> dict[str, Stamped]:
    """What was said under this very name, with what the draft adds."""
    node = view.node(name)
    said = dict(node.members.get(name, {})) if node is not None else {}
    said.update((key, new) for key, new in draft.stamped(name).items() if new.beats(said.get(key)))
    return said


def say(view: View, draft: Draft, said: Said, time: int, *, replaces: bool) -> Program[None]:
    """Drafts what one dataset of an event says. `replaces` is true for dataset events."""
    linked = said.symlinks or ()
    yield from fetch(view, (said.id, *linked))
    before = own(view, draft, said.id)
    attributes = {key: Stamped(time, value) for key, value in said.attributes.items()}
    if said.fields is not None:
        print_, listed = fingerprint(said.fields)
        attributes["schema"] = Stamped(time, print_)
        attributes[FIELDS] = Stamped(time, [print_, listed])
        yield from _say_fields(view, draft, said.id, listed, before, Stamped(time, print_))
    draft.say(said.id, attributes, seen=(time, time))
    home = view.resolution(said.id)
    if home.deleted_at is not None:
        draft.say(home.id, seen=(time, time))  # seen under another name it stands again
    for other in linked:
        if other != said.id:
            draft.say(said.id, {SAYS + other: Stamped(time, True)})
            draft.say(other, {SAID_BY + said.id: Stamped(time, True)})
    if replaces and said.symlinks is not None:
        draft.say(said.id, {LEFT: Stamped(time, list(linked))})
    for field, tags in said.field_tags.items():
        say_column(draft, said.id, home.id, field, {"tags": Stamped(time, tags)})


def fingerprint(fields: Iterable[Field]) -> tuple[str, list[Json]]:
    """A schema in short and in full; equal schemas have equal fingerprints."""
    listed: list[Json] = [[field.name, field.type, field.description] for field in fields]
    return sha256(canonical(listed).encode()).hexdigest()[:16], listed


def _say_fields(view: View, draft: Draft, name: str, listed: list[Json], before: Own, schema: Stamped) -> Program[None]:
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
            yield from _say_again(draft, name, home)
        _say_columns(draft, name, home, listed, schema.time, wins=wins)
    if wins and (old is None or old.value != names):
        draft.expect[home] = node.version if node is not None else 0
        lay_fields(draft, name, home, (old.value or []) if old is not None else [], names)


def _say_again(draft: Draft, name: str, home: str) -> Program[None]:
    """Says the columns of the schema in force with the time it was last seen."""
    node = yield from whole(name)
    stored = node.members.get(name, {}).get(FIELDS) if node is not None else None
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
    one, two = _column(name, field), _column(home, field)
    if one is None or two is None:
        return
    draft.say(two)
    draft.say(home)
    draft.edge(EdgeKey(home, EdgeKind.MENTIONS, two), {"column": {}})
    draft.say(one, attributes, withdrawn=withdrawn, alias_of=two if one != two else None)


def lay_fields(draft: Draft, name: str, home: str, before: Iterable[str], after: Iterable[str]) -> None:
    """The columns that the schema said under `name` gives to the node `home`."""
    gone, here = set(before), set(after)
    for field in sorted(gone | here):
        column = _column(home, field)
        if column is not None:
            key = EdgeKey(home, EdgeKind.HAS_COLUMN, column)
            tally = f"schema:{name}"
            if field in here:
                draft.edge(key, {tally: {"origin": "run event"}})
            else:
                draft.edge(key, drop=[tally])


def _column(home: str, field: str) -> str | None:
    try:
        return column_id(home, field)
    except BadId:
        return None


def joined(view: View, draft: Draft, names: Iterable[str]) -> Program[dict[str, str]]:
    """The classes of names after this draft: every name that may be concerned -> the id of its node, the least of its
    class. Classes are computed from the statements that stand, so one that is withdrawn lets its class fall apart."""
    known: dict[str, Own] = {}
    wanted = set(names)
    while wanted - known.keys():
        yield from fetch(view, wanted - known.keys())
        for name in wanted - known.keys():
            known[name] = own(view, draft, name)
            node = view.node(name)
            wanted = wanted | set(node.members if node is not None else ()) | _linked(known[name])
    home = {name: name for name in known}

    def root(name: str) -> str:
        while home[name] != name:
            name = home[name]
        return name

    for name, said in known.items():
        for other in _standing(said):
            one, two = sorted((root(name), root(other)))
            home[two] = one
    return {name: root(name) for name in known}


def _linked(said: Own) -> set[str]:
    return {key.partition(":")[2] for key in said if key.startswith((SAYS, SAID_BY))}


def _standing(said: Own) -> Iterable[str]:
    """The other names that this name's own statements hold to be the same dataset."""
    left = said.get(LEFT)
    for key, stamped in said.items():
        if key.startswith(SAYS) and stamped.value:
            other = key.removeprefix(SAYS)
            if left is None or stamped.time > left.time or other in (left.value or ()):
                yield other


def move(view: View, draft: Draft, homes: Mapping[str, str]) -> Program[tuple[dict[str, Resolution], set[str]]]:
    """Gives names that changed class their new node. Returns what they stand for now, and the owners (jobs, models,
    datasets, renames) that named any of them and must be derived anew."""
    moved = {name: home for name, home in homes.items() if view.resolution(name).id != home}
    shared = {home for name, home in moved.items() if name != home}
    for name, home in sorted(homes.items()):
        if home in shared and "schema" in own(view, draft, name):
            yield from _say_again(draft, name, home)
    owners: set[str] = set()
    for name in sorted(homes):
        draft.resolved[name] = view.resolution(name)
    for name, home in sorted(moved.items()):
        before = view.resolution(name).id
        draft.say(name, alias_of="" if home == name else home)
        draft.say(home)
        fields = own(view, draft, name).get("columns")
        listed: list[str] = list(fields.value or ()) if fields is not None else []
        lay_fields(draft, name, before, listed, ())
        lay_fields(draft, name, home, (), listed)
        yield from _move_columns(view, draft, name, before, home, listed)
        owners |= yield from owners_naming(view, name)
    return {name: Resolution(home, view.resolution(home).deleted_at) for name, home in homes.items()}, owners


def mentions_group(name: str) -> str:
    """The group that lists the states of all who name a dataset."""
    return f"mentions:{name}"


def owners_naming(view: View, name: str) -> Program[set[str]]:
    """Whoever stated something about a dataset under this name: jobs, models, datasets, renames."""
    states = yield from listing(view, NodeFilter(group=mentions_group(name)))
    return {node.id.removeprefix("state:") for node in states}


def _move_columns(view: View, draft: Draft, name: str, before: str, home: str, listed: Iterable[str]) -> Program[None]:
    """The columns that were said under `name` become other names of the columns of `home`, or their own again."""
    columns = frozenset({Kind.COLUMN})
    where = NodeFilter(kinds=columns, adjacent=Adjacent(before, EdgeKind.MENTIONS, Direction.DOWNSTREAM))
    drafted = draft.said(_column(name, "") or "none")
    known = {node.id for node in (yield from listing(view, where))} | set(drafted)
    fields = set(listed) | {split_id(column)[1][2] for column in known}
    own_ids = {field: column for field in sorted(fields) if (column := _column(name, field)) is not None}
    yield from fetch(view, own_ids.values())
    for field, column in own_ids.items():
        two = _column(home, field)
        if two is not None and (view.node(column) is not None or column in drafted):
            draft.say(two, alias_of="")
            draft.edge(EdgeKey(home, EdgeKind.MENTIONS, two), {"column": {}})
            if column != two:
                draft.say(column, alias_of=two)
