"""Taking back: retracted edges and deleted entities. Both are statements with a time, and outlived by what is seen later."""

from collections.abc import Mapping

from backends.changes import Adjacent, NodeFilter, Resolution
from backends.commands import CommandError, DeleteEntity, RetractEdges, Retraction
from backends.ids import Kind, dataset_of, job_of, kind_of
from backends.model import ENDS, Direction, EdgeKey, EdgeKind, Json, Stamped
from ingest import names
from ingest.derive import IDLE
from ingest.draft import Draft
from ingest.interpret import leave
from ingest.layout import unpack
from ingest.owners import owner_of, state_id
from ingest.program import Program, View, fetch, listing

Homes = Mapping[str, Resolution]


def retract(view: View, draft: Draft, command: RetractEdges, stale: set[str]) -> Program[tuple[tuple[str, ...], int, Homes]]:
    """Withdraws edges. Returns the ids of their ends, how many were withdrawn, and the names that parted."""
    homes: dict[str, Resolution] = {}
    ids: dict[str, None] = {}
    for index, retraction in enumerate(command.retractions):
        field = f"edges.{index}"
        ends = (retraction.source, retraction.target)
        yield from fetch(view, ends)
        for end, name in zip(ends, ("source", "target"), strict=True):
            if view.node(end) is None:
                raise CommandError("NOT_FOUND", f"{end} is unknown", f"{field}.{name}")
        source, target = (view.resolution(end).id for end in ends)
        ids |= {source: None, target: None}
        if retraction.kind is None and source == target and retraction.source != retraction.target:
            homes |= yield from _part(view, draft, retraction, command.at, stale)
            ids |= {retraction.source: None, retraction.target: None}
            continue
        kind = retraction.kind or _only_kind(source, target, field)
        key = EdgeKey(source, kind, target).check()
        yield from fetch(view, edges=[key])
        edge = view.edges[key]
        if edge is None or not edge.tallies:
            raise CommandError("NOT_FOUND", "there is no such edge, or it was withdrawn before", field)
        yield from _withdraw(view, draft, key, tuple(edge.tallies), command.at, stale, field)
    return tuple(ids), len(command.retractions), homes


def _only_kind(source: str, target: str, field: str) -> EdgeKind:
    ends = kind_of(source), kind_of(target)
    found = [kind for kind, (s, t) in ENDS.items() if kind is not EdgeKind.MENTIONS and ends[0] in s and ends[1] in t]
    if len(found) != 1:
        raise CommandError("BAD_INPUT", f"no one kind of edge goes from {ends[0]} to {ends[1]}; name it", f"{field}.kind")
    return found[0]


def _part(view: View, draft: Draft, retraction: Retraction, at: int, stale: set[str]) -> Program[Homes]:
    """Two names that were wrongly joined are no longer said to be one dataset."""
    one, two = retraction.source, retraction.target
    for sayer, other in ((one, two), (two, one)):
        said = names.own(view, draft, sayer)
        if names.SAYS + other in said or names.LEFT in said:
            draft.say(sayer, {names.SAYS + other: Stamped(at, False)})
            draft.say(other, {names.SAID_BY + sayer: Stamped(at, False)})
    classes = yield from names.joined(view, draft, [one, two])
    moved, owners = yield from names.move(view, draft, classes)
    stale |= owners
    return moved


def _withdraw(
    view: View, draft: Draft, key: EdgeKey, tallies: tuple[str, ...], at: int, stale: set[str], field: str
) -> Program[None]:
    kind = key.kind
    if kind is EdgeKind.HAS_OPERATION:
        raise CommandError("BAD_INPUT", "an operation goes with its edges; retract those, or delete it", field)
    if kind in (EdgeKind.PERFORMED, EdgeKind.HOSTED):
        yield from _unhang(view, draft, key, stale)
        return
    for owner in sorted({owner for tally in tallies if (owner := owner_of(tally)) is not None}):
        pairs = [[key.source, key.target, at]]
        if kind in (EdgeKind.INPUT_TO, EdgeKind.PRODUCES):
            operation = key.target if kind is EdgeKind.INPUT_TO else key.source
            pairs = yield from _pairs_of(view, draft, owner, operation, key, at)
        yield from _note(view, draft, owner, pairs, stale)
    draft.edge(key, drop=[tally for tally in tallies if owner_of(tally) is None])


def _pairs_of(view: View, draft: Draft, owner: str, operation: str, key: EdgeKey, at: int) -> Program[list[list[Json]]]:
    """The pairs of an operation that an edge of it stands for: one input to each output, or one output from anything."""
    if key.kind is EdgeKind.PRODUCES:
        return [["", key.target, at]]
    yield from fetch(view, [state_id(owner)])
    laid = unpack(draft.record(view, state_id(owner)).get("laid"))
    outputs = [each.target for each in laid if each.kind is EdgeKind.PRODUCES and each.source == operation]
    return [[key.source, output, at] for output in outputs or [IDLE]]


