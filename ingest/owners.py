"""Owners: whatever states edges (a job, a dataset that declares its own derivation, a rename, a model) and keeps what it
stated in a STATE record, so that its edges can be derived anew when a name comes to stand for another node. Pure.

State of a job: `declared` (see `ingest.interpret`), `links` {output: {source: time}} with "" for none, `retracted`
[[source, output, time]] with "" for any and IDLE for an input that reaches no output, `hung` {output: {kind: {id: time}}}
with "" for what has no output, `deleted_at`, `base` (see `ingest.sealing`). Of a dataset: `declared`, `retracted`. Of a
rename: `old`, `new`, `retracted`. Of a model: `trained` {dataset: [first, last, what else is said]}, `retracted`,
`deleted_at`. Of each: `laid`, its layout as last written, and `named`, the names in it, in whose groups the state is
(`names.mentions_group`).
"""

from collections.abc import Iterable, Mapping

from backends.changes import NodeFilter, Resolution
from backends.ids import Kind, column_id, kind_of
from backends.model import EdgeKey, EdgeKind, Json, Stamped
from ingest import sealing
from ingest.columns import WHOLE, Explicit
from ingest.derive import MAX_PAIRS, Counted, Layout, Rules, derive, operation_id
from ingest.draft import Draft
from ingest.event import Said
from ingest.fields import say_column
from ingest.guards import touch
from ingest.layout import difference, pack, unpack
from ingest.names import mentions_group
from ingest.picture import Picture, picture, relation
from ingest.program import Program, View, fetch, listing

State = Mapping[str, Json]


def state_id(owner: str) -> str:
    """The record that keeps what an owner stated."""
    return f"state:{owner}"


def tally_id(owner: str, name: str) -> str:
    """The record that counts the runs behind a picture of an owner; `name` is its fingerprint, or `declared`."""
    return f"tally:{owner}#{name}"


def picture_id(owner: str, name: str) -> str:
    """The record that holds the content of a picture."""
    return f"picture:{owner}#{name}"


def pictures_group(owner: str) -> str:
    """The group that lists the pictures of a job."""
    return f"pictures:{owner}"


def runs_group(tally: str) -> str:
    """The group that lists the runs counted in a tally."""
    return f"counted:{tally}"


def derive_anew(view: View, draft: Draft, owner: str, homes: Mapping[str, Resolution]) -> Program[None]:
    """Drafts the difference between what an owner stated and what it states now. `homes` overrides what names stand for."""
    yield from fetch(view, (state_id(owner),))
    state = draft.record(view, state_id(owner))
    if kind_of(owner) is Kind.JOB:
        pictures, state = _seal(view, draft, owner, (yield from _pictures(view, draft, owner)), state)
        pictures += _stated(owner, state)
    elif kind_of(owner) is Kind.DATASET:
        pictures = _stated(owner, state)
    else:
        pictures = []
    names = {name for counted in pictures for name in _names(counted.content)} | _other_names(owner, state)
    if "base" in state:
        names |= sealing.names(state["base"])
    yield from fetch(view, names)
    resolved = {name: homes.get(name, view.resolution(name)) for name in names}
    draft.resolved.update(view.resolutions(names))
    layout = _lay(owner, state, pictures, resolved)
    _write(view, draft, owner, state, layout, names)
    for counted in pictures:
        _watch(view, draft, counted, layout)


def _pictures(view: View, draft: Draft, job: str) -> Program[list[Counted]]:
    """The pictures of a job's runs that are counted, with what the draft adds and removes."""
    listed = yield from listing(view, NodeFilter(group=pictures_group(job)))
    contents: dict[str, Picture] = {node.id: node.attributes for node in listed}
    for record_id, change in draft.records.items():
        if record_id.startswith(f"picture:{job}#"):
            contents.pop(record_id, None)
            if change.value is not None:
                contents[record_id] = change.value
    tallies = {record_id: "tally" + record_id.removeprefix("picture") for record_id in contents}
    yield from fetch(view, tallies.values())
    found = []
    for record_id, content in sorted(contents.items()):
        counts = draft.record(view, tallies[record_id])
        if counts.get("runs"):
            found.append(_counted(tallies[record_id], content, counts))
    return found


def _seal(view: View, draft: Draft, job: str, pictures: list[Counted], state: State) -> tuple[list[Counted], State]:
    """Folds the pictures of sealed runs into the base of a job that has many."""
    if len(pictures) <= sealing.FOLD_AT:
        return pictures, state
    left, base = [], state.get("base")
    for counted in pictures:
        counts = draft.record(view, counted.tally)
        wide = len(counted.content["in"]) * len(counted.content["out"]) > MAX_PAIRS
        if not counted.completed or wide or counts["arrived"] > draft.sealed_before:
            left.append(counted)
            continue
        base = sealing.folded(base, counted.content, counts)
        draft.write(view, counted.tally, None)
        draft.write(view, picture_id(job, counted.tally.rpartition("#")[2]), None)
    return left, state if base is None else {**state, "base": base}


