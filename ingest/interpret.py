"""One OpenLineage event -> changes (design, section 3). Pure: a program that reads what it must and returns `Changes`.

A run is counted in the tally of its picture. While that stays so, an event writes the run, two counters and what it says
of its datasets, whatever the size of the job. Only when a counter leaves or reaches zero, or a picture outlives a
retraction, are the job's operations derived anew and compared.
"""

from collections.abc import Mapping

from backends.changes import Changes, NodeFilter, Resolution
from backends.model import Json, Stamped
from backends.vocabulary import parent_group
from ingest import datasets, names
from ingest.columns import Explicit
from ingest.draft import Draft
from ingest.event import Event, Said
from ingest.fields import sweep
from ingest.guards import guard_id
from ingest.owners import derive_anew, picture_id, pictures_group, rename_id, runs_group, state_id, tally_id
from ingest.picture import fingerprint, picture, relation
from ingest.program import Program, View, fetch, listing
from ingest.runs import advanced, completed
from ingest.sealing import WEEK

Counts = Mapping[str, Json]

RUNS = "runs"
"""The group of all runs, by when they were first seen."""


def interpret(event: Event, at: int, sealed_after: int = WEEK) -> Program[Changes]:
    """What an event changes; `at` is the wall clock, `sealed_after` how long after its last arrival a run is sealed."""
    # A clock that runs ahead is believed for its own event and does not speak for all others.
    view, draft, stale = View(), Draft(at, min(event.time, at), sealed_after), set[str]()
    homes = yield from take(view, draft, event, stale)
    yield from settle(view, draft, stale, homes)
    return draft.changes()


def settle(view: View, draft: Draft, stale: set[str], homes: Mapping[str, Resolution]) -> Program[None]:
    """Derives anew every owner whose statements changed, then sees to the columns that came and went."""
    for owner in sorted(stale):
        yield from derive_anew(view, draft, owner, homes)
    yield from sweep(view, draft)


def take(view: View, draft: Draft, event: Event, stale: set[str]) -> Program[Mapping[str, Resolution]]:
    """Drafts what an event says, up to the deriving: adds the owners that must be derived anew to `stale` and returns the
    names that came to stand for another node."""
    said = (*(event.inputs or ()), *(event.outputs or ()), *((event.dataset,) if event.dataset else ()))
    first = [name for each in said for name in (each.id, *(each.symlinks or ()), *filter(None, [each.renamed_from]))]
    guards = [guard_id(each.id) for each in said if each.fields is not None]
    yield from fetch(view, [*first, *guards, *([event.run] if event.run else [])])
    for each in said:
        yield from datasets.say(view, draft, each, event.time, replaces=event.dataset is not None)
    homes = yield from _join(view, draft, said, stale)
    if event.type not in ("FAIL", "ABORT"):
        for name in relation(picture(event.inputs or (), _targets(event), event.lineage or None)).names():
            draft.say(name, seen=(event.time, event.time))
        for each in said:
            yield from _rename(view, draft, each, event, stale)
    if event.job is not None:
        _say_job(draft, event)
    if event.run is not None:
        yield from _count(view, draft, event, stale)
    elif event.job is not None:
        yield from _declare(view, draft, event.job, event, stale)
    elif event.dataset is not None:
        yield from _declare(view, draft, event.dataset.id, event, stale)
    return homes


def _targets(event: Event) -> tuple[Said, ...]:
    """The datasets whose lineage an event may speak of."""
    return event.outputs or ((event.dataset,) if event.dataset is not None else ())


def _join(view: View, draft: Draft, said: tuple[Said, ...], stale: set[str]) -> Program[Mapping[str, Resolution]]:
    """Joins and parts names, where the event speaks of other names at all."""
    if all(each.symlinks is None for each in said):
        return {}
    linked = [each for each in said if each.symlinks is not None]
    homes = yield from names.joined(view, draft, [name for each in linked for name in (each.id, *(each.symlinks or ()))])
    resolved, owners = yield from names.move(view, draft, homes)
    stale |= owners
    return resolved