def _note(view: View, draft: Draft, owner: str, pairs: list[list[Json]], stale: set[str]) -> Program[None]:
    """Adds retractions to an owner's state; of one pair the latest is kept."""
    yield from fetch(view, [state_id(owner)])
    state = draft.record(view, state_id(owner))
    kept = {(source, output): time for source, output, time in state.get("retracted", ())}
    for source, output, time in pairs:
        kept[source, output] = max(time, kept.get((source, output), time))
    retracted = [[source, output, time] for (source, output), time in sorted(kept.items())]
    draft.write(view, state_id(owner), {**state, "retracted": retracted})
    stale.add(owner)


def _unhang(view: View, draft: Draft, key: EdgeKey, stale: set[str]) -> Program[None]:
    job = job_of(key.target)
    assert job is not None, "only the operations of jobs have someone hung on them"
    yield from fetch(view, [state_id(job)])
    state = draft.record(view, state_id(job))
    laid = unpack(state.get("laid"))
    outputs = {each.target for each in laid if each.kind is EdgeKind.PRODUCES and each.source == key.target} or {""}
    hung: dict[str, Json] = {}
    for output, kinds in state.get("hung", {}).items():
        home = view.resolution(output).id if output in view.nodes else output
        left = dict(kinds)
        if home in outputs or output in outputs:
            left[key.kind.value] = {who: at for who, at in kinds.get(key.kind.value, {}).items() if who != key.source}
        hung[output] = left
    draft.write(view, state_id(job), {**state, "hung": hung})
    stale.add(job)


def delete(view: View, draft: Draft, command: DeleteEntity, stale: set[str]) -> Program[tuple[int, Homes]]:
    """Hides an entity until it is seen later. Returns how many statements fell, and what its names stand for now."""
    yield from fetch(view, [command.id])
    node = view.node(command.id)
    if node is None or not node.standing:
        raise CommandError("NOT_FOUND", f"{command.id} is unknown", "id")
    at, kind = command.at, node.kind
    if kind is Kind.RUN:
        yield from _forget_run(view, draft, node.id, stale)
        return 1, {}
    if kind is Kind.OPERATION:
        yield from _delete_operation(view, draft, node.id, at, stale)
        return 1, {}
    if kind is Kind.COLUMN:
        draft.say(node.id, withdrawn=True)
        draft.say(dataset_of(node.id), {"schema": Stamped(at, None)})  # so that the next schema brings it back
        return 1, {}
    for name in node.members:
        draft.say(name, deleted_at=at)
    draft.say(node.id, deleted_at=at)
    if kind in (Kind.JOB, Kind.MODEL):
        yield from fetch(view, [state_id(node.id)])
        draft.write(view, state_id(node.id), {**draft.record(view, state_id(node.id)), "deleted_at": at})
        stale.add(node.id)
    if kind not in (Kind.DATASET, Kind.ASSET):
        return 1, {}
    yield from _delete_columns(view, draft, node.id, tuple(node.members), at)
    for name in node.members:
        stale |= yield from names.owners_naming(view, draft, name)
    return 1, {name: Resolution(node.id, at) for name in (node.id, *node.members)}


def _delete_columns(view: View, draft: Draft, dataset: str, names: tuple[str, ...], at: int) -> Program[None]:
    where = NodeFilter(adjacent=Adjacent(dataset, EdgeKind.HAS_COLUMN, Direction.DOWNSTREAM))
    for column in (yield from listing(view, where)):
        draft.say(column.id, withdrawn=True)
    for name in names:
        draft.say(name, {"schema": Stamped(at, None)})


def _delete_operation(view: View, draft: Draft, operation: str, at: int, stale: set[str]) -> Program[None]:
    owner = job_of(operation)
    keys = []
    if owner is None:  # declared by a dataset, or a rename: whoever states its edges owns it
        yield from fetch(view, [state_id(operation)])
        for output in (
            yield from listing(view, NodeFilter(adjacent=Adjacent(operation, EdgeKind.PRODUCES, Direction.DOWNSTREAM)))
        ):
            keys.append(EdgeKey(operation, EdgeKind.PRODUCES, output.id))
        yield from fetch(view, edges=keys)
        for key in keys:
            edge = view.edges[key]
            for tally in edge.tallies if edge is not None else ():
                if (stated := owner_of(tally)) is not None:
                    yield from _note(view, draft, stated, [["", key.target, at]], stale)
        return
    yield from fetch(view, [state_id(owner)])
    laid = unpack(draft.record(view, state_id(owner)).get("laid"))
    outputs = {key.target for key in laid if key.kind is EdgeKind.PRODUCES and key.source == operation}
    inputs = {key.source for key in laid if key.kind is EdgeKind.INPUT_TO and key.target == operation}
    pairs: list[list[Json]] = [["", output, at] for output in sorted(outputs)]
    yield from _note(view, draft, owner, pairs or [[source, IDLE, at] for source in sorted(inputs)], stale)
    state = draft.record(view, state_id(owner))
    hung = {output: kinds for output, kinds in state.get("hung", {}).items() if output not in (outputs or {""})}
    draft.write(view, state_id(owner), {**state, "hung": hung})


def _forget_run(view: View, draft: Draft, run: str, stale: set[str]) -> Program[None]:
    """A run that is deleted no longer counts for its picture."""
    node = view.node(run)
    assert node is not None
    for job, part in node.attributes["parts"].items():
        if part["tally"]:
            yield from fetch(view, [part["tally"]])
            yield from leave(view, draft, part["tally"], part, run, job, stale)
    draft.write(view, run, None)
