"""Names of datasets: which of them stand for one node, and what follows when that changes.

Other names (symlinks) are kept as stamped statements on both datasets, so that they merge like any attribute: on the one
that said it under `symlink:OTHER`, mirrored on the other under `symlinked:SAYER`; true stands, false was withdrawn. A
dataset event replaces: `symlinks` holds what it left standing, and older statements not among it fall.
"""

from collections.abc import Iterable, Mapping

from backends.changes import NodeFilter, Resolution
from backends.ids import split_id
from backends.model import Stamped
from ingest.draft import Draft
from ingest.fields import column_at, fields_id, lay_fields, say_again
from ingest.guards import hold
from ingest.program import Program, View, fetch, listing

SAYS, SAID_BY, LEFT = "symlink:", "symlinked:", "symlinks"

Own = Mapping[str, Stamped]


def own(view: View, draft: Draft, name: str) -> dict[str, Stamped]:
    """What was said under this very name, with what the draft adds."""
    node = view.node(name)
    said = dict(node.members.get(name, {})) if node is not None else {}
    said.update((key, new) for key, new in draft.stamped(name).items() if new.beats(said.get(key)))
    return said


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
            yield from say_again(draft, name, home)
            node = view.node(name)
            if node is not None and node.id == name:
                draft.expect[name] = node.version
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
        yield from _move_columns(view, draft, name, home)
        owners |= yield from owners_naming(view, draft, name)
    return {name: Resolution(home, view.resolution(home).deleted_at) for name, home in homes.items()}, owners


def mentions_group(name: str) -> str:
    """The group that lists the states of all who name a dataset."""
    return f"mentions:{name}"


def owners_naming(view: View, draft: Draft, name: str) -> Program[set[str]]:
    """Whoever stated something about a dataset under this name: jobs, models, datasets, renames."""
    yield from hold(view, draft, [name])
    states = yield from listing(view, NodeFilter(group=mentions_group(name)))
    return {node.id.removeprefix("state:") for node in states}


def _move_columns(view: View, draft: Draft, name: str, home: str) -> Program[None]:
    """The columns that were said under `name` become other names of the columns of `home`, or their own again."""
    yield from fetch(view, [fields_id(name)])
    draft.expect[fields_id(name)] = view.version(fields_id(name))
    drafted = {split_id(column)[1][2] for column in draft.said(column_at(name, "") or "none")}
    for field in sorted(drafted | set(draft.record(view, fields_id(name)).get("fields", ()))):
        one, two = column_at(name, field), column_at(home, field)
        if one is not None and two is not None:
            draft.say(two, alias_of="")
            if one != two:
                draft.say(one, alias_of=two)