def _rename(view: View, draft: Draft, said: Said, event: Event, stale: set[str]) -> Program[None]:
    """A rename is an operation of its own, from the old name to the new one."""
    if said.renamed_from is None or said.renamed_from == said.id:
        return
    operation = rename_id(said.renamed_from, said.id)
    yield from fetch(view, (state_id(operation),))
    state = draft.record(view, state_id(operation))
    draft.say(said.renamed_from, seen=(event.time, event.time))
    draft.write(
        view,
        state_id(operation),
        {
            **state,
            "old": said.renamed_from,
            "new": said.id,
            "origin": min(event.origin, state.get("origin", event.origin)),
            "first": min(event.time, state.get("first", event.time)),
            "last": max(event.time, state.get("last", event.time)),
        },
    )
    stale.add(operation)


def _say_job(draft: Draft, event: Event) -> None:
    assert event.job is not None
    attributes = {key: Stamped(event.time, value) for key, value in event.job_attributes.items()}
    if event.run is not None:
        attributes["last_run"] = Stamped(event.time, event.run)
    if event.parent is not None:
        attributes["parent"] = Stamped(event.time, event.parent.job)
    draft.say(event.job, attributes, seen=(event.time, event.time))


def _count(view: View, draft: Draft, event: Event, stale: set[str]) -> Program[None]:
    """Counts the run in the tally of its picture as it is now, and no longer in the one before."""
    job, run = event.job, event.run
    assert job is not None
    assert run is not None
    record = view.node(run)
    value = advanced(None if record is None else record.attributes, event)
    part = value["parts"][job]
    old: str | None = part["tally"]
    was_done: bool = part["done"]
    was = None if record is None else record.attributes["parts"].get(job)
    part["done"] = completed(part)
    if part["picture"] is not None:
        name = fingerprint(part["picture"])
        part["tally"] = tally_id(job, name)
        yield from fetch(view, [part["tally"], *([old] if old else [])])
        if old is not None and not draft.record(view, old).get("runs"):
            old = None  # it was sealed and folded; what comes so late is counted once more
        if old == part["tally"]:
            _recount(view, draft, part, run, job, stale, int(part["done"]) - int(was_done))
        else:
            if old is not None and was is not None:
                yield from leave(view, draft, old, was, run, job, stale)
            _enter(view, draft, part, run, job, stale)
    groups = {runs_group(each["tally"]) for each in value["parts"].values() if each["tally"]}
    groups |= {RUNS} | set(value["parts"]) | ({parent_group(value["parent"])} if value.get("parent") else set())
    draft.write(view, run, {**value, "arrived": draft.at}, tuple(sorted(groups)), value["first"])


def _recount(view: View, draft: Draft, part: Counts, run: str, job: str, stale: set[str], completions: int) -> None:
    """One more event of a run that is counted here already."""
    counts = draft.record(view, part["tally"])
    after = {**_seen(counts, part["said_first"], part["said_last"], run), "arrived": draft.at}
    after["completed"] = counts["completed"] + completions
    _put(view, draft, part["tally"], counts, after, job, stale)


def _enter(view: View, draft: Draft, part: Counts, run: str, job: str, stale: set[str]) -> None:
    """The run is counted here from now on."""
    counts = draft.record(view, part["tally"])
    if not counts.get("runs"):
        counts = {"runs": 0, "completed": 0}
        name = part["tally"].rpartition("#")[2]
        record = picture_id(job, name)
        view.nodes.setdefault(record, None)
        draft.write(view, record, part["picture"], (pictures_group(job),))
        draft.expect.pop(record)  # its tally is the guard
    after = {**_seen(counts, part["said_first"], part["said_last"], run), "arrived": draft.at}
    after |= {"runs": counts["runs"] + 1, "completed": counts["completed"] + int(part["done"])}
    _put(view, draft, part["tally"], counts, after, job, stale)


