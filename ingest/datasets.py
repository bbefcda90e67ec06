"""What an event says of a dataset itself: attributes, columns, other names, renames. Reads what it needs, drafts changes.

Other names (symlinks) are kept as stamped statements on both datasets, so that they merge like any attribute: on the one
that said it under `symlink:OTHER`, mirrored on the other under `symlinked:SAYER`; true stands, false was withdrawn. A
dataset event replaces: `symlinks` holds what it left standing, and older statements not among it fall.
"""

from collections.abc import Iterable, Mapping

from backends.changes import Adjacent, NodeFilter, Resolution
from backends.ids import BadId, Kind, column_id, split_id
from backends.model import Direction, EdgeKey, EdgeKind, Stamped, canonical
from ingest.draft import Draft
from ingest.event import Said
from ingest.program import Program, View, fetch, listing

SAYS, SAID_BY, LEFT = "symlink:", "symlinked:", "symlinks"

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
        attributes["schema"] = Stamped(time, fingerprint(said))
        _say_fields(view, draft, said, before, time)
    draft.say(said.id, attributes, seen=(time, time))
    home = view.resolution(said.id)
    if home.id != said.id:
        draft.say(home.id, seen=(time, time))
    for other in linked:
        if other != said.id:
            draft.say(said.id, {SAYS + other: Stamped(time, True)})
            draft.say(other, {SAID_BY + said.id: Stamped(time, True)})
    if replaces and said.symlinks is not None:
        draft.say(said.id, {LEFT: Stamped(time, list(linked))})
    yield from _say_field_tags(view, draft, said, time)


def fingerprint(said: Said) -> str:
    """Equal schemas have equal fingerprints."""
    return canonical([[f.name, f.type, f.description] for f in said.fields or ()])


def _say_fields(view: View, draft: Draft, said: Said, before: Own, time: int) -> None:
    """The columns of a schema. An equal schema writes nothing but its time, however wide the table."""
    fields = said.fields or ()
    names = [field.name for field in fields]
    old = before.get("columns")
    wins = Stamped(time, names).beats(old)
    same = "schema" in before and before["schema"].value == fingerprint(said)
    if same and wins:
        return
    home = view.resolution(said.id).id
    for field in fields:
        one, two = _column(said.id, field.name), _column(home, field.name)
        if one is None or two is None:
            continue
        draft.say(two)
        alias = two if one != two else None
        if wins:
            values = {"type": field.type, "ordinal": field.ordinal, "description": field.description}
            draft.say(one, {k: Stamped(time, v) for k, v in values.items()}, withdrawn=False, alias_of=alias)
        else:
            draft.say(one, alias_of=alias)
    if wins:
        node = view.node(said.id)
        draft.expect[home] = node.version if node is not None else 0
        lay_fields(draft, said.id, home, (old.value or []) if old is not None else [], names)


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


def _say_field_tags(view: View, draft: Draft, said: Said, time: int) -> Program[None]:
    """Tags of columns that exist; a tags facet does not make columns."""
    home = view.resolution(said.id).id
    columns = {column: tags for field, tags in said.field_tags.items() if (column := _column(home, field)) is not None}
    yield from fetch(view, columns)
    for column, tags in columns.items():
        if view.node(column) is not None or draft.stamped(column):
            draft.say(column, {"tags": Stamped(time, tags)})


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
    owners: set[str] = set()
    for name in sorted(homes):
        draft.resolved[name] = view.resolution(name)
    for name, home in sorted(moved.items()):
        before = view.resolution(name).id
        node = view.node(name)
        seen = None if node is None or node.first_seen is None else (node.first_seen, node.last_seen or node.first_seen)
        draft.say(name, alias_of="" if home == name else home)
        draft.say(home, seen=seen)
        fields = own(view, draft, name).get("columns")
        listed: list[str] = list(fields.value or ()) if fields is not None else []
        lay_fields(draft, name, before, listed, ())
        lay_fields(draft, name, home, (), listed)
        yield from _move_columns(view, draft, name, before, home, listed)
        where = NodeFilter(adjacent=Adjacent(name, EdgeKind.MENTIONS, Direction.UPSTREAM))
        owners |= {node.id for node in (yield from listing(view, where))}
    return {name: Resolution(home, view.resolution(home).deleted_at) for name, home in homes.items()}, owners


def _move_columns(view: View, draft: Draft, name: str, before: str, home: str, listed: Iterable[str]) -> Program[None]:
    """The columns that were said under `name` become other names of the columns of `home`, or their own again."""
    where = NodeFilter(kinds=frozenset({Kind.COLUMN}), adjacent=Adjacent(before, EdgeKind.HAS_COLUMN, Direction.DOWNSTREAM))
    names = set(listed) | {split_id(node.id)[1][2] for node in (yield from listing(view, where))}
    pairs = {}
    for field in sorted(names):
        one, two = _column(name, field), _column(home, field)
        if one is not None and two is not None:
            pairs[one] = two
    yield from fetch(view, (*pairs, *pairs.values()))
    for one, two in pairs.items():
        draft.say(two, alias_of="")
        if view.node(one) is not None and one != two:
            draft.say(one, alias_of=two)