def _counted(tally: str, content: Picture, counts: State, *, declared: bool = False) -> Counted:
    return Counted(tally, content, counts["runs"], counts["completed"], counts["first"], counts["last"], declared=declared)


def _stated(owner: str, state: State) -> list[Counted]:
    """The pictures that are in the state itself: what a job or dataset event declared, and what clients linked."""
    found = []
    declared = state.get("declared")
    if declared:
        counts = {"runs": 0, "completed": 0, "first": declared["first"], "last": declared["last"]}
        found.append(_counted(tally_id(owner, "declared"), declared_picture(owner, declared), counts, declared=True))
    for output, sources in sorted(state.get("links", {}).items()):
        for source, time in sorted(sources.items()):
            lineage: Explicit = {output: {"fields": {}, "dataset": {source: {WHOLE: []}} if source else {}}}
            inputs, outputs = [Said(source)] if source else [], [Said(output)] if output else []
            content = picture(inputs, outputs, lineage if output else None, "client")
            counts = {"runs": 0, "completed": 0, "first": time, "last": time}
            found.append(_counted(f"link:{owner}#{time}", content, counts, declared=True))
    return found


def owner_of(tally: str) -> str | None:
    """The owner whose statement a tally is; None where a client states an edge of its own."""
    kind, _, rest = tally.partition(":")
    return rest.rpartition("#")[0] if kind in ("tally", "link", "rename", "sealed", "training") else None


def declared_picture(owner: str, declared: State) -> Picture:
    """The picture that the declarations of a job or dataset make together; each part is [time, value]."""

    def value(key: str, name: str | None = None) -> Json:
        part = declared.get(key, {}) if name is None else declared.get(key, {}).get(name)
        return part[1] if part else None

    if kind_of(owner) is Kind.DATASET:
        said = Said(owner, columns=value("columns", owner), lineage=value("explicit", owner) or None)
        return picture((), (said,), origin="dataset event")
    outputs = [
        Said(name, columns=value("columns", name), lineage=value("explicit", name) or None)
        for name in value("outputs") or ()
    ]
    inputs = [Said(name) for name in value("inputs") or ()]
    return picture(inputs, outputs, value("lineage") or None, "job event")


def _names(content: Picture) -> set[str]:
    """The names a picture takes: all it says, without a query's aliases."""
    return relation(content).names() | set(content["in"]) | set(content["out"])


def _other_names(owner: str, state: State) -> set[str]:
    """Names in the parts of a state that are no picture."""
    names = {name for row in state.get("retracted", ()) for name in row[:2] if name.startswith(("dataset:", "asset:"))}
    names |= {name for name in state.get("hung", {}) if name} | set(state.get("trained", {}))
    return names | {state[key] for key in ("old", "new") if key in state}


def _lay(owner: str, state: State, pictures: list[Counted], resolved: Mapping[str, Resolution]) -> Layout:
    def home(name: str) -> str:
        return resolved[name].id if name in resolved else name

    retracted: dict[tuple[str, str], int] = {}
    for source, output, time in state.get("retracted", ()):
        key = (home(source), home(output))
        retracted[key] = max(time, retracted.get(key, time))
    kind = kind_of(owner)
    if kind is Kind.MODEL:
        return _lay_model(owner, state, retracted, resolved)
    if kind is Kind.OPERATION:
        return _lay_rename(owner, state, retracted, resolved)
    hung: dict[str, dict[EdgeKind, dict[str, None]]] = {}
    for output, kinds in state.get("hung", {}).items():
        for name, ids in kinds.items():
            hung.setdefault(home(output), {}).setdefault(EdgeKind(name), {}).update(dict.fromkeys(sorted(ids)))
    rules = Rules(
        retracted, {o: {k: tuple(i) for k, i in kinds.items()} for o, kinds in hung.items()}, state.get("deleted_at")
    )
    if kind is Kind.JOB:
        return derive(owner, pictures, rules, resolved.__getitem__, state.get("base"))
    return _lay_declared(owner, pictures, rules, resolved)