def leave(view: View, draft: Draft, tally: str, part: Counts, run: str, job: str, stale: set[str]) -> Program[None]:
    """The run is counted elsewhere from now on. Where it was the first or last seen here, the others are asked."""
    counts = draft.record(view, tally)
    after = {**counts, "runs": counts["runs"] - 1, "completed": counts["completed"] - int(part["done"])}
    if after["runs"] <= 0:
        record = picture_id(job, tally.rpartition("#")[2])
        view.nodes.setdefault(record, None)
        draft.write(view, record, None)
        draft.expect.pop(record)
        after = {"runs": 0, "completed": 0}
    elif run == counts["last_run"] or part["said_first"] == counts["first"] or part["said_last"] == counts["last"]:
        others = yield from listing(view, NodeFilter(group=runs_group(tally)))
        parts = {node.id: node.attributes["parts"][job] for node in others if node.id != run}
        times = {"first": None, "last": None, "last_run": None, "watch": counts.get("watch")}
        after = {**after, **times}
        for other, seen in parts.items():
            after = {**after, **_seen(after, seen["said_first"], seen["said_last"], other)}
    _put(view, draft, tally, counts, after, job, stale)


def _seen(counts: Counts, first: int, last: int, run: str) -> dict[str, Json]:
    """Counters that have seen a run between two times. The last run is the one seen last, of several the greatest id."""
    old_first, old_last = counts.get("first"), counts.get("last")
    newest = old_last is None or (last, run) >= (old_last, counts.get("last_run") or "")
    return {
        **counts,
        "first": first if old_first is None else min(first, old_first),
        "last": last if old_last is None else max(last, old_last),
        "last_run": run if newest else counts.get("last_run"),
    }


def _put(view: View, draft: Draft, tally: str, before: Counts, after: Counts, job: str, stale: set[str]) -> None:
    crossed = any(bool(before.get(key)) != bool(after.get(key)) for key in ("runs", "completed"))
    if after.get("last") is not None and after["last"] < before.get("last", after["last"]):
        crossed = True  # the run that had outlived a retraction left
    watch = after.get("watch")
    outlived = watch is not None and before.get("last", watch) <= watch < after.get("last", watch)
    if crossed or outlived:
        stale.add(job)
    draft.write(view, tally, after)


def _declare(view: View, draft: Draft, owner: str, event: Event, stale: set[str]) -> Program[None]:
    """A job or dataset event replaces what earlier ones of its kind said, part by part, by event time."""
    yield from fetch(view, (state_id(owner),))
    state = draft.record(view, state_id(owner))
    declared = dict(state.get("declared") or {"first": event.time, "last": event.time})
    before = dict(declared)
    parts: dict[str, Json] = {}
    columns: dict[str, Json] = {}
    explicit: dict[str, Explicit] = {}
    if event.job is not None:
        if event.inputs is not None:
            parts["inputs"] = sorted({said.id for said in event.inputs})
        if event.outputs is not None:
            parts["outputs"] = sorted({said.id for said in event.outputs})
        if event.lineage is not None:
            parts["lineage"] = event.lineage
    for said in _targets(event):
        if said.columns is not None:
            columns[said.id] = said.columns
        if said.lineage is not None:
            explicit[said.id] = said.lineage
    for key, value in parts.items():
        declared[key] = _later(declared.get(key), event.time, value)
    for key, values in (("columns", columns), ("explicit", explicit)):
        if values:
            old = declared.get(key, {})
            declared[key] = {**old, **{name: _later(old.get(name), event.time, said) for name, said in values.items()}}
    if not parts and not columns and not explicit:
        return
    declared |= {"first": min(event.time, before["first"]), "last": max(event.time, before["last"])}
    if declared != state.get("declared"):
        draft.write(view, state_id(owner), {**state, "declared": declared})
        stale.add(owner)


def _later(old: Json, time: int, value: Json) -> Json:
    """[time, value] of whichever was said later."""
    new = Stamped(time, value)
    return old if old is not None and not new.beats(Stamped(*old)) else list(new)