def _lay_declared(dataset: str, pictures: list[Counted], rules: Rules, resolved: Mapping[str, Resolution]) -> Layout:
    """The derivation a dataset declares of itself: an operation without a job, in the namespace of the dataset and by the
    hash of the name it was declared under, so that two names of one dataset never share one. One that reads nothing is
    none."""
    namespace = dataset.partition(":")[2].partition("#")[0]
    layout = derive(f"job:{namespace}#", pictures, rules, resolved.__getitem__)
    fed = {key.target for key in layout.edges if key.kind is EdgeKind.INPUT_TO}
    operation = operation_id(namespace, "", [dataset])

    def own(end: str) -> str:
        return operation if kind_of(end) is Kind.OPERATION else end

    layout.edges = {
        EdgeKey(own(key.source), key.kind, own(key.target)): said
        for key, said in layout.edges.items()
        if key.kind is not EdgeKind.HAS_OPERATION and (key.kind is not EdgeKind.PRODUCES or key.source in fed)
    }
    layout.operations = {operation} if fed else set()
    return layout


def _lay_rename(
    owner: str, state: State, retracted: Mapping[tuple[str, str], int], resolved: Mapping[str, Resolution]
) -> Layout:
    layout = Layout()
    old, new = resolved[state["old"]], resolved[state["new"]]
    times = [retracted.get((old.id, new.id)), old.deleted_at, new.deleted_at]
    if old.id == new.id or any(time is not None and time >= state["last"] for time in times):
        return layout
    facts = {"origin": state["origin"], "first": state["first"], "last": state["last"]}
    layout.operations.add(owner)
    for key in (
        EdgeKey(old.id, EdgeKind.INPUT_TO, owner),
        EdgeKey(owner, EdgeKind.PRODUCES, new.id),
        EdgeKey(old.id, EdgeKind.PAIR, new.id),
    ):
        layout.put(*key, f"rename:{owner}#", facts)
    return layout


def _lay_model(
    owner: str, state: State, retracted: Mapping[tuple[str, str], int], resolved: Mapping[str, Resolution]
) -> Layout:
    layout = Layout()
    for name, (first, last, *said) in sorted(state.get("trained", {}).items()):
        dataset = resolved[name]
        times = [retracted.get((dataset.id, owner)), dataset.deleted_at, state.get("deleted_at")]
        if not any(time is not None and time >= last for time in times):
            facts = {"origin": "client", "first": first, "last": last, **(said[0] if said else {})}
            layout.put(dataset.id, EdgeKind.USED_IN_TRAINING, owner, f"training:{owner}#{first}", facts)
    return layout


def rename_id(old: str, new: str) -> str:
    """The operation that a rename is: in the namespace of the new name, by the hash of both, so that two never meet."""
    return operation_id(new.partition(":")[2].partition("#")[0], "", [f"{old}\n{new}"])


def _write(view: View, draft: Draft, owner: str, state: State, layout: Layout, names: Iterable[str]) -> None:
    before = unpack(state.get("laid"))
    for change in difference(before, layout.edges):
        draft.edge(change.key, change.put, change.drop)
        for end in (change.key.source, change.key.target) if change.put else ():
            draft.say(end)
    for name, home, column in sorted(layout.columns):
        if name != home or EdgeKey(home, EdgeKind.HAS_COLUMN, column_id(home, column)) not in before:
            say_column(draft, name, home, column)
    _write_operations(draft, owner, before, layout)
    named = sorted(names)
    for name in sorted(set(named) - set(state.get("named", ()))):
        touch(draft, name)
    groups = tuple(mentions_group(name) for name in named)
    draft.write(view, state_id(owner), {**state, "laid": pack(layout.edges), "named": named}, groups)


def _write_operations(draft: Draft, owner: str, before: Iterable[EdgeKey], layout: Layout) -> None:
    """Operations come and go with the edges of their owner. When those of a job were seen is for their edges to say."""
    old = {end for key in before for end in (key.source, key.target) if kind_of(end) is Kind.OPERATION}
    for operation in sorted(old - layout.operations):
        draft.say(operation, withdrawn=True)
    attributes = {"type": Stamped(0, "RENAME")} if kind_of(owner) is Kind.OPERATION else {}
    for operation in sorted(layout.operations - old):
        draft.say(operation, attributes, withdrawn=False)
    if kind_of(owner) is not Kind.JOB:
        for key, said in layout.edges.items():
            if key.kind is EdgeKind.PRODUCES:
                for facts in said.values():
                    draft.say(key.source, seen=(facts["first"], facts["last"]))


def _watch(view: View, draft: Draft, counted: Counted, layout: Layout) -> None:
    """Notes on a tally at which time its being seen again brings back what was retracted."""
    if not counted.tally.startswith("tally:") or counted.declared:
        return
    counts = draft.record(view, counted.tally)
    watch = layout.watch.get(counted.tally)
    if counts.get("watch") != watch:
        draft.write(view, counted.tally, {**counts, "watch": watch})
